"""Every state machine: it ends, it names only errors that exist, and it calls only what AWS has."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import botocore.session
import pytest
from statelint.config import Config
from statelint.linter import Linter
from statelint.problem import ProblemType

import workflows
from handlers.core import errors

# https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
RESERVED = {
    f"States.{name}"
    for name in (
        "ALL",
        "DataLimitExceeded",
        "ExceedToleratedFailureThreshold",
        "HeartbeatTimeout",
        "Http.Socket",
        "IntrinsicFailure",
        "ItemReaderFailed",
        "NoChoiceMatched",
        "ParameterPathFailure",
        "Permissions",
        "ResultPathMatchFailure",
        "ResultWriterFailed",
        "Runtime",
        "TaskFailed",
        "Timeout",
    )
}
# https://docs.aws.amazon.com/step-functions/latest/dg/bp-lambda-serviceexception.html; Unknown: out of memory
LAMBDA = {"Sandbox.Timedout"} | {
    f"Lambda.{name}"
    for name in (
        "AWSLambdaException",
        "ClientExecutionTimeoutException",
        "SdkClientException",
        "ServiceException",
        "TooManyRequestsException",
        "Unknown",
    )
}
# The first part of an error's name, as the SDK for Java calls the service -> botocore's name.
SERVICES = {"DynamoDb": "dynamodb", "EventBridge": "events", "Rds": "rds", "S3": "s3", "StepFunctions": "stepfunctions"}
# Every service may answer so, and the models of few say it.
# https://docs.aws.amazon.com/step-functions/latest/apireference/CommonErrors.html
COMMON = {"Throttling", "ServiceUnavailable", "AWSStepFunctions"}  # the last: what the SDK for Java calls the rest
# https://docs.aws.amazon.com/step-functions/latest/dg/supported-services-awssdk.html, and the optimized integrations
ENDPOINTS = {"eventbridge": "events", "sfn": "stepfunctions", "states": "stepfunctions"}
INTEGRATION = re.compile(r"arn:aws:states:::(?:aws-sdk:)?(\w+):(\w+)(?:\.(waitForTaskToken|sync|sync:2))?")

BOTOCORE = botocore.session.get_session()


def definition(name: str) -> dict[str, Any]:
    """Workflow *name* with a number for each number and an ARN for each other placeholder."""
    numbers = dict.fromkeys(workflows.placeholders(name), 60)
    text = json.dumps(workflows.load(name, **numbers))
    return json.loads(re.sub(r"\$\{(\w+)\}", r"arn:aws:lambda:eu-west-1:123456789012:function:\1", text))


MACHINES = {name: definition(name) for name in workflows.names()}


@dataclass(frozen=True)
class Found:
    """A state where it was found: beside its *siblings*, *inside* the Map or Parallel states around it."""

    name: str
    state: dict[str, Any]
    siblings: dict[str, Any]
    inside: tuple[dict[str, Any], ...]


def states(name: str, machine: dict[str, Any], inside: tuple[dict[str, Any], ...] = ()) -> Iterator[Found]:
    """Every state of *machine*, those inside of Map and Parallel too."""
    for title, state in machine["States"].items():
        yield Found(f"{name}.{title}", state, machine["States"], inside)
        for inner in [state.get("ItemProcessor"), *state.get("Branches", [])]:
            if inner:
                yield from states(name, inner, (*inside, state))


STATES = [it for name, machine in MACHINES.items() for it in states(name, machine)]

each_machine = pytest.mark.parametrize("machine", MACHINES.values(), ids=MACHINES)


def each(*kinds: str) -> pytest.MarkDecorator:
    """Run the test for every state of the *kinds*, or of all kinds, as argument ``it``."""
    chosen = [it for it in STATES if not kinds or it.state["Type"] in kinds]
    return pytest.mark.parametrize("it", [pytest.param(it, id=it.name) for it in chosen])


def catches_all(state: dict[str, Any]) -> bool:
    return any("States.ALL" in catcher["ErrorEquals"] for catcher in state.get("Catch", []))


def fields(node: Any) -> Iterator[tuple[str, Any]]:
    """Every key and value inside a payload template."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield key, value
            yield from fields(value)
    elif isinstance(node, list):
        for value in node:
            yield from fields(value)


@each_machine
def test_statelint_finds_nothing(machine):
    assert Linter.validate(machine, Config({ProblemType.FLOAT})) == []  # AWS takes 2 for 2.0


@each_machine
def test_a_machine_ends(machine):
    assert machine["TimeoutSeconds"] > 0


@each("Task")
def test_a_task_ends(it):
    assert it.state.get("TimeoutSeconds", 0) > 0 or "TimeoutSecondsPath" in it.state


@each("Task")
def test_a_task_is_tried_again(it):
    assert it.state["Retry"]
    assert all(retrier["MaxAttempts"] > 0 for retrier in it.state["Retry"])


@each("Task")
def test_a_tasks_failure_is_caught_unless_it_records_a_failure_itself(it):
    last_resorts = {
        catcher["Next"]
        for sibling in it.siblings.values()
        for catcher in sibling.get("Catch", [])
        if "States.ALL" in catcher["ErrorEquals"] and "Record" in catcher["Next"]
    }
    is_last_resort = any(it.siblings[title] is it.state for title in last_resorts)

    assert is_last_resort or any(catches_all(state) for state in (it.state, *it.inside))


@each("Choice")
def test_a_choice_that_finds_nothing_fails(it):
    assert it.siblings[it.state["Default"]]["Type"] == "Fail"


@each()
def test_every_error_that_is_retried_or_caught_can_happen(it):
    ours = {name for name, value in vars(errors).items() if isinstance(value, type) and not value.__subclasses__()}

    for handler in [*it.state.get("Retry", []), *it.state.get("Catch", [])]:
        for name in handler["ErrorEquals"]:
            assert name in RESERVED | LAMBDA | ours or is_service_error(name), name


def is_service_error(name: str) -> bool:
    """Whether ``Service.SomethingException`` is in the service's model, where some names lack the ``Exception``."""
    service, _, error = name.partition(".")
    if service not in SERVICES or not error.endswith("Exception"):
        return False
    bare = error.removesuffix("Exception")
    model = BOTOCORE.get_service_model(SERVICES[service])
    known = {shape.name.removesuffix("Exception").removesuffix("Fault") for shape in model.error_shapes}
    return bare in known | COMMON


@each("Task")
def test_a_task_calls_an_action_that_aws_has_with_parameters_that_it_takes(it):
    if it.state["Resource"].startswith("arn:aws:lambda:"):
        return
    match = INTEGRATION.fullmatch(it.state["Resource"])
    assert match, it.state["Resource"]
    service, action, _ = match.groups()
    model = BOTOCORE.get_service_model(ENDPOINTS.get(service, service))
    operations = {name.casefold(): name for name in model.operation_names}
    assert action.casefold() in operations
    shape = model.operation_model(operations[action.casefold()]).input_shape

    given = {key.removesuffix(".$").casefold() for key in it.state["Parameters"]}

    assert given <= {name.casefold() for name in shape.members}
    assert {name.casefold() for name in shape.required_members} <= given


@each("Task")
def test_a_task_that_waits_for_a_token_hands_it_over(it):
    waits = it.state["Resource"].endswith(".waitForTaskToken")

    assert waits == any(value == "$$.Task.Token" for _, value in fields(it.state["Parameters"]))


@each()
def test_a_path_is_never_mistaken_for_text(it):
    """``"id": "$.id"`` is the text ``$.id``; the key must end in ``.$``. No linter says so."""
    for part in ("Parameters", "ResultSelector", "ItemSelector"):
        for key, value in fields(it.state.get(part, {})):
            if isinstance(value, str):
                is_path = value.startswith(("$", "States."))
                assert is_path == key.endswith(".$"), f"{key}: {value}"


@each("Fail")
def test_a_failure_says_why(it):
    assert "Error" in it.state or "ErrorPath" in it.state
    assert "Cause" in it.state or "CausePath" in it.state


@each("Task")
def test_a_function_that_took_too_long_is_called_again(it):
    """A function of ours ends before its task gives up, so Lambda's word for it is the one that comes.

    https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
    """
    retried = {name for retrier in it.state["Retry"] for name in retrier["ErrorEquals"]}

    assert "lambda" not in it.state["Resource"] or "Sandbox.Timedout" in retried


def test_every_transient_error_is_retried_somewhere():
    """Else its name would be an empty promise."""
    retried = {name for it in STATES for retrier in it.state.get("Retry", []) for name in retrier["ErrorEquals"]}

    assert {error.__name__ for error in errors.Transient.__subclasses__()} <= retried
