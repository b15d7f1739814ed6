"""Queues, outputs and suppressions: the small things every stack is made of."""

from datetime import timedelta

import pytest
from troposphere import Template, sqs

from blueprints import arns
from blueprints.outputs import ApiOutputs, DatabaseOutputs, KeysOutputs, NetworkOutputs, StorageOutputs
from blueprints.queues import Sender, queue
from blueprints.settings import SANDBOX
from blueprints.suppressions import accept, accepted

KEYS = KeysOutputs.imported(SANDBOX)


def test_a_message_received_too_often_is_put_aside():
    t = Template()
    queue(t, SANDBOX, KEYS, "Settle", visibility=timedelta(minutes=5), receives=7)
    live = t.to_dict()["Resources"]["Settle"]["Properties"]

    assert live["VisibilityTimeout"] == 300
    assert live["RedrivePolicy"] == {
        "deadLetterTargetArn": {"Fn::GetAtt": ["SettleDeadLetters", "Arn"]},
        "maxReceiveCount": 7,
    }


def test_only_the_services_named_may_send_and_only_for_the_sources_named():
    t = Template()
    queue(t, SANDBOX, KEYS, "Settle", visibility=timedelta(minutes=5), senders=[Sender("events", arns.rules(SANDBOX))])
    resources = t.to_dict()["Resources"]
    (_, send) = resources["SettleAccess"]["Properties"]["PolicyDocument"]["Statement"]
    (only,) = resources["SettleDeadLettersAccess"]["Properties"]["PolicyDocument"]["Statement"]

    assert send["Principal"] == {"Service": ["events.amazonaws.com"]}
    assert send["Action"] == ["sqs:SendMessage"]
    assert "rule/holdfast-sandbox-*" in str(send["Condition"]["ArnLike"])
    assert only["Effect"] == "Deny", "dead letters come from the queue itself, not from a service"


def test_a_forgotten_output_is_an_error():
    with pytest.raises(TypeError, match="logs_key"):
        KeysOutputs(data_key="a", backups_key="b")


@pytest.mark.parametrize("outputs", [KeysOutputs, NetworkOutputs, StorageOutputs, DatabaseOutputs, ApiOutputs])
def test_both_sides_of_a_contract_agree_on_every_name(outputs):
    t = Template()
    imported = outputs.imported(SANDBOX)
    imported.publish(t, SANDBOX)

    for output in t.to_dict()["Outputs"].values():
        assert output["Value"] == {"Fn::ImportValue": output["Export"]["Name"]}


@pytest.mark.parametrize("fields", [{"data_key": 1, "backups_key": 1}, {**dict.fromkeys(KEYS.fields), "spare_key": 1}])
def test_outputs_take_their_fields_and_no_others(fields):
    with pytest.raises(TypeError, match=r"KeysOutputs has other fields: (logs|spare)_key"):
        KeysOutputs(**fields)


def test_suppressions_add_up_and_keep_their_reasons():
    q = sqs.Queue("Queue")
    accept(q, "checkov", "CKV_1", "first")
    accept(q, "checkov", "CKV_2", "second")
    accept(q, "cfn-lint", "W1", "third")
    accept(q, "cloudformation-validate", "E1", "fourth")
    template = Template()
    template.add_resource(q)

    assert q.resource["Metadata"] == {
        "checkov": {"skip": [{"id": "CKV_1", "comment": "first"}, {"id": "CKV_2", "comment": "second"}]},
        "cfn-lint": {"config": {"ignore_checks": ["W1"]}},
        "Accepted": {"W1": "third", "E1": "fourth"},
    }
    assert accepted(template.to_dict()) == [("W1", "Queue"), ("E1", "Queue")]


def test_nothing_is_suppressed_without_a_reason():
    with pytest.raises(ValueError, match="W1 on Queue is accepted without a reason"):
        accept(sqs.Queue("Queue"), "cfn-lint", "W1", "")
