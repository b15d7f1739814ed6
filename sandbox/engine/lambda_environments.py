"""Execution environments of Python functions: the unpacked archive, the variables, the process, its log.

Other than MiniStack's: processes are forked from a zygote; an archive is unpacked once for all environments that run
it, since AWS mounts the code read-only; nothing of the engine's own environment leaks in; and a log is complete when
the process says so, not when it has been silent for a while.
"""

import hashlib
import json
import os
import queue
import tempfile
import threading
import zipfile
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import Any

from ministack.core import lambda_runtime
from ministack.core.responses import get_account_id, get_region, new_uuid
from ministack.services import lambda_svc

from sandbox.engine import clients, lambda_credentials
from sandbox.engine.lambda_processes import Starter
from sandbox.engine.lambda_worker import END_OF_LOG, READY
from sandbox.engine.patching import replace

PROGRAM = Path(__file__).with_name("lambda_worker.py")
LOG_TIMEOUT = 0.25  # seconds until the rest of a log is given up, when the process died
KEPT = ("PATH", "LANG", "TZ", "TMPDIR")  # of the engine's own environment
DEFAULT_MEMORY, DEFAULT_TIMEOUT = 128, 3  # MiB and seconds, Lambda's own

_starter: list[Starter] = []
_unpacking = threading.Lock()
_original: dict[str, Any] = {}


def install() -> None:
    """Put our environments in the place of MiniStack's workers, and start the zygote."""
    lambda_credentials.install()
    replace(lambda_runtime, "Worker", Environment, "a0bd1819a704")
    _original["invalidate"] = replace(lambda_svc, "invalidate_worker", invalidate, "1be5d7f769f5")
    _starter.append(Starter())


def invalidate(name: str, qualifier: str | None = None, account: str | None = None, region: str | None = None) -> None:
    """End a function's environments in its own region; MiniStack's resource type ended those of every region."""
    _original["invalidate"](name, qualifier, account or get_account_id(), region or get_region())


class Environment(lambda_runtime.Worker):  # type: ignore[misc]  # MiniStack ships no types
    """An execution environment (https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html)."""

    def _spawn(self) -> None:
        """Start the process and let it import the handler.

        Raises:
            RuntimeError: It is no Python function, or the process ended.
        """
        config = self.config
        if not str(config.get("Runtime", "")).startswith("python"):
            raise RuntimeError(f"{self.func_name}: the embedded AWS runs Python, not {config.get('Runtime')}")
        code = unpacked(self.code_zip)
        layers = [lambda_svc._resolve_layer_zip(layer) for layer in config.get("Layers", [])]
        module, _, handler = config["Handler"].rpartition(".")
        start = {
            "paths": [str(code), *(str(unpacked(layer) / "python") for layer in reversed(layers) if layer)],
            "module": module.replace("/", "."),
            "handler": handler,
            "memory": config.get("MemorySize", DEFAULT_MEMORY),
        }
        process = self._proc = _starter[0].start(PROGRAM, variables(config, code), code)
        self._stderr_queue: queue.Queue[str] = queue.Queue()
        self._stderr_thread = threading.Thread(target=self._read_stderr, daemon=True, name=f"log-{self.func_name}")
        self._stderr_thread.start()
        with suppress(BrokenPipeError):
            process.stdin.write(json.dumps(start) + "\n")
        answer = process.stdout.readline()
        if not answer:
            self._stderr_thread.join(LOG_TIMEOUT)
            raise RuntimeError(f"the process of {self.func_name} ended at once: {self._drain_stderr()}")
        if answer != READY and lambda_credentials.is_restored(config):  # there is no snapshot of what does not start
            process.kill()
            raise RuntimeError(answer.strip())

    def _drain_stderr_bounded(self, *_: Any) -> str:
        """The log of the invocation that just answered."""
        lines: list[str] = []
        with suppress(queue.Empty):
            while (line := self._stderr_queue.get(timeout=LOG_TIMEOUT)) != END_OF_LOG:
                lines.append(line)
        return "\n".join(lines)


def variables(config: dict[str, Any], code: Path) -> dict[str, str]:
    """The environment variables that Lambda sets, and the function's own.

    https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html. AWS's credentials come with an end, and a
    database takes no token of a session without one; MiniStack gave none.
    """
    own = (config.get("Environment") or {}).get("Variables") or {}
    return {
        **{name: os.environ[name] for name in KEPT if name in os.environ},
        "AWS_ENDPOINT_URL": clients.endpoint(),
        "AWS_LAMBDA_LOG_STREAM_NAME": new_uuid(),
        **{name: text for name, text in own.items() if name not in lambda_runtime._RESERVED_RUNTIME_ENV_VARS},
        "AWS_REGION": get_region(),
        "AWS_DEFAULT_REGION": get_region(),
        **lambda_credentials.variables(config),
        "AWS_LAMBDA_FUNCTION_NAME": config["FunctionName"],
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(config.get("MemorySize", DEFAULT_MEMORY)),
        "AWS_LAMBDA_FUNCTION_VERSION": config.get("Version", "$LATEST"),
        "AWS_LAMBDA_LOG_GROUP_NAME": (config.get("LoggingConfig") or {}).get("LogGroup")
        or f"/aws/lambda/{config['FunctionName']}",
        "LAMBDA_TASK_ROOT": str(code),
        "_LAMBDA_FUNCTION_ARN": config.get("FunctionArn", ""),
        "_LAMBDA_TIMEOUT": str(config.get("Timeout", DEFAULT_TIMEOUT)),
    }


def unpacked(archive: bytes) -> Path:
    """The directory with the content of *archive*, the same for the same archive."""
    directory = Path(tempfile.gettempdir(), "code", hashlib.sha256(archive).hexdigest()[:16])
    with _unpacking:
        if not directory.is_dir():
            partly = Path(tempfile.mkdtemp(prefix="code-"))
            with zipfile.ZipFile(BytesIO(archive)) as found:
                found.extractall(partly)  # it drops absolute paths and ".."
            directory.parent.mkdir(exist_ok=True)
            partly.rename(directory)
    return directory
