"""The one way to declare a function, and what it carries with it."""

import pytest
from troposphere import Template

from blueprints import artifacts
from blueprints.functions import function
from blueprints.outputs import KeysOutputs, NetworkOutputs
from blueprints.settings import SANDBOX

KEYS = KeysOutputs.imported(SANDBOX)


@pytest.fixture
def t():
    return Template()


def statements(t, title):
    policy = t.to_dict()["Resources"][f"{title}RolePolicy"]
    return {s["Sid"]: s for s in policy["Properties"]["PolicyDocument"]["Statement"]}


def test_file_logical_id_and_name_follow_from_one_another(t):
    made = function(t, SANDBOX, KEYS, "take_snapshot").to_dict()["Properties"]

    assert "TakeSnapshot" in t.resources
    assert made["FunctionName"] == "holdfast-sandbox-take-snapshot"
    assert made["Handler"] == "handlers.take_snapshot.handler"


def test_its_code_is_named_after_its_contents(t):
    code = function(t, SANDBOX, KEYS, "take_snapshot").to_dict()["Properties"]["Code"]

    assert code["S3Key"] == f"handlers-{artifacts.digest()}.zip"
    assert code["S3Bucket"] == {"Fn::Sub": "holdfast-sandbox-artifacts-${AWS::Region}-${AWS::AccountId}"}


def test_its_environment_is_what_it_is_given_as_text(t):
    made = function(t, SANDBOX, KEYS, "take_snapshot", PREFIX="p", COPY_SLOTS=3, STAGING=KEYS.data_key)

    assert made.to_dict()["Properties"]["Environment"]["Variables"] == {
        "COPY_SLOTS": "3",
        "PREFIX": "p",
        "STAGING": {"Fn::ImportValue": "holdfast-sandbox:keys:DataKey"},
    }


def test_all_functions_of_a_stack_share_their_dead_letters(t):
    one = function(t, SANDBOX, KEYS, "take_snapshot").to_dict()["Properties"]
    other = function(t, SANDBOX, KEYS, "check_export").to_dict()["Properties"]

    assert one["DeadLetterConfig"] == other["DeadLetterConfig"]
    assert len([r for r in t.resources.values() if r.resource_type == "AWS::SQS::Queue"]) == 1


def test_it_lies_outside_the_network_unless_asked_and_says_why(t):
    made = function(t, SANDBOX, KEYS, "take_snapshot").to_dict()

    assert "VpcConfig" not in made["Properties"]
    assert "JoinNetwork" not in statements(t, "TakeSnapshot")
    assert [skip["id"] for skip in made["Metadata"]["checkov"]["skip"]] == ["CKV_AWS_117"]


def test_in_the_network_its_own_code_may_not_touch_the_network(t):
    made = function(t, SANDBOX, KEYS, "take_inventory", vpc=NetworkOutputs.imported(SANDBOX)).to_dict()
    own = statements(t, "TakeInventory")

    assert made["Properties"]["VpcConfig"]["SubnetIds"] == {
        "Fn::Split": [",", {"Fn::ImportValue": "holdfast-sandbox:network:Subnets"}]
    }
    assert own["DenyNetworkToCode"]["Effect"] == "Deny"
    assert own["DenyNetworkToCode"]["Action"] == own["JoinNetwork"]["Action"]
    assert "holdfast-sandbox-take-inventory" in str(own["DenyNetworkToCode"]["Condition"])


def test_the_name_of_the_package_changes_exactly_with_its_sources(tmp_path, monkeypatch):
    monkeypatch.setattr(artifacts, "ROOT", tmp_path)
    monkeypatch.setattr(artifacts, "SOURCES", tmp_path / "handlers")
    monkeypatch.setattr(artifacts, "LOCK", tmp_path / "lock.txt")
    (tmp_path / "handlers" / "__pycache__").mkdir(parents=True)
    source = tmp_path / "handlers" / "a.py"
    source.write_text("1")
    first = artifacts.digest()

    (tmp_path / "handlers" / "__pycache__" / "a.py").write_text("not ours")
    assert artifacts.digest() == first

    (tmp_path / "lock.txt").write_text("boto3==1")
    locked = artifacts.digest()
    assert locked != first

    source.rename(tmp_path / "handlers" / "b.py")
    assert artifacts.digest() not in {first, locked}
