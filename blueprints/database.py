"""Database stack: the platform's own RDS for MySQL instance, its schema, and the proxy in front of it.

Only the primary region has the instance. The recovery region has what a restored copy will need (subnet, parameter and
option groups, and the proxy, without a target), so that nothing must be made on the day of the disaster.
"""

from __future__ import annotations

import re

import awacs.logs
from troposphere import AWSHelperFn, If, Tags, Template, rds

from blueprints import arns, iam, mysql
from blueprints.database_proxy import proxy
from blueprints.database_schema import schema
from blueprints.last import make_last
from blueprints.logs import log_group
from blueprints.outputs import DatabaseOutputs, KeysOutputs, NetworkOutputs
from blueprints.regions import PRIMARY, two_region_template
from blueprints.settings import Database, Settings
from blueprints.suppressions import accept, accept_output
from blueprints.validation import SettingsError

ENGINE = "mysql"
LOGS = ("audit", "error", "general", "slowquery")
MONITORING_SECONDS = 60
INSIGHTS_DAYS = 7
# https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_PerfInsights.Overview.Engines.html
WITHOUT_INSIGHTS = re.compile(r"db\.t\w+\.(micro|small)")
PARAMETERS = {
    "require_secure_transport": "1",
    "slow_query_log": "1",
    "long_query_time": "1",  # second
    "log_output": "FILE",  # the only form that RDS exports
    # It would copy every statement, with the data in it, into the logs; the audit log has logins, DDL and DCL.
    "general_log": "0",
    # RDS's own default lets MySQL cut a value that is too long, and say nothing.
    "sql_mode": "STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION",
}


def blueprint(settings: Settings, keys: KeysOutputs, network: NetworkOutputs) -> Template:
    """Template of the database stack; only if the settings have a database.

    Raises:
        SettingsError: they have none, so there is no such stack.
    """
    database = settings.database
    if database is None:
        raise SettingsError("database = None: this deployment has no database stack; leave it out")
    t = two_region_template(settings, "database, and what a restored copy of it needs")
    subnets = t.add_resource(
        rds.DBSubnetGroup(
            "Subnets", DBSubnetGroupDescription=f"{settings.prefix} private", SubnetIds=network.subnet_ids
        )
    )
    parameters = t.add_resource(
        rds.DBParameterGroup(
            "Parameters",
            Description=f"{settings.prefix}: TLS only, slow queries logged",
            Family=f"{ENGINE}{_major(database)}",
            Parameters=PARAMETERS,
        )
    )
    options = t.add_resource(_options(settings, database))
    _log_groups(t, settings, keys)
    instance = rds.DBInstance(
        "Instance",
        Condition=PRIMARY,
        DeletionPolicy="Snapshot",
        UpdateReplacePolicy="Snapshot",
        DBInstanceIdentifier=identifier(settings),
        Engine=ENGINE,
        EngineVersion=database.engine_version,
        DBInstanceClass=database.instance_class,
        MultiAZ=database.multi_az,
        DBSubnetGroupName=subnets.ref(),
        DBParameterGroupName=parameters.ref(),
        OptionGroupName=options.ref(),
        Tags=Tags({"holdfast:protect": settings.prefix, "holdfast:deployment": settings.prefix}),
        **_reach(database, network),
        **_storage(database, keys),
        **_upkeep(database),
        **_watch(t, settings, database, keys),
    )
    t.add_resource(instance)
    _explain(instance, database)
    users = schema(t, settings, keys, network, instance)
    host, port = _address(t, instance, proxy(t, settings, network, instance, users) if database.proxy else None)
    # Protected from deletion, it stays if the creation of the stack fails after it, with its name. Only the schema and
    # the proxy's target come later, which need it. The price: once, it waits for the proxy.
    make_last(t, instance)
    DatabaseOutputs(
        subnet_group=subnets.ref(),
        parameter_group=parameters.ref(),
        option_group=options.ref(),
        host=host,
        port=port,
    ).publish(t, settings)
    return t


def _address(
    t: Template, instance: rds.DBInstance, before: rds.DBProxy | None
) -> tuple[AWSHelperFn | str, AWSHelperFn | str]:
    """Host and port that functions connect to; a host that can't exist where the region has no database yet."""
    if before:
        return before.get_att("Endpoint"), str(mysql.PROXY_PORT)
    for output in ("Host", "Port"):
        accept_output(t, output, "W1001", "the condition is in the value; the other region names nobody")
    port = If(PRIMARY, instance.get_att("Endpoint.Port"), str(instance.Port))  # the local run's is another one
    return If(PRIMARY, instance.get_att("Endpoint.Address"), mysql.NOBODY), port


def identifier(settings: Settings) -> str:
    """Identifier of the instance; named, since its log groups and its recovery points bear the name."""
    return settings.name("database")


def _reach(database: Database, network: NetworkOutputs) -> dict[str, object]:
    return {
        "Port": str(database.port),
        "PubliclyAccessible": False,
        "VPCSecurityGroups": [network.database_group],
        "EnableIAMDatabaseAuthentication": True,
    }


def _storage(database: Database, keys: KeysOutputs) -> dict[str, object]:
    return {
        "StorageType": "gp3",
        "AllocatedStorage": str(database.storage),
        "MaxAllocatedStorage": database.storage_limit,
        "StorageEncrypted": True,
        "KmsKeyId": keys.data_key,
        "MasterUsername": mysql.OWNER,
        # RDS makes, keeps and rotates the password; nobody sees it and no template holds it.
        # https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-secrets-manager.html
        "ManageMasterUserPassword": True,
        "MasterUserSecret": rds.MasterUserSecret(KmsKeyId=keys.data_key),
    }


def _upkeep(database: Database) -> dict[str, object]:
    return {
        "BackupRetentionPeriod": database.automated_backups,
        "DeleteAutomatedBackups": False,
        "CopyTagsToSnapshot": True,
        "DeletionProtection": database.deletion_protection,
        "AutoMinorVersionUpgrade": True,
        "AllowMajorVersionUpgrade": False,
    }


def _watch(t: Template, settings: Settings, database: Database, keys: KeysOutputs) -> dict[str, object]:
    """Logs, enhanced monitoring and, where the instance class has it, Performance Insights under our key."""
    watch: dict[str, object] = {
        "EnableCloudwatchLogsExports": list(LOGS),
        "MonitoringInterval": MONITORING_SECONDS,
        "MonitoringRoleArn": _monitoring_role(t, settings),
    }
    if has_insights(database):
        watch |= {
            "EnablePerformanceInsights": True,
            "PerformanceInsightsKMSKeyId": keys.data_key,
            "PerformanceInsightsRetentionPeriod": INSIGHTS_DAYS,
        }
    return watch


def has_insights(database: Database) -> bool:
    """Whether RDS offers Performance Insights for the instance class."""
    return not WITHOUT_INSIGHTS.fullmatch(database.instance_class)


def _explain(instance: rds.DBInstance, database: Database) -> None:
    reason = "major.minor: RDS takes its newest patch and goes on to later ones by itself"
    accept(instance, "cfn-lint", "E3691", reason)
    accept(instance, "cloudformation-validate", "E9006", reason)
    if not has_insights(database):
        accept(
            instance,
            "checkov",
            "CKV_AWS_353",
            f"RDS has no Performance Insights for MySQL on {database.instance_class}",
        )
    if not database.multi_az:
        accept(instance, "checkov", "CKV_AWS_157", "database.multi_az is off in the settings")
    if not database.deletion_protection:
        accept(instance, "checkov", "CKV_AWS_293", "database.deletion_protection is off in the settings")


def _options(settings: Settings, database: Database) -> rds.OptionGroup:
    # https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Appendix.MySQL.Options.AuditPlugin.html
    audit = rds.OptionConfiguration(
        OptionName="MARIADB_AUDIT_PLUGIN",
        OptionSettings=[rds.OptionSetting(Name="SERVER_AUDIT_EVENTS", Value="CONNECT,QUERY_DDL,QUERY_DCL")],
    )
    return rds.OptionGroup(
        "Options",
        # Every snapshot refers to the group and outlives the instance; RDS then refuses to delete the group.
        # https://github.com/hashicorp/terraform-provider-aws/issues/4597
        DeletionPolicy="Retain",
        UpdateReplacePolicy="Retain",
        OptionGroupDescription=f"{settings.prefix}: logins, DDL and DCL are audited",
        EngineName=ENGINE,
        MajorEngineVersion=_major(database),
        OptionConfigurations=[audit],
    )


def _major(database: Database) -> str:
    return ".".join(database.engine_version.split(".")[:2])


def _log_groups(t: Template, settings: Settings, keys: KeysOutputs) -> None:
    """Groups that RDS would otherwise make itself, without end and without our key; they come before the instance."""
    # https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_LogAccess.Procedural.UploadtoCloudWatch.html
    for kind in LOGS:
        name = f"/aws/rds/instance/{identifier(settings)}/{kind}"
        log_group(t, settings, keys, f"{kind.capitalize()}Logs", name, condition=PRIMARY)


def _monitoring_role(t: Template, settings: Settings) -> AWSHelperFn:
    # RDS keeps the metrics of all instances of the account in one group, which it makes itself.
    # https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_Monitoring.OS.Enabling.html
    groups = iam.allow(
        "ManageMetricsGroup",
        [awacs.logs.CreateLogGroup, awacs.logs.PutRetentionPolicy],
        [arns.arn("logs", "log-group:RDS*")],
    )
    streams = iam.allow(
        "WriteMetrics",
        [
            awacs.logs.CreateLogStream,
            awacs.logs.PutLogEvents,
            awacs.logs.DescribeLogStreams,
            awacs.logs.GetLogEvents,
        ],
        [arns.arn("logs", "log-group:RDS*:log-stream:*")],
    )
    role = iam.role(t, settings, "MonitoringRole", "monitoring.rds", groups, streams, condition=PRIMARY)
    return role.get_att("Arn")
