"""What API Gateway checks of a request before the integration sees it: its size, its parameters, its body.

https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-method-request-validation.html
"""

import json
from typing import Any

from ministack.services import apigateway_v1

from sandbox.engine.apigateway.calls import Call

MOST_BYTES = 10 * 1024 * 1024  # https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html
JSON = "application/json"


class Refusal(Exception):
    """API Gateway answers itself, with the gateway response of that type."""

    def __init__(self, kind: str, message: str | None) -> None:
        super().__init__(message or kind)
        self.kind = kind
        self.message = message


def require_size(call: Call) -> None:
    """Refuse a body that is too large.

    Raises:
        Refusal: It is.
    """
    if len(call.body) > MOST_BYTES:
        raise Refusal("REQUEST_TOO_LARGE", f"HTTP content length exceeded {MOST_BYTES} bytes.")


def require_valid(call: Call) -> None:
    """Check a request by the validator of its method, which may ask for parameters, for the body, for both.

    A body of a content type that no model is for is not checked at all, on AWS as here: functions must.

    Raises:
        Refusal: A parameter is missing, or the body does not fit its model.
    """
    validator = apigateway_v1._request_validators.get(call.key, {}).get(call.method.get("requestValidatorId")) or {}
    if validator.get("validateRequestParameters"):
        missing = apigateway_v1._missing_request_parameters(
            call.method, {"path_params": call.path_parameters}, call.headers, call.query
        )
        if missing:
            raise Refusal("BAD_REQUEST_PARAMETERS", f"Missing required request parameters: [{', '.join(missing)}]")
    models = call.method.get("requestModels") or {}
    content_type = (call.header("content-type") or JSON).partition(";")[0].strip().lower()
    name = models.get(content_type) or models.get("$default")
    if validator.get("validateRequestBody") and name:
        require_valid_body(call, name)


def require_valid_body(call: Call, model: str) -> None:
    """Check the body.

    Raises:
        Refusal: It is no JSON, or does not fit the model.
    """
    schema = apigateway_v1._model_schema(call.key, model)
    try:
        document = json.loads(call.body)
        is_valid = apigateway_v1._json_depth(document) <= apigateway_v1._MAX_BODY_DEPTH and (
            apigateway_v1._json_schema_valid(schema, document, schema)
        )
    except (ValueError, RecursionError):
        call.validation_error = "[Invalid JSON]"
        raise Refusal("BAD_REQUEST_BODY", "Invalid request body") from None
    if not is_valid:
        call.validation_error = f"[{'; '.join(reasons(schema, document)) or 'body does not match the model'}]"
        raise Refusal("BAD_REQUEST_BODY", "Invalid request body")


def reasons(schema: Any, document: Any) -> list[str]:
    """Why a body does not fit, at its top level; AWS's text is longer."""
    if not isinstance(schema, dict) or not isinstance(document, dict):
        return []
    known = schema.get("properties") or {}
    missing = sorted(set(schema.get("required") or []) - document.keys())
    unknown = sorted(document.keys() - known.keys()) if schema.get("additionalProperties") is False else []
    wrong = [
        name
        for name, value in document.items()
        if name in known and not apigateway_v1._json_schema_valid(known[name], value, schema)
    ]
    return [
        *([f"object has missing required properties ({json.dumps(missing)})"] if missing else []),
        *(
            [f"object instance has properties which are not allowed by the schema: {json.dumps(unknown)}"]
            if unknown
            else []
        ),
        *(f"instance of {name} does not match its schema" for name in wrong),
    ]
