"""An OpenAPI 3.0.1 document from operations: in a fixed order, complete, and nothing in it that nobody refers to.

3.0.1, since API Gateway imports no 3.1.
https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-import-api.html
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

Document = dict[str, Any]
Operation = dict[str, Any]

METHODS = ("get", "post", "put", "patch", "delete")  # in this order
TITLE = "Holdfast"
VERSION = "1"  # of the interface: another one would break clients
SERVER = "/api"  # where it lies below its host; with a domain of ours, at the root
# Where people and programs log in differs between deployments, but tools want an address.
AUTHORITY = "https://authority.invalid"
DESCRIPTION = """\
What can be restored, to when, and how we know; and the sample resource `/items`.

Log in at the deployment's authority (output `Authority` of its stack `api`; here it is `authority.invalid`) and send \
the access token as `Authorization: Bearer …`. Whatever goes wrong is told as a problem document (RFC 9457)."""
TAGS = {
    "health": "Is it up?",
    "items": "The sample resource, to be replaced by your own.",
    "databases": "What is protected, and how well.",
    "recovery-points": "What can be restored.",
}
SCOPES = {
    "holdfast/items:read": "Read items",
    "holdfast/items:write": "Create, change and delete items",
    "holdfast/backups:read": "See databases and their recovery points",
    "holdfast/backups:write": "Start recovery points",
    "holdfast/failover": "Start and approve failovers",
}
OWN = "x-holdfast-"  # members of an operation that only we read begin so
PROBLEM = "application/problem+json"
# Names of answers that several operations share; API Gateway's models, and so generated code, take letters and digits.
PROBLEMS = {
    "400": "BadRequest",
    "401": "Unauthorized",
    "403": "Forbidden",
    "404": "NotFound",
    "409": "Conflict",
    "412": "PreconditionFailed",
    "413": "TooLarge",
    "415": "UnsupportedMediaType",
    "422": "Unprocessable",
    "428": "PreconditionRequired",
    "429": "TooManyRequests",
    "500": "InternalError",
    "503": "Unavailable",
    "504": "TimedOut",
}


def assembled(operations: Mapping[tuple[str, str], Operation], schemas: Mapping[str, Any]) -> Document:
    """The document of *operations*, which are given by path and method and may refer to *schemas*.

    Raises:
        ValueError: an operation asks for a scope that is none of ours.
        KeyError: an operation refers to a schema that is not there.
    """
    paths: dict[str, dict[str, Operation]] = {}
    for path, method in sorted(operations, key=lambda each: (each[0], METHODS.index(each[1]))):
        paths.setdefault(path, {})[method] = operations[path, method]
    components: dict[str, dict[str, Any]] = {"parameters": {}, "responses": {}}
    paths = _shared(paths, components)
    components["schemas"] = _used(schemas, {"paths": paths, **components})
    used = list(operations.values())
    scopes = sorted({scope for each in used for need in each["security"] for scope in need["oauth"]})
    if unknown := set(scopes) - SCOPES.keys():
        raise ValueError(
            f"nobody can get the scope {', '.join(sorted(unknown))}: name it in SCOPES, or use one of those"
        )
    flow = {"tokenUrl": f"{AUTHORITY}/oauth2/token", "scopes": {scope: SCOPES[scope] for scope in scopes}}
    components["securitySchemes"] = {
        "oauth": {
            "type": "oauth2",
            "flows": {
                "authorizationCode": {"authorizationUrl": f"{AUTHORITY}/oauth2/authorize", **flow},
                "clientCredentials": flow,
            },
        }
    }
    tags = sorted({tag for each in used for tag in each["tags"]})
    return {
        "openapi": "3.0.1",
        "info": {"title": TITLE, "version": VERSION, "description": DESCRIPTION},
        "tags": [{"name": tag, "description": TAGS.get(tag, f"The resource `/{tag}`.")} for tag in tags],
        "paths": paths,
        "components": {kind: dict(sorted(parts.items())) for kind, parts in sorted(components.items()) if parts},
    }


def public(document: Document) -> Document:
    """What clients need to know of *document*: nothing of ours, and where it lies."""
    plain: Document = _rebuilt(
        document, lambda node: {name: part for name, part in node.items() if not name.startswith(OWN)}
    )
    head = {name: plain.pop(name) for name in ("openapi", "info")}
    return {**head, "servers": [{"url": SERVER}], **plain}


def inlined(document: Document) -> Document:
    """*document* as the gateway takes it: answers and parameters where they are used, and no header that it asks for.

    It resolves references to schemas only, and to it a missing ``If-Match`` is a bad request (400) like any other,
    where our handlers say what is wrong (428).
    """
    # https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-known-issues.html
    # https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-method-request-validation.html
    components = document["components"]
    named = {
        f"#/components/{kind}/{name}": part
        for kind in ("parameters", "responses")
        for name, part in components.get(kind, {}).items()
    }

    def placed(node: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = named.get(node.get("$ref", ""), node)
        return {**found, "required": False} if found.get("in") == "header" else found

    kept = {kind: parts for kind, parts in components.items() if kind not in ("parameters", "responses")}
    inlined: Document = _rebuilt({**document, "components": kept}, placed)
    return inlined


def _shared(paths: Any, components: dict[str, dict[str, Any]]) -> Any:
    """*paths* with references to parameters and problems that several operations have, which go to *components*."""
    operations = [operation for item in paths.values() for operation in item.values()]
    parameters = Counter(_text(each) for operation in operations for each in operation.get("parameters", []))
    problems = Counter(
        (status, _text(answer))
        for operation in operations
        for status, answer in operation["responses"].items()
        if PROBLEM in answer.get("content", {}) and status in PROBLEMS
    )
    names: dict[str, str] = {}  # text -> reference
    for text, count in sorted(parameters.items(), key=lambda each: (-each[1], each[0])):
        name = "".join(word[:1].upper() + word[1:] for word in json.loads(text)["name"].replace("_", "-").split("-"))
        if count > 1 and name not in components["parameters"]:
            components["parameters"][name] = json.loads(text)
            names[text] = f"#/components/parameters/{name}"
    for (status, text), count in sorted(problems.items(), key=lambda each: (-each[1], each[0])):
        if count > 1 and PROBLEMS[status] not in components["responses"]:
            components["responses"][PROBLEMS[status]] = json.loads(text)
            names[text] = f"#/components/responses/{PROBLEMS[status]}"
    return _rebuilt(paths, lambda node: {"$ref": names[text]} if (text := _text(node)) in names else node)


def _used(schemas: Mapping[str, Any], node: Any) -> dict[str, Any]:
    """Those of *schemas* that *node* refers to, and those that these refer to.

    Raises:
        KeyError: there is no such schema.
    """
    found: dict[str, Any] = {}
    waiting = [node]
    while waiting:
        for reference in _references(waiting.pop()):
            kind, _, name = reference.removeprefix("#/components/").partition("/")
            if kind == "schemas" and name not in found:
                found[name] = _rebuilt(schemas[name], _nullable)
                waiting.append(found[name])
    return found


def _nullable(node: dict[str, Any]) -> dict[str, Any]:
    """``{"type": ["string", "null"]}`` of JSON Schema as OpenAPI 3.0 says it."""
    if not isinstance(node.get("type"), list):
        return node
    (kind,) = (each for each in node["type"] if each != "null")
    return {**node, "type": kind, "nullable": True}


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for part in node.values():
            yield from _references(part)
    elif isinstance(node, list):
        for part in node:
            yield from _references(part)


def _rebuilt(node: Any, change: Callable[[dict[str, Any]], dict[str, Any]]) -> Any:
    """*node* with *change* made to each object in it, the outer ones first."""
    if isinstance(node, dict):
        return {name: _rebuilt(part, change) for name, part in change(node).items()}
    if isinstance(node, list):
        return [_rebuilt(part, change) for part in node]
    return node


def _text(node: Any) -> str:
    return json.dumps(node, sort_keys=True)
