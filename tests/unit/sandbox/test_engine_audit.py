import json

import pytest
from botocore.exceptions import ClientError
from making import PRIMARY
from policies import allow

from sandbox.server import EngineError

CALL = """
    import boto3
    from botocore.config import Config
    def handler(event, context):
        client = boto3.client(event["service"], config=Config(retries={"total_max_attempts": 1}))
        try:
            getattr(client, event["call"])(**event["with"])
        except Exception as error:
            return error.response["Error"]["Code"]
        return "allowed"
    """


def last_call(aws, operation):
    return [call for call in aws.calls() if call["operation"] == operation][-1]


def test_each_call_of_a_role_is_written_down(aws, make):
    url, arn = make.queue()
    role = make.role("lambda", allow("sqs:SendMessage", arn))
    send = {"service": "sqs", "call": "send_message", "with": {"QueueUrl": url, "MessageBody": "x"}}
    assert make.invoke(make.function(CALL, role), send) == ("allowed", None)
    call = last_call(aws, "SendMessage")
    assert (call["service"], call["action"], call["region"]) == ("sqs", "sqs:SendMessage", PRIMARY)
    assert f"assumed-role/{role.rpartition('/')[2]}/" in call["principal"]
    assert (call["resources"], call["allowed"], call["error"]) == ([arn], True, None)


def test_a_refused_call_is_written_down_with_its_error(aws, make):
    delete = {"service": "sqs", "call": "delete_queue", "with": {"QueueUrl": make.queue()[0]}}
    assert make.invoke(make.function(CALL), delete)[0] == "AccessDenied"
    call = last_call(aws, "DeleteQueue")
    assert call["allowed"] is False
    assert call["error"].startswith("AccessDenied")


def test_a_fault_throttles_as_often_as_it_was_asked(aws):
    aws.set_faults(
        {
            "calls": [
                {
                    "service": "stepfunctions",
                    "operation": "ListStateMachines",
                    "times": 2,
                    "error": "ThrottlingException",
                }
            ]
        }
    )
    states = aws.client("stepfunctions")
    with pytest.raises(ClientError) as throttle:
        states.list_state_machines()
    assert throttle.value.response["Error"]["Code"] == "ThrottlingException"
    states.list_state_machines()


def test_a_fault_can_lose_the_answer_of_a_call_that_was_made(aws, name):
    aws.set_faults({"calls": [{"service": "sqs", "operation": "CreateQueue", "after_success": True, "times": 2}]})
    with pytest.raises(ClientError) as lost:
        aws.client("sqs").create_queue(QueueName=name)
    assert lost.value.response["ResponseMetadata"]["HTTPStatusCode"] == 500
    assert aws.client("sqs").get_queue_url(QueueName=name)


def test_a_fault_that_nobody_reads_is_refused(aws):
    with pytest.raises(EngineError, match="nobody reads the fault 'rds_event'"):
        aws.set_faults({"rds_event": {}})


def test_a_role_must_be_allowed_to_pass_a_role(aws, make):
    key = aws.client("kms").create_key()["KeyMetadata"]["Arn"]
    passed = make.role("export.rds")
    export = {
        "ExportTaskIdentifier": "e",
        "SourceArn": f"arn:aws:rds:{PRIMARY}:{aws.account}:snapshot:none",
        "S3BucketName": "none",
        "IamRoleArn": passed,
        "KmsKeyId": key,
    }
    event = {"service": "rds", "call": "start_export_task", "with": export}
    starts, grants = allow("rds:StartExportTask"), allow(["kms:CreateGrant", "kms:DescribeKey"], key)
    passes = allow(
        "iam:PassRole", passed, Condition={"StringEquals": {"iam:PassedToService": "export.rds.amazonaws.com"}}
    )
    assert make.invoke(make.function(CALL, make.role("lambda", starts, grants)), event)[0] == "AccessDenied"
    assert make.invoke(make.function(CALL, make.role("lambda", starts, passes)), event)[0] == "AccessDenied"
    assert make.invoke(make.function(CALL, make.role("lambda", starts, grants, passes)), event)[0] != "AccessDenied"


def test_a_machine_acts_with_its_roles_permissions(aws, make, name):
    states = aws.client("stepfunctions")
    url, arn = make.queue()
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::sqs:sendMessage",
        "Parameters": {"QueueUrl": url, "MessageBody": "x"},
        "End": True,
    }
    definition = json.dumps({"StartAt": "A", "States": {"A": task}})
    outcomes = []
    for index, statements in enumerate(([], [allow("sqs:SendMessage", arn)])):
        role = make.role("states", *statements)
        machine = states.create_state_machine(name=f"{name}-{index}", definition=definition, roleArn=role)[
            "stateMachineArn"
        ]
        execution = states.start_execution(stateMachineArn=machine)["executionArn"]
        while (found := states.describe_execution(executionArn=execution))["status"] == "RUNNING":
            pass
        outcomes.append((found["status"], "not authorized" in found.get("cause", "")))
    assert outcomes == [("FAILED", True), ("SUCCEEDED", False)]


@pytest.mark.parametrize(
    ("condition", "is_allowed"),
    [
        ({"StringEquals": {"aws:RequestedRegion": PRIMARY}}, True),
        ({"StringEquals": {"aws:RequestedRegion": "ap-south-1"}}, False),
        ({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/*"}}, True),
        ({"ArnLike": {"lambda:SourceFunctionArn": "arn:aws:lambda:*:function:f*"}}, True),
        ({"Bool": {"aws:SecureTransport": "true"}}, True),
        ({"Bool": {"aws:PrincipalIsAWSService": "true"}}, False),
        ({"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["POINT#*"]}}, True),
        ({"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["LEASE#*"]}}, False),
    ],
    ids=str,
)
def test_conditions_of_a_roles_policy_are_evaluated(aws, make, name, condition, is_allowed):
    aws.client("dynamodb").create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
    )
    role = make.role("lambda", allow("dynamodb:GetItem", Condition=condition))
    read = {"service": "dynamodb", "call": "get_item", "with": {"TableName": name, "Key": {"pk": {"S": "POINT#1"}}}}
    answer, _ = make.invoke(make.function(CALL, role), read)
    assert answer == ("allowed" if is_allowed else "AccessDeniedException")


def test_describing_all_databases_is_checked_on_every_database(aws, make):
    describe = {"service": "rds", "call": "describe_db_instances", "with": {}}
    of_all = allow("rds:DescribeDBInstances", f"arn:aws:rds:{PRIMARY}:{aws.account}:db:*")
    of_one = allow("rds:DescribeDBInstances", f"arn:aws:rds:{PRIMARY}:{aws.account}:db:orders")
    assert make.invoke(make.function(CALL, make.role("lambda", of_all)), describe)[0] == "allowed"
    assert make.invoke(make.function(CALL, make.role("lambda", of_one)), describe)[0] == "AccessDenied"
