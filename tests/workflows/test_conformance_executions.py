"""Names, times and ends of executions, nested ones too: what AWS does, on whichever engine is present.

Tests that ask for ``aws`` need a service beside Step Functions.
"""

import json

import pytest
import small_machines
from botocore.exceptions import ClientError
from small_machines import LAMBDA, only

MOCKS = small_machines.MOCKS


def test_the_same_name_and_input_while_it_runs_is_the_same_execution(engine):
    machine = engine.create(only({"Type": "Wait", "Seconds": 20}))
    first = engine.start(machine, {"a": 1}, name="point-1")
    assert engine.start(machine, {"a": 1}, name="point-1") == first
    with pytest.raises(ClientError) as other_input:
        engine.start(machine, {"a": 2}, name="point-1")
    assert other_input.value.response["Error"]["Code"] == "ExecutionAlreadyExists"
    engine.result(first)
    with pytest.raises(ClientError) as afterwards:
        engine.start(machine, {"a": 1}, name="point-1")
    assert afterwards.value.response["Error"]["Code"] == "ExecutionAlreadyExists"


def test_a_name_has_at_most_80_characters(engine):
    machine = engine.create(only({"Type": "Pass"}))
    assert engine.result(engine.start(machine, name="n" * 80)).status == "SUCCEEDED"
    with pytest.raises(ClientError) as refusal:
        engine.start(machine, name="n" * 81)
    assert refusal.value.response["Error"]["Code"] in {"InvalidName", "ValidationException"}


def test_an_execution_over_its_time_is_timed_out(engine):
    run = engine.run({**only({"Type": "Wait", "Seconds": 3000}), "TimeoutSeconds": 1}, {})
    assert (run.status, run.history[-1]["type"]) == ("TIMED_OUT", "ExecutionTimedOut")


def test_a_stopped_execution_is_aborted_at_once(engine):
    execution = engine.start(engine.create(only({"Type": "Wait", "Seconds": 3000})))
    engine.client.stop_execution(executionArn=execution, error="Fenced", cause="failover")
    run = engine.result(execution)
    assert (run.status, run.error, run.cause) == ("ABORTED", "Fenced", "failover")


def test_a_mocked_task_does_not_wait_for_its_token(engine):
    state = {
        "Type": "Task",
        "Resource": f"{LAMBDA}.waitForTaskToken",
        "Parameters": {"FunctionName": "f", "Payload": {"token.$": "$$.Task.Token"}},
        "TimeoutSeconds": 60,
    }
    run = engine.run(only({**state, "OutputPath": "$.Payload.n"}), {}, case="Token", machine="conformance")
    assert run.output == 7


# Nested ones


@pytest.mark.usefixtures("aws")
def test_a_nested_start_under_a_used_name_fails_by_its_own_error(engine):
    inner = engine.create(only({"Type": "Pass"}))
    engine.result(engine.start(inner, name="once"))
    state = {
        "Type": "Task",
        "Resource": "arn:aws:states:::states:startExecution",
        "Parameters": {"StateMachineArn": inner, "Name": "once", "Input": {"b": 1}},
    }
    assert engine.run(only(state), {}).error == "StepFunctions.ExecutionAlreadyExistsException"


@pytest.mark.usefixtures("aws")
def test_a_nested_synchronous_execution_gives_its_output_as_json(engine):
    inner = engine.create(only({"Type": "Pass", "Result": {"level": 2}}))
    state = {
        "Type": "Task",
        "Resource": "arn:aws:states:::states:startExecution.sync:2",
        "Parameters": {"StateMachineArn": inner},
    }
    assert engine.run(only({**state, "OutputPath": "$.Output"}), {}).output == {"level": 2}


@pytest.mark.usefixtures("aws")
def test_a_nested_synchronous_execution_that_fails_is_task_failed(engine):
    inner = engine.create({"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "Lost", "Cause": "gone"}}})
    state = {
        "Type": "Task",
        "Resource": "arn:aws:states:::states:startExecution.sync:2",
        "Parameters": {"StateMachineArn": inner},
    }
    run = engine.run(only(state), {})
    assert run.error == "States.TaskFailed"
    assert json.loads(run.cause)["Error"] == "Lost"
