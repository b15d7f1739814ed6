"""What the embedded AWS says it has, as far as a deployment asks beforehand: resource types, database classes."""

import pytest
from botocore.exceptions import ClientError


def test_a_region_knows_the_types_that_aws_has_there(engine):
    asked = {"Type": "RESOURCE", "TypeName": "AWS::Budgets::Budget"}
    assert engine.client("cloudformation", "eu-west-1").describe_type(**asked)["TypeName"] == "AWS::Budgets::Budget"
    with pytest.raises(ClientError, match=r"TypeNotFoundException.*AWS::Budgets::Budget"):
        engine.client("cloudformation", "eu-north-1").describe_type(**asked)


@pytest.mark.parametrize(
    ("asked", "versions"),
    [
        ({"Engine": "mysql", "DBInstanceClass": "db.t4g.micro"}, {"8.0.42", "8.0.43", "8.4.5", "8.4.6"}),
        ({"Engine": "mysql", "DBInstanceClass": "db.t4g.micro", "EngineVersion": "8.4.6"}, {"8.4.6"}),
        ({"Engine": "postgres", "DBInstanceClass": "db.t4g.micro"}, set()),
    ],
)
def test_a_class_can_be_had_with_every_mysql_of_ours(engine, asked, versions):
    pages = engine.client("rds").get_paginator("describe_orderable_db_instance_options").paginate(Vpc=True, **asked)
    options = [each for page in pages for each in page["OrderableDBInstanceOptions"]]
    assert {each["EngineVersion"] for each in options} == versions
    assert {each["DBInstanceClass"] for each in options} <= {"db.t4g.micro"}
