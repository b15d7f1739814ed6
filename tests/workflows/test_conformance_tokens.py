"""Tasks that wait for their token: what AWS does. All of them need a queue beside Step Functions."""

import time

import pytest
from small_machines import only, passing


def test_a_token_answered_with_success_gives_the_output(engine, queue):
    execution = engine.start(engine.create(only({**queue.state, "TimeoutSeconds": 60})))
    engine.client.send_task_success(taskToken=queue(), output='{"status": "available"}')
    assert engine.result(execution).output == {"status": "available"}


def test_a_token_answered_with_failure_is_caught_by_its_error(engine, queue):
    catch = [{"ErrorEquals": ["SnapshotFailed"], "Next": "Caught"}]
    execution = engine.start(
        engine.create(only({**queue.state, "TimeoutSeconds": 60, "Catch": catch}, Caught=passing()))
    )
    engine.client.send_task_failure(taskToken=queue(), error="SnapshotFailed", cause="storage full")
    assert engine.result(execution).output == {"Error": "SnapshotFailed", "Cause": "storage full"}


def test_a_timeout_is_retried_with_a_new_token(engine, aws, queue):
    aws.set_faults({"timeouts": {"Work": 0.5}})
    retry = [{"ErrorEquals": ["States.Timeout"], "IntervalSeconds": 1, "MaxAttempts": 1}]
    execution = engine.start(engine.create(only({**queue.state, "TimeoutSeconds": 3600, "Retry": retry})))
    first, second = queue(), queue()
    assert first != second
    with pytest.raises(engine.client.exceptions.TaskTimedOut):
        engine.client.send_task_success(taskToken=first, output="1")
    engine.client.send_task_success(taskToken=second, output="2")
    assert engine.result(execution).output == 2


def test_a_token_nobody_answers_times_out(engine, aws, queue):
    aws.set_faults({"timeouts": {"Work": 0.2}})
    run = engine.run(only({**queue.state, "TimeoutSeconds": 3600}), {})
    assert (run.status, run.error) == ("FAILED", "States.Timeout")


def test_heartbeats_keep_a_task_alive_and_their_absence_ends_it(engine, queue):
    execution = engine.start(engine.create(only({**queue.state, "TimeoutSeconds": 60, "HeartbeatSeconds": 1})))
    token = queue()
    for _ in range(3):
        time.sleep(0.5)
        engine.client.send_task_heartbeat(taskToken=token)
    assert engine.result(execution).error == "States.HeartbeatTimeout"


def test_a_token_is_answered_once_and_an_invented_one_is_refused(engine, queue):
    execution = engine.start(engine.create(only({**queue.state, "TimeoutSeconds": 60})))
    token = queue()
    engine.client.send_task_success(taskToken=token, output="1")
    engine.result(execution)
    with pytest.raises(engine.client.exceptions.TaskTimedOut):
        engine.client.send_task_success(taskToken=token, output="1")
    with pytest.raises(engine.client.exceptions.InvalidToken):
        engine.client.send_task_success(taskToken="invented", output="1")
