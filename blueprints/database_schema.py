"""The schema and the users of the database, brought up to date with each deployment (docs/decisions/0007).

``deploy_schema`` may read the master user's secret and reaches no database; ``migrate_database`` reaches the database
and may read no secret. CloudFormation calls the one, which calls the other.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import awacs.secretsmanager
from troposphere import AWSHelperFn, Template, awslambda, rds
from troposphere.cloudformation import AWSCustomObject

from blueprints import arns, mysql
from blueprints import permissions as may
from blueprints.functions import function
from blueprints.iam import allow
from blueprints.outputs import KeysOutputs, NetworkOutputs
from blueprints.regions import PRIMARY
from blueprints.settings import Settings

# Lambda's longest is 15 minutes; the outer function ends after the inner one, and CloudFormation after both.
MIGRATION_TIMEOUT = timedelta(minutes=13)
TIMEOUT = timedelta(minutes=14)
PATIENCE = timedelta(minutes=15)


class Schema(AWSCustomObject):  # type: ignore[misc]  # troposphere is untyped
    """The schema as a resource: it changes when the functions' code does."""

    resource_type = "Custom::Schema"

    props: dict[str, Any] = {  # noqa: RUF012 (as troposphere wants it)
        "ServiceToken": (str, True),
        "ServiceTimeout": (int, False),
        "Secret": (str, True),
        "Host": (str, True),
        "Port": (str, True),
        "Code": (str, True),
    }


def schema(
    t: Template, settings: Settings, keys: KeysOutputs, network: NetworkOutputs, instance: rds.DBInstance
) -> Schema:
    """The schema of *instance*, which only the primary region has; added with the two functions that see to it.

    A copy that is restored in the recovery region brings schema and users with it; the functions are there for the
    deployments that follow.
    """
    migrate = _migrate(t, settings, keys, network)
    deploy = _deploy(t, settings, keys, migrate.get_att("Arn"))
    made: Schema = t.add_resource(
        Schema(
            "Schema",
            Condition=PRIMARY,
            ServiceToken=deploy.get_att("Arn"),
            # https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-cloudformation-customresource.html
            ServiceTimeout=int(PATIENCE.total_seconds()),
            # https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-rds-dbinstance.html
            Secret=instance.get_att("MasterUserSecret.SecretArn"),
            Host=instance.get_att("Endpoint.Address"),
            Port=instance.get_att("Endpoint.Port"),
            Code=deploy.Code.S3Key,
        )
    )
    return made


def _migrate(t: Template, settings: Settings, keys: KeysOutputs, network: NetworkOutputs) -> awslambda.Function:
    return function(
        t,
        settings,
        keys,
        "migrate_database",
        timeout=MIGRATION_TIMEOUT,
        concurrency=1,
        vpc=network,
        CA_BUNDLE=mysql.INSTANCE_ROOTS,
        DATABASE_NAME=mysql.DATABASE,
        APPLICATION_USER=mysql.APPLICATION_USER,
        INVENTORY_USER=mysql.INVENTORY_USER,
    )


def _deploy(t: Template, settings: Settings, keys: KeysOutputs, migrate: AWSHelperFn) -> awslambda.Function:
    # RDS names the secrets that it keeps itself so, and ends the name with an id that nobody can compute.
    # https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-secrets-manager.html
    read = allow(
        "ReadMasterSecret", [awacs.secretsmanager.GetSecretValue], [arns.arn("secretsmanager", "secret:rds!db-*")]
    )
    return function(
        t,
        settings,
        keys,
        "deploy_schema",
        read,
        may.use_key("DecryptMasterSecret", keys.data_key, "secretsmanager"),
        may.invoke(migrate),
        timeout=TIMEOUT,
        concurrency=1,
        MIGRATE_FUNCTION=migrate,
    )
