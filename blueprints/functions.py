"""The one way this project declares a Lambda function."""

from __future__ import annotations

from datetime import timedelta

import awacs.ec2
import awacs.sqs
from awacs.aws import ArnEquals, Statement
from troposphere import AWSHelperFn, Template, awslambda, sqs

from blueprints import arns, artifacts, permissions, queues
from blueprints.iam import allow, deny, role, unscoped
from blueprints.logs import log_group
from blueprints.outputs import KeysOutputs, NetworkOutputs
from blueprints.settings import Settings
from blueprints.suppressions import accept

RUNTIME = "python3.13"
ARCHITECTURE = "arm64"
MEMORY = 512  # MiB
TIMEOUT = timedelta(seconds=50)  # a task of our machines waits 60 seconds, so the function's own end comes first
CONCURRENCY = 10  # executions at once, taken out of the account's 1,000
DEAD_LETTERS = "FunctionDeadLetters"


def function(  # noqa: PLR0913 (what differs between functions)
    t: Template,
    settings: Settings,
    keys: KeysOutputs,
    module: str,
    *statements: Statement,
    timeout: timedelta = TIMEOUT,
    memory: int = MEMORY,
    concurrency: int = CONCURRENCY,
    vpc: NetworkOutputs | None = None,
    **environment: AWSHelperFn | str | int,
) -> awslambda.Function:
    """Add the function of ``handlers/<module>.py``, its role and its log group.

    Keywords beyond the named ones are its environment, in upper case. With *vpc* it lies in the private network and
    reaches nothing but the databases, S3 and DynamoDB there.
    """
    title = "".join(word.capitalize() for word in module.split("_"))
    name = settings.name(module.replace("_", "-"))
    group = log_group(t, settings, keys, f"{title}Logs", f"/aws/lambda/{name}")
    dead = _dead_letters(t, keys)
    own = [
        permissions.write_logs(group.get_att("Arn")),
        permissions.write_traces(),
        allow("SendDeadLetters", [awacs.sqs.SendMessage], [dead.get_att("Arn")]),
        permissions.use_key("EncryptDeadLetters", keys.data_key, "sqs"),
        permissions.read_own_variables(keys.data_key, arns.function(settings, module)),
    ]
    if vpc:
        own += _network_permissions(arns.function(settings, module))
    network = {} if vpc is None else {"VpcConfig": _inside(vpc)}
    made = t.add_resource(
        awslambda.Function(
            title,
            FunctionName=name,
            Runtime=RUNTIME,
            Architectures=[ARCHITECTURE],
            Handler=f"handlers.{module}.handler",
            Code=_code(t, settings),
            Role=role(t, settings, f"{title}Role", "lambda", *own, *statements).get_att("Arn"),
            MemorySize=memory,
            Timeout=int(timeout.total_seconds()),
            ReservedConcurrentExecutions=concurrency,
            DeadLetterConfig=awslambda.DeadLetterConfig(TargetArn=dead.get_att("Arn")),
            TracingConfig=awslambda.TracingConfig(Mode="Active"),
            LoggingConfig=awslambda.LoggingConfig(
                LogFormat="JSON", LogGroup=group.ref(), ApplicationLogLevel="INFO", SystemLogLevel="INFO"
            ),
            KmsKeyArn=keys.data_key,
            Environment=awslambda.Environment(Variables=_variables(environment)),
            **network,
        )
    )
    if not vpc:
        accept(made, "checkov", "CKV_AWS_117", "speaks to no database, and the private network leads nowhere else")
    return made


def _dead_letters(t: Template, keys: KeysOutputs) -> sqs.Queue:
    """One queue for all functions of a stack: what a service invoked asynchronously and nobody could handle."""
    existing: sqs.Queue | None = t.resources.get(DEAD_LETTERS)
    return existing or queues.dead_letters(t, keys, DEAD_LETTERS)


def _code(t: Template, settings: Settings) -> awslambda.Code:
    """One package for all functions of a stack; its contents are read for the first of them only."""
    for other in t.resources.values():
        if isinstance(other, awslambda.Function):
            return other.Code
    return awslambda.Code(S3Bucket=arns.bucket_name(settings, "artifacts"), S3Key=artifacts.key())


def _network_permissions(function: AWSHelperFn) -> list[Statement]:
    """Lambda itself may place the function into our subnets; the function's code may not touch the network."""
    # https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html#configuration-vpc-permissions
    actions = [
        awacs.ec2.CreateNetworkInterface,
        awacs.ec2.DescribeNetworkInterfaces,
        awacs.ec2.DescribeSubnets,
        awacs.ec2.DeleteNetworkInterface,
        awacs.ec2.AssignPrivateIpAddresses,
        awacs.ec2.UnassignPrivateIpAddresses,
    ]
    return [
        unscoped("JoinNetwork", actions, "Lambda checks these on every interface when it places the function"),
        deny("DenyNetworkToCode", actions, ["*"], ArnEquals("lambda:SourceFunctionArn", function)),
    ]


def _inside(vpc: NetworkOutputs) -> awslambda.VPCConfig:
    return awslambda.VPCConfig(SubnetIds=vpc.subnet_ids, SecurityGroupIds=[vpc.functions_group])


def _variables(environment: dict[str, AWSHelperFn | str | int]) -> dict[str, object]:
    return {name: str(value) if isinstance(value, int) else value for name, value in sorted(environment.items())}
