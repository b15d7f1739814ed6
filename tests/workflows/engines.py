"""The two engines that can run a state machine here, behind one class: Step Functions Local, and our embedded AWS."""

import json
import os
import socket
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3

from sandbox.server import Engine

DEFAULT_IMAGE = "amazon/aws-stepfunctions-local:2.0.0"
IMAGE_VARIABLE = "HOLDFAST_SFN_IMAGE"  # empty: use the embedded engine even where Docker answers
MOCKS_IN_CONTAINER = "/home/StepFunctionsLocal/MockConfigFile.json"
LOCAL_PORT = 8083
WAIT_SCALE = 0.02  # what a second of waiting takes
PATIENCE = 30.0  # seconds for one execution


@dataclass(frozen=True)
class Execution:
    """How an execution ended."""

    arn: str
    status: str
    output: Any
    error: str | None
    cause: str | None
    history: list[dict[str, Any]]

    @property
    def visited(self) -> list[str]:
        """The names of the states, in the order in which they were entered."""
        return [
            event["stateEnteredEventDetails"]["name"] for event in self.history if "stateEnteredEventDetails" in event
        ]

    def count(self, kind: str) -> int:
        """How many history events of that type there are."""
        return sum(1 for event in self.history if event["type"] == kind)


@dataclass
class StepFunctions:
    """An engine that answers the Step Functions API. ``aws`` is the rest of AWS, where there is one."""

    name: str
    client: Any
    role: str
    aws: Engine | None = None
    _machines: dict[str, str] = field(default_factory=dict)

    def create(self, definition: dict[str, Any], name: str | None = None) -> str:
        """Create a machine, or give the one of that name this definition; returns its ARN."""
        text = json.dumps(definition)
        name = name or f"m-{uuid.uuid4().hex}"
        if name in self._machines:
            self.client.update_state_machine(stateMachineArn=self._machines[name], definition=text)
        else:
            created = self.client.create_state_machine(name=name, definition=text, roleArn=self.role)
            self._machines[name] = created["stateMachineArn"]
        return self._machines[name]

    def start(self, machine: str, data: Any = None, *, case: str | None = None, name: str | None = None) -> str:
        """Start an execution, with the mocked answers of a test case if one is named; returns its ARN."""
        named = {"name": name} if name else {}
        arn = f"{machine}#{case}" if case else machine
        return self.client.start_execution(
            stateMachineArn=arn, input=json.dumps({} if data is None else data), **named
        )["executionArn"]

    def result(self, arn: str) -> Execution:
        """Wait for the end of an execution."""
        deadline = time.monotonic() + PATIENCE
        found = self.client.describe_execution(executionArn=arn)
        while found["status"] == "RUNNING":
            if time.monotonic() > deadline:
                raise AssertionError(f"{arn} still runs after {PATIENCE} s; states: {self._history(arn)[-3:]}")
            time.sleep(0.01)
            found = self.client.describe_execution(executionArn=arn)
        output = json.loads(found["output"]) if found.get("output") and found["status"] == "SUCCEEDED" else None
        return Execution(arn, found["status"], output, found.get("error"), found.get("cause"), self._history(arn))

    def run(
        self, definition: dict[str, Any], data: Any = None, *, case: str | None = None, machine: str | None = None
    ) -> Execution:
        """Create, start and wait. ``machine`` is the name that the mock file knows."""
        return self.result(self.start(self.create(definition, machine), data, case=case))

    def _history(self, arn: str) -> list[dict[str, Any]]:
        pages = self.client.get_paginator("get_execution_history").paginate(executionArn=arn)
        return [event for page in pages for event in page["events"]]


def docker_answers() -> bool:
    """Whether there is a Docker engine to run Step Functions Local in, and nobody asked to do without."""
    if os.environ.get(IMAGE_VARIABLE) == "":
        return False
    address = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
    scheme, _, place = address.partition("://")
    host, _, port = place.rpartition(":")
    with socket.socket(socket.AF_UNIX if scheme == "unix" else socket.AF_INET) as probe:
        probe.settimeout(2)
        try:
            probe.connect(place if scheme == "unix" else (host, int(port)))
            probe.sendall(b"GET /_ping HTTP/1.0\r\nHost: docker\r\n\r\n")
            return b"200" in probe.recv(64)
        except (OSError, ValueError):
            return False


@contextmanager
def start(mocks: dict[str, Any], directory: Path) -> Iterator[StepFunctions]:
    """The best engine there is, with these mocked answers."""
    path = directory / "MockConfigFile.json"
    path.write_text(json.dumps(mocks))
    path.chmod(0o644)
    with (step_functions_local if docker_answers() else embedded)(path, directory) as engine:
        yield engine


@contextmanager
def embedded(mocks: Path, directory: Path) -> Iterator[StepFunctions]:
    """Our own engine: MiniStack with the plug-in."""
    with Engine(directory / "aws", enforce_iam=False, wait_scale=WAIT_SCALE, mocks=mocks) as aws:
        role = f"arn:aws:iam::{aws.account}:role/workflow"
        yield StepFunctions("embedded", aws.client("stepfunctions"), role, aws)


@contextmanager
def step_functions_local(mocks: Path, _directory: Path) -> Iterator[StepFunctions]:
    """AWS's own, in a container. (Documented as unsupported, and without parity.)"""
    from testcontainers.core.container import DockerContainer  # noqa: PLC0415  # only where Docker answers
    from testcontainers.core.wait_strategies import HttpWaitStrategy  # noqa: PLC0415

    image = os.environ.get(IMAGE_VARIABLE, DEFAULT_IMAGE)
    container = (
        DockerContainer(image)
        .with_exposed_ports(LOCAL_PORT)
        .with_volume_mapping(str(mocks), MOCKS_IN_CONTAINER, "ro")
        .with_env("SFN_MOCK_CONFIG", MOCKS_IN_CONTAINER)
        .with_env("WAIT_TIME_SCALE", str(WAIT_SCALE))
        .with_env("AWS_DEFAULT_REGION", "us-east-1")
        .with_env("AWS_ACCESS_KEY_ID", "test")
        .with_env("AWS_SECRET_ACCESS_KEY", "test")
        .waiting_for(HttpWaitStrategy(LOCAL_PORT).for_status_code_matching(lambda status: status < 600))
    )
    with container:
        endpoint = f"http://{container.get_container_host_ip()}:{container.get_exposed_port(LOCAL_PORT)}"
        client = boto3.client(
            "stepfunctions",
            endpoint_url=endpoint,
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )
        yield StepFunctions("local", client, "arn:aws:iam::123456789012:role/DummyRole")
