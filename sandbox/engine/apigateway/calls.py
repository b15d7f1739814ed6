"""One request on its way through API Gateway, and what mappings, templates and access logs may read of it.

https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-mapping-template-reference.html
"""

import base64
import os
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from ministack.core.responses import get_request_client_ip

Json = dict[str, Any]
Answer = tuple[int, dict[str, Any], bytes]


@dataclass
class Call:
    """A request, filled in on its way.

    Attributes:
        key: Under which MiniStack's stores hold the deployed copy of the API.
        gateway_error: The type of the gateway response, when API Gateway itself refused.
        integration_status: What the integration answered, None when it was not reached.
    """

    api_id: str
    account: str
    region: str
    stage_name: str
    method_name: str
    path: str
    headers: dict[str, str]
    query: dict[str, list[str]]
    body: bytes
    key: str = ""
    stage: Json = field(default_factory=dict)
    resource: Json = field(default_factory=dict)
    method: Json = field(default_factory=dict)
    path_parameters: dict[str, str] = field(default_factory=dict)
    authorizer: Json | None = None
    api_key: Json | None = None
    caller: Json | None = None
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    extended_id: str = field(default_factory=lambda: base64.b64encode(os.urandom(11)).decode())
    trace_id: str = field(default_factory=lambda: f"Root=1-{int(time.time()):08x}-{os.urandom(12).hex()}")
    began: float = field(default_factory=time.time)
    gateway_error: str | None = None
    error_message: str | None = None
    validation_error: str | None = None
    integration_status: int | None = None
    integration_seconds: float | None = None

    @property
    def integration(self) -> Json:
        """The integration of the method."""
        found: Json = self.method.get("methodIntegration") or {}
        return found

    @property
    def host(self) -> str:
        """The name by which the caller reached the API."""
        return self.headers.get("host", "").partition(":")[0]

    @property
    def resource_path(self) -> str:
        """The path as the API declares it."""
        return str(self.resource.get("path", ""))

    @property
    def arn(self) -> str:
        """The ARN of the method in its stage, which policies of functions see as ``aws:SourceArn``."""
        where = f"arn:aws:execute-api:{self.region}:{self.account}:{self.api_id}"
        return f"{where}/{self.stage_name}/{self.method_name}{self.resource_path}"

    @property
    def source_ip(self) -> str:
        """The address of the caller: the connection's, whatever headers it sends."""
        return str(get_request_client_ip())

    def header(self, name: str) -> str | None:
        """A request header, whatever its capitals."""
        return self.headers.get(name.lower())

    def context(self) -> dict[str, Any]:
        """``$context`` by dotted name.

        https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-variables-for-access-logging.html
        """
        began = datetime.fromtimestamp(self.began, UTC)
        claims = (self.authorizer or {}).get("claims") or {}
        found = {
            "accountId": self.account,
            "apiId": self.api_id,
            "awsEndpointRequestId": self.request_id,
            "deploymentId": self.stage.get("deploymentId"),
            "domainName": self.host,
            "domainPrefix": self.host.partition(".")[0],
            "extendedRequestId": self.extended_id,
            "httpMethod": self.method_name,
            "identity.apiKeyId": (self.api_key or {}).get("id"),
            "identity.sourceIp": self.source_ip,
            "identity.userAgent": self.headers.get("user-agent"),
            "path": f"/{self.stage_name}{self.path}",
            "protocol": "HTTP/1.1",
            "requestId": self.request_id,
            "requestTime": f"{began:%d/%b/%Y:%H:%M:%S +0000}",
            "requestTimeEpoch": int(self.began * 1000),
            "resourceId": self.resource.get("id"),
            "resourcePath": self.resource_path or None,
            "stage": self.stage_name,
            "xrayTraceId": self.trace_id.partition("=")[2] if self.stage.get("tracingEnabled") else None,
            "error.message": self.error_message,
            "error.responseType": self.gateway_error,
            "error.validationErrorString": self.validation_error,
            "integrationStatus": self.integration_status,
            "integration.status": self.integration_status,
            "integrationLatency": milliseconds(self.integration_seconds),
            "integration.latency": milliseconds(self.integration_seconds),
            "responseLatency": milliseconds(time.time() - self.began),
            **{f"authorizer.claims.{name}": value for name, value in claims.items()},
        }
        return {name: value for name, value in found.items() if value is not None}


def milliseconds(seconds: float | None) -> int | None:
    """Whole milliseconds."""
    return None if seconds is None else int(seconds * 1000)


def value_of(expression: str, call: Call, response: Answer | None = None) -> Any:
    """What a mapping expression gives, None when its source is absent.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/request-response-data-mappings.html
    """
    if expression.startswith("'") and expression.endswith("'"):
        return expression[1:-1]
    for prefix, find in SOURCES.items():
        if expression.startswith(prefix):
            return find(call, expression.removeprefix(prefix))
    if response is None:
        return None
    if expression == "integration.response.body":
        return response[2].decode(errors="replace")
    wanted = expression.removeprefix("integration.response.header.").lower()
    return next((value for header, value in response[1].items() if header.lower() == wanted), None)


SOURCES: dict[str, Callable[[Call, str], Any]] = {
    "method.request.header.": lambda call, name: call.header(name),
    "method.request.querystring.": lambda call, name: next(reversed(call.query.get(name, [])), None),
    "method.request.path.": lambda call, name: call.path_parameters.get(name),
    "method.request.body": lambda call, _: call.body.decode(errors="replace"),
    "stageVariables.": lambda call, name: (call.stage.get("variables") or {}).get(name),
    "context.": lambda call, name: call.context().get(name),
}


def matching_template(templates: dict[str, str], content_type: str) -> str | None:
    """The template for a content type, None when there is none."""
    wanted = content_type.partition(";")[0].strip().lower()
    return next((text for key, text in templates.items() if key.partition(";")[0].strip().lower() == wanted), None)
