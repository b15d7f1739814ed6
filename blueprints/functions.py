"""The one way this project declares a Lambda function."""

from __future__ import annotations

from datetime import timedelta
from functools import cache
from itertools import chain

import awacs.ec2
import awacs.sqs
from awacs.aws import ArnEquals, Statement
from troposphere import AWSHelperFn, Sub, Template, awslambda, sqs

import workflows
from blueprints import arns, artifacts, metrics, permissions, queues
from blueprints.alarms import MINUTE, alarm, at_least, total
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
    published: bool = False,
    **environment: AWSHelperFn | str | int,
) -> awslambda.Function:
    """Add the function of ``handlers/<module>.py``, its role and its log group.

    Keywords beyond the named ones are its environment, in upper case. With *vpc* it lies in the private network and
    reaches nothing but the databases, S3 and DynamoDB there. A *published* one is called by versions (releases.py),
    which start from a snapshot of the initialised process.
    """
    title = "".join(word.capitalize() for word in module.split("_"))
    name = settings.name(module.replace("_", "-"))
    group = log_group(t, settings, keys, f"{title}Logs", f"/aws/lambda/{name}")
    dead = _dead_letters(t, settings, keys)
    own = [
        permissions.write_logs(group.get_att("Arn")),
        permissions.write_traces(),
        allow("SendDeadLetters", [awacs.sqs.SendMessage], [dead.get_att("Arn")]),
        permissions.use_key("EncryptDeadLetters", keys.data_key, "sqs"),
        permissions.read_own_variables(keys.data_key, *_itself(settings, module, published=published)),
    ]
    if vpc:
        own += _network_permissions(arns.function(settings, module))
    more: dict[str, object] = {} if vpc is None else {"VpcConfig": _inside(vpc)}
    if published:
        # https://docs.aws.amazon.com/lambda/latest/dg/snapstart.html (Python from 3.12 on, published versions only)
        more["SnapStart"] = awslambda.SnapStart(ApplyOn="PublishedVersions")
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
            **more,
        )
    )
    if not vpc:
        accept(made, "checkov", "CKV_AWS_117", "speaks to no database, and the private network leads nowhere else")
    _watch(t, settings, made)
    return made


def _watch(t: Template, settings: Settings, made: awslambda.Function) -> None:
    """An alarm for a function that fails, or is turned away, again and again; once is what retries are for."""
    # Not for those that a machine runs: their errors are how a machine is told to wait (QuotaReached), and what becomes
    # of the run is alarmed. The others have one each: CloudWatch charges by the metric, however many share an alarm,
    # and the metrics without a name count strangers' functions, too. https://aws.amazon.com/cloudwatch/pricing/
    if made.title in _run_by_machines():
        return
    counted = {name.lower(): metrics.function(made.ref(), name) for name in ("Errors", "Throttles")}
    alarm(
        t,
        settings,
        f"{made.title}Failing",
        f"The function {made.FunctionName} fails or is throttled all the time.",
        total(**counted),
        when=at_least(1, 5 * MINUTE, 3),
        runbook="function-failing",
    )


@cache
def _run_by_machines() -> frozenset[str]:
    """Logical ids of the functions that a state machine runs."""
    return frozenset(chain.from_iterable(map(workflows.placeholders, workflows.names())))


def _itself(settings: Settings, module: str, *, published: bool) -> list[Sub]:
    # No page says whether a version's variables are encrypted for the function or for the version; so both.
    own = arns.function(settings, module)
    return [own, arns.alias(settings, module, "*")] if published else [own]


def _dead_letters(t: Template, settings: Settings, keys: KeysOutputs) -> sqs.Queue:
    """One queue for all functions of a stack: what a service invoked asynchronously and nobody could handle."""
    existing: sqs.Queue | None = t.resources.get(DEAD_LETTERS)
    return existing or queues.dead_letters(t, settings, keys, DEAD_LETTERS)


def _code(t: Template, settings: Settings) -> awslambda.Code:
    """One package for all functions of a stack; its contents are read for the first of them only."""
    for other in t.resources.values():
        if isinstance(other, awslambda.Function):
            return other.Code
    return awslambda.Code(S3Bucket=arns.bucket_name(settings, arns.ARTIFACTS), S3Key=artifacts.key())


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
