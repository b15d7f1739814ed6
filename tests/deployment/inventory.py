"""Everything that an account holds, as its services list it: so one sees what a deployment leaves, whoever says so."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from botocore.exceptions import ClientError

from sandbox.server import Engine

# What a deployment makes: service, operation, where the answer lists it, what it is called there.
LISTS = (
    ("apigateway", "get_rest_apis", "items", "id"),
    ("apigateway", "get_usage_plans", "items", "id"),
    ("budgets", "describe_budgets", "Budgets", "BudgetName"),
    ("cloudformation", "list_stack_sets", "Summaries", "StackSetName"),
    ("cloudformation", "describe_stacks", "Stacks", "StackName"),
    ("cloudformation", "list_exports", "Exports", "Name"),
    ("cloudwatch", "describe_alarms", "MetricAlarms", "AlarmName"),
    ("cloudwatch", "list_dashboards", "DashboardEntries", "DashboardName"),
    ("codedeploy", "list_applications", "applications", ""),
    ("cognito-idp", "list_user_pools", "UserPools", "Id"),
    ("dynamodb", "list_tables", "TableNames", ""),
    ("ec2", "describe_flow_logs", "FlowLogs", "FlowLogId"),
    ("ec2", "describe_network_interfaces", "NetworkInterfaces", "NetworkInterfaceId"),
    ("ec2", "describe_route_tables", "RouteTables", "RouteTableId"),
    ("ec2", "describe_security_groups", "SecurityGroups", "GroupId"),
    ("ec2", "describe_subnets", "Subnets", "SubnetId"),
    ("ec2", "describe_vpc_endpoints", "VpcEndpoints", "VpcEndpointId"),
    ("ec2", "describe_vpcs", "Vpcs", "VpcId"),
    ("events", "list_event_buses", "EventBuses", "Name"),
    ("events", "list_rules", "Rules", "Name"),
    ("iam", "list_policies", "Policies", "Arn"),
    ("iam", "list_roles", "Roles", "RoleName"),
    ("kms", "list_aliases", "Aliases", "AliasName"),
    ("kms", "list_keys", "Keys", "KeyId"),
    ("lambda", "list_event_source_mappings", "EventSourceMappings", "UUID"),
    ("lambda", "list_functions", "Functions", "FunctionName"),
    ("logs", "describe_log_groups", "logGroups", "logGroupName"),
    ("rds", "describe_db_instances", "DBInstances", "DBInstanceIdentifier"),
    ("rds", "describe_db_snapshots", "DBSnapshots", "DBSnapshotIdentifier"),
    ("s3", "list_buckets", "Buckets", "Name"),
    ("scheduler", "list_schedules", "Schedules", "Name"),
    ("secretsmanager", "list_secrets", "SecretList", "Name"),
    ("sns", "list_subscriptions", "Subscriptions", "SubscriptionArn"),
    ("sns", "list_topics", "Topics", "TopicArn"),
    ("sqs", "list_queues", "QueueUrls", ""),
    ("stepfunctions", "list_state_machines", "stateMachines", "stateMachineArn"),
    ("wafv2", "list_web_acls", "WebACLs", "Id"),
)
ARGUMENTS: Mapping[str, Callable[[Engine], dict[str, Any]]] = {
    "describe_budgets": lambda engine: {"AccountId": engine.account},
    "list_policies": lambda _: {"Scope": "Local"},
    "list_stack_sets": lambda _: {"Status": "ACTIVE"},
    "list_user_pools": lambda _: {"MaxResults": 60},
    "list_web_acls": lambda _: {"Scope": "REGIONAL"},
}
GLOBAL = ("budgets", "iam", "s3")  # one for all regions


def inventory(engine: Engine, regions: tuple[str, ...]) -> set[tuple[str, str, str]]:
    """Operation, region and name of each thing that *engine* lists."""
    asked = [(one, region) for one in LISTS for region in (regions[:1] if one[0] in GLOBAL else regions)]
    with ThreadPoolExecutor(8) as pool:
        return {found for some in pool.map(lambda each: list(_listed(engine, *each)), asked) for found in some}


def _listed(engine: Engine, one: tuple[str, str, str, str], region: str) -> Iterator[tuple[str, str, str]]:
    service, operation, where, name = one
    client = engine.client(service, region)
    arguments = ARGUMENTS.get(operation, lambda _: {})(engine)
    if client.can_paginate(operation):
        pages = client.get_paginator(operation).paginate(**arguments)
    else:
        pages = [getattr(client, operation)(**arguments)]
    try:
        for page in pages:
            for each in page.get(where) or []:
                yield operation, region, each[name] if name else each
    except ClientError as error:
        raise AssertionError(f"{operation} in {region}: {error}") from error
