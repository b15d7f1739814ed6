"""Lambda: exception names, warm workers, batches of messages, and asynchronous invocations with their destinations."""

import json
import logging
import os
import time
from typing import Any

from ministack.core import lambda_runtime
from ministack.core.arn import parse_arn
from ministack.core.concurrency import esm_wake, spawn_background
from ministack.core.responses import get_account_id, get_region, new_uuid, request_scope
from ministack.services import cloudwatch_logs, lambda_svc, sqs

from sandbox.engine import cloudformation_lambdas, lambda_environments, metrics
from sandbox.engine.clients import client
from sandbox.engine.patching import replace
from sandbox.engine.permissions import NotAllowed, require_role, session_of

RETRY_SECONDS = (60, 120)  # https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
TIMED_OUT = "Task timed out after"
logger = logging.getLogger("holdfast.lambda")

_original: dict[str, Any] = {}


def install() -> None:
    """Replace the execution environments, the reading of its answers, and asynchronous invocation."""
    lambda_environments.install()
    cloudformation_lambdas.install()
    metrics.install()
    replace(lambda_svc, "_execute_function_warm", execute, "62b9218bef5b")
    _original["batch"] = replace(lambda_svc, "_run_sqs_batch", run_batch, "f9bf630aabf3")
    replace(lambda_svc, "invoke_async_with_retry", invoke_asynchronously, "289fe4d3cbd4")
    _original["logs"] = replace(lambda_svc, "_emit_lambda_logs", write_logs, "111efbf06968")


def execute(function: dict[str, Any], event: object, request_id: str) -> dict[str, Any]:
    """Run one invocation on a warm worker.

    AWS answers the exception's class as ``errorType`` and keeps the process
    (https://docs.aws.amazon.com/lambda/latest/dg/python-exceptions.html); MiniStack answered ``Runtime.HandlerError``
    for all of them and started a new process after each.
    """
    config = function.get("config") or function
    name, version = config.get("FunctionName", "unknown"), config.get("Version", "$LATEST")
    if not function.get("code_zip"):
        return failure("Runtime.InvalidEntrypoint", f"{name} has no code")
    lambda_svc._ensure_reaper_thread()
    began = time.monotonic()
    worker, _ = lambda_runtime.acquire_worker(name, config, function["code_zip"], qualifier=version)
    try:
        result = worker.invoke(
            event,
            request_id,
            trace_id=lambda_svc._xray_trace_id_for_invocation(config),
            invoked_function_arn=config.get("FunctionArn", ""),
            depth=lambda_svc._invoke_depth.get(),
            durable={},
        )
    except (OSError, RuntimeError) as error:
        return failure("Runtime.ExitError", str(error))
    finally:
        lambda_runtime.release_worker(worker)
    log = result.get("log", "").strip("\n")
    metrics.from_log(log)
    failed = result["status"] != "ok" or bool(result.get("failure"))
    metrics.count_invocation(config, (time.monotonic() - began) * 1000, failed=failed)
    if result["status"] != "ok":
        message = str(result.get("error"))
        kind = "Sandbox.Timedout" if message.startswith(TIMED_OUT) else "Runtime.ExitError"
        return failure(kind, message, log)
    if broken := result.get("failure"):
        return {"body": broken, "error": True, "function_error": "Unhandled", "log": log}
    return {"body": result.get("result"), "log": log}


def failure(kind: str, message: str, log: str = "") -> dict[str, Any]:
    """MiniStack's form of an invocation that failed."""
    return {"body": {"errorType": kind, "errorMessage": message}, "error": True, "log": log}


def write_logs(function: dict[str, Any], *about: Any, **more: Any) -> None:
    """Write an invocation's log; a group that isn't there is made only if the function's role may, else all is lost.

    https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs.html; MiniStack made it always, so a function
    that ended after its stack had gone brought the group back.
    """
    config = function.get("config") or function
    name = (config.get("LoggingConfig") or {}).get("LogGroup") or f"/aws/lambda/{config.get('FunctionName')}"
    if name not in cloudwatch_logs._log_groups:
        group = f"arn:aws:logs:{get_region()}:{get_account_id()}:log-group:{name}"
        try:
            require_role(config.get("Role"), "lambda.amazonaws.com", "logs:CreateLogGroup", group)
        except NotAllowed:
            return
    _original["logs"](function, *about, **more)


def run_batch(  # noqa: PLR0913, PLR0917  # the signature is MiniStack's
    mapping: dict[str, Any],
    function: dict[str, Any],
    event: dict[str, Any],
    batch: list[dict[str, Any]],
    queue_url: str,
    queue_name: str,
) -> None:
    """Let a function work on messages; what it fails on comes again after the visibility timeout, in scaled time."""
    _original["batch"](mapping, function, event, batch, queue_url, queue_name)
    queue = sqs._queues.get(queue_url)
    if queue is None:
        return
    visible_at = time.time() + int(queue["attributes"].get("VisibilityTimeout", DEFAULT_VISIBILITY)) * wait_scale()
    left = {message["id"] for message in batch}
    for message in queue["messages"]:
        if message["id"] in left:
            message["visible_at"] = min(message["visible_at"], visible_at)
    lambda_svc._esm_backoff_until.pop(mapping["UUID"], None)
    esm_wake.set()


DEFAULT_VISIBILITY = 30  # seconds, of a queue


def wait_scale() -> float:
    """What a second of waiting takes here."""
    return float(os.environ.get("SFN_WAIT_SCALE", "1"))


def invoke_asynchronously(function: dict[str, Any], event: object) -> None:
    """Invoke on a thread, with the retries, destinations and dead letters of an asynchronous invocation."""
    spawn_background(run_asynchronously, function, event, thread_name="holdfast-lambda-event")


def run_asynchronously(function: dict[str, Any], event: object) -> None:
    """Try, wait and try again, then tell the destination.

    AWS sends the *event* to a dead-letter queue, and an envelope to a destination, on success as well
    (https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html); MiniStack sent the envelope
    to both, and nothing on success.
    """
    config = function.get("config") or function
    spec = parse_arn(config["FunctionArn"])
    with request_scope(spec.account_id, spec.region):
        settings = function.get("event_invoke_config") or function.get("event_invoke_configs", {}).get("$LATEST") or {}
        attempts = int(settings.get("MaximumRetryAttempts", len(RETRY_SECONDS))) + 1
        for attempt in range(attempts):
            if attempt:
                time.sleep(RETRY_SECONDS[attempt - 1] * wait_scale())
            result = lambda_svc._execute_function(function, event)
            if not result.get("error"):
                break
        retain(config, settings, event, result, attempts)


def retain(
    config: dict[str, Any], settings: dict[str, Any], event: object, result: dict[str, Any], attempts: int
) -> None:
    """Send the record of a finished invocation where the function's configuration says."""
    failed = bool(result.get("error"))
    outcome = "OnFailure" if failed else "OnSuccess"
    request_id = new_uuid()
    destination = ((settings.get("DestinationConfig") or {}).get(outcome) or {}).get("Destination")
    if destination:
        envelope = {
            "version": "1.0",
            "timestamp": time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime()),
            "requestContext": {
                "requestId": request_id,
                "functionArn": config["FunctionArn"],
                "condition": "RetriesExhausted" if failed else "Success",
                "approximateInvokeCount": attempts,
            },
            "requestPayload": event,
            "responseContext": {
                "statusCode": 200,
                "executedVersion": config.get("Version", "$LATEST"),
                **({"functionError": "Unhandled"} if failed else {}),
            },
            "responsePayload": result.get("body"),
        }
        send(config, destination, json.dumps(envelope), {})
    dead_letters = (config.get("DeadLetterConfig") or {}).get("TargetArn")
    if failed and dead_letters:
        message = str((result.get("body") or {}).get("errorMessage", ""))
        attributes = {"RequestID": request_id, "ErrorCode": "200", "ErrorMessage": message[:1024] or "-"}
        send(config, dead_letters, json.dumps(event), attributes)


def send(config: dict[str, Any], target: str, body: str, attributes: dict[str, str]) -> None:
    """Send a message to a queue, topic, bus or function with the permissions of the function's role."""
    role = session_of(config.get("Role", ""), config.get("FunctionName", "function"))
    spec = parse_arn(target)
    typed = {key: {"DataType": "String", "StringValue": value} for key, value in attributes.items()}
    try:
        if spec.service == "sqs":
            url = client("sqs").get_queue_url(QueueName=spec.resource)["QueueUrl"]
            client("sqs", credentials=role).send_message(QueueUrl=url, MessageBody=body, MessageAttributes=typed)
        elif spec.service == "sns":
            client("sns", credentials=role).publish(TopicArn=target, Message=body, MessageAttributes=typed)
        elif spec.service == "lambda":
            client("lambda", credentials=role).invoke(
                FunctionName=target, InvocationType="Event", Payload=body.encode()
            )
        else:
            entry = {"Source": "lambda", "DetailType": "Lambda Function Invocation Result", "Detail": body}
            client("events", credentials=role).put_events(Entries=[{**entry, "EventBusName": target}])
    except Exception:
        logger.exception(
            "%s: record of an asynchronous invocation lost, not delivered to %s", config["FunctionArn"], target
        )
