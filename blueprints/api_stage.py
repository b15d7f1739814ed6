"""The stage that the API is called at: its limits, its logs, its firewall."""

from __future__ import annotations

import json

import awacs.logs
from troposphere import AWSHelperFn, Join, Sub, Template, apigateway, wafv2

from blueprints import arns, text
from blueprints.api_body import STAGE
from blueprints.firewall import web_acl
from blueprints.iam import allow, role
from blueprints.logs import log_group
from blueprints.outputs import KeysOutputs
from blueprints.settings import Settings
from blueprints.suppressions import accept

# One line per request: who asked for what, what came of it, how long it took. No body, no token, no query, and the
# route instead of the path, in which a client can write what it likes.
# https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-variables-for-access-logging.html
ACCESS_LOG = {
    "time": "$context.requestTime",
    "request_id": "$context.requestId",
    "extended_request_id": "$context.extendedRequestId",
    "address": "$context.identity.sourceIp",
    "subject": "$context.authorizer.claims.sub",
    "client": "$context.authorizer.claims.client_id",
    "method": "$context.httpMethod",
    "route": "$context.resourcePath",
    "status": "$context.status",
    "answered_by": "$context.error.responseType",
    "milliseconds": "$context.responseLatency",
    "function_milliseconds": "$context.integrationLatency",
    "bytes": "$context.responseLength",
    "firewall": "$context.waf.status",
    "trace": "$context.xrayTraceId",
}


def stage(t: Template, settings: Settings, keys: KeysOutputs, api: apigateway.RestApi) -> apigateway.Stage:
    """Add the deployment of *api* and the stage, with its limits, its logs and its firewall."""
    deployment = t.add_resource(
        # A deployment is a copy of the API, and never changes: another body needs another one, and so do the settings
        # beside it, which would wait for the next one.
        # https://docs.aws.amazon.com/apigateway/latest/developerguide/rest-api-disable-default-endpoint.html
        # https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-enable-compression.html
        apigateway.Deployment(f"Deployment{text.digest(api.properties)}", RestApiId=api.ref())
    )
    access = log_group(t, settings, keys, "AccessLogs", f"/aws/apigateway/{settings.prefix}/access")
    # API Gateway would make this group itself, without end and without our key.
    execution = log_group(
        t, settings, keys, "ExecutionLogs", Sub(f"API-Gateway-Execution-Logs_${{{api.title}}}/{STAGE}")
    )
    account = _account(t, settings)
    made = t.add_resource(
        apigateway.Stage(
            "Stage",
            DependsOn=[access.title, execution.title, account.title],
            RestApiId=api.ref(),
            DeploymentId=deployment.ref(),
            StageName=STAGE,
            AccessLogSetting=apigateway.AccessLogSetting(
                DestinationArn=arns.arn("logs", f"log-group:{access.LogGroupName}"), Format=json.dumps(ACCESS_LOG)
            ),
            MethodSettings=[
                apigateway.MethodSetting(
                    HttpMethod="*",
                    ResourcePath="/*",
                    LoggingLevel="ERROR",
                    DataTraceEnabled=False,  # it would log bodies and tokens
                    MetricsEnabled=True,
                    ThrottlingRateLimit=settings.api.throttle_rate,
                    ThrottlingBurstLimit=settings.api.throttle_burst,
                )
            ],
            TracingEnabled=True,
        )
    )
    accept(made, "checkov", "CKV_AWS_120", "every answer is somebody's own, and the next one may be another")
    _usage_plan(t, settings, api, made)
    _firewall(t, settings, keys, api, made)
    return made


def _account(t: Template, settings: Settings) -> apigateway.Account:
    """Let API Gateway write logs: one role for all APIs of the account and region, whoever's stack sets it last.

    So it may write to any log group, as AWS's own policy for this allows, and it stays when this stack goes: the APIs
    of others would go on using it. Nothing of it has a name of ours, so it is in no later deployment's way.
    """
    # https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-apigateway-account.html
    # https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AmazonAPIGatewayPushToCloudWatchLogs.html
    write = allow(
        "WriteLogsOfAllApis",
        [
            awacs.logs.CreateLogGroup,
            awacs.logs.CreateLogStream,
            awacs.logs.DescribeLogGroups,
            awacs.logs.DescribeLogStreams,
            awacs.logs.PutLogEvents,
            awacs.logs.GetLogEvents,
            awacs.logs.FilterLogEvents,
        ],
        [arns.arn("logs", "*")],
    )
    writer = role(t, settings, "LogWriter", "apigateway", write)
    account = t.add_resource(apigateway.Account("Account", CloudWatchRoleArn=writer.get_att("Arn")))
    for kept in (account, writer, t.resources[f"{writer.title}Policy"]):
        kept.DeletionPolicy = kept.UpdateReplacePolicy = "Retain"
    return account


def _usage_plan(t: Template, settings: Settings, api: apigateway.RestApi, stage: apigateway.Stage) -> None:
    """Limits for whoever is given an API key; no operation asks for one until somebody decides so."""
    t.add_resource(
        apigateway.UsagePlan(
            "UsagePlan",
            UsagePlanName=settings.prefix,
            Description="Limits of one API key",
            ApiStages=[apigateway.ApiStage(ApiId=api.ref(), Stage=stage.ref())],
            Throttle=apigateway.ThrottleSettings(
                RateLimit=settings.api.throttle_rate, BurstLimit=settings.api.throttle_burst
            ),
            Quota=apigateway.QuotaSettings(Limit=settings.api.daily_quota, Period="DAY"),
        )
    )


def _firewall(
    t: Template, settings: Settings, keys: KeysOutputs, api: apigateway.RestApi, stage: apigateway.Stage
) -> None:
    acl = web_acl(t, settings, keys, "REGIONAL")
    t.add_resource(
        wafv2.WebACLAssociation("FirewallInPlace", ResourceArn=_arn(api, stage), WebACLArn=acl.get_att("Arn"))
    )


def _arn(api: apigateway.RestApi, stage: apigateway.Stage) -> AWSHelperFn:
    # https://docs.aws.amazon.com/waf/latest/APIReference/API_AssociateWebACL.html
    base = Sub(f"arn:${{AWS::Partition}}:apigateway:{arns.HERE}::/restapis")
    return Join("/", [base, api.ref(), "stages", stage.ref()])
