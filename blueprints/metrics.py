"""The metrics that alarms and dashboards read, named once: ours, and those that AWS writes about our resources.

Names, dimensions and statistics are those of the pages cited. Physical names are computed, so that no stack imports
another's; a test holds them against the resources.
"""

from __future__ import annotations

from troposphere import AWSHelperFn

from blueprints import arns
from blueprints.alarms import Metric
from blueprints.settings import Settings

NAMESPACE = "Holdfast"  # as handlers/metrics.py writes it
API_STAGE = "api"
OPERATIONS = ("GetItem", "BatchGetItem", "PutItem", "UpdateItem", "DeleteItem", "Query")  # on the ledger


def ours(settings: Settings, name: str, statistic: str, **dimensions: str) -> Metric:
    """A metric that a handler writes; see docs/metrics.md."""
    return Metric(NAMESPACE, name, statistic, {"Deployment": settings.prefix, **dimensions})


def machine(settings: Settings, which: str, name: str, *, region: str = arns.HERE) -> Metric:
    """How executions of the state machine *which* ended, or that they began."""
    # https://docs.aws.amazon.com/step-functions/latest/dg/procedure-cw-metrics.html
    arn = arns.arn("states", f"stateMachine:{settings.name(which)}", region=region)
    return Metric("AWS/States", name, "Sum", {"StateMachineArn": arn})


def function(name: AWSHelperFn | str, metric: str, statistic: str = "Sum") -> Metric:
    """What a Lambda function did, over all its versions and aliases."""
    # https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
    return Metric("AWS/Lambda", metric, statistic, {"FunctionName": name})


def replication(settings: Settings, source: str, target: str, name: str, statistic: str) -> Metric:
    """How far the bucket *target* of the recovery region is behind *source*, or how often copying an object failed.

    S3 writes ``OperationsFailedReplication`` in the source's region, and all others in the target's.
    """
    # https://docs.aws.amazon.com/AmazonS3/latest/userguide/repl-metrics.html (regions)
    # https://docs.aws.amazon.com/AmazonS3/latest/userguide/metrics-dimensions.html#s3-cloudwatch-replication-metrics
    return Metric(
        "AWS/S3",
        name,
        statistic,
        {
            "SourceBucket": arns.bucket_name(settings, source, region=settings.primary_region),
            "DestinationBucket": arns.bucket_name(settings, target, region=settings.recovery_region),
            "RuleId": f"{source.capitalize()}To{target.capitalize()}",  # blueprints/replication.py
        },
    )


def schedules(name: str) -> Metric:
    """What became of the firings of all schedules in the group ``default``, strangers' included."""
    # https://docs.aws.amazon.com/scheduler/latest/UserGuide/monitoring-cloudwatch.html (there is no finer dimension)
    return Metric("AWS/Scheduler", name, "Sum", {"ScheduleGroup": "default"})


def rule(settings: Settings, which: str, name: str, *, own_bus: bool = False) -> Metric:
    """What became of the events of a rule on the default bus, or on our own."""
    # https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-monitoring.html
    bus = {"EventBusName": settings.prefix} if own_bus else {}
    return Metric("AWS/Events", name, "Sum", {**bus, "RuleName": settings.name(which)})


def api(settings: Settings, name: str, statistic: str) -> Metric:
    """How the API answered."""
    # https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-metrics-and-dimensions.html
    return Metric("AWS/ApiGateway", name, statistic, {"ApiName": settings.prefix, "Stage": API_STAGE})


def firewall(settings: Settings, name: str, *, region: AWSHelperFn | str) -> Metric:
    """Requests that the API's firewall let through or stopped, by all of its rules together."""
    # https://docs.aws.amazon.com/waf/latest/developerguide/waf-metrics.html
    return Metric("AWS/WAFV2", name, "Sum", {"WebACL": settings.name("api"), "Region": region, "Rule": "ALL"})


def proxy(settings: Settings, name: str, statistic: str = "Sum") -> Metric:
    """Connections and times of RDS Proxy, over the instances that it is made of; times are microseconds."""
    # https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-proxy.monitoring.html
    return Metric("AWS/RDS", name, statistic, {"ProxyName": settings.name("proxy")})


def database(settings: Settings, name: str, statistic: str) -> Metric:
    """Load of the platform's own database instance."""
    # https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-metrics.html
    return Metric("AWS/RDS", name, statistic, {"DBInstanceIdentifier": settings.name("database")})


def ledger(settings: Settings, name: str, statistic: str = "Sum", **dimensions: AWSHelperFn | str) -> Metric:
    """How the ledger answered, in this region."""
    # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/metrics-dimensions.html
    return Metric("AWS/DynamoDB", name, statistic, {"TableName": settings.name("ledger"), **dimensions})


def bucket_size(settings: Settings, purpose: str, *, region: str) -> Metric:
    """Bytes in a bucket of *region*, once a day."""
    # https://docs.aws.amazon.com/AmazonS3/latest/userguide/metrics-dimensions.html
    name = arns.bucket_name(settings, purpose, region=region)
    return Metric("AWS/S3", "BucketSizeBytes", "Average", {"BucketName": name, "StorageType": "StandardStorage"})
