"""What a route says about itself, as arguments of Powertools' decorators: the one source of the OpenAPI document.

``@router.get("/items/<item_id>", **operation("getItem", "One item", scope="items:read", tag="items", …))``
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from handlers.rest.problems import CONTENT_TYPE

RESOURCE_SERVER = "holdfast"  # scopes are named holdfast/items:read in tokens and in the document
SCHEMAS = "#/components/schemas/"
PROBLEM = "Problem"


@dataclass(frozen=True)
class Answer:
    """One documented answer.

    Args:
        description: When it comes.
        schema: Name of the schema of its body; none if it has no body.
        headers: Name to description.
        content_type: Of its body.
    """

    description: str
    schema: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json"

    def document(self) -> dict[str, Any]:
        """As OpenAPI wants it."""
        found: dict[str, Any] = {"description": self.description}
        if self.headers:
            found["headers"] = {
                name: {"description": text, "schema": {"type": "string"}} for name, text in self.headers.items()
            }
        if self.schema:
            found["content"] = {self.content_type: {"schema": {"$ref": SCHEMAS + self.schema}}}
        return found


def problem(description: str, *, retry: bool = False) -> Answer:
    """An answer that is a problem document; *retry* if it says when to try again."""
    headers = {"Retry-After": "Seconds after which to try again."} if retry else {}
    return Answer(description, PROBLEM, headers, CONTENT_TYPE)


# Answers of the gateway (403 of its firewall, 429, 504 after 29 s) are documented with ours: the client sees one API.
# https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html
_EVERYWHERE = {
    400: problem("A parameter or the body is not as documented."),
    403: problem("The token lacks the scope, or the firewall refused the request."),
    429: problem("Too many requests; slow down.", retry=True),
    500: problem("Something broke here."),
    503: problem("Not available just now.", retry=True),
    504: problem("It took too long; the request may have been carried out."),
}
_WITH_SCOPE = {401: problem("No valid token.")}
_WITH_PATH = {404: problem("There is no such thing.")}
_WITH_BODY = {413: problem("The body is too large."), 415: problem("The body is not JSON.")}


def operation(  # noqa: PLR0913  # the members of an OpenAPI operation
    operation_id: str,
    summary: str,
    *,
    scope: str | None,
    tag: str,
    answers: Mapping[int, Answer],
    parameters: Sequence[Mapping[str, Any]] = (),
    body: str | None = None,
    description: str = "",
) -> dict[str, Any]:
    """Keyword arguments for the route; the problems that any such route may answer are added to *answers*.

    Args:
        operation_id: camelCase; generated clients name their function after it.
        summary: One line.
        scope: What the token must allow, ``items:read``; ``None`` if anybody may ask.
        tag: Heading in the document.
        answers: Status to answer, its own ones.
        parameters: Made by :func:`in_path`, :func:`in_query`, :func:`in_header`.
        body: Name of the schema of the JSON body that it needs.
        description: More than the summary says, in Markdown.
    """
    has_path = any(parameter["in"] == "path" for parameter in parameters)
    documented = {
        **_EVERYWHERE,
        **(_WITH_SCOPE if scope else {}),
        **(_WITH_PATH if has_path else {}),
        **(_WITH_BODY if body else {}),
        **answers,
    }
    extensions: dict[str, Any] = {"parameters": [dict(parameter) for parameter in parameters]}
    if body:
        extensions["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": {"$ref": SCHEMAS + body}}},
        }
    return {
        "operation_id": operation_id,
        "summary": summary,
        "description": description or summary,
        "tags": [tag],
        "security": [{"oauth": [f"{RESOURCE_SERVER}/{scope}"]}] if scope else [],
        "responses": {status: documented[status].document() for status in sorted(documented)},
        "openapi_extensions": extensions,
    }


def in_path(name: str, description: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    """A parameter that is part of the path; *name* as in ``<name>`` of the route."""
    return {"name": name, "in": "path", "required": True, "description": description, "schema": dict(schema)}


def in_query(name: str, description: str, schema: Mapping[str, Any], *, required: bool = False) -> dict[str, Any]:
    """A parameter behind the question mark."""
    return {"name": name, "in": "query", "required": required, "description": description, "schema": dict(schema)}


def in_header(name: str, description: str, schema: Mapping[str, Any], *, required: bool = False) -> dict[str, Any]:
    """A header of the request."""
    return {"name": name, "in": "header", "required": required, "description": description, "schema": dict(schema)}
