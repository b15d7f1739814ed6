"""From the gateway's event to its answer, with one log line per request that is also its metrics.

The line says who was asked, what came of it and how long it took; it never holds a body, a token, a header or the value
of a parameter. What it says about an error doesn't either, since an exception's text may quote what a client has sent.
"""

from __future__ import annotations

import json
import os
import sys
import time
import traceback
from collections.abc import Callable
from typing import Any

from handlers.core.errors import InvalidRequest, Transient
from handlers.metrics import COUNT, DEPLOYMENT, MILLISECONDS, declared
from handlers.rest import problems
from handlers.rest.lean import APIGatewayRestResolver, NotFoundError, Response
from handlers.rest.problems import CONTENT_TYPE, Problem

Handler = Callable[[dict[str, Any], Any], dict[str, Any]]

RETRY_AFTER = 2  # seconds, where nobody knows better
_FAULT = 500  # from here on it is our fault
_FRAMES = 20  # of the stack of an error, the innermost
_UNITS = {"Requests": COUNT, "RequestMilliseconds": MILLISECONDS, "Faults": COUNT}
# The console is on another origin; tokens are bearer tokens and there is no cookie, so any origin may ask.
_ALWAYS = {
    "Access-Control-Allow-Origin": ["*"],
    "Access-Control-Expose-Headers": ["ETag,Idempotency-Replayed,Location,Retry-After,x-amzn-RequestId"],
    "Cache-Control": ["no-store"],
    "X-Content-Type-Options": ["nosniff"],
}
_quote = json.encoder.encode_basestring_ascii


def serve(resolver: APIGatewayRestResolver, prefix: str | None = None) -> Handler:
    """The Lambda handler that answers with the routes of *resolver*; exceptions become problem documents.

    Args:
        resolver: Its routes return a dictionary or a ``Response``, and raise ``Problem``.
        prefix: Name of the deployment; by default the variable ``PREFIX``, read with the first request.
    """
    said: dict[str, Any] = {}  # what the line says beside; an environment answers one request at a time
    request_id = constant = ""

    @resolver.exception_handler(Exception)  # type: ignore[untyped-decorator]
    def refused(error: Exception) -> Response[str]:
        problem = _problem(error, request_id)
        said["problem"] = problem.slug
        if problem.status >= _FAULT:
            said["error"] = described(error)
        return Response(problem.status, CONTENT_TYPE, problem.body(), problem.headers)

    def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
        """``API Gateway's proxy event -> its proxy answer``."""
        nonlocal constant, request_id
        began = time.perf_counter()
        constant = constant or _constant(prefix)
        said.clear()
        request_id = (event.get("requestContext") or {}).get("requestId", "")
        try:
            answer = resolver.resolve(event, context)
        except Exception as error:  # noqa: BLE001  # an event that is none of the gateway's; it gets an answer too
            found = refused(error)
            answer = {"statusCode": found.status_code, "body": found.body, "isBase64Encoded": False}
            answer["multiValueHeaders"] = {"Content-Type": [CONTENT_TYPE]}
        answer["multiValueHeaders"].update(_ALWAYS)
        status = answer["statusCode"]
        fault = status >= _FAULT
        at = time.time()
        # Put together by hand, in a fifth of json.dumps' time; what a client can influence is quoted.
        sys.stdout.write(
            f'{{"timestamp":{at:.3f},"level":"{"ERROR" if fault else "INFO"}","request_id":{_quote(request_id)}'
            f',"function_request_id":{_quote(getattr(context, "aws_request_id", ""))}'
            f',"method":{_quote(event.get("httpMethod") or "")},"route":{_quote(event.get("resource") or "")}'
            f',"status":{status},{json.dumps(said)[1:-1] + "," if said else ""}"Faults":{int(fault)}'
            f',"RequestMilliseconds":{(time.perf_counter() - began) * 1000:.3f}'
            f',"_aws":{{"Timestamp":{at * 1000:.0f},{constant}\n'
        )
        sys.stdout.flush()
        return answer

    return handler


def _constant(prefix: str | None) -> str:
    """End of every line of this environment: metrics, where they belong, and what is always the same."""
    # By version, too, so that a canary's alarm sees the faults of the new one alone (blueprints/releases.py).
    metrics = [declared(_UNITS, (("Function",),)), declared({"Faults": COUNT}, (("Function", "Version"),))]
    rest = {
        DEPLOYMENT: prefix or os.environ.get("PREFIX", "local"),
        "Function": os.environ.get("AWS_LAMBDA_FUNCTION_NAME", "local"),
        "Version": os.environ.get("AWS_LAMBDA_FUNCTION_VERSION", "local"),
        "Requests": 1,
        "message": "request",
    }
    return f"{json.dumps({'CloudWatchMetrics': metrics})[1:]},{json.dumps(rest)[1:]}"


def _problem(error: Exception, request_id: str) -> Problem:
    if isinstance(error, Problem):
        return error
    if isinstance(error, NotFoundError):
        return problems.not_found("such operation")
    if isinstance(error, InvalidRequest):
        return problems.bad_request(error.field, error.value, error.cure)
    if isinstance(error, Transient):
        return problems.unavailable(RETRY_AFTER, request_id=request_id)
    return problems.failed(request_id)


def described(error: BaseException) -> list[dict[str, Any]]:
    """*error* and its causes for the log: kind, code and place; the text only where we have written it ourselves."""
    found: list[dict[str, Any]] = []
    cause: BaseException | None = error
    while cause is not None and len(found) < _FRAMES:
        about: dict[str, Any] = {"kind": f"{type(cause).__module__}.{type(cause).__qualname__}"}
        if _written_by_us(cause):
            about["text"] = str(cause)
        elif cause.args and isinstance(cause.args[0], int):
            about["code"] = cause.args[0]  # of the operating system or of the database
        response = getattr(cause, "response", None)  # of botocore's ClientError
        if isinstance(response, dict):
            about["code"] = response.get("Error", {}).get("Code")
            about["operation"] = getattr(cause, "operation_name", None)
        frames = traceback.extract_tb(cause.__traceback__)[-_FRAMES:]
        about["at"] = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
        found.append(about)
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
    return found


def _written_by_us(error: BaseException) -> bool:
    quotes_the_client = isinstance(error, InvalidRequest) or (isinstance(error, Problem) and error.status < _FAULT)
    return type(error).__module__.startswith("handlers.") and not quotes_the_client
