"""What API Gateway takes of a document and what not, what a deployment is, and the resources around an API."""

import pytest
from browsing import ask
from deploying import deploy, failures, ref, remove, resource


def mock_api(**changes):
    get = {
        "responses": {"200": {"description": "ok"}},
        "x-amazon-apigateway-integration": {
            "type": "mock",
            "requestTemplates": {"application/json": '{"statusCode": 200}'},
            "responses": {"default": {"statusCode": "200", "responseTemplates": {"application/json": '{"v": 1}'}}},
        },
    }
    paths = {"/v": {"get": {**get, **changes}}}
    return {"openapi": "3.0.1", "info": {"title": "t", "version": "1"}, "paths": paths}


def small(document_of_api, deployment="Deployment", **stage):
    return {
        "Api": resource("ApiGateway::RestApi", Name="small", Body=document_of_api),
        deployment: resource("ApiGateway::Deployment", RestApiId=ref("Api")),
        "Stage": resource(
            "ApiGateway::Stage", RestApiId=ref("Api"), DeploymentId=ref(deployment), StageName="api", **stage
        ),
    }


def changed():
    document_of_api = mock_api()
    integration = document_of_api["paths"]["/v"]["get"]["x-amazon-apigateway-integration"]
    integration["responses"]["default"]["responseTemplates"] = {"application/json": '{"v": 2}'}
    return document_of_api


def test_a_changed_document_is_served_after_a_new_deployment_only_and_the_api_keeps_its_id(aws, name):
    first = deploy(aws, name, small(mock_api()), outputs={"Api": ref("Api")})["Api"]
    url = f"{aws.endpoint}/_aws/execute-api/{first}/api/v"
    assert ask(url).json == {"v": 1}
    second = deploy(aws, name, small(changed()), operation="update", outputs={"Api": ref("Api")})["Api"]
    assert (second, ask(url).json) == (first, {"v": 1})
    deploy(aws, name, small(changed(), "Deployment2"), operation="update")
    assert ask(url).json == {"v": 2}
    remove(aws, name)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"x-amazon-apigateway-request-validator": "all"}, "Invalid Request Validator identifier specified: all"),
        ({"security": [{"oauth": []}]}, "unknown security scheme: oauth"),
        ({"responses": {"201": {"description": "made"}}}, "Output mapping refers to an invalid method response: 200"),
        ({"responses": {"200": {"$ref": "#/components/responses/None"}}}, "Unable to resolve the reference"),
        ({"x-amazon-apigateway-integration": None}, "No integration defined for method GET /v"),
        (
            {"x-amazon-apigateway-integration": {"type": "aws_proxy", "uri": "arn:aws:lambda"}},
            "Enumeration value for HttpMethod must be non-empty",
        ),
    ],
)
def test_a_document_that_aws_would_not_import_fails_the_stack_with_the_reason(aws, name, change, reason):
    with pytest.raises(AssertionError):
        deploy(aws, name, small(mock_api(**change)))
    assert reason in str(failures(aws.client("cloudformation"), name))


def test_a_document_of_a_later_version_of_openapi_is_refused(aws, name):
    with pytest.raises(AssertionError, match=r"version 3\.1\.0; API Gateway takes 2\.0 and 3\.0"):
        deploy(aws, name, small({**mock_api(), "openapi": "3.1.0"}))


def test_a_stage_that_logs_needs_a_role_in_the_account_s_settings(aws, name):
    setting = {"DestinationArn": "arn:aws:logs:eu-west-2:000000000000:log-group:x", "Format": "$context.requestId"}
    with pytest.raises(AssertionError, match="role ARN must be set in account settings to enable logging"):
        deploy(aws, name, small(mock_api(), AccessLogSetting=setting), "eu-west-2")


def test_keys_plans_and_throttles_are_kept_to(aws, name):
    document_of_api = mock_api(security=[{"key": []}])
    scheme = {"type": "apiKey", "name": "x-api-key", "in": "header"}
    document_of_api["components"] = {"securitySchemes": {"key": scheme}}
    plan = {
        "Key": resource("ApiGateway::ApiKey", Enabled=True, Value=f"{name}-0123456789012345678901"),
        "Plan": {
            **resource(
                "ApiGateway::UsagePlan",
                ApiStages=[{"ApiId": ref("Api"), "Stage": ref("Stage")}],
                Quota={"Limit": 2, "Period": "DAY"},
                Throttle={"RateLimit": 100, "BurstLimit": 100},
            ),
        },
        "Member": resource("ApiGateway::UsagePlanKey", KeyId=ref("Key"), KeyType="API_KEY", UsagePlanId=ref("Plan")),
    }
    api = deploy(aws, name, {**small(document_of_api), **plan}, outputs={"Api": ref("Api")})["Api"]
    url = f"{aws.endpoint}/_aws/execute-api/{api}/api/v"
    assert ask(url).status == 403
    answers = [ask(url, X_Api_Key=f"{name}-0123456789012345678901").status for _ in range(3)]
    assert answers == [200, 200, 429]


def test_a_custom_domain_leads_to_the_stage_that_it_is_mapped_to(aws, name):
    host = f"{name}.example.test"
    names = {
        "Certificate": resource("CertificateManager::Certificate", DomainName=host, ValidationMethod="DNS"),
        "Domain": resource(
            "ApiGateway::DomainName",
            DomainName=host,
            RegionalCertificateArn=ref("Certificate"),
            EndpointConfiguration={"Types": ["REGIONAL"]},
        ),
        "Mapping": resource(
            "ApiGateway::BasePathMapping", DomainName=ref("Domain"), RestApiId=ref("Api"), Stage=ref("Stage")
        ),
    }
    deploy(aws, name, {**small(mock_api()), **names})
    assert ask(f"{aws.endpoint}/v", Host=f"{host}:{aws.port}").json == {"v": 1}
