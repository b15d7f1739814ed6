"""The program of the process in which a Python function runs, standard library only.

One JSON line in says what to load, then one line in and one line out per invocation. ``print`` goes to the log. A
handler that raises answers like one that returns, so that the process stays warm, as it does in AWS.
"""

import filecmp
import importlib
import json
import os
import sys
import time
import traceback
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any, TextIO

END_OF_LOG = "\x1e"  # a line of the log that ends what one invocation wrote
READY = "ready\n"  # the first line out; another says why the handler could not be imported
DEFAULT_TIMEOUT = "3"  # seconds, Lambda's own default


class Context:
    """The second argument of a handler (https://docs.aws.amazon.com/lambda/latest/dg/python-context.html)."""

    identity = None
    client_context = None

    def __init__(self, start: dict[str, Any], invocation: dict[str, Any]) -> None:
        self.function_name = os.environ["AWS_LAMBDA_FUNCTION_NAME"]
        self.function_version = os.environ.get("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
        self.memory_limit_in_mb = start["memory"]
        self.invoked_function_arn = invocation.get("invoked_function_arn") or os.environ["_LAMBDA_FUNCTION_ARN"]
        self.aws_request_id = invocation["request_id"]
        self.log_group_name = os.environ.get("AWS_LAMBDA_LOG_GROUP_NAME", f"/aws/lambda/{self.function_name}")
        self.log_stream_name = os.environ.get("AWS_LAMBDA_LOG_STREAM_NAME", "")
        self._deadline = time.time() + float(os.environ.get("_LAMBDA_TIMEOUT", DEFAULT_TIMEOUT))

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the function is stopped."""
        return max(0, int((self._deadline - time.time()) * 1000))


def prefer(paths: list[str]) -> None:
    """Let modules in *paths* win over installed ones, as in AWS, also over those that this process came with.

    A library that is imported already may hold on to one that the function brings along in another version, so then
    all of them are forgotten.
    """
    sys.path[:0] = paths
    installed = {
        name: Path(file)
        for name, module in sys.modules.items()
        if name.partition(".")[0] not in {*sys.stdlib_module_names, "__main__"}
        and (file := getattr(module, "__file__", None))
    }
    if any(brings_another(name, paths, installed) for name in installed if "." not in name):
        for name in installed:
            del sys.modules[name]


def brings_another(package: str, paths: list[str], installed: dict[str, Path]) -> bool:
    """Whether *paths* hold a top-level module or package of that name, and with other content than *installed*."""
    found = PathFinder.find_spec(package, paths)
    if found is None or found.origin is None:
        return False
    theirs, ours = Path(found.origin).parent, installed[package].parent
    mine = [file for name, file in installed.items() if name == package or name.startswith(f"{package}.")]
    own = {file: theirs / file.relative_to(ours) for file in mine}
    return not all(copy.is_file() and filecmp.cmp(copy, file, shallow=False) for file, copy in own.items())


def load(start: dict[str, Any]) -> tuple[Any, str]:
    """Import the handler, looking in the function's own archive first; the second says `READY`, or why not."""
    prefer(start["paths"])
    module = start["module"]
    try:
        return getattr(importlib.import_module(module), start["handler"]), READY
    except Exception as error:  # noqa: BLE001  # whatever the module does wrong, Lambda reports it
        traceback.print_exc()
        kind = "Runtime.ImportModuleError" if isinstance(error, ImportError) else type(error).__name__
        message = f"Unable to import module '{module}': {error}"

        def fail(_event: object, _context: Context) -> None:
            raise type(kind, (Exception,), {})(message) from None

        return fail, f"{kind}: {message}\n"


def invoke(handler: Any, message: dict[str, Any], start: dict[str, Any]) -> dict[str, Any]:
    """Call the handler; ``failure`` holds the error object that Lambda would answer."""
    if message["ctx"].get("trace_id"):
        os.environ["_X_AMZN_TRACE_ID"] = message["ctx"]["trace_id"]
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
    """Write one line, after telling the reader of the log that it is complete."""
    sys.stderr.write(f"\n{END_OF_LOG}\n")
    sys.stderr.flush()
    channel.write(json.dumps(message) + "\n")
    channel.flush()


def main() -> None:
    """Serve invocations until the pipe closes."""
    channel, sys.stdout = sys.stdout, sys.stderr
    start = json.loads(sys.stdin.readline())
    handler, state = load(start)
    channel.write(state.replace("\n", " ").strip() + "\n")
    channel.flush()
    for line in sys.stdin:
        answer(channel, invoke(handler, json.loads(line), start))


if __name__ == "__main__":
    main()
