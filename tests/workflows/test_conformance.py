"""What our state machines rely on, stated once and checked on whichever engine is present.

Each test says in its name what AWS does. Those that ask for ``aws`` need a service beside Step Functions.
"""

import io
import json
import textwrap
import time
import uuid
import zipfile

import pytest
from botocore.exceptions import ClientError

LAMBDA = "arn:aws:states:::lambda:invoke"
CALLBACK = "arn:aws:states:::sqs:sendMessage.waitForTaskToken"
INVOKE = {"Type": "Task", "Resource": LAMBDA, "Parameters": {"FunctionName": "f", "Payload.$": "$"}}

MOCKS = {
    "StateMachines": {
        "conformance": {
            "TestCases": {
                "Answers": {"Work": "Answer"},
                "FailsTwice": {"Work": "FailsTwice"},
                "FailsAlways": {"Work": "FailsAlways"},
                "TwoErrors": {"Work": "TwoErrors"},
                "TimesOut": {"Work": "TimesOut"},
                "FailsForSecond": {"Work": "FailsOnce"},
                "Token": {"Ask": "Answer", "Work": "Answer"},
                "Big": {"Work": "Big"},
            }
        }
    },
    "MockedResponses": {
        "Answer": {"0-9": {"Return": {"StatusCode": 200, "Payload": {"n": 7}}}},
        "FailsTwice": {
            "0-1": {"Throw": {"Error": "SnapshotBusy", "Cause": "try later"}},
            "2": {"Return": {"StatusCode": 200, "Payload": {"n": 3}}},
        },
        "FailsOnce": {
            "0": {"Throw": {"Error": "SnapshotRefused", "Cause": "no"}},
            "1-9": {"Return": {"StatusCode": 200, "Payload": {"n": 1}}},
        },
        "FailsAlways": {"0-9": {"Throw": {"Error": "SnapshotRefused", "Cause": "the key is wrong"}}},
        "TwoErrors": {
            "0-1": {"Throw": {"Error": "SnapshotBusy", "Cause": "1"}},
            "2-3": {"Throw": {"Error": "QuotaReached", "Cause": "2"}},
            "4": {"Return": {"StatusCode": 200, "Payload": {"n": 5}}},
        },
        "TimesOut": {"0-9": {"Throw": {"Error": "States.Timeout", "Cause": ""}}},
        "Big": {"0": {"Return": {"StatusCode": 200, "Payload": "x" * 300_000}}},
    },
}


def only(state, **others):
    """A machine of one state that ends, and of the others it may go to."""
    return {"StartAt": "Work", "States": {"Work": {**state, "End": True}, **others}}


def passing(**fields):
    return {"Type": "Pass", "End": True, **fields}


# Data


def test_a_result_is_selected_and_put_beside_the_input(engine):
    state = {**INVOKE, "ResultSelector": {"count.$": "$.Payload.n"}, "ResultPath": "$.snapshot.rows"}
    run = engine.run(only(state), {"id": "orders"}, case="Answers", machine="conformance")
    assert run.output == {"id": "orders", "snapshot": {"rows": {"count": 7}}}


def test_a_null_result_path_keeps_the_input(engine):
    run = engine.run(only({**INVOKE, "ResultPath": None}), {"id": 1}, case="Answers", machine="conformance")
    assert run.output == {"id": 1}


def test_a_missing_path_in_parameters_fails_the_execution_and_nothing_catches_it(engine):
    state = {
        **INVOKE,
        "Parameters": {"FunctionName": "f", "Payload": {"id.$": "$.missing"}},
        "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Caught"}],
    }
    run = engine.run(only(state, Caught=passing()), {}, case="Answers", machine="conformance")
    assert (run.status, run.error) == ("FAILED", "States.Runtime")


def test_intrinsic_functions_compute(engine):
    template = {
        "name.$": "States.Format('{}-{}', $.id, States.ArrayLength($.tables))",
        "sum.$": "States.MathAdd($.n, -1)",
        "merged.$": "States.JsonMerge($.a, $.b, false)",
        "first.$": "States.ArrayGetItem($.tables, 0)",
        "text.$": "States.JsonToString($.a)",
        "parsed.$": "States.StringToJson($.json)",
        "has.$": "States.ArrayContains($.tables, 'items')",
    }
    data = {"id": "orders", "tables": ["items", "users"], "n": 3, "a": {"x": 1}, "b": {"y": 2}, "json": '{"z":3}'}
    run = engine.run(only({"Type": "Pass", "Parameters": template}), data)
    assert run.output == {
        "name": "orders-2",
        "sum": 2,
        "merged": {"x": 1, "y": 2},
        "first": "items",
        "text": '{"x":1}',
        "parsed": {"z": 3},
        "has": True,
    }


def test_paths_take_slices_and_wildcards(engine):
    template = {"names.$": "$.points[*].id", "last.$": "$.points[-1:].id", "first.$": "$.points[0].id"}
    run = engine.run(only({"Type": "Pass", "Parameters": template}), {"points": [{"id": "a"}, {"id": "b"}]})
    assert run.output == {"names": ["a", "b"], "last": ["b"], "first": "a"}


def test_the_context_object_names_execution_and_machine(engine):
    template = {"id.$": "$$.Execution.Id", "name.$": "$$.Execution.Name", "machine.$": "$$.StateMachine.Name"}
    machine = engine.create(only({"Type": "Pass", "Parameters": template}), "context")
    name = f"run-{uuid.uuid4().hex}"
    run = engine.result(engine.start(machine, name=name))
    assert run.output == {"id": run.arn, "name": name, "machine": "context"}


# Choice


def choice(*rules, **more):
    return {
        "StartAt": "Choose",
        "States": {
            "Choose": {"Type": "Choice", "Choices": list(rules), **more},
            "Yes": passing(Result="yes"),
            "No": passing(Result="no"),
        },
    }


def test_a_choice_on_a_missing_path_fails_although_there_is_a_default(engine):
    run = engine.run(choice({"Variable": "$.missing", "StringEquals": "x", "Next": "Yes"}, Default="No"), {})
    assert (run.status, run.error) == ("FAILED", "States.Runtime")


def test_a_choice_guarded_by_is_present_goes_on(engine):
    guard = {"Variable": "$.missing", "IsPresent": True}
    rule = {"And": [guard, {"Variable": "$.missing", "StringEquals": "x"}], "Next": "Yes"}
    assert engine.run(choice(rule, Default="No"), {}).output == "no"
    assert engine.run(choice(rule, Default="No"), {"missing": "x"}).output == "yes"


def test_a_null_is_present(engine):
    rule = {"Variable": "$.token", "IsPresent": True, "Next": "Yes"}
    assert engine.run(choice(rule, Default="No"), {"token": None}).output == "yes"


def test_a_choice_without_match_and_default_fails(engine):
    run = engine.run(choice({"Variable": "$.n", "NumericEquals": 1, "Next": "Yes"}), {"n": 2})
    assert (run.status, run.error) == ("FAILED", "States.NoChoiceMatched")


@pytest.mark.parametrize(
    ("rule", "data"),
    [
        ({"Variable": "$.n", "NumericGreaterThanEquals": 4}, {"n": 4}),
        ({"Variable": "$.n", "NumericLessThanPath": "$.m"}, {"n": 4, "m": 5}),
        ({"Variable": "$.s", "StringMatches": "rds-*"}, {"s": "rds-1"}),
        ({"Variable": "$.t", "TimestampLessThan": "2026-01-01T00:00:00Z"}, {"t": "2025-12-31T23:59:59Z"}),
        ({"Variable": "$.b", "BooleanEquals": False}, {"b": False}),
        ({"Not": {"Variable": "$.n", "IsString": True}}, {"n": 4}),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
def test_comparisons_hold(engine, rule, data):
    assert engine.run(choice({**rule, "Next": "Yes"}, Default="No"), data).output == "yes"


# Errors


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


# Map and Parallel


def test_a_map_keeps_the_order_and_catches_inside_an_item(engine):
    inside = {
        "StartAt": "Work",
        "States": {
            "Work": {
                **INVOKE,
                "ResultPath": "$.answer",
                "Catch": [{"ErrorEquals": ["SnapshotRefused"], "ResultPath": "$.error", "Next": "Skip"}],
                "Next": "Kept",
            },
            "Kept": passing(Parameters={"id.$": "$.id", "outcome": "kept"}),
            "Skip": passing(Parameters={"id.$": "$.id", "outcome": "skipped"}),
        },
    }
    state = {
        "Type": "Map",
        "ItemsPath": "$.databases",
        "MaxConcurrency": 1,
        "ItemSelector": {"id.$": "$$.Map.Item.Value", "index.$": "$$.Map.Item.Index"},
        "ItemProcessor": {"ProcessorConfig": {"Mode": "INLINE"}, **inside},
    }
    machine = {"StartAt": "Each", "States": {"Each": {**state, "End": True}}}
    run = engine.run(machine, {"databases": ["a", "b", "c"]}, case="FailsForSecond", machine="conformance")
    assert run.output == [
        {"id": "a", "outcome": "skipped"},
        {"id": "b", "outcome": "kept"},
        {"id": "c", "outcome": "kept"},
    ]


def test_a_map_over_nothing_is_an_empty_list(engine):
    state = {"Type": "Map", "ItemsPath": "$.none", "ItemProcessor": {"StartAt": "A", "States": {"A": passing()}}}
    assert engine.run(only(state), {"none": []}).output == []


def test_an_item_that_fails_fails_the_map_with_its_error(engine):
    fail = {"StartAt": "A", "States": {"A": {"Type": "Fail", "Error": "TableMissing", "Cause": "items"}}}
    state = {
        "Type": "Map",
        "ItemProcessor": fail,
        "Catch": [{"ErrorEquals": ["TableMissing"], "ResultPath": "$[0]", "Next": "Caught"}],
    }
    run = engine.run(only(state, Caught=passing()), [1])
    assert run.output == [{"Error": "TableMissing", "Cause": "items"}]


def test_a_parallel_returns_the_branches_in_order(engine):
    slow = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 1, "Next": "A"}, "A": passing(Result="slow")}}
    fast = {"StartAt": "B", "States": {"B": passing(Result="fast")}}
    run = engine.run(only({"Type": "Parallel", "Branches": [slow, fast]}), {})
    assert run.output == ["slow", "fast"]


def test_a_branch_that_fails_fails_the_parallel_at_once(engine):
    never = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 3000, "End": True}}}
    fails = {"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "Lost", "Cause": ""}}}
    run = engine.run(only({"Type": "Parallel", "Branches": [never, fails]}), {})
    assert (run.status, run.error) == ("FAILED", "Lost")


def test_the_history_names_every_state_entered(engine):
    machine = {
        "StartAt": "First",
        "States": {
            "First": {"Type": "Pass", "Next": "Both"},
            "Both": {
                "Type": "Parallel",
                "Branches": [{"StartAt": "Inner", "States": {"Inner": passing()}}],
                "End": True,
            },
        },
    }
    run = engine.run(machine, {})
    assert run.visited == ["First", "Both", "Inner"]
    assert run.history[0]["type"] == "ExecutionStarted"
    assert run.history[-1]["type"] == "ExecutionSucceeded"


# Executions


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


# With the rest of AWS


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


@pytest.fixture(scope="session")
def function(engine):
    """A function that does what its event asks; its ARN."""
    if engine.aws is None:
        # Its Lambda tasks go to an endpoint that we would have to run beside it. What these tests rely on of a function
        # (the names of its errors) is mocked for both engines elsewhere in this file.
        pytest.skip("needs a function to invoke, and Step Functions Local runs none")
    source = textwrap.dedent(
        """
        import os, time

        class SnapshotBusy(Exception):
            pass

        def handler(event, context):
            if event.get("fail"):
                raise SnapshotBusy("try later")
            time.sleep(event.get("sleep", 0))
            return {"pid": os.getpid(), "environment": sorted(os.environ), "event": event}
        """
    )
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("app.py", source)
    client = engine.aws.client("lambda")
    made = client.create_function(
        FunctionName="conformance",
        Runtime="python3.13",
        Role=engine.role,
        Handler="app.handler",
        Code={"ZipFile": archive.getvalue()},
        Timeout=10,
    )
    client.get_waiter("function_active_v2").wait(FunctionName="conformance")
    return made["FunctionArn"]


def test_the_class_of_a_functions_exception_is_the_name_of_the_error(engine, function):
    state = {"Type": "Task", "Resource": LAMBDA, "Parameters": {"FunctionName": function, "Payload": {"fail": True}}}
    catch = [{"ErrorEquals": ["SnapshotBusy"], "Next": "Caught"}]
    run = engine.run(only({**state, "Catch": catch}, Caught=passing()), {})
    assert run.output["Error"] == "SnapshotBusy"
    assert json.loads(run.output["Cause"])["errorMessage"] == "try later"


def test_a_function_that_fails_before_its_token_is_answered_fails_the_task(engine, function):
    state = {
        "Type": "Task",
        "Resource": f"{LAMBDA}.waitForTaskToken",
        "Parameters": {"FunctionName": function, "Payload": {"fail": True, "token.$": "$$.Task.Token"}},
        "TimeoutSeconds": 60,
    }
    run = engine.run(only(state), {})
    assert (run.status, run.error) == ("FAILED", "SnapshotBusy")


def test_a_task_over_its_time_is_timed_out(engine, function):
    state = {
        "Type": "Task",
        "Resource": LAMBDA,
        "Parameters": {"FunctionName": function, "Payload": {"sleep": 5}},
        "TimeoutSeconds": 1,
    }
    run = engine.run(only(state), {})
    assert (run.status, run.error) == ("FAILED", "States.Timeout")


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


def test_errors_of_dynamodb_and_of_sdk_calls_have_their_names(engine, aws):
    table = {"TableName": f"t{uuid.uuid4().hex}", "BillingMode": "PAY_PER_REQUEST"}
    schema = {
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
    }
    aws.client("dynamodb").create_table(**table, **schema)
    put = {
        "TableName": table["TableName"],
        "Item": {"id": {"S": "1"}},
        "ConditionExpression": "attribute_not_exists(id)",
    }
    optimized = {"Type": "Task", "Resource": "arn:aws:states:::dynamodb:putItem", "Parameters": put}
    assert engine.run(only(optimized), {}).status == "SUCCEEDED"
    assert engine.run(only(optimized), {}).error == "DynamoDB.ConditionalCheckFailedException"
    sdk = {**optimized, "Resource": "arn:aws:states:::aws-sdk:dynamodb:putItem"}
    assert engine.run(only(sdk), {}).error == "DynamoDb.ConditionalCheckFailedException"
    describe = {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:rds:describeDBInstances",
        "Parameters": {"DbInstanceIdentifier": "none"},
    }
    assert engine.run(only(describe), {}).error == "Rds.DbInstanceNotFoundException"


def test_published_events_reach_their_rule_and_a_refused_one_fails_the_task(engine, aws, queue):
    source = f"holdfast.{uuid.uuid4().hex}"
    events, sqs = aws.client("events"), aws.client("sqs")
    url = queue.state["Parameters"]["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    events.put_rule(Name=source, EventPattern=json.dumps({"source": [source]}))
    events.put_targets(Rule=source, Targets=[{"Id": "queue", "Arn": arn}])
    entry = {"Source": source, "DetailType": "Recovery Point Verified", "Detail": {"level": 2}}
    state = {"Type": "Task", "Resource": "arn:aws:states:::events:putEvents", "Parameters": {"Entries": [entry]}}
    run = engine.run(only(state), {})
    event = json.loads(sqs.receive_message(QueueUrl=url, WaitTimeSeconds=5)["Messages"][0]["Body"])
    assert (event["detail"], event["detail-type"]) == ({"level": 2}, "Recovery Point Verified")
    assert run.arn in event["resources"]
    entry["Source"] = "aws.rds"
    assert engine.run(only(state), {}).error == "EventBridge.FailedEntry"


@pytest.mark.usefixtures("aws")
def test_a_distributed_map_runs_children_and_tolerates_some_failures(engine):
    child = {
        "StartAt": "Check",
        "States": {
            "Check": {
                "Type": "Choice",
                "Choices": [{"Variable": "$.n", "NumericEquals": 0, "Next": "Lost"}],
                "Default": "Kept",
            },
            "Lost": {"Type": "Fail", "Error": "Lost", "Cause": ""},
            "Kept": passing(OutputPath="$.n"),
        },
    }
    processor = {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, **child}
    state = {"Type": "Map", "ItemProcessor": processor, "MaxConcurrency": 10}
    items = [{"n": n} for n in range(10)]
    assert engine.run(only({**state, "ToleratedFailurePercentage": 10}), items).output == list(range(1, 10))
    assert engine.run(only(state), items).error == "States.ExceedToleratedFailureThreshold"
