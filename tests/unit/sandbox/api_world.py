"""An API with everything that ours have, for the tests of the embedded gateway."""

import json

from deploying import att, function, live, ref, resource, role, sub
from policies import allow

ECHO = """
import time
def handler(event, context):
    said = event.get("queryStringParameters") or {}
    if said.get("raise"):
        raise ValueError("secret")
    if said.get("sleep"):
        time.sleep(float(said["sleep"]))
    if said.get("answer") == "malformed":
        return {"message": "no proxy answer"}
    if said.get("answer") == "large":
        return {"statusCode": 200, "body": "x" * 7_000_000}
    import json
    return {
        "statusCode": 200,
        "headers": {"Content-Type": "application/json", "ETag": '"1"', "Date": "yesterday"},
        "multiValueHeaders": {"Set-Cookie": ["a=1", "b=2"]},
        "body": json.dumps(event),
    }
"""
ALIAS = sub("arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${Live}/invocations")
PROXY = {"type": "aws_proxy", "httpMethod": "POST", "uri": ALIAS}
OK = {"200": {"description": "ok"}}
CORS = {
    "Access-Control-Allow-Origin": "'*'",
    "Access-Control-Allow-Headers": "'authorization,content-type,if-match'",
    "Access-Control-Allow-Methods": "'GET,POST,OPTIONS'",
}
PREFLIGHT = {
    "security": [],
    "responses": {"204": {"description": "allowed", "headers": {key: {"schema": {"type": "string"}} for key in CORS}}},
    "x-amazon-apigateway-integration": {
        "type": "mock",
        "requestTemplates": {"application/json": '{"statusCode": 204}'},
        "passthroughBehavior": "when_no_match",
        "responses": {
            "default": {
                "statusCode": "204",
                "responseParameters": {f"method.response.header.{name}": value for name, value in CORS.items()},
            }
        },
    },
}
PROBLEM = (
    '{"type": "/problems/gateway", "title": $context.error.messageString, "detail": '
    '"$context.error.validationErrorString", "instance": "$context.requestId"}'
)
SITE = {
    "type": "aws",
    "httpMethod": "GET",
    "uri": sub("arn:aws:apigateway:${AWS::Region}:s3:path/${Bucket}/console/{key}"),
    "credentials": att("SiteRole"),
    "requestParameters": {
        "integration.request.path.key": "method.request.path.file",
        "integration.request.header.If-None-Match": "method.request.header.If-None-Match",
    },
    "responses": {
        "2\\d{2}": {
            "statusCode": "200",
            "responseParameters": {
                "method.response.header.Content-Type": "integration.response.header.Content-Type",
                "method.response.header.ETag": "integration.response.header.ETag",
                "method.response.header.X-Frame-Options": "'DENY'",
            },
        },
        "304": {"statusCode": "304"},
        "4\\d{2}": {"statusCode": "404", "responseTemplates": {"application/json": '{"title": "no such page"}'}},
        "default": {"statusCode": "500", "responseTemplates": {"application/json": "{}"}},
    },
}
HEADERS = {name: {"schema": {"type": "string"}} for name in ("Content-Type", "ETag", "X-Frame-Options")}
SITE_RESPONSES = {
    "200": {"description": "a file", "headers": HEADERS},
    **{status: {"description": "none"} for status in ("304", "404", "500")},
}


def file_parameters():
    return [
        {"name": "file", "in": "path", "required": True, "schema": {"type": "string"}},
        {"name": "If-None-Match", "in": "header", "schema": {"type": "string"}},
    ]


def body():
    """The document."""
    parameters = [
        {"name": "limit", "in": "query", "required": True, "schema": {"type": "integer"}},
        {"name": "cursor", "in": "query", "schema": {"type": "string"}},
    ]
    item = {"application/json": {"schema": {"$ref": "#/components/schemas/NewItem"}}}
    return {
        "openapi": "3.0.1",
        "info": {"title": "items", "version": "1"},
        "x-amazon-apigateway-binary-media-types": ["image/png"],
        "x-amazon-apigateway-request-validators": {
            "all": {"validateRequestBody": True, "validateRequestParameters": True},
            "none": {"validateRequestBody": False, "validateRequestParameters": False},
        },
        "x-amazon-apigateway-request-validator": "all",
        "x-amazon-apigateway-gateway-responses": {
            kind: {
                "responseParameters": {
                    "gatewayresponse.header.Access-Control-Allow-Origin": "'*'",
                    "gatewayresponse.header.Content-Type": "'application/problem+json'",
                },
                "responseTemplates": {"application/json": PROBLEM},
            }
            for kind in ("DEFAULT_4XX", "DEFAULT_5XX")
        },
        "components": {
            "schemas": {
                "NewItem": {
                    "type": "object",
                    "required": ["title"],
                    "additionalProperties": False,
                    "properties": {"title": {"$ref": "#/components/schemas/Title"}, "quantity": {"type": "integer"}},
                },
                "Title": {"type": "string", "minLength": 1, "maxLength": 20},
            },
            "securitySchemes": {
                "oauth": {
                    "type": "apiKey",
                    "name": "Authorization",
                    "in": "header",
                    "x-amazon-apigateway-authtype": "cognito_user_pools",
                    "x-amazon-apigateway-authorizer": {
                        "type": "cognito_user_pools",
                        "providerARNs": [att("Pool")],
                    },
                }
            },
        },
        "paths": {
            "/health": {"get": {"responses": OK, "x-amazon-apigateway-integration": PROXY, "security": []}},
            "/items": {
                "get": {
                    "parameters": parameters,
                    "security": [{"oauth": ["holdfast/items:read"]}],
                    "responses": OK,
                    "x-amazon-apigateway-integration": PROXY,
                },
                "post": {
                    "security": [{"oauth": ["holdfast/items:write"]}],
                    "requestBody": {"required": True, "content": item},
                    "responses": OK,
                    "x-amazon-apigateway-integration": PROXY,
                },
                "options": PREFLIGHT,
            },
            "/items/{id}": {
                "parameters": [{"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}],
                "get": {"responses": OK, "x-amazon-apigateway-integration": PROXY},
            },
            "/slow": {"get": {"responses": OK, "x-amazon-apigateway-integration": {**PROXY, "timeoutInMillis": 200}}},
            "/forbidden": {
                "get": {
                    "responses": OK,
                    "x-amazon-apigateway-integration": {
                        **PROXY,
                        "uri": sub(
                            "arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${Echo.Arn}/invocations"
                        ),
                    },
                }
            },
            "/console/{file+}": {
                "get": {
                    "parameters": file_parameters(),
                    "responses": SITE_RESPONSES,
                    "x-amazon-apigateway-integration": SITE,
                }
            },
            "/untrusted/{file+}": {
                "get": {
                    "parameters": file_parameters(),
                    "responses": SITE_RESPONSES,
                    "x-amazon-apigateway-integration": {**SITE, "credentials": att("UntrustedRole")},
                }
            },
        },
    }


def resources(document_of_api, bucket):
    console = f"arn:aws:s3:::{bucket}/console/*"
    format_of_log = json.dumps(
        {
            "requestId": "$context.requestId",
            "method": "$context.httpMethod",
            "path": "$context.resourcePath",
            "status": "$context.status",
            "ip": "$context.identity.sourceIp",
            "client": "$context.authorizer.claims.client_id",
            "error": "$context.error.responseType",
        }
    )
    return {
        "Pool": resource("Cognito::UserPool"),
        "Server": resource(
            "Cognito::UserPoolResourceServer",
            UserPoolId=ref("Pool"),
            Identifier="holdfast",
            Name="holdfast",
            Scopes=[{"ScopeName": name, "ScopeDescription": name} for name in ("items:read", "items:write")],
        ),
        "Reader": client("items:read"),
        "Writer": client("items:read", "items:write"),
        "OtherPool": resource("Cognito::UserPool"),
        "Role": role("lambda"),
        "Echo": function(ECHO, Timeout=5, ReservedConcurrentExecutions=3, Environment={"Variables": {"STAGE": "one"}}),
        **live("Echo"),
        "Permission": resource(
            "Lambda::Permission",
            FunctionName=ref("Live"),
            Action="lambda:InvokeFunction",
            Principal="apigateway.amazonaws.com",
            SourceAccount=ref("AWS::AccountId"),
            SourceArn=sub("arn:aws:execute-api:${AWS::Region}:${AWS::AccountId}:${Api}/*"),
        ),
        "Bucket": resource("S3::Bucket", BucketName=bucket),
        "SiteRole": role("apigateway", allow("s3:GetObject", console)),
        "UntrustedRole": role("lambda", allow("s3:GetObject", console)),
        "LogRole": role("apigateway", allow("logs:*")),
        "Account": resource("ApiGateway::Account", CloudWatchRoleArn=att("LogRole")),
        "Logs": resource("Logs::LogGroup", LogGroupName=sub("/api/${AWS::StackName}")),
        "Api": resource(
            "ApiGateway::RestApi",
            Name=sub("${AWS::StackName}"),
            EndpointConfiguration={"Types": ["REGIONAL"]},
            Body=document_of_api,
            MinimumCompressionSize=512,
        ),
        "Deployment": resource("ApiGateway::Deployment", RestApiId=ref("Api")),
        "Stage": {
            **resource(
                "ApiGateway::Stage",
                RestApiId=ref("Api"),
                DeploymentId=ref("Deployment"),
                StageName="api",
                TracingEnabled=True,
                AccessLogSetting={"DestinationArn": att("Logs"), "Format": format_of_log},
                MethodSettings=[
                    {
                        "HttpMethod": "*",
                        "ResourcePath": "/*",
                        "LoggingLevel": "ERROR",
                        "ThrottlingRateLimit": 500,
                        "ThrottlingBurstLimit": 500,
                    }
                ],
            ),
            "DependsOn": "Account",
        },
    }


def client(*scopes):
    return {
        **resource(
            "Cognito::UserPoolClient",
            UserPoolId=ref("Pool"),
            GenerateSecret=True,
            AllowedOAuthFlowsUserPoolClient=True,
            AllowedOAuthFlows=["client_credentials"],
            AllowedOAuthScopes=[f"holdfast/{scope}" for scope in scopes],
        ),
        "DependsOn": "Server",
    }
