"""Access logs and metrics of a stage.

https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-logging.html: written with the role of the account's
settings; where that role may not, nothing is written and nobody is told.
"""

import logging
import re
import time
from typing import Any

from ministack.services import apigateway_v1, cloudwatch_logs

from sandbox.engine import metrics
from sandbox.engine.apigateway.calls import Call, milliseconds
from sandbox.engine.permissions import NotAllowed, require_role

SERVICE = "apigateway.amazonaws.com"
VARIABLE = re.compile(r"\$\{?context\.([\w.\-]*\w)\}?")
CLIENT_ERROR, SERVER_ERROR = 400, 500
logger = logging.getLogger("holdfast.apigateway")


def record(call: Call, status: int, length: int) -> None:
    """Count a request, and write its line."""
    count(call, status)
    settings = call.stage.get("accessLogSettings") or {}
    if not settings.get("destinationArn") or not settings.get("format"):
        return
    try:
        write(settings["destinationArn"], line(call, settings["format"], status, length), call)
    except NotAllowed as reason:
        logger.warning("%s: access log not written: %s", call.arn, reason)


def line(call: Call, template: str, status: int, length: int) -> str:
    """The format with its variables; one that has no value is a dash."""
    known: dict[str, Any] = {**call.context(), "status": status, "responseLength": length}
    if call.gateway_error:
        known["error.messageString"] = f'"{call.error_message}"'
    return VARIABLE.sub(lambda found: str(known.get(found[1], "-")), template)


def write(destination: str, text: str, call: Call) -> None:
    """Append a line to the stage's stream of the log group.

    Raises:
        NotAllowed: The account's role may not.
    """
    name = destination.removesuffix(":*").partition(":log-group:")[2]
    group = cloudwatch_logs._log_groups.get(name)
    if group is None:
        return
    role = (apigateway_v1._account_settings.get("settings") or {}).get("cloudwatchRoleArn")
    arn = destination.removesuffix(":*")
    require_role(role, SERVICE, "logs:PutLogEvents", f"{arn}:log-stream:{call.stage_name}")
    now = int(time.time() * 1000)
    stream = group["streams"].setdefault(call.stage_name, new_stream(now))
    cloudwatch_logs._append_log_events(stream, [{"timestamp": now, "message": text, "ingestionTime": now}])


def new_stream(now: int) -> dict[str, Any]:
    """MiniStack's record of a log stream without events."""
    return {
        "events": [],
        "uploadSequenceToken": "1",
        "creationTime": now,
        "firstEventTimestamp": None,
        "lastEventTimestamp": None,
        "lastIngestionTime": None,
    }


def count(call: Call, status: int) -> None:
    """Count a request in the metrics of ``AWS/ApiGateway``, by API and by API and stage.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-metrics-and-dimensions.html
    """
    api = (apigateway_v1._rest_apis.get(call.api_id) or {}).get("name", call.api_id)
    values = {
        "Count": (1, "Count"),
        "4XXError": (int(CLIENT_ERROR <= status < SERVER_ERROR), "Count"),
        "5XXError": (int(status >= SERVER_ERROR), "Count"),
        "Latency": (milliseconds(time.time() - call.began), "Milliseconds"),
        **(
            {"IntegrationLatency": (milliseconds(call.integration_seconds), "Milliseconds")}
            if call.integration_seconds
            else {}
        ),
    }
    for dimensions in ({"ApiName": api}, {"ApiName": api, "Stage": call.stage_name}):
        for name, (value, unit) in values.items():
            metrics.add("AWS/ApiGateway", name, value or 0, unit, dimensions)
