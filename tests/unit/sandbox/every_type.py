"""A template of every resource type that our stacks use."""

from deploying import att, ref, resource, sub
from every_type_at_work import COMPUTE
from every_type_kept import DATABASE, NETWORK, STORAGE
from making import PRIMARY

WATCHING = {
    "Alarm": resource(
        "CloudWatch::Alarm",
        Namespace="Holdfast",
        MetricName="RecoveryPointAgeSeconds",
        Statistic="Maximum",
        Period=300,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
        TreatMissingData="breaching",
        AlarmActions=[ref("Topic")],
    ),
    "Both": resource(
        "CloudWatch::CompositeAlarm", AlarmName=sub("${AWS::StackName}"), AlarmRule=sub("ALARM(${Alarm})")
    ),
    "Filter": resource(
        "Logs::MetricFilter",
        LogGroupName=ref("FunctionLogs"),
        FilterPattern="ERROR",
        MetricTransformations=[{"MetricName": "Errors", "MetricNamespace": "Holdfast", "MetricValue": "1"}],
    ),
    "Dashboard": resource("CloudWatch::Dashboard", DashboardBody='{"widgets": []}'),
    "Acl": resource(
        "WAFv2::WebACL",
        Scope="REGIONAL",
        DefaultAction={"Allow": {}},
        VisibilityConfig={"SampledRequestsEnabled": True, "CloudWatchMetricsEnabled": True, "MetricName": "acl"},
        Rules=[],
    ),
    "Api": resource(
        "ApiGateway::RestApi",
        Name=sub("${AWS::StackName}"),
        Body={
            "openapi": "3.0.1",
            "info": {"title": "t", "version": "1"},
            "paths": {
                "/health": {
                    "get": {
                        "x-amazon-apigateway-integration": {"type": "mock"},
                        "responses": {"200": {"description": "ok"}},
                    }
                }
            },
        },
        EndpointConfiguration={"Types": ["REGIONAL"]},
    ),
    "Deployment": resource("ApiGateway::Deployment", RestApiId=ref("Api")),
    "Stage": resource(
        "ApiGateway::Stage",
        RestApiId=ref("Api"),
        DeploymentId=ref("Deployment"),
        StageName="live",
        TracingEnabled=True,
        MethodSettings=[
            {"HttpMethod": "*", "ResourcePath": "/*", "ThrottlingRateLimit": 10, "ThrottlingBurstLimit": 5}
        ],
    ),
    "Association": resource(
        "WAFv2::WebACLAssociation",
        WebACLArn=att("Acl"),
        ResourceArn=sub("arn:aws:apigateway:${AWS::Region}::/restapis/${Api}/stages/${Stage}"),
    ),
    "Health": {
        **resource(
            "Route53::HealthCheck",
            HealthCheckConfig={"Type": "HTTPS", "FullyQualifiedDomainName": "example.test", "Port": 443},
        ),
        "Condition": "IsPrimary",
    },
}


def template():
    return {
        "Conditions": {"IsPrimary": {"Fn::Equals": [ref("AWS::Region"), PRIMARY]}},
        "Resources": {**NETWORK, **STORAGE, **DATABASE, **COMPUTE, **WATCHING},
        "Outputs": {
            "Key": {"Value": att("Key"), "Export": {"Name": sub("${AWS::StackName}-key-arn")}},
            "Cidr": {"Value": att("Vpc", "CidrBlock")},
            "Proxy": {"Value": att("Proxy", "Endpoint")},
            "Rule": {"Value": att("FlowRole", "RoleId")},
        },
    }
