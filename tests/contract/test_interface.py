"""The interface: its document is valid, says all that the routes do and no more, and the handlers keep to it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest
from openapi_schema_validator import OAS30Validator
from openapi_spec_validator import validate

from blueprints import interface, openapi
from handlers import report_health, serve_catalogue, serve_resources

ROOT = Path(__file__).parents[2]
WHOLE = interface.document(database=True)
MODULES = {module.__name__.rpartition(".")[2]: module for module in (report_health, serve_catalogue, serve_resources)}
WRITES = ("post", "put", "patch", "delete")


class Documented(NamedTuple):
    """An operation where it was found."""

    path: str
    method: str
    operation: dict[str, Any]

    def parameter(self, name: str) -> dict[str, Any] | None:
        return next((each for each in self.operation["parameters"] if each["name"] == name), None)

    def body(self) -> dict[str, Any] | None:
        """The media type of the request, if it has one."""
        found: dict[str, Any] = self.operation.get("requestBody", {}).get("content", {})
        return found.get("application/json")


OPERATIONS = [
    Documented(path, method, operation)
    for path, item in openapi.inlined(WHOLE)["paths"].items()
    for method, operation in item.items()
]
each_operation = pytest.mark.parametrize("it", OPERATIONS, ids=lambda it: it.operation["operationId"])


def below(node: Any) -> Iterator[dict[str, Any]]:
    """Each object in *node*."""
    if isinstance(node, dict):
        yield node
    for part in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from below(part)


@pytest.mark.parametrize("database", [True, False])
@pytest.mark.parametrize("form", [openapi.public, openapi.inlined, lambda document: document])
def test_the_document_is_valid(form: Any, *, database: bool) -> None:
    validate(form(interface.document(database=database)))


def test_every_route_is_documented_once_under_its_function() -> None:
    served = {
        (name, route.openapi_path, route.method.lower())
        for name, module in MODULES.items()
        for route in (*module.app._static_routes, *module.app._dynamic_routes)
    }
    documented = [
        (operation[interface.FUNCTION], path, method)
        for path, item in WHOLE["paths"].items()
        for method, operation in item.items()
    ]
    assert sorted(documented) == sorted(served)
    names = [it.operation["operationId"] for it in OPERATIONS]
    assert len(set(names)) == len(names)


def test_without_a_database_no_resource_is_served() -> None:
    without = interface.document(database=False)
    functions = {operation[interface.FUNCTION] for item in without["paths"].values() for operation in item.values()}
    assert functions == {"report_health", "serve_catalogue"}


def test_every_component_is_used_and_every_reference_leads_somewhere() -> None:
    used = {node["$ref"] for node in below(WHOLE) if "$ref" in node}
    there = {
        f"#/components/{kind}/{name}"
        for kind, parts in WHOLE["components"].items()
        if kind != "securitySchemes"
        for name in parts
    }
    assert used == there


@each_operation
def test_names_follow_one_rule(it: Documented) -> None:
    assert re.fullmatch(r"(/[a-z][a-z-]*|/\{[a-z_]+\})+", it.path)
    assert re.fullmatch(r"[a-z]+([A-Z][a-z]+)+", it.operation["operationId"])
    named = [each["name"] for each in it.operation["parameters"] if each["in"] == "path"]
    assert named == re.findall(r"\{(.*?)\}", it.path)
    for each in it.operation["parameters"]:
        pattern = r"[A-Z][a-z]+(-[A-Z][a-z]+)*" if each["in"] == "header" else r"[a-z]+(_[a-z]+)*"
        assert re.fullmatch(pattern, each["name"])
        assert each["description"].endswith(".")


@each_operation
def test_who_reads_needs_less_than_who_writes(it: Documented) -> None:
    if it.path == "/health":
        assert it.operation["security"] == []
    else:
        ((scope,),) = (need["oauth"] for need in it.operation["security"])
        assert scope.endswith(":write" if it.method in WRITES else ":read")


@each_operation
def test_what_a_client_must_know_to_be_safe_is_said(it: Documented) -> None:
    answers = it.operation["responses"]
    assert {"400", "429", "500", "503"} <= answers.keys()
    if it.operation["security"]:
        assert {"401", "403"} <= answers.keys()
    if "{" in it.path:
        assert "404" in answers
    if it.method in WRITES:
        assert it.parameter("Idempotency-Key")
        assert "422" in answers, "a key that was used for something else"
    if it.method in ("put", "delete"):
        assert it.parameter("If-Match")
        assert {"412", "428"} <= answers.keys()
    for status, answer in answers.items():
        if int(status) >= 400:
            assert list(answer["content"]) == [openapi.PROBLEM]
        assert answer["description"].endswith(".")


@each_operation
def test_a_list_has_pages(it: Documented) -> None:
    if it.parameter("cursor"):
        limit = it.parameter("limit")
        assert limit
        assert {"minimum", "maximum", "default"} <= limit["schema"].keys()
        page = resolved(it.operation["responses"]["200"]["content"]["application/json"]["schema"])
        assert page["properties"]["next_cursor"]["nullable"]
        assert "next_cursor" in page["required"]


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    return WHOLE["components"]["schemas"][schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema


@each_operation
def test_the_gateway_understands_it(it: Documented) -> None:
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-known-issues.html"""
    references = [node["$ref"] for node in below(it.operation) if "$ref" in node]
    assert all(re.fullmatch(r"#/components/schemas/[A-Za-z0-9]+", reference) for reference in references)
    if body := it.body():
        for node in below(resolved(body["schema"])):
            assert not {"oneOf", "anyOf", "allOf", "discriminator", "exclusiveMinimum"} & node.keys()
            assert not node.get("nullable"), "the edge would refuse null"


@each_operation
def test_a_body_with_a_member_that_nobody_knows_is_refused(it: Documented) -> None:
    if body := it.body():
        assert resolved(body["schema"])["additionalProperties"] is False


def test_a_scope_that_nobody_can_get_is_an_error() -> None:
    operation = {"operationId": "fly", "security": [{"oauth": ["holdfast/wings"]}], "responses": {}}
    with pytest.raises(ValueError, match="holdfast/wings"):
        openapi.assembled({("/fly", "get"): operation}, {})


REQUESTS = {
    "health": (report_health, "GET", "/health", {}),
    "health in doubt": (report_health, "GET", "/health", {"queryStringParameters": {"deep": "perhaps"}}),
    "no database to ask": (report_health, "GET", "/health", {"queryStringParameters": {"deep": "true"}}),
    "no JSON": (serve_resources, "POST", "/items", {"body": "{"}),
    "no such page": (serve_resources, "GET", "/items", {"queryStringParameters": {"cursor": "x"}}),
    "no such limit": (serve_catalogue, "GET", "/recovery-points", {"queryStringParameters": {"limit": "0"}}),
    "no such point": (serve_catalogue, "GET", "/recovery-points/{point_id}", {}),
    "no database": (serve_catalogue, "POST", "/recovery-points", {"body": "{}"}),
}


@pytest.mark.parametrize("name", REQUESTS)
def test_what_a_handler_answers_is_documented(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that need no database and no AWS; the others are held against the document end to end."""
    module, method, path, more = REQUESTS[name]
    for variable in (field.name.upper() for field in fields(module.Environment)):
        monkeypatch.setenv(variable, "1")
    monkeypatch.setenv("DATABASE_HOST", "none")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    headers = {"Content-Type": "application/json"}
    event = {
        "httpMethod": method,
        "path": path.replace("{point_id}", "none"),
        "resource": path,
        "headers": headers,
        "multiValueHeaders": {key: [value] for key, value in headers.items()},
        "requestContext": {"requestId": "r", "authorizer": {"claims": {"sub": "s", "client_id": "c"}}},
        **more,
    }
    answer = module.handler(event, SimpleNamespace(aws_request_id="r"))
    documented = WHOLE["paths"][path][method.lower()]["responses"][str(answer["statusCode"])]
    if "$ref" in documented:
        documented = WHOLE["components"]["responses"][documented["$ref"].rpartition("/")[2]]
    ((kind, media),) = documented["content"].items()
    assert answer["multiValueHeaders"]["Content-Type"] == [kind]
    OAS30Validator(resolved(media["schema"])).validate(json.loads(answer["body"]))


def test_a_build_that_changes_no_handler_does_not_load_powertools(tmp_path: Path) -> None:
    program = f"""
import json, sys
from pathlib import Path
from blueprints import interface
interface.remember(Path({str(tmp_path / "openapi.json")!r}))
found = [interface.document(database=database) for database in (True, False)]
print(json.dumps([found, sorted({{"aws_lambda_powertools", "handlers", "pymysql"}} & sys.modules.keys())]))
"""

    def run() -> Any:
        done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
        return json.loads(done.stdout)

    cold, warm = run(), run()
    assert cold[0] == warm[0] == [WHOLE, interface.document(database=False)]
    assert "handlers" in cold[1]
    assert warm[1] == []


@pytest.mark.parametrize("text", ["", "[]", "{", '{"with database 0": {}}'])
def test_a_broken_memory_is_no_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    path = tmp_path / "openapi.json"
    path.write_text(text)
    monkeypatch.setattr(interface, "_path", path)
    monkeypatch.setattr(interface, "_known", {})
    assert interface.document(database=True) == WHOLE
    assert list(json.loads(path.read_text()).values()) == [WHOLE]
