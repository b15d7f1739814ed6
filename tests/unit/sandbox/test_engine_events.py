import json

import pytest
from making import PRIMARY, RECOVERY
from policies import ROOT, allow, document_text, service


@pytest.fixture
def rule(aws, name):
    """Puts a rule for events of source ``name`` with one target."""

    def put(target, region=PRIMARY, bus="default"):
        events = aws.client("events", region)
        events.put_rule(Name=name, EventPattern=json.dumps({"source": [name]}), EventBusName=bus)
        failed = events.put_targets(Rule=name, EventBusName=bus, Targets=[{"Id": "1", **target}])
        assert failed["FailedEntryCount"] == 0

    return put


@pytest.fixture
def publish(aws, name):
    def put(detail, bus="default", region=PRIMARY):
        entry = {
            "Source": name,
            "DetailType": "Recovery Point Verified",
            "Detail": json.dumps(detail),
            "EventBusName": bus,
        }
        assert aws.client("events", region).put_events(Entries=[entry])["FailedEntryCount"] == 0

    return put


def test_an_event_crosses_to_a_bus_of_another_region_and_keeps_its_origin(aws, make, name, rule, publish):
    for region in (PRIMARY, RECOVERY):
        aws.client("events", region).create_event_bus(Name=name)
    bus = f"arn:aws:events:{RECOVERY}:{aws.account}:event-bus/{name}"
    rule({"Arn": bus, "RoleArn": make.role("events", allow("events:PutEvents", bus))}, bus=name)
    url, arn = make.open_queue(RECOVERY)
    rule({"Arn": arn}, RECOVERY, name)
    publish({"point": 1}, bus=name)
    event = json.loads(make.receive(url, RECOVERY)["Body"])
    assert (event["detail"], event["region"]) == ({"point": 1}, PRIMARY)


def test_a_forwarded_event_can_be_lost_by_a_fault(aws, make, rule, publish):
    bus = f"arn:aws:events:{RECOVERY}:{aws.account}:event-bus/default"
    rule({"Arn": bus, "RoleArn": make.role("events", allow("events:PutEvents", bus))})
    url, arn = make.open_queue(RECOVERY)
    rule({"Arn": arn}, RECOVERY)
    aws.set_faults({"forward_events": "drop"})
    publish({"point": 1})
    assert make.receive(url, RECOVERY, 1) is None


def test_an_event_for_a_machine_that_is_gone_becomes_a_dead_letter(aws, make, name, rule, publish):
    machine = f"arn:aws:states:{PRIMARY}:{aws.account}:stateMachine:gone"
    url, arn = make.open_queue()
    rule(
        {
            "Arn": machine,
            "RoleArn": make.role("events", allow("states:StartExecution", machine)),
            "DeadLetterConfig": {"Arn": arn},
        }
    )
    publish({"point": 1})
    letter = make.receive(url)
    assert json.loads(letter["Body"])["detail"] == {"point": 1}
    attributes = {key: value["StringValue"] for key, value in letter["MessageAttributes"].items()}
    assert attributes["ERROR_CODE"] == "NO_RESOURCE"
    assert attributes["TARGET_ARN"] == machine
    assert attributes["RULE_ARN"].endswith(f":rule/{name}")


def test_a_role_without_the_permission_starts_nothing(aws, make, name, rule, publish):
    states = aws.client("stepfunctions")
    definition = json.dumps({"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}})
    machine = states.create_state_machine(name=name, definition=definition, roleArn=make.role("states"))[
        "stateMachineArn"
    ]
    url, arn = make.open_queue()
    rule({"Arn": machine, "RoleArn": make.role("events"), "DeadLetterConfig": {"Arn": arn}})
    publish({})
    assert make.receive(url)["MessageAttributes"]["ERROR_CODE"]["StringValue"] == "NO_PERMISSIONS"
    assert states.list_executions(stateMachineArn=machine)["executions"] == []


def test_a_machine_starts_with_what_the_transformer_makes_of_the_event(aws, make, name, rule, publish):
    states = aws.client("stepfunctions")
    definition = json.dumps({"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}})
    machine = states.create_state_machine(name=name, definition=definition, roleArn=make.role("states"))[
        "stateMachineArn"
    ]
    transformer = {
        "InputPathsMap": {"point": "$.detail.point", "region": "$.region"},
        "InputTemplate": '{"point": <point>, "from": <region>}',
    }
    rule(
        {
            "Arn": machine,
            "RoleArn": make.role("events", allow("states:StartExecution", machine)),
            "InputTransformer": transformer,
        }
    )
    publish({"point": {"id": "orders"}})
    execution = states.list_executions(stateMachineArn=machine)["executions"][0]["executionArn"]
    assert json.loads(states.describe_execution(executionArn=execution)["input"]) == {
        "point": {"id": "orders"},
        "from": PRIMARY,
    }


@pytest.mark.parametrize("is_let_in", [True, False])
def test_an_encrypted_queue_takes_events_only_if_its_key_lets_eventbridge_use_it(aws, make, rule, publish, is_let_in):
    kms, sqs = aws.client("kms"), aws.client("sqs")
    root = allow("kms:*", Principal=ROOT)
    events = allow(["kms:GenerateDataKey", "kms:Decrypt"], Principal=service("events"))
    key = kms.create_key(Policy=document_text(root, *([events] if is_let_in else [])))["KeyMetadata"]["Arn"]
    url, arn = make.open_queue()
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"KmsMasterKeyId": key})
    rule({"Arn": arn})
    publish({})
    assert (make.receive(url, seconds=1) is not None) == is_let_in


def test_nobody_outside_can_publish_as_aws(aws):
    entry = {"Source": "aws.rds", "DetailType": "x", "Detail": "{}"}
    answer = aws.client("events").put_events(Entries=[entry])
    assert answer["Entries"][0]["ErrorCode"] == "NotAuthorizedForSourceException"
