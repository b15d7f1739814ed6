"""The embedded AWS as one object: start it, ask it for clients, make it fail, stop it. Used by the CLI and all tests.

with Engine(tmp_path) as aws:
    aws.client("s3", "eu-west-1").create_bucket(...)
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import boto3
from botocore.config import Config

ACCOUNT = "000000000000"
START_TIMEOUT = 30.0  # seconds; it takes 1 s when the machine is quiet
STOP_TIMEOUT = 5.0  # seconds
LOG_LINES = 5  # of the log, shown when the engine dies
REPOSITORY = Path(__file__).parents[1]


class EngineError(RuntimeError):
    """The embedded AWS did not start, died, or refused what a test asked of it."""


class Engine:
    """MiniStack with our plug-in, in a process of its own bound to the loopback.

    Args:
        directory: Everything it writes goes below: temporary files, objects, databases, logs.
        port: Where it listens; a free port when absent.
        enforce_iam: Lambda functions, state machines, rules and schedules act with their role's permissions only.
        wait_scale: What a second of a Wait state or of a retry's interval takes here, in seconds.
        timeout_scale: The same for timeouts, which however never shrink below 20 seconds.
        mocks: Step Functions Local's mock file (``SFN_MOCK_CONFIG``).
        settings: Further environment variables for the engine and its databases.
    """

    account = ACCOUNT

    def __init__(  # noqa: PLR0913
        self,
        directory: Path,
        *,
        port: int | None = None,
        enforce_iam: bool = True,
        wait_scale: float = 0.02,
        timeout_scale: float = 1.0,
        mocks: Path | None = None,
        settings: dict[str, str] | None = None,
    ) -> None:
        self.directory = directory.resolve()
        self.port = port or free_port()
        self.endpoint = f"http://127.0.0.1:{self.port}"
        self.log = self.directory / "engine.log"
        self._calls = self.directory / "calls.jsonl"
        self._process: subprocess.Popen[bytes] | None = None
        self._session = boto3.session.Session()
        self._clients: dict[tuple[str, str], Any] = {}
        self._environment = {
            "AUTH": str(enforce_iam).lower(),
            "SFN_WAIT_SCALE": str(wait_scale),
            "HOLDFAST_TIMEOUT_SCALE": str(timeout_scale),
            **({"SFN_MOCK_CONFIG": str(mocks.resolve())} if mocks else {}),
            **(settings or {}),
        }

    def start(self) -> Self:
        """Start the process and wait until it answers.

        Raises:
            EngineError: The port is taken, or the process died; its log says why.
        """
        if not is_free(self.port):
            raise EngineError(f"port {self.port} of 127.0.0.1 is taken; choose another, or none to get a free one")
        for name in ("tmp", "home", "s3", "state", "databases"):
            (self.directory / name).mkdir(parents=True, exist_ok=True)
        self._calls.unlink(missing_ok=True)
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "sandbox.engine"],
                cwd=REPOSITORY,
                env=self._whole_environment(),
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        deadline = time.monotonic() + START_TIMEOUT
        while not self._answers():
            status = self._process.poll()
            if status is not None:
                self.stop()
                raise EngineError(self._obituary(f"died with status {status}"))
            if time.monotonic() > deadline:
                self.stop()
                raise EngineError(self._obituary(f"did not answer within {START_TIMEOUT:.0f} s"))
            time.sleep(0.02)
        return self

    def stop(self) -> None:
        """End the process and everything it started: workers, databases."""
        if self._process is None:
            return
        process, self._process = self._process, None
        for how in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(process.pid, how)
                process.wait(STOP_TIMEOUT)
            except ProcessLookupError:
                break
            except subprocess.TimeoutExpired:
                continue
        if process.stdin:
            process.stdin.close()
        process.wait(STOP_TIMEOUT)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def client(self, service: str, region: str = "us-east-1") -> Any:
        """A boto3 client with all permissions, as an administrator has."""
        if (service, region) not in self._clients:
            self._clients[service, region] = self._session.client(
                service,
                region_name=region,
                endpoint_url=self.endpoint,
                aws_access_key_id=ACCOUNT,
                aws_secret_access_key="test",  # noqa: S106  # MiniStack's root
                config=Config(
                    retries={"total_max_attempts": 2},
                    inject_host_prefix=False,
                    max_pool_connections=50,
                    s3={"addressing_style": "path"},
                ),
            )
        return self._clients[service, region]

    def fire_schedule(
        self, name: str, region: str = "us-east-1", at: datetime | None = None, *, group: str = "default"
    ) -> None:
        """Fire an EventBridge Scheduler schedule now, as if its time ``at`` had come.

        Raises:
            EngineError: There is no such schedule.
        """
        when = (at or datetime.now(UTC)).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        self._ask("POST", "/schedules/fire", {"name": name, "group": group, "region": region, "at": when})

    def make_hosted_zone(self, name: str, zone_id: str) -> None:
        """A public hosted zone *name* under the id that the settings give (see ``sandbox.engine.zones``)."""
        self._ask("POST", "/hosted-zones", {"name": name, "id": zone_id})

    def set_faults(self, faults: dict[str, Any]) -> None:
        """Make things go wrong (see ``sandbox.engine.faults``), replacing what was asked before."""
        self._ask("PUT", "/faults", faults)

    def clear_faults(self) -> None:
        """Let everything go well again."""
        self._ask("DELETE", "/faults")

    def calls(self) -> list[dict[str, Any]]:
        """Each call that a role made since the start (see ``sandbox.engine.audit``), oldest first."""
        if not self._calls.exists():
            return []
        return [json.loads(line) for line in self._calls.read_text().splitlines()]

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        request = urllib.request.Request(  # noqa: S310  # our own loopback
            f"{self.endpoint}/_holdfast{path}", method=method, data=json.dumps(body or {}).encode()
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
                found: dict[str, Any] = json.load(answer)
                return found
        except urllib.error.HTTPError as error:
            with error:
                raise EngineError(json.load(error)["error"]) from None

    def _answers(self) -> bool:
        try:
            return bool(self._ask("GET", "/health")["ready"])
        except (OSError, ValueError):
            return False

    def _obituary(self, what: str) -> str:
        lines = [line for line in self.log.read_text(errors="replace").splitlines() if line.strip()]
        return f"the embedded AWS {what}; its log is {self.log}:\n  " + "\n  ".join(lines[-LOG_LINES:])

    def _whole_environment(self) -> dict[str, str]:
        own = {
            "PATH": os.environ.get("PATH", os.defpath),
            "LANG": "C.UTF-8",
            "TZ": "UTC",
            "PYTHONUNBUFFERED": "1",
            "HOME": str(self.directory / "home"),
            "TMPDIR": str(self.directory / "tmp"),
            "GATEWAY_PORT": str(self.port),
            "BIND_HOST": "127.0.0.1",
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            "DOCKER_HOST": f"unix://{self.directory}/no-docker.sock",
            "S3_DATA_DIR": str(self.directory / "s3"),
            "STATE_DIR": str(self.directory / "state"),
            "HOLDFAST_DATABASES": str(self.directory / "databases"),
            "HOLDFAST_CALLS": str(self._calls),
            "AWS_ACCESS_KEY_ID": ACCOUNT,
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        return own | self._environment


def free_port() -> int:
    """A port of the loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_free(port: int) -> bool:
    """Whether nobody listens on the port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0
