"""What the functions behind the REST API share."""

import json

import pytest
from gateway import body, header, request

from handlers import metrics, report_health, serve_resources
from handlers.core.errors import InvalidRequest, PermissionMissing, TemporarilyUnavailable
from handlers.rest import problems
from handlers.rest.app import serve
from handlers.rest.lean import APIGatewayRestResolver, Router
from handlers.rest.operation import Answer, in_path, in_query, operation
from handlers.rest.requests import caller, location
from handlers.rest.schemas import checked


def answering(work):
    """The handler of an application with one route, which does *work*."""
    router = Router()
    router.get("/x")(work)
    app = APIGatewayRestResolver()
    app.include_router(router)
    handler = serve(app, "holdfast-test")
    return lambda **changes: handler(request("GET", "/x") | changes, None)


def raising(error):
    def work():
        raise error

    return answering(work)()


# ---- answers and their line ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "status", "slug"),
    [
        (problems.conflict("so", primary="eu-west-1"), 409, "conflict"),
        (InvalidRequest("database", "x", "take another"), 400, "bad-request"),
        (TemporarilyUnavailable("throttled"), 503, "unavailable"),
        (PermissionMissing("the role may not"), 500, "internal"),
        (ZeroDivisionError("secret"), 500, "internal"),
        (KeyError("secret"), 500, "internal"),
    ],
)
def test_every_exception_becomes_a_problem_document(error, status, slug, capsys):
    answer = raising(error)
    found = body(answer)
    assert (answer["statusCode"], found["status"], found["type"]) == (status, status, f"/problems/{slug}")
    assert header(answer, "Content-Type") == "application/problem+json"
    assert "secret" not in answer["body"]
    assert (header(answer, "Retry-After") is not None) == (status == 503)
    if status >= 500:
        assert found["request_id"] == "c6af9ac6-7b61-11e6-9a41-93e8deadbeef"
    out = capsys.readouterr()
    line = json.loads(out.out)
    assert (line["problem"], line["Faults"]) == (slug, int(status >= 500))
    assert ("error" in line) == (status >= 500)
    assert "secret" not in out.out + out.err


def test_the_log_names_the_causes_and_where_they_are(capsys):
    def work():
        try:
            raise OSError(111, "secret")  # noqa: TRY301
        except OSError as error:
            raise TemporarilyUnavailable("nobody answers") from error

    answering(work)()
    first, second = json.loads(capsys.readouterr().out)["error"]
    assert (first["kind"], first["text"]) == ("handlers.core.errors.TemporarilyUnavailable", "nobody answers")
    assert (second["kind"], second["code"]) == ("builtins.ConnectionRefusedError", 111)
    assert second["at"][-1].endswith(" work")


def test_an_error_of_aws_is_named_by_code_and_operation(capsys):
    error = type("ClientError", (Exception,), {})("secret")
    error.response, error.operation_name = {"Error": {"Code": "ThrottlingException", "Message": "secret"}}, "Query"
    raising(error)
    (told,) = json.loads(capsys.readouterr().out)["error"]
    assert (told["code"], told["operation"]) == ("ThrottlingException", "Query")


def test_a_problem_quoting_the_client_is_not_told_as_a_cause(capsys):
    def work():
        try:
            raise problems.bad_request("title", "secret", "no")
        except problems.Problem:
            1 / 0  # noqa: B018  # the fault

    answering(work)()
    assert "secret" not in capsys.readouterr().out


def test_one_line_of_json_is_log_and_metrics(capsys):
    answer = answering(lambda: {"x": 1})(resource='/x/{y}"\n')
    assert (answer["statusCode"], answer["body"]) == (200, '{"x":1}')
    (text,) = capsys.readouterr().out.splitlines()
    line = json.loads(text)
    declared, by_version = line["_aws"]["CloudWatchMetrics"]
    assert declared["Namespace"] == "Holdfast"
    assert declared["Dimensions"] == [["Deployment", "Function"]]
    assert {metric["Name"]: metric["Unit"] for metric in declared["Metrics"]} == {
        "Requests": "Count", "RequestMilliseconds": "Milliseconds", "Faults": "Count",
    }  # fmt: skip
    assert by_version["Dimensions"] == [["Deployment", "Function", "Version"]]
    assert by_version["Metrics"] == [{"Name": "Faults", "Unit": "Count"}]
    assert {"Requests", "RequestMilliseconds", "Faults", "Deployment", "Function", "Version"} <= line.keys()
    assert (line["Deployment"], line["route"], line["status"]) == ("holdfast-test", '/x/{y}"\n', 200)
    assert abs(line["_aws"]["Timestamp"] - line["timestamp"] * 1000) < 1


def test_one_request_leaves_nothing_to_the_next(capsys):
    errors = iter([problems.not_found("x"), None])

    def work():
        if error := next(errors):
            raise error
        return {}

    ask = answering(work)
    assert [ask()["statusCode"], ask()["statusCode"]] == [404, 200]
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert "problem" in first
    assert "problem" not in second


def test_every_answer_can_be_read_from_another_origin_and_is_never_stored():
    for answer in (raising(ZeroDivisionError()), answering(dict)(), answering(dict)(path="/nowhere")):
        assert header(answer, "Access-Control-Allow-Origin") == "*"
        assert {"ETag", "Location", "Retry-After"} <= set(header(answer, "Access-Control-Expose-Headers").split(","))
        assert header(answer, "Cache-Control") == "no-store"


@pytest.mark.parametrize(
    "event", [{}, {"httpMethod": "GET"}, {"httpMethod": "GET", "path": "/x"}, {"requestContext": None}]
)
def test_an_event_that_is_none_of_the_gateways_is_answered_too(event, capsys):
    app = APIGatewayRestResolver()
    answer = serve(app, "p")(event, None)
    assert answer["statusCode"] in (404, 500)
    assert json.loads(capsys.readouterr().out)["status"] == answer["statusCode"]


def test_the_deployments_name_is_read_with_the_first_request(monkeypatch, capsys):
    handler = serve(APIGatewayRestResolver())
    monkeypatch.setenv("PREFIX", "holdfast-late")
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "holdfast-late-serve-resources")
    handler(request("GET", "/x"), None)
    line = json.loads(capsys.readouterr().out)
    assert (line["Deployment"], line["Function"]) == ("holdfast-late", "holdfast-late-serve-resources")


def test_the_callers_name_is_the_users_or_the_clients():
    event = request("GET", "/x", who="user")
    assert caller(event) == "user"
    event["requestContext"]["authorizer"]["claims"] = {"client_id": "machine"}
    assert caller(event) == "machine"
    assert caller({"requestContext": {"authorizer": None}}) == caller({}) == ""


def test_a_location_is_below_the_path_that_the_client_used():
    assert location(request("POST", "/items"), "a") == "/api/items/a"
    assert location({"path": "/items/", "requestContext": {}}, "a") == "/items/a"


# ---- metrics ---------------------------------------------------------------------------------------------------------


def test_a_metric_is_published_under_each_set_of_dimensions(monkeypatch, capsys):
    monkeypatch.setenv("PREFIX", "holdfast-test")
    metrics.record({"AgeSeconds": (12, metrics.SECONDS)}, {"Database": "orders"}, more_dimensions=[()], point="p")
    line = json.loads(capsys.readouterr().out)
    assert line["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["Deployment", "Database"], ["Deployment"]]
    assert line["_aws"]["CloudWatchMetrics"][0]["Metrics"] == [{"Name": "AgeSeconds", "Unit": "Seconds"}]
    assert (line["AgeSeconds"], line["Database"], line["Deployment"], line["point"]) == (
        12,
        "orders",
        "holdfast-test",
        "p",
    )


def test_a_metric_without_dimensions_is_the_deployments(capsys):
    metrics.record({"Lost": (1, metrics.COUNT)})
    assert json.loads(capsys.readouterr().out)["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["Deployment"]]


# ---- documents -------------------------------------------------------------------------------------------------------


def test_a_route_documents_its_answers_and_those_of_every_such_route():
    found = operation(
        "getThing",
        "A thing",
        scope="things:read",
        tag="things",
        answers={200: Answer("It.", "Thing", {"ETag": "Its version."}), 404: Answer("Gone.", "Problem")},
        parameters=[
            in_path("thing_id", "Which.", {"type": "string"}),
            in_query("deep", "Whether.", {"type": "string"}),
        ],
    )
    assert list(found["responses"]) == [200, 400, 401, 403, 404, 429, 500, 503, 504]
    assert found["responses"][200] == {
        "description": "It.",
        "headers": {"ETag": {"description": "Its version.", "schema": {"type": "string"}}},
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}},
    }
    assert found["responses"][404]["description"] == "Gone."
    assert list(found["responses"][429]["content"]) == ["application/problem+json"]
    assert found["security"] == [{"oauth": ["holdfast/things:read"]}]
    assert [parameter["name"] for parameter in found["openapi_extensions"]["parameters"]] == ["thing_id", "deep"]
    assert "requestBody" not in found["openapi_extensions"]


def test_a_route_that_anybody_may_ask_and_one_with_a_body():
    anybody = operation("a", "A", scope=None, tag="t", answers={})
    assert anybody["security"] == []
    assert 401 not in anybody["responses"]
    writing = operation("b", "B", scope="s", tag="t", answers={}, body="New")
    assert {413, 415} <= set(writing["responses"])
    assert writing["openapi_extensions"]["requestBody"]["required"] is True


@pytest.mark.parametrize("module", [serve_resources, report_health])
def test_every_answer_of_every_route_is_documented(module):
    for route in module.app._static_routes + module.app._dynamic_routes:
        assert {400, 403, 429, 500, 503, 504} <= set(route.responses), route.operation_id
        for answer in route.responses.values():
            json.dumps(answer)


# ---- schemas ---------------------------------------------------------------------------------------------------------


def test_the_validator_knows_all_that_our_schemas_use():
    schema = {
        "type": "object",
        "required": ["list"],
        "properties": {
            "list": {"type": "array", "maxItems": 2, "items": {"type": "string", "enum": ["a", "b"]}},
            "flag": {"type": "boolean", "default": False},
            "name": {"type": "string", "pattern": "^[a-z]+$"},
        },
    }
    assert checked({"list": ["a"]}, schema, "body") == {"list": ["a"], "flag": False}
    for wrong, field in (
        ({"list": ["a"] * 3}, "list"), ({"list": ["c"]}, "list[0]"), ({"list": "a"}, "list"),
        ({"list": [], "flag": 0}, "flag"), ({"list": [], "name": "A"}, "name"), ({"list": [], "other": 1}, "other"),
    ):  # fmt: skip
        with pytest.raises(problems.Problem) as refused:
            checked(wrong, schema, "body")
        assert refused.value.members == {"field": field}


# ---- health ----------------------------------------------------------------------------------------------------------


def test_the_shallow_check_asks_nobody(tables):
    before = tables.logins()
    answer = report_health.handler(request("GET", "/health"), None)
    assert (answer["statusCode"], body(answer)) == (200, {"status": "ok", "region": "eu-west-1", "checks": {}})
    assert tables.logins() == before


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")  # as in test_database.py
def test_the_deep_check_goes_to_the_database_and_names_it_when_it_is_down(tables, capsys):
    deep = request("GET", "/health", query={"deep": "true"})
    answer = report_health.handler(deep, None)
    assert answer["statusCode"] == 200
    assert list(body(answer)["checks"]) == ["database"]

    tables.kill()
    answer = report_health.handler(deep, None)
    assert (answer["statusCode"], body(answer)["down"]) == (503, ["database"])
    assert header(answer, "Retry-After") == "5"
    assert "127.0.0.1" not in answer["body"]
    assert "handlers.core.errors.TemporarilyUnavailable" in capsys.readouterr().out
    tables.revive()
    assert report_health.handler(deep, None)["statusCode"] == 200


@pytest.mark.usefixtures("tables")
def test_a_deployment_without_a_database_has_nothing_to_check(monkeypatch):
    monkeypatch.setenv("DATABASE_HOST", "none")
    answer = report_health.handler(request("GET", "/health", query={"deep": "true"}), None)
    assert (answer["statusCode"], body(answer)["checks"]) == (200, {})


@pytest.mark.usefixtures("tables")
def test_deep_is_true_or_false():
    assert report_health.handler(request("GET", "/health", query={"deep": "1"}), None)["statusCode"] == 400
    assert report_health.handler(request("GET", "/health", query={"deep": "false"}), None)["statusCode"] == 200
