"""The process in which a Python function runs; started by MiniStack with the text of this file, standard library only.

One JSON line in says what to load, then one line in and one line out per invocation. ``print`` goes to the log. A
handler that raises answers like one that returns, so that the process stays warm, as it does in AWS.
"""

import importlib
import json
import os
import sys
import time
import traceback
from typing import Any, TextIO

KEPT = ("PATH", "LANG", "TZ", "TMPDIR", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
        "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL", "LAMBDA_TASK_ROOT")  # fmt: skip
KEPT_PREFIXES = ("AWS_LAMBDA_", "_LAMBDA_")
DEFAULT_TIMEOUT = "3"  # seconds, Lambda's own default


class Context:
    """The second argument of a handler (https://docs.aws.amazon.com/lambda/latest/dg/python-context.html)."""

    identity = None
    client_context = None

    def __init__(self, start: dict[str, Any], invocation: dict[str, Any]) -> None:
        self.function_name = start["function_name"]
        self.function_version = os.environ.get("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
        self.memory_limit_in_mb = start["memory"]
        self.invoked_function_arn = invocation.get("invoked_function_arn") or start["arn"]
        self.aws_request_id = invocation["request_id"]
        self.log_group_name = os.environ.get("AWS_LAMBDA_LOG_GROUP_NAME", f"/aws/lambda/{self.function_name}")
        self.log_stream_name = os.environ.get("AWS_LAMBDA_LOG_STREAM_NAME", "")
        self._deadline = time.time() + float(os.environ.get("_LAMBDA_TIMEOUT", DEFAULT_TIMEOUT))

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the function is stopped."""
        return max(0, int((self._deadline - time.time()) * 1000))


def clean_environment(variables: dict[str, str]) -> None:
    """Leave what Lambda sets and the function's own variables; the environment of the local run must not leak in."""
    for name in list(os.environ):
        if name not in KEPT and not name.startswith(KEPT_PREFIXES):
            del os.environ[name]
    os.environ.update(variables)


def load(start: dict[str, Any]) -> Any:
    """Import the handler, looking in the function's own zip first."""
    for layer in filter(None, os.environ.get("_LAMBDA_LAYERS_DIRS", "").split(os.pathsep)):
        sys.path.insert(0, os.path.join(layer, "python"))  # noqa: PTH118  # pathlib costs a cold start 5 ms
    sys.path.insert(0, start["code_dir"])
    module = start["module"]
    try:
        return getattr(importlib.import_module(module), start["handler"])
    except Exception as error:  # noqa: BLE001  # whatever the module does wrong, Lambda reports it
        traceback.print_exc()
        kind = "Runtime.ImportModuleError" if isinstance(error, ImportError) else type(error).__name__
        message = f"Unable to import module '{module}': {error}"

        def fail(_event: object, _context: Context) -> None:
            raise type(kind, (Exception,), {})(message) from None

        return fail


def invoke(handler: Any, message: dict[str, Any], start: dict[str, Any]) -> dict[str, Any]:
    """Call the handler; ``failure`` holds the error object that Lambda would answer."""
    try:
        result = handler(message["event"], Context(start, message["ctx"]))
        json.dumps(result)
    except BaseException as error:  # noqa: BLE001  # SystemExit too: AWS reports it, and so do we
        traceback.print_exc()
        failure = {
            "errorMessage": str(error),
            "errorType": type(error).__name__,
            "requestId": message["ctx"]["request_id"],
            "stackTrace": traceback.format_tb(error.__traceback__),
        }
        return {"status": "ok", "failure": failure}
    return {"status": "ok", "result": result}


def answer(channel: TextIO, message: dict[str, Any]) -> None:
    """Write one line; an empty line on the log tells the reader that the log is complete."""
    sys.stderr.write("\n")
    sys.stderr.flush()
    channel.write(json.dumps(message) + "\n")
    channel.flush()


def main() -> None:
    """Serve invocations until the pipe closes."""
    channel, sys.stdout = sys.stdout, sys.stderr
    start = json.loads(sys.stdin.readline())
    clean_environment(start["env"])
    handler = load(start)
    answer(channel, {"status": "ready", "cold": True})
    for line in sys.stdin:
        answer(channel, invoke(handler, json.loads(line), start))


if __name__ == "__main__":
    main()
