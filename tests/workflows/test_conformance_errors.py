"""Retrying, catching and failing: what AWS does, on whichever engine is present."""

import pytest
import small_machines
from botocore.exceptions import ClientError
from small_machines import INVOKE, only, passing

MOCKS = small_machines.MOCKS


def test_a_retry_by_name_tries_again_until_it_succeeds(engine):
    state = {
        **INVOKE,
        "OutputPath": "$.Payload.n",
        "Retry": [{"ErrorEquals": ["SnapshotBusy"], "IntervalSeconds": 1, "MaxAttempts": 2}],
    }
    run = engine.run(only(state), {}, case="FailsTwice", machine="conformance")
    assert run.output == 3
    assert run.count("TaskFailed") == 2


def test_every_retrier_counts_its_own_attempts(engine):
    retriers = [
        {
            "ErrorEquals": ["SnapshotBusy"],
            "IntervalSeconds": 1,
            "MaxAttempts": 2,
            "JitterStrategy": "FULL",
            "MaxDelaySeconds": 2,
        },
        {"ErrorEquals": ["QuotaReached"], "IntervalSeconds": 1, "MaxAttempts": 2},
    ]
    run = engine.run(
        only({**INVOKE, "OutputPath": "$.Payload.n", "Retry": retriers}), {}, case="TwoErrors", machine="conformance"
    )
    assert run.output == 5


def test_a_retry_of_another_error_does_not_try_again(engine):
    run = engine.run(
        only({**INVOKE, "Retry": [{"ErrorEquals": ["SnapshotBusy"]}]}), {}, case="FailsAlways", machine="conformance"
    )
    assert (run.status, run.error, run.cause) == ("FAILED", "SnapshotRefused", "the key is wrong")
    assert run.count("TaskFailed") == 1


def test_a_catch_by_name_puts_the_error_beside_the_input(engine):
    catch = [{"ErrorEquals": ["SnapshotRefused"], "ResultPath": "$.error", "Next": "Refused"}]
    run = engine.run(
        only({**INVOKE, "Catch": catch}, Refused=passing()), {"id": 1}, case="FailsAlways", machine="conformance"
    )
    assert run.output == {"id": 1, "error": {"Error": "SnapshotRefused", "Cause": "the key is wrong"}}


def test_task_failed_stands_for_every_error_but_a_timeout(engine):
    catch = [
        {"ErrorEquals": ["States.TaskFailed"], "Next": "Failed"},
        {"ErrorEquals": ["States.Timeout"], "Next": "TimedOut"},
    ]
    machine = only({**INVOKE, "Catch": catch}, Failed=passing(Result="failed"), TimedOut=passing(Result="timed out"))
    assert engine.run(machine, {}, case="FailsAlways", machine="conformance").output == "failed"
    assert engine.run(machine, {}, case="TimesOut", machine="conformance").output == "timed out"


def test_a_fail_state_takes_error_and_cause_from_the_input(engine):
    fail = {"Type": "Fail", "ErrorPath": "$.error.Error", "CausePath": "States.Format('because {}', $.error.Cause)"}
    run = engine.run(
        {"StartAt": "Give", "States": {"Give": fail}}, {"error": {"Error": "SnapshotRefused", "Cause": "no key"}}
    )
    assert (run.status, run.error, run.cause) == ("FAILED", "SnapshotRefused", "because no key")


def test_an_output_over_the_limit_fails_the_execution(engine):
    catch = [{"ErrorEquals": ["States.ALL"], "Next": "Caught"}]
    run = engine.run(only({**INVOKE, "Catch": catch}, Caught=passing()), {}, case="Big", machine="conformance")
    assert (run.status, run.error) == ("FAILED", "States.DataLimitExceeded")


def test_a_broken_definition_is_refused(engine):
    with pytest.raises(ClientError) as refusal:
        engine.create({"StartAt": "Work", "States": {"Work": {"Type": "Pass", "Next": "Nowhere"}}})
    assert refusal.value.response["Error"]["Code"] == "InvalidDefinition"
