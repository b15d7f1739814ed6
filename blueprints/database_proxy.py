"""RDS Proxy: what the functions connect to, with a login that knows no secret and waits that end."""

from __future__ import annotations

from troposphere import Template, rds

from blueprints import iam, mysql, permissions
from blueprints.database_schema import Schema
from blueprints.outputs import NetworkOutputs, ProxyOutputs
from blueprints.regions import PRIMARY
from blueprints.settings import Settings

# A function gives up on its socket after five seconds; who ends before it can still say why.
WAIT_SECONDS = 4
# Said once for each of the proxy's own connections. A client that set these itself would be pinned to one of them.
# https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-proxy-pinning.html
# https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_ConnectionPoolConfiguration.html (InitQuery)
FIRST_STATEMENT = (
    f"SET time_zone = '+00:00', innodb_lock_wait_timeout = {WAIT_SECONDS}, max_execution_time = {WAIT_SECONDS * 1000}"
)
SHARE = 80  # % of the database's connections; the rest is for its owner, migrations and inventories


def proxy(
    t: Template, settings: Settings, network: NetworkOutputs, instance: rds.DBInstance, users: Schema
) -> rds.DBProxy:
    """Add the region's proxy; the primary region's leads to *instance*, the other's nowhere until there is a copy.

    It logs in as one of the *users*.
    """
    # IAM from end to end: the client signs a token for the proxy, the proxy signs one for the database; no secret.
    # https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-proxy-iam-setup.html
    role = iam.role(t, settings, "ProxyRole", "rds", permissions.connect_to_databases(mysql.APPLICATION_USER))
    made = t.add_resource(
        rds.DBProxy(
            "Proxy",
            DBProxyName=settings.name("proxy"),
            EngineFamily="MYSQL",
            DefaultAuthScheme="IAM_AUTH",
            RequireTLS=True,
            DebugLogging=False,  # it would log statements, with the data in them
            RoleArn=role.get_att("Arn"),
            VpcSubnetIds=network.subnet_ids,
            VpcSecurityGroupIds=[network.proxy_group],
        )
    )
    t.add_resource(
        rds.DBProxyTargetGroup(
            "ProxyTarget",
            Condition=PRIMARY,
            # CloudFormation waits twenty minutes for the proxy to call the database available, and then fails.
            # https://github.com/aws-cloudformation/aws-cloudformation-resource-providers-rds-proxy (CreateHandler.java)
            DependsOn=users.title,
            DBProxyName=made.ref(),
            TargetGroupName="default",  # the only name that RDS knows
            DBInstanceIdentifiers=[instance.ref()],
            ConnectionPoolConfigurationInfo=rds.ConnectionPoolConfigurationInfoFormat(
                ConnectionBorrowTimeout=WAIT_SECONDS, InitQuery=FIRST_STATEMENT, MaxConnectionsPercent=SHARE
            ),
        )
    )
    ProxyOutputs(
        proxy_name=made.ref(), proxy_arn=made.get_att("DBProxyArn"), proxy_endpoint=made.get_att("Endpoint")
    ).publish(t, settings)
    return made
