"""The gateway's body: everything of the document that API Gateway needs, and nothing that it would refuse."""

import copy
import json

import pytest
from rendered_api import DOCUMENT

from blueprints import openapi, text
from blueprints.api_body import body
from blueprints.api_problems import REFUSALS

ALIASES = {
    "report_health": "ReportHealthLive",
    "serve_catalogue": "ServeCatalogueLive",
    "serve_resources": "ServeResourcesLive",
}


def made(document=DOCUMENT, **more):
    return body(document, name="api", aliases=ALIASES, user_pool="pool", more=more)


def read(node):
    """As CloudFormation reads it: helpers of troposphere opened."""
    return json.loads(json.dumps(node, default=lambda helper: helper.to_dict()))


PATHS = read(made())["paths"]
OPERATIONS = [
    pytest.param(path, method, id=f"{method} {path}")
    for path, operations in PATHS.items()
    for method in operations
    if method != "options"
]


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_an_operation_is_answered_by_the_live_version_of_its_function(path, method):
    alias = ALIASES[DOCUMENT["paths"][path][method]["x-holdfast-function"]]
    integration = PATHS[path][method]["x-amazon-apigateway-integration"]

    assert (integration["type"], integration["httpMethod"]) == ("aws_proxy", "POST")
    assert integration["uri"]["Fn::Sub"].endswith(f":lambda:path/2015-03-31/functions/${{{alias}}}/invocations")


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_an_operation_asks_for_the_scope_that_the_document_names(path, method):
    assert PATHS[path][method]["security"] == DOCUMENT["paths"][path][method]["security"]


def test_tokens_of_the_pool_count_and_no_others():
    scheme = made()["components"]["securitySchemes"]["oauth"]

    assert scheme["type"] == "apiKey", "API Gateway takes no other type"
    assert scheme["x-amazon-apigateway-authorizer"] == {"type": "cognito_user_pools", "providerARNs": ["pool"]}


def test_every_body_and_every_needed_parameter_is_checked_at_the_edge():
    whole = made()
    (validator,) = whole["x-amazon-apigateway-request-validators"].values()

    assert validator == {"validateRequestBody": True, "validateRequestParameters": True}
    assert whole["x-amazon-apigateway-request-validator"] in whole["x-amazon-apigateway-request-validators"]


def test_models_are_those_of_requests_in_words_that_api_gateway_knows():
    models = made()["components"]["schemas"]

    assert models == {
        "Kind": {"type": "string", "enum": ["plain", "fancy"]},
        "NewItem": {
            "type": "object",
            "required": ["title"],
            "properties": {
                "title": {"type": "string", "minLength": 1, "maxLength": 400},  # an emoji may count as two
                "note": {"maxLength": 4000},  # or null
                "kind": {"$ref": "#/components/schemas/Kind"},
            },
        },
    }


@pytest.mark.parametrize("path", PATHS)
def test_scripts_of_any_origin_may_ask_with_every_method_of_the_path(path):
    preflight = PATHS[path]["options"]
    parameters = preflight["x-amazon-apigateway-integration"]["responses"]["default"]["responseParameters"]
    told = {name.removeprefix("method.response.header."): value for name, value in parameters.items()}

    assert preflight["security"] == []
    assert preflight["x-amazon-apigateway-integration"]["type"] == "mock"
    assert told["Access-Control-Allow-Origin"] == "'*'"
    assert set(told["Access-Control-Allow-Methods"].strip("'").lower().split(",")) == set(PATHS[path]) - {"options"}
    assert {"Authorization", "Idempotency-Key", "If-Match"} <= set(
        told["Access-Control-Allow-Headers"].strip("'").split(",")
    )
    assert set(preflight["responses"]["204"]["headers"]) == set(told), "API Gateway sends only what is declared"


@pytest.mark.parametrize("kind", REFUSALS)
def test_what_the_gateway_refuses_is_a_problem_that_a_script_may_read(kind):
    response = made()["x-amazon-apigateway-gateway-responses"][kind]
    headers = response["responseParameters"]
    (template,) = response["responseTemplates"].values()
    problem = json.loads(template)

    assert str(problem["status"]) == response["statusCode"]
    assert problem["type"].startswith("/problems/")
    assert problem["request_id"] == "$context.requestId"
    assert headers["gatewayresponse.header.Content-Type"] == "'application/problem+json'"
    assert headers["gatewayresponse.header.Access-Control-Allow-Origin"] == "'*'"
    # Other variables may hold what the client has sent, unquoted.
    assert template.count("$context.") == 1


def test_what_there_is_no_route_for_is_not_found():
    assert REFUSALS["MISSING_AUTHENTICATION_TOKEN"].status == 404


def test_another_document_makes_another_deployment_and_the_same_one_does_not():
    other = copy.deepcopy(DOCUMENT)
    other["paths"]["/health"]["get"]["operationId"] = "askHealth"

    assert text.digest(made()) == text.digest(made())
    assert text.digest(made()) != text.digest(made(other))


def test_the_document_itself_is_not_changed():
    before = copy.deepcopy(DOCUMENT)
    made()

    assert before == DOCUMENT


def test_what_clients_read_knows_nothing_of_the_gateway():
    public = made(**{"/console": {"get": {}}}).public

    assert public == openapi.public(DOCUMENT)
    assert "x-" not in {key[:2] for path in public["paths"].values() for op in path.values() for key in op}
    assert "/console" not in public["paths"]
