"""The table of resource types that MiniStack lacks, or makes without asking the service, read by ``cloudformation``."""

from typing import Any

from ministack.core.responses import get_account_id
from ministack.services.cloudformation import provisioners

from sandbox.engine import buckets, cloudformation_deletions, cloudformation_lambdas, global_tables
from sandbox.engine.cloudformation import Type
from sandbox.engine.cloudformation_makers import (
    DATABASE,
    composite_alarm_arn,
    create_vpc,
    delete_bus_statement,
    flow_log,
    health_check,
    proxy_targets,
    put_bus_statement,
    record_sets,
    security_group_rule,
    target_group_arn,
)
from sandbox.engine.cloudformation_web_types import WEB_TYPES
from sandbox.engine.stacksets import resource as stacksets

TYPES: dict[str, Any] = {
    **WEB_TYPES,
    **cloudformation_lambdas.TYPES,
    **stacksets.TYPES,
    "AWS::Budgets::Budget": Type(
        "budgets",
        "create_budget",
        lambda _, parameters: parameters["Budget"]["BudgetName"],
        prepare=lambda properties: {"AccountId": get_account_id(), **properties},
        delete=(
            "delete_budget",
            lambda name, _: {"AccountId": get_account_id(), "BudgetName": name},
        ),
    ),
    "AWS::CloudWatch::CompositeAlarm": Type(
        "cloudwatch",
        "put_composite_alarm",
        lambda _, parameters: parameters["AlarmName"],
        {"Arn": lambda _, parameters: composite_alarm_arn(parameters["AlarmName"])},
        delete=("delete_alarms", lambda name, _: {"AlarmNames": [name]}),
        idempotent=True,
        name="AlarmName",
    ),
    "AWS::Cognito::UserPool": {
        **provisioners._RESOURCE_HANDLERS["AWS::Cognito::UserPool"],
        "delete": cloudformation_deletions.delete_pool_of_stack,
    },
    "AWS::DynamoDB::GlobalTable": {
        **provisioners._RESOURCE_HANDLERS["AWS::DynamoDB::GlobalTable"],
        "create": global_tables.create,
        "update": global_tables.update,
        "delete": global_tables.delete,
    },
    "AWS::EC2::FlowLog": Type(
        "ec2",
        "create_flow_logs",
        "FlowLogIds.0",
        {"Id": "FlowLogIds.0"},
        delete=("delete_flow_logs", lambda identifier, _: {"FlowLogIds": [identifier]}),
        prepare=flow_log,
    ),
    "AWS::EC2::SecurityGroupEgress": security_group_rule("egress"),
    "AWS::EC2::SecurityGroupIngress": security_group_rule("ingress"),
    "AWS::Events::Archive": Type(
        "events",
        "create_archive",
        lambda _, parameters: parameters["ArchiveName"],
        {"Arn": "ArchiveArn", "ArchiveName": lambda _, parameters: parameters["ArchiveName"]},
        delete=("delete_archive", lambda name, _: {"ArchiveName": name}),
        rename={"SourceArn": "EventSourceArn"},
        name="ArchiveName",
    ),
    "AWS::Events::EventBusPolicy": {
        "create": put_bus_statement,
        "update": lambda _id, _old, new, stack: put_bus_statement("", new, stack),
        "delete": delete_bus_statement,
    },
    "AWS::IAM::RolePolicy": Type(
        "iam",
        "put_role_policy",
        lambda _, parameters: f"{parameters['PolicyName']}|{parameters['RoleName']}",
        delete=(
            "delete_role_policy",
            lambda _, properties: {key: properties[key] for key in ("RoleName", "PolicyName")},
        ),
        idempotent=True,
    ),
    "AWS::RDS::DBInstance": DATABASE,
    "AWS::RDS::DBProxy": Type(
        "rds",
        "create_db_proxy",
        "DBProxy.DBProxyName",
        {
            "Endpoint": "DBProxy.Endpoint",
            "DBProxyArn": "DBProxy.DBProxyArn",
            "VpcId": lambda answer, _: answer["DBProxy"].get("VpcId", ""),
        },
        delete=("delete_db_proxy", lambda name, _: {"DBProxyName": name}),
        update="modify_db_proxy",
    ),
    "AWS::RDS::DBProxyTargetGroup": Type(
        "rds",
        "register_db_proxy_targets",
        lambda _, parameters: target_group_arn(None, parameters),
        {"TargetGroupArn": target_group_arn},
        delete=(
            "deregister_db_proxy_targets",
            lambda _, properties: {
                key: properties[key]
                for key in ("DBProxyName", "TargetGroupName", "DBInstanceIdentifiers")
                if key in properties
            },
        ),
        prepare=proxy_targets,
    ),
    "AWS::RDS::EventSubscription": Type(
        "rds",
        "create_event_subscription",
        lambda _, parameters: parameters["SubscriptionName"],
        delete=("delete_event_subscription", lambda name, _: {"SubscriptionName": name}),
        name="SubscriptionName",
    ),
    "AWS::RDS::OptionGroup": Type(
        "rds",
        "create_option_group",
        "OptionGroup.OptionGroupName",
        delete=("delete_option_group", lambda name, _: {"OptionGroupName": name}),
        prepare=lambda properties: {key: value for key, value in properties.items() if key != "OptionConfigurations"},
        name="OptionGroupName",
    ),
    "AWS::Route53::HealthCheck": Type(
        "route53",
        "create_health_check",
        "HealthCheck.Id",
        {"HealthCheckId": "HealthCheck.Id"},
        delete=("delete_health_check", lambda identifier, _: {"HealthCheckId": identifier}),
        update="update_health_check",
        prepare=health_check,
        name="HealthCheckId",
    ),
    "AWS::Route53::RecordSetGroup": Type(
        "route53",
        "change_resource_record_sets",
        lambda _, parameters: f"group-{parameters['HostedZoneId']}",
        delete=("change_resource_record_sets", lambda _, properties: record_sets("DELETE")(properties)),
        idempotent=True,
        prepare=record_sets("UPSERT"),
    ),
    "AWS::S3::Bucket": {
        **buckets.THEIRS,
        "create": buckets.create,
        "update": buckets.update,
        "delete": cloudformation_deletions.delete_bucket,
    },
    "AWS::SecretsManager::ResourcePolicy": Type(
        "secretsmanager",
        "put_resource_policy",
        "ARN",
        delete=("delete_resource_policy", lambda arn, _: {"SecretId": arn}),
        idempotent=True,
    ),
    "AWS::SecretsManager::RotationSchedule": Type("secretsmanager", "rotate_secret", "ARN", idempotent=True),
    "AWS::StepFunctions::StateMachineAlias": Type(
        "stepfunctions",
        "create_state_machine_alias",
        "stateMachineAliasArn",
        {"Arn": "stateMachineAliasArn"},
        delete=("delete_state_machine_alias", lambda arn, _: {"stateMachineAliasArn": arn}),
        prepare=lambda properties: {
            **properties,
            "RoutingConfiguration": properties.get("RoutingConfiguration")
            or [
                {"StateMachineVersionArn": properties["DeploymentPreference"]["StateMachineVersionArn"], "Weight": 100}
            ],
        },
        name="Name",
    ),
    "AWS::StepFunctions::StateMachineVersion": Type(
        "stepfunctions",
        "publish_state_machine_version",
        "stateMachineVersionArn",
        {"Arn": "stateMachineVersionArn"},
        delete=("delete_state_machine_version", lambda arn, _: {"stateMachineVersionArn": arn}),
    ),
    "AWS::EC2::VPC": {**provisioners._RESOURCE_HANDLERS["AWS::EC2::VPC"], "create": create_vpc},
}
