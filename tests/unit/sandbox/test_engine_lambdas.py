import json

import pytest
from making import eventually
from policies import allow

LAMBDA_SETS = {
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_ENDPOINT_URL",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "LAMBDA_TASK_ROOT",
    "LANG",
    "PATH",
    "TMPDIR",
    "TZ",
    "_LAMBDA_FUNCTION_ARN",
    "_LAMBDA_TIMEOUT",
    "LC_CTYPE",
}


def test_a_function_sees_what_lambda_sets_and_its_own_variables_and_no_more(make):
    function = make.function(
        "import os\ndef handler(event, context): return dict(os.environ)",
        Environment={"Variables": {"STAGE": "sandbox"}},
    )
    environment, _ = make.invoke(function)
    assert environment["STAGE"] == "sandbox"
    assert set(environment) <= LAMBDA_SETS | {"STAGE"}


def test_a_function_acts_with_its_roles_permissions_and_no_others(make):
    source = """
        import boto3
        def handler(event, context):
            answers = {}
            for name in event:
                try:
                    boto3.client("sqs").get_queue_url(QueueName=name)
                    answers[name] = "allowed"
                except Exception as error:
                    answers[name] = error.response["Error"]["Code"]
            return [answers, boto3.client("sts").get_caller_identity()["Arn"]]
        """
    mine, other = make.queue()[1], make.queue()[1]
    function = make.function(source, make.role("lambda", allow("sqs:GetQueueUrl", mine)))
    (answers, identity), _ = make.invoke(function, [mine.rpartition(":")[2], other.rpartition(":")[2]])
    assert list(answers.values()) == ["allowed", "AccessDenied"]
    assert ":assumed-role/" in identity


def test_the_process_survives_an_exception_and_reports_its_class(make):
    source = """
        import os
        class SnapshotBusy(Exception): pass
        def handler(event, context):
            if event == "fail": raise SnapshotBusy("later")
            return os.getpid()
        """
    function = make.function(source)
    first, _ = make.invoke(function)
    error, kind = make.invoke(function, "fail")
    again, _ = make.invoke(function)
    assert (error["errorType"], error["errorMessage"], kind) == ("SnapshotBusy", "later", "Unhandled")
    assert first == again


def test_a_module_that_is_missing_is_an_import_error(make):
    error, _ = make.invoke(make.function("import nowhere_to_be_found"))
    assert error["errorType"] == "Runtime.ImportModuleError"


def test_the_functions_own_modules_win_over_installed_ones(make):
    archive_wins = "import app\ndef handler(event, context): return app.__file__.startswith('/') and __name__"
    assert make.invoke(make.function(archive_wins)) == ("app", None)


def test_an_asynchronous_failure_leaves_the_event_as_a_dead_letter(aws, make):
    url, arn = make.queue()
    role = make.role("lambda", allow("sqs:SendMessage", arn))
    function = make.function(
        "def handler(event, context): raise ValueError('no')", role, DeadLetterConfig={"TargetArn": arn}
    )
    client = aws.client("lambda")
    client.put_function_event_invoke_config(FunctionName=function, MaximumRetryAttempts=0)
    client.invoke(FunctionName=function, InvocationType="Event", Payload=b'{"point": 1}')
    letter = make.receive(url)
    assert json.loads(letter["Body"]) == {"point": 1}
    assert letter["MessageAttributes"]["ErrorMessage"]["StringValue"] == "no"


def test_an_asynchronous_success_reaches_its_destination(aws, make):
    url, arn = make.queue()
    function = make.function(
        "def handler(event, context): return 7", make.role("lambda", allow("sqs:SendMessage", arn))
    )
    client = aws.client("lambda")
    client.put_function_event_invoke_config(
        FunctionName=function, DestinationConfig={"OnSuccess": {"Destination": arn}}
    )
    client.invoke(FunctionName=function, InvocationType="Event", Payload=b"{}")
    record = json.loads(make.receive(url)["Body"])
    assert (record["requestContext"]["condition"], record["responsePayload"]) == ("Success", 7)


@pytest.fixture
def dead_letters(make):
    return make.queue()


def test_a_failed_item_of_a_batch_comes_again_and_ends_as_a_dead_letter(aws, make, dead_letters):
    redrive = json.dumps({"deadLetterTargetArn": dead_letters[1], "maxReceiveCount": 2})
    url, arn = make.queue(VisibilityTimeout="60", RedrivePolicy=redrive)
    source = """
        def handler(event, context):
            failed = [record["messageId"] for record in event["Records"] if record["body"] == "bad"]
            return {"batchItemFailures": [{"itemIdentifier": one} for one in failed]}
        """
    reads = allow(["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"], arn)
    function = make.function(source, make.role("lambda", reads))
    aws.client("lambda").create_event_source_mapping(
        FunctionName=function, EventSourceArn=arn, FunctionResponseTypes=["ReportBatchItemFailures"]
    )
    for body in ("good", "bad"):
        aws.client("sqs").send_message(QueueUrl=url, MessageBody=body)
    letter = eventually(lambda: make.receive(dead_letters[0], seconds=1), 20)
    assert letter["Body"] == "bad"
    left = aws.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert left["ApproximateNumberOfMessages"] == left["ApproximateNumberOfMessagesNotVisible"] == "0"


@pytest.mark.parametrize("may", [True, False], ids=["may", "may not"])
def test_a_log_group_that_is_not_there_is_made_only_by_a_role_that_may(aws, make, may):
    role = make.role("lambda", *([allow("logs:CreateLogGroup")] if may else []))
    function = make.function("def handler(event, context): return event", role)
    assert make.invoke(function, 1) == (1, None)
    group = f"/aws/lambda/{function.rpartition(':')[2]}"
    found = aws.client("logs").describe_log_groups(logGroupNamePrefix=group)["logGroups"]
    assert [each["logGroupName"] for each in found] == ([group] if may else [])
