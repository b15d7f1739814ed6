"""What RDS has to give: every class of our templates, with the MySQL that these servers speak."""

from xml.sax.saxutils import escape

from sandbox.engine.rds.common import Answer, Parameters, answer, answering, value

VERSIONS = ("8.0.42", "8.0.43", "8.4.5", "8.4.6")  # a release of each series and the one after


@answering
def orderable(parameters: Parameters) -> Answer:
    """Every class that is asked for can be had, with each version.

    https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DescribeOrderableDBInstanceOptions.html
    """
    kind, engine = value(parameters, "DBInstanceClass"), value(parameters, "Engine")
    options = "".join(
        f"<OrderableDBInstanceOption><Engine>{escape(engine)}</Engine><EngineVersion>{version}</EngineVersion>"
        f"<DBInstanceClass>{escape(kind)}</DBInstanceClass><Vpc>true</Vpc><MultiAZCapable>true</MultiAZCapable>"
        "</OrderableDBInstanceOption>"
        for version in VERSIONS
        if engine == "mysql" and kind and value(parameters, "EngineVersion") in ("", version)
    )
    inner = f"<OrderableDBInstanceOptions>{options}</OrderableDBInstanceOptions>"
    return answer("DescribeOrderableDBInstanceOptions", inner)
