"""An OpenAPI document as API Gateway reads it: references followed, one record per operation, models, validators.

https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-swagger-extensions.html
"""

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

JSON = "application/json"
METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "x-amazon-apigateway-any-method")
PLACES = {"query": "querystring", "header": "header", "path": "path"}
SCHEMA = re.compile(r"#/(?:components/schemas|definitions)/([^/]+)")
MODEL_NAME = re.compile(r"[a-zA-Z0-9]+")  # https://docs.aws.amazon.com/apigateway/latest/api/API_CreateModel.html
VERSIONS = ("2.0", "3.0.")  # https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-known-issues.html

Json = dict[str, Any]


class Refused(ValueError):
    """API Gateway does not import the document."""


@dataclass(frozen=True)
class Operation:
    """One method of one path; see `Document` for what the extensions say."""

    document: "Document"
    path: str
    method: str
    item: Json
    raw: Json

    @property
    def parameters(self) -> dict[str, bool]:
        """``method.request.…`` of every parameter, and whether it is required; the operation's go before the path's."""
        found = {}
        for raw in [*self.item.get("parameters", []), *self.raw.get("parameters", [])]:
            parameter = self.document.resolve(raw)
            if parameter["in"] in PLACES:
                required = bool(parameter.get("required", parameter["in"] == "path"))
                found[f"method.request.{PLACES[parameter['in']]}.{parameter['name']}"] = required
        return found

    @property
    def request_models(self) -> dict[str, str]:
        """Model by content type."""
        return self.document.models_of(self.document.resolve(self.raw.get("requestBody", {})))

    @property
    def responses(self) -> dict[str, Json]:
        """Method responses by status: ``responseParameters`` and ``responseModels``."""
        found = {}
        for status, raw in self.raw.get("responses", {}).items():
            response = self.document.resolve(raw)
            if str(status) != "default":  # which API Gateway has none of
                found[str(status)] = {
                    "responseParameters": {
                        f"method.response.header.{name}": False for name in response.get("headers", {})
                    },
                    "responseModels": self.document.models_of(response),
                }
        return found

    @property
    def integration(self) -> Json | None:
        """The extension ``x-amazon-apigateway-integration``."""
        return self.raw.get("x-amazon-apigateway-integration")

    @property
    def validator(self) -> str | None:
        """The name of the request validator: the operation's own or the document's."""
        name = "x-amazon-apigateway-request-validator"
        found: str | None = self.raw.get(name) or self.document.body.get(name)
        return found

    @property
    def security(self) -> list[dict[str, list[str]]]:
        """The operation's own security, also an empty one, or the document's."""
        own = self.raw.get("security")
        found: list[dict[str, list[str]]] = self.document.body.get("security", []) if own is None else own
        return found


@dataclass(frozen=True)
class Document:
    """A document and what it says for the whole API."""

    body: Json

    def check(self) -> None:
        """Refuse what API Gateway cannot import at all.

        Raises:
            Refused: It is of another version of OpenAPI.
        """
        version = str(self.body.get("openapi") or self.body.get("swagger") or "none")
        if not version.startswith(VERSIONS):
            raise Refused(f"Invalid OpenAPI input: version {version}; API Gateway takes 2.0 and 3.0")

    def extension(self, name: str, default: Any) -> Any:
        """What ``x-amazon-apigateway-<name>`` says."""
        return self.body.get(f"x-amazon-apigateway-{name}", default)

    def resolve(self, value: Json) -> Json:
        """The value behind a reference.

        Raises:
            Refused: It leads nowhere.
        """
        while "$ref" in value:
            found: Any = self.body
            for part in value["$ref"].removeprefix("#/").split("/"):
                if not isinstance(found, dict) or part not in found:
                    raise Refused(f"Unable to resolve the reference {value['$ref']}")
                found = found[part]
            value = found
        return value

    def operations(self) -> Iterator[Operation]:
        """Every operation."""
        for path, raw in self.body.get("paths", {}).items():
            item = self.resolve(raw)
            for method in METHODS:
                if method in item:
                    name = "ANY" if method.startswith("x-") else method.upper()
                    yield Operation(self, path, name, item, item[method])

    @cached_property
    def schemas(self) -> dict[str, Json]:
        """The models by name."""
        return dict((self.body.get("components") or {}).get("schemas") or self.body.get("definitions") or {})

    def models_of(self, message: Json) -> dict[str, str]:
        """Model by content type of a request body or a response; a schema without a name becomes a model as well."""
        found = {}
        for content_type, media in message.get("content", {}).items():
            schema = media.get("schema")
            if schema is None:
                continue
            named = SCHEMA.fullmatch(schema.get("$ref", ""))
            if named and named[1] not in self.schemas:
                raise Refused(f"Invalid model specified for the content type {content_type}: {named[1]}")
            if not named:
                name = "MODEL" + hashlib.sha256(json.dumps(schema, sort_keys=True).encode()).hexdigest()[:6]
                self.schemas[name] = schema
            found[content_type] = named[1] if named else name
        return found


def with_model_references(schema: Any, api_id: str) -> Any:
    """A schema whose references lead to models, as API Gateway writes them.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/models-mappings-models.html
    """
    if isinstance(schema, list):
        return [with_model_references(part, api_id) for part in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: with_model_references(part, api_id) for key, part in schema.items()}
    if isinstance(schema.get("$ref"), str) and (named := SCHEMA.fullmatch(schema["$ref"])):
        found["$ref"] = f"https://apigateway.amazonaws.com/restapis/{api_id}/models/{named[1]}"
    return found
