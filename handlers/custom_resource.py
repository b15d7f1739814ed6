"""How a function answers as one of CloudFormation's custom resources: always, and with a reason a person can act on.

CloudFormation waits for an answer for up to an hour, so every way out answers.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-responses.html
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from handlers.runtime import ConfigurationError, function_name, log, translated

MARGIN = 30  # seconds of a function's time that are kept for answering
REASON = 1_000  # characters; the whole answer may have 4,096 bytes
ATTEMPTS = 7
PAUSE = 10  # seconds between them
ANSWERS = 3  # attempts at answering
ANSWER_TIMEOUT = 10  # seconds

T = TypeVar("T")


def answer(event: dict[str, Any], context: Any, physical_id: str, work: Callable[[float], dict[str, Any]]) -> None:
    """Tell CloudFormation what *work* gives, or why it failed; a Delete is granted without any.

    Args:
        event: CloudFormation's request.
        context: Lambda's; it knows how much time is left.
        physical_id: The same for ever, so that an update never replaces the resource.
        work: Gives the resource's attributes; is told until when it may take, on :func:`time.monotonic`'s clock.
    """
    status, reason, data = "SUCCESS", "", {}
    try:
        if event["RequestType"] != "Delete":  # the data outlives the stack
            data = work(time.monotonic() + context.get_remaining_time_in_millis() / 1000 - MARGIN)
    except Exception as error:  # noqa: BLE001  # whatever it is, CloudFormation must hear of it
        status, reason = "FAILED", _told(error)
        log(f"{physical_id} was not deployed", level="ERROR", reason=reason, request=event.get("RequestType"))
    found = {
        "Status": status,
        "Reason": reason or "as asked",
        "PhysicalResourceId": event.get("PhysicalResourceId", physical_id),
        "StackId": event["StackId"],
        "RequestId": event["RequestId"],
        "LogicalResourceId": event["LogicalResourceId"],
        "Data": data,
    }
    _send(event["ResponseURL"], json.dumps(found).encode())


def patiently(work: Callable[[], T], ends: float, passing: tuple[type[Exception], ...]) -> T:
    """What *work* gives, tried again after an error that is *passing* as long as an answer can still be sent.

    Raises:
        Exception: What *work* raised in the end.
    """
    for attempt in range(1, ATTEMPTS + 1):
        try:
            with translated():
                return work()
        except passing:
            if attempt == ATTEMPTS or time.monotonic() + PAUSE >= ends:
                raise
        time.sleep(PAUSE)
    raise AssertionError  # the loop has ended in one of its ways


def _told(error: Exception) -> str:
    """*error* for CloudFormation's console; of one that is not ours the kind only: its text may quote anything."""
    response = getattr(error, "response", None)  # of botocore's ClientError
    if type(error).__module__.startswith("handlers."):
        text = f"{type(error).__name__}: {error}"
    elif isinstance(response, dict):
        text = f"{response['Error']['Code']}: {response['Error']['Message']}"
    else:
        text = f"{type(error).__name__}; the log of {function_name()} knows where"
    return text if len(text) <= REASON else f"{text[: REASON - 1]}…"


def _send(address: str, content: bytes) -> None:
    """Put *content* where CloudFormation looks for it. The address is a secret: who has it can answer in our place.

    Raises:
        OSError: It could not be reached; Lambda then starts the whole anew, which does no harm.
    """
    if not _is_secure(address):
        raise ConfigurationError("ResponseURL is not https: CloudFormation did not send this request")
    request = Request(address, data=content, method="PUT", headers={"Content-Type": ""})  # noqa: S310  # as checked
    for attempt in range(1, ANSWERS + 1):
        try:
            with urlopen(request, timeout=ANSWER_TIMEOUT):  # noqa: S310  # as checked  # nosec B310
                return
        except OSError as error:
            log("CloudFormation was not reached", level="ERROR", kind=type(error).__name__, attempt=attempt)
            if attempt == ANSWERS:
                raise
            time.sleep(attempt)


def _is_secure(address: str) -> bool:
    """Whether *address* is one of AWS's, or of the embedded AWS, which has no TLS."""
    return urlsplit(address).scheme == ("http" if "AWS_ENDPOINT_URL" in os.environ else "https")
