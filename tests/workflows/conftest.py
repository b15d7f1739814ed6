"""One Step Functions engine for all tests of the workflows, with the mocked answers that the test modules state.

A test module says what its machines' tasks answer in a constant ``MOCKS``, in the form of Step Functions Local's mock
file::

    MOCKS = {"StateMachines": {"backup": {"TestCases": {"Happy": {"TakeSnapshot": "SnapshotTaken"}}}},
             "MockedResponses": {"SnapshotTaken": {"0": {"Return": {...}}}}}
"""

import json
import uuid
from typing import Any

import engines
import pytest
from small_machines import CALLBACK

EMBEDDED_ONLY = "needs the rest of AWS, which Step Functions Local does not have"


def pytest_report_header() -> str:
    if engines.docker_answers():
        return "state machines run on: Step Functions Local, in a container"
    return "state machines run on: the embedded engine, which is not AWS's (no Docker engine answers)"


@pytest.fixture(scope="session")
def mocks(request: pytest.FixtureRequest) -> dict[str, Any]:
    """The ``MOCKS`` of every collected module, as one file."""
    merged: dict[str, dict[str, Any]] = {"StateMachines": {}, "MockedResponses": {}}
    modules = {item.module for item in request.session.items if isinstance(item, pytest.Function)}
    for module in modules:
        for part, entries in getattr(module, "MOCKS", {}).items():
            for name, entry in entries.items():
                known = merged[part].setdefault(name, entry)
                assert known == entry, f"two test modules mock {name} of {part} differently"
    return merged


@pytest.fixture(scope="session")
def engine(mocks: dict[str, Any], tmp_path_factory: pytest.TempPathFactory):
    with engines.start(mocks, tmp_path_factory.mktemp("engine")) as started:
        yield started


@pytest.fixture
def aws(engine: engines.StepFunctions):
    """The rest of AWS; a test that asks for it is skipped on Step Functions Local."""
    if engine.aws is None:  # there is no RDS, no ledger and no function in Step Functions Local
        pytest.skip(EMBEDDED_ONLY)
    yield engine.aws
    engine.aws.clear_faults()


@pytest.fixture
def queue(aws):
    """A queue that receives task tokens; call it for the next one."""
    sqs = aws.client("sqs")
    url = sqs.create_queue(QueueName=f"tokens-{uuid.uuid4().hex}")["QueueUrl"]

    def next_token():
        found = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=10)["Messages"][0]
        sqs.delete_message(QueueUrl=url, ReceiptHandle=found["ReceiptHandle"])
        return json.loads(found["Body"])["token"]

    next_token.state = {
        "Type": "Task",
        "Resource": CALLBACK,
        "Parameters": {"QueueUrl": url, "MessageBody": {"token.$": "$$.Task.Token"}},
    }
    return next_token
