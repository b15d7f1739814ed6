"""Integrations that are not proxies: templates and parameters in, the integration response that fits out.

https://docs.aws.amazon.com/apigateway/latest/developerguide/how-to-mock-integration.html
https://docs.aws.amazon.com/apigateway/latest/developerguide/integration-passthrough-behaviors.html
"""

import json
import re
from typing import Any

from ministack.services import apigateway_v1

from sandbox.engine.apigateway.calls import Answer, Call, Json, matching_template, value_of
from sandbox.engine.apigateway.validation import Refusal

JSON = "application/json"
ERROR = "Internal server error"


def mock(call: Call) -> Answer:
    """What a MOCK integration answers: the response whose pattern fits the status that the request's template names.

    Raises:
        Refusal: The template names none, or no response is for it.
    """
    text = request_body(call).decode(errors="replace")
    try:
        status = int(json.loads(text)["statusCode"])
    except (ValueError, KeyError, TypeError):
        raise Refusal("API_CONFIGURATION_ERROR", ERROR) from None
    call.integration_status = status
    return respond(call, (status, {}, b""))


def request_body(call: Call) -> bytes:
    """The body for the integration: through the template for its content type, or as it came.

    Raises:
        Refusal: There is no template for it, and the integration takes nothing else.
    """
    integration = call.integration
    templates = integration.get("requestTemplates") or {}
    template = matching_template(templates, call.header("content-type") or JSON)
    if template is not None:
        return render(template, call, call.body.decode(errors="replace")).encode()
    behaviour = integration.get("passthroughBehavior") or "WHEN_NO_MATCH"
    if behaviour == "NEVER" or (behaviour == "WHEN_NO_TEMPLATES" and templates):
        raise Refusal("UNSUPPORTED_MEDIA_TYPE", "Unsupported Media Type")
    return call.body


def respond(call: Call, found: Answer) -> Answer:
    """The answer that the integration response for what was *found* makes of it.

    Raises:
        Refusal: There is none for it.
    """
    status, headers, body = found
    selected = select(call.integration.get("integrationResponses") or {}, str(status))
    if selected is None:
        raise Refusal("API_CONFIGURATION_ERROR", ERROR)
    content_type = next((value for name, value in headers.items() if name.lower() == "content-type"), JSON)
    answered: Json = {"Content-Type": JSON}
    for target, source in (selected.get("responseParameters") or {}).items():
        name = target.removeprefix("method.response.header.")
        value = value_of(source, call, found)
        if value is not None:
            for other in [existing for existing in answered if existing.lower() == name.lower()]:
                del answered[other]
            answered[name] = value
    templates = selected.get("responseTemplates") or {}
    template = matching_template(templates, content_type)
    if template is None and templates:
        answered["Content-Type"], template = next(iter(templates.items()))
    if template is not None:
        body = render(template, call, body.decode(errors="replace")).encode()
    return int(selected["statusCode"]), answered, body


def select(responses: dict[str, Json], status: str) -> Json | None:
    """The integration response whose pattern fits the status, else the one without a pattern, else none."""
    fitting = [
        one for one in responses.values() if one["selectionPattern"] and re.fullmatch(one["selectionPattern"], status)
    ]
    default = [one for one in responses.values() if not one["selectionPattern"]]
    exact = [one for one in fitting if one["statusCode"] == status]
    return next(iter([*exact, *fitting, *default]), None)


def render(template: str, call: Call, body: str) -> str:
    """A mapping template, as far as MiniStack knows the language: ``$input``, ``$util``, ``$context``, ``#set``."""
    parameters: dict[str, Any] = {**call.headers}
    parameters |= {name: values[-1] for name, values in call.query.items()} | call.path_parameters
    return str(apigateway_v1._render_request_template_v1(template, body, parameters, nested(call.context())))


def nested(flat: dict[str, Any]) -> Json:
    """``{"identity.sourceIp": …}`` as ``{"identity": {"sourceIp": …}}``."""
    found: Json = {}
    for name, value in flat.items():
        *parents, last = name.split(".")
        inner = found
        for parent in parents:
            inner = inner.setdefault(parent, {})
            if not isinstance(inner, dict):
                break
        else:
            inner[last] = value
    return found
