"""The one way a function that clients wait for gets new code: a version, an alias, and a canary before it.

CloudFormation publishes the version and has CodeDeploy lead the alias to it: a tenth of the calls for five minutes,
then all. If an alarm of the new version goes off meanwhile, CodeDeploy leads all calls back, and the stack is rolled
back with it.
"""

from __future__ import annotations

from collections.abc import Sequence

import awacs.awslambda
import awacs.cloudwatch
from troposphere import AWSHelperFn, Template, awslambda, cloudwatch, codedeploy
from troposphere.policies import CodeDeployLambdaAliasUpdate, UpdatePolicy

from blueprints import arns, text
from blueprints.alarms import MINUTE, Metric, alarm, at_least
from blueprints.iam import allow, role
from blueprints.settings import Settings

ALIAS = "live"
# https://docs.aws.amazon.com/codedeploy/latest/userguide/deployment-configurations.html
CANARY = "CodeDeployDefault.LambdaCanary10Percent5Minutes"
RUNBOOK = "canary-fails"
APPLICATION = "Releases"
# What may differ between two deployments of the same version. Lambda publishes none if nothing else has changed, and
# CloudFormation then fails: so the version's logical id must change exactly when the rest does.
# https://docs.aws.amazon.com/lambda/latest/dg/configuration-versions.html
UNVERSIONED = ("ReservedConcurrentExecutions", "Tags")


def release(t: Template, settings: Settings, function: awslambda.Function) -> awslambda.Alias:
    """Add the current version of *function* and the alias ``live`` that leads to it; callers call the alias."""
    name = function.FunctionName
    version = awslambda.Version(
        # A version that has been replaced is deleted, once the whole stack has been updated; until then the alias can
        # go back to it. Kept versions would be paid for, as SnapStart keeps a snapshot of each, and would fill the
        # 75 GB that a region has for code. Whoever wants an old release later deploys its template: its code is still
        # in the artifact bucket, under its own name.
        # https://docs.aws.amazon.com/lambda/latest/dg/snapstart.html#snapstart-pricing
        # https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
        f"{function.title}Version{_digest(function)}",
        FunctionName=function.ref(),
        Description=function.Code.S3Key,
    )
    t.add_resource(version)
    alarms = _alarms(t, settings, function, version)
    group = _deployment_group(t, settings, function, alarms)
    return t.add_resource(
        awslambda.Alias(
            f"{function.title}Live",
            # Else calls could be led to the new version before anybody watches it.
            DependsOn=[each.title for each in alarms],
            FunctionName=function.ref(),
            FunctionVersion=version.get_att("Version"),
            Name=ALIAS,
            Description=f"What clients of {name} are answered by",
            UpdatePolicy=UpdatePolicy(
                CodeDeployLambdaAliasUpdate=CodeDeployLambdaAliasUpdate(
                    ApplicationName=_application(t, settings).ref(), DeploymentGroupName=group.ref()
                )
            ),
        )
    )


def _digest(function: awslambda.Function) -> str:
    """Ten hexadecimal digits that change exactly when Lambda would publish another version."""
    versioned = {name: value for name, value in function.properties.items() if name not in UNVERSIONED}
    return text.digest(versioned)


def _alarms(
    t: Template, settings: Settings, function: awslambda.Function, version: awslambda.Version
) -> list[cloudwatch.Alarm]:
    """Alarms of the new version alone: an old one's faults must not stand in the way of what mends them.

    CodeDeploy starts nothing while an alarm is on, and an alarm of the alias would be on just then.
    """
    # https://docs.aws.amazon.com/codedeploy/latest/userguide/monitoring-create-alarms.html
    # https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html#monitoring-metrics-dimensions
    name, number = function.FunctionName, version.get_att("Version")
    errors = Metric(
        "AWS/Lambda",
        "Errors",
        "Sum",
        {"FunctionName": name, "Resource": f"{name}:{ALIAS}", "ExecutedVersion": number},
    )
    faults = Metric("Holdfast", "Faults", "Sum", {"Deployment": settings.prefix, "Function": name, "Version": number})
    return [
        alarm(
            t,
            settings,
            f"{function.title}Version{title}",
            f"The newest version of {name} {what}; while it is being released it is taken back.",
            metric,
            when=at_least(times, MINUTE),
            runbook=RUNBOOK,
        )
        for title, what, metric, times in (
            ("Fails", "breaks down", errors, 1),
            # One or two can be the database's own short absence, of which a new version is not to blame.
            ("Faults", "answers with faults of its own (5xx)", faults, 3),
        )
    ]


def _application(t: Template, settings: Settings) -> codedeploy.Application:
    existing: codedeploy.Application | None = t.resources.get(APPLICATION)
    return existing or t.add_resource(
        codedeploy.Application(APPLICATION, ApplicationName=settings.prefix, ComputePlatform="Lambda")
    )


def _deployment_group(
    t: Template, settings: Settings, function: awslambda.Function, alarms: Sequence[cloudwatch.Alarm]
) -> codedeploy.DeploymentGroup:
    return t.add_resource(
        codedeploy.DeploymentGroup(
            f"{function.title}Release",
            ApplicationName=_application(t, settings).ref(),
            DeploymentGroupName=function.FunctionName,
            ServiceRoleArn=_role(t, settings, function).get_att("Arn"),
            DeploymentConfigName=CANARY,
            DeploymentStyle=codedeploy.DeploymentStyle(
                DeploymentType="BLUE_GREEN", DeploymentOption="WITH_TRAFFIC_CONTROL"
            ),
            AlarmConfiguration=codedeploy.AlarmConfiguration(
                Enabled=True, Alarms=[codedeploy.Alarm(Name=each.ref()) for each in alarms]
            ),
            AutoRollbackConfiguration=codedeploy.AutoRollbackConfiguration(
                Enabled=True,
                Events=["DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM", "DEPLOYMENT_STOP_ON_REQUEST"],
            ),
        )
    )


def _role(t: Template, settings: Settings, function: awslambda.Function) -> AWSHelperFn:
    # The part of AWSCodeDeployRoleForLambdaLimited that a release without hooks and topics needs.
    # https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AWSCodeDeployRoleForLambdaLimited.html
    module = function.Handler.split(".")[1]
    shift = allow(
        "ShiftTraffic",
        [awacs.awslambda.GetAlias, awacs.awslambda.UpdateAlias, awacs.awslambda.GetProvisionedConcurrencyConfig],
        [arns.function(settings, module), arns.alias(settings, module, ALIAS)],
    )
    watch = allow("WatchAlarms", [awacs.cloudwatch.DescribeAlarms], [arns.arn("cloudwatch", "alarm:*")])
    return role(t, settings, f"{function.title}ReleaseRole", "codedeploy", shift, watch)
