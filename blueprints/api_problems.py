"""What API Gateway itself answers if a request never reaches a function: problems like the functions' own."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

# The console is on another origin; tokens are bearer tokens and there is no cookie, so any origin may ask.
EVERYWHERE = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "Retry-After,x-amzn-RequestId",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
}


class Refusal(NamedTuple):
    """One kind of answer, as the client sees it."""

    status: int
    slug: str
    title: str
    detail: str
    headers: tuple[tuple[str, str], ...] = ()


_INTERNAL = Refusal(500, "internal", "Something broke here", "Name the request_id when you ask for help")
_FORBIDDEN = Refusal(403, "forbidden", "Forbidden", "The token does not have the scope that this needs")
_SIGNED = Refusal(403, "forbidden", "Forbidden", "This API takes bearer tokens; signatures are for other APIs")
_BAD_BODY = Refusal(400, "bad-request", "Bad request", "The body is not as documented; compare it with the schema")
_BAD_PARAMETERS = Refusal(400, "bad-request", "Bad request", "A parameter or a header that is needed is missing")
# What there is no route for is "Missing Authentication Token" to API Gateway, and 403, which misleads.
_NOT_FOUND = Refusal(404, "not-found", "Not found", "There is no such operation")
_TIMED_OUT = Refusal(504, "timed-out", "It took too long", "It may have been carried out; look before you repeat")
_SLOW_DOWN = (("Retry-After", "1"),)
_TOMORROW = (("Retry-After", "3600"),)

# Every type that there is; for those of the future the two defaults.
# https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html
REFUSALS = {
    "ACCESS_DENIED": _FORBIDDEN,
    "API_CONFIGURATION_ERROR": _INTERNAL,
    "AUTHORIZER_CONFIGURATION_ERROR": _INTERNAL,
    "AUTHORIZER_FAILURE": _INTERNAL,
    "BAD_REQUEST_BODY": _BAD_BODY,
    "BAD_REQUEST_PARAMETERS": _BAD_PARAMETERS,
    "DEFAULT_4XX": Refusal(400, "bad-request", "Bad request", "The request can't be understood"),
    # 502, too, when a function broke off or had no room: the API documents 500.
    "DEFAULT_5XX": _INTERNAL,
    "EXPIRED_TOKEN": _SIGNED,
    "INTEGRATION_FAILURE": _TIMED_OUT,
    "INTEGRATION_TIMEOUT": _TIMED_OUT,
    "INVALID_API_KEY": Refusal(403, "forbidden", "Forbidden", "The API key is not valid"),
    "INVALID_SIGNATURE": _SIGNED,
    "MISSING_AUTHENTICATION_TOKEN": _NOT_FOUND,
    "QUOTA_EXCEEDED": Refusal(429, "quota-exceeded", "Quota exceeded", "The key has no more requests today", _TOMORROW),
    "REQUEST_TOO_LARGE": Refusal(413, "too-large", "Body too large", "The body may have 10 MB; send less"),
    "RESOURCE_NOT_FOUND": _NOT_FOUND,
    "THROTTLED": Refusal(429, "too-many-requests", "Too many requests", "Slow down, and try again", _SLOW_DOWN),
    "UNAUTHORIZED": Refusal(
        401, "unauthorized", "Unauthorized", "There is no valid token; log in again", (("WWW-Authenticate", "Bearer"),)
    ),
    "UNSUPPORTED_MEDIA_TYPE": Refusal(415, "unsupported-media-type", "Not JSON", "Send the body as application/json"),
    "WAF_FILTERED": Refusal(403, "filtered", "Forbidden", "The firewall takes the request for an attack"),
}


def gateway_responses() -> dict[str, Any]:
    """The value of ``x-amazon-apigateway-gateway-responses``."""
    return {kind: _response(refusal) for kind, refusal in REFUSALS.items()}


def _response(refusal: Refusal) -> dict[str, Any]:
    headers = {**EVERYWHERE, "Content-Type": "application/problem+json", **dict(refusal.headers)}
    return {
        "statusCode": str(refusal.status),
        "responseParameters": {f"gatewayresponse.header.{name}": f"'{value}'" for name, value in headers.items()},
        # API Gateway chooses a template by the request's Accept and falls back to this one; the header above says what
        # it is. The message that it offers itself may quote the request, so none of its variables but the id is used:
        # messageString is quoted for JSON, but says only "Invalid request body"; validationErrorString would name what
        # is wrong, and no page says that it is escaped, nor is there VTL here that could do it.
        # https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-mapping-template-reference.html
        # https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-gatewayResponse-definition.html
        "responseTemplates": {"application/json": problem(refusal, request_id="$context.requestId")},
    }


def problem(refusal: Refusal, **members: str) -> str:
    """The problem document as text."""
    return json.dumps(
        {
            "type": f"/problems/{refusal.slug}",
            "title": refusal.title,
            "status": refusal.status,
            "detail": refusal.detail,
            **members,
        }
    )
