"""Tasks that call functions, DynamoDB and EventBridge: what AWS does. All need more than Step Functions."""

import io
import json
import textwrap
import uuid
import zipfile

import pytest
from small_machines import LAMBDA, only, passing


@pytest.fixture(scope="session")
def function(engine):
    """A function that does what its event asks; its ARN."""
    if engine.aws is None:
        # Its Lambda tasks go to an endpoint that we would have to run beside it. What these tests rely on of a function
        # (the names of its errors) is mocked for both engines in test_conformance_errors.py.
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
    often = {"Delay": 0.02, "MaxAttempts": 500}
    client.get_waiter("function_active_v2").wait(FunctionName="conformance", WaiterConfig=often)
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
