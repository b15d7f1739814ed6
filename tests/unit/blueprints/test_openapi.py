"""A document from operations: ordered, shared, complete, and without what nobody refers to."""

from __future__ import annotations

from typing import Any

import pytest

from blueprints import openapi

LIMIT = {"name": "page_limit", "in": "query", "required": False, "schema": {"type": "integer"}}


def problem(text: str) -> dict[str, Any]:
    return {"description": text, "content": {openapi.PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}}}}


def operation(name: str, *parameters: dict[str, Any], schema: str = "Thing", **answers: dict[str, Any]) -> Any:
    body = {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
    return {
        "operationId": name,
        "tags": ["items"],
        "security": [{"oauth": ["holdfast/items:read"]}],
        "parameters": list(parameters),
        "responses": {"200": {"description": "Here.", "content": body}, "400": problem("Wrong."), **answers},
        "x-holdfast-function": "serve_resources",
    }


SCHEMAS = {
    "Problem": {"type": "object"},
    "Thing": {"properties": {"part": {"$ref": "#/components/schemas/Part"}, "name": {"type": ["string", "null"]}}},
    "Part": {"type": "object"},
    "Unused": {"type": "object"},
}
TWO = {
    ("/b", "get"): operation("getB", LIMIT),
    ("/a", "delete"): operation("deleteA"),
    ("/a", "get"): operation("a", LIMIT),
}


def test_paths_and_methods_stand_in_a_fixed_order() -> None:
    paths = openapi.assembled(TWO, SCHEMAS)["paths"]
    assert [(path, list(item)) for path, item in paths.items()] == [("/a", ["get", "delete"]), ("/b", ["get"])]


def test_what_several_operations_have_is_written_once() -> None:
    document = openapi.assembled(TWO, SCHEMAS)
    assert document["components"]["parameters"] == {"PageLimit": LIMIT}
    assert document["components"]["responses"] == {"BadRequest": problem("Wrong.")}
    assert document["paths"]["/b"]["get"]["parameters"] == [{"$ref": "#/components/parameters/PageLimit"}]
    assert document["paths"]["/b"]["get"]["responses"]["400"] == {"$ref": "#/components/responses/BadRequest"}


def test_what_differs_under_one_name_stays_where_it_is() -> None:
    other = {**LIMIT, "schema": {"type": "string"}}
    operations = {
        **TWO,
        ("/c", "get"): operation("c", other),
        ("/d", "get"): operation("d", **{"400": problem("Else.")}),
    }
    document = openapi.assembled(operations, SCHEMAS)
    assert document["paths"]["/c"]["get"]["parameters"] == [other]
    assert document["paths"]["/d"]["get"]["responses"]["400"] == problem("Else.")


def test_only_schemas_that_are_referred_to_are_there_and_in_the_words_of_openapi() -> None:
    schemas = openapi.assembled(TWO, SCHEMAS)["components"]["schemas"]
    assert schemas.keys() == {"Problem", "Thing", "Part"}
    assert schemas["Thing"]["properties"]["name"] == {"type": "string", "nullable": True}


def test_a_schema_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(KeyError, match="Nothing"):
        openapi.assembled({("/a", "get"): operation("a", schema="Nothing")}, SCHEMAS)


def test_only_scopes_that_are_asked_for_are_offered() -> None:
    flows = openapi.assembled(TWO, SCHEMAS)["components"]["securitySchemes"]["oauth"]["flows"]
    assert {name: list(flow["scopes"]) for name, flow in flows.items()} == {
        "authorizationCode": ["holdfast/items:read"],
        "clientCredentials": ["holdfast/items:read"],
    }


def test_clients_learn_nothing_of_our_functions() -> None:
    document = openapi.assembled(TWO, SCHEMAS)
    public = openapi.public(document)
    assert "x-holdfast-function" in document["paths"]["/a"]["get"]
    assert "x-holdfast-function" not in public["paths"]["/a"]["get"]
    assert public["servers"] == [{"url": "/api"}]


def test_the_gateway_finds_answers_and_parameters_in_their_places() -> None:
    document = openapi.assembled(TWO, SCHEMAS)
    inlined = openapi.inlined(document)
    assert inlined["components"].keys() == {"schemas", "securitySchemes"}
    assert inlined["paths"]["/a"]["get"] == TWO["/a", "get"]
    assert "$ref" in document["paths"]["/a"]["get"]["responses"]["400"], "the document itself was changed"


def test_the_gateway_leaves_it_to_the_handlers_to_miss_a_header() -> None:
    header = {"name": "If-Match", "in": "header", "required": True, "schema": {"type": "string"}}
    path = {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}
    document = openapi.assembled({("/a/{id}", "put"): operation("putA", header, path)}, SCHEMAS)
    (operation_,) = openapi.inlined(document)["paths"]["/a/{id}"].values()
    assert operation_["parameters"] == [{**header, "required": False}, path]
    assert document["paths"]["/a/{id}"]["put"]["parameters"] == [header, path]
