"""Stack sets of the embedded AWS: roles, templates, parameters, organizations, drift, and the resource type."""

import json
import uuid

import pytest
from botocore.exceptions import ClientError
from deploying import BROKEN, await_stack, ended, failures, ref, remove, resource
from making import PRIMARY, RECOVERY, eventually
from policies import document
from stack_sets import CURRENT, REGIONS, SEQUENTIAL, TAGS, self_managed, topic

from sandbox.server import ACCOUNT

UNIT = "ou-abcd-12345678"


@pytest.fixture(scope="module")
def world(engine):
    return self_managed(engine)


@pytest.mark.parametrize(
    ("which", "reason"),
    [
        ("AdministrationRoleARN", "'{}' role with trust relationship to CloudFormation service."),
        ("ExecutionRoleName", "'{}' role with trust relationship to Role "),
    ],
)
def test_without_its_roles_a_set_can_do_nothing(world, name, which, reason):
    missing = f"arn:aws:iam::{ACCOUNT}:role/{name}" if which == "AdministrationRoleARN" else name
    made = world.create(topic(), **{which: missing})

    assert world.operate(made, "create_stack_instances") == "FAILED"

    found = world.instances(made)[RECOVERY]
    assert found["Status"] == "OUTDATED"
    assert f"Account {ACCOUNT} should have " + reason.format(name) in found["StatusReason"]
    assert "StackId" not in found


def test_roles_that_trust_somebody_else_are_as_good_as_none(world, make):
    stranger = make.role("ec2").rpartition("/")[2]
    for which in ("AdministrationRoleARN", "ExecutionRoleName"):
        value = f"arn:aws:iam::{ACCOUNT}:role/{stranger}" if which == "AdministrationRoleARN" else stranger
        made = world.create(topic(), **{which: value})

        assert world.operate(made, "create_stack_instances") == "FAILED"
        assert f"should have '{stranger}' role" in world.instances(made)[RECOVERY]["StatusReason"]


@pytest.mark.parametrize(
    "style", ["https://{bucket}.s3.{region}.amazonaws.com/{key}", "https://s3.{region}.amazonaws.com/{bucket}/{key}"]
)
def test_a_template_is_read_from_its_bucket(world, name, style):
    s3, key = world.engine.client("s3", RECOVERY), "templates/a b.json"
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": RECOVERY})
    place = {"bucket": name, "key": "templates/a%20b.json"}
    with pytest.raises(ClientError, match="The specified key does not exist"):
        world.create(style.format(region=RECOVERY, **place))
    large = {**topic(), "Metadata": {"x": "y" * 60000}}
    s3.put_object(Bucket=name, Key=key, Body=json.dumps(large).encode())
    with pytest.raises(ClientError, match="must be addressed using the specified endpoint"):
        world.create(style.format(region=PRIMARY, **place))

    made = world.create(style.format(region=RECOVERY, **place))

    assert world.operate(made, "create_stack_instances") == "SUCCEEDED"
    assert json.loads(world.cloudformation.describe_stack_set(StackSetName=made)["StackSet"]["TemplateBody"]) == large


def test_capabilities_are_asked_of_the_set(world):
    roles = {"Resources": {"Role": resource("IAM::Role", AssumeRolePolicyDocument=document())}}
    name = world.create(roles)

    assert world.operate(name, "create_stack_instances", Regions=[PRIMARY]) == "FAILED"
    assert "CAPABILITY_IAM" in world.instances(name)[PRIMARY]["StatusReason"]


def test_parameters_of_the_set_and_of_an_instance_reach_the_stacks(world):
    template = {"Parameters": {"Say": {"Type": "String", "Default": "d"}}, **topic(DisplayName=ref("Say"))}
    pair = [{"ParameterKey": "Say", "ParameterValue": "set"}]
    name = world.create(template, Parameters=pair)
    own = [{"ParameterKey": "Say", "ParameterValue": "own"}]

    world.operate(name, "create_stack_instances", Regions=[PRIMARY])
    world.operate(name, "create_stack_instances", Regions=[RECOVERY], ParameterOverrides=own)

    assert world.stack(name, PRIMARY)["Parameters"] == pair
    assert world.stack(name, RECOVERY)["Parameters"] == own
    found = world.cloudformation.describe_stack_instance(
        StackSetName=name, StackInstanceAccount=ACCOUNT, StackInstanceRegion=RECOVERY
    )["StackInstance"]
    assert found["ParameterOverrides"] == own


def test_a_service_managed_set_takes_accounts_of_a_unit_only(world):
    more = {"PermissionModel": "SERVICE_MANAGED", "AutoDeployment": {"Enabled": False}, "CallAs": "DELEGATED_ADMIN"}
    name = f"set-{uuid.uuid4().hex[:8]}"
    world.cloudformation.create_stack_set(StackSetName=name, TemplateBody=json.dumps(topic()), **more)
    where = {"OrganizationalUnitIds": [UNIT], "Accounts": [ACCOUNT]}
    request = {"StackSetName": name, "Regions": REGIONS, "CallAs": "DELEGATED_ADMIN"}
    with pytest.raises(ClientError, match="can only have OrganizationalUnit as target"):
        world.cloudformation.create_stack_instances(Accounts=[ACCOUNT], **request)
    with pytest.raises(ClientError, match="AccountFilterType must be INTERSECTION"):
        world.cloudformation.create_stack_instances(DeploymentTargets=where, **request)

    where["AccountFilterType"] = "INTERSECTION"
    begun = world.cloudformation.create_stack_instances(DeploymentTargets=where, **request)

    assert world.ended(name, begun["OperationId"]) == "SUCCEEDED"
    assert world.instances(name)[PRIMARY]["OrganizationalUnitId"] == UNIT
    found = world.cloudformation.describe_stack_set(StackSetName=name)["StackSet"]
    assert (found["PermissionModel"], found["Regions"]) == ("SERVICE_MANAGED", sorted(REGIONS))


def test_a_stack_that_is_there_becomes_an_instance_as_it_is(world, name):
    body = json.dumps(topic())
    stack = world.cloudformation.create_stack(StackName=name, TemplateBody=body, Tags=TAGS)["StackId"]
    await_stack(world.cloudformation, name)
    made = world.create(topic())

    assert world.operate(made, "import_stacks_to_stack_set", StackIds=[stack]) == "SUCCEEDED"

    assert world.states(made) == {PRIMARY: ("CURRENT", "SUCCEEDED")}
    assert world.stack(made)["StackName"] == name
    with pytest.raises(ClientError, match="already"):
        world.operate(made, "import_stacks_to_stack_set", StackIds=[stack])
    with pytest.raises(ClientError, match="StackNotFoundException"):
        world.operate(made, "import_stacks_to_stack_set", StackIds=[f"{stack}x"])
    assert world.operate(made, "update_stack_set", TemplateBody=json.dumps(topic(DisplayName="new"))) == "SUCCEEDED"
    assert world.stack(made)["StackStatus"] == "UPDATE_COMPLETE"


def test_drift_is_found_in_the_instance_whose_topic_was_changed(world):
    name = world.create(topic(DisplayName="as written"))
    world.operate(name, "create_stack_instances")
    arn = world.engine.client("cloudformation", RECOVERY).describe_stack_resource(
        StackName=world.stack(name, RECOVERY)["StackId"], LogicalResourceId="Topic"
    )["StackResourceDetail"]["PhysicalResourceId"]
    world.engine.client("sns", RECOVERY).set_topic_attributes(
        TopicArn=arn, AttributeName="DisplayName", AttributeValue="other"
    )

    identifier = world.operate(name, "detect_stack_set_drift", wait=False)

    assert world.ended(name, identifier) == "SUCCEEDED"
    assert {region: one["DriftStatus"] for region, one in world.instances(name).items()} == {
        PRIMARY: "IN_SYNC",
        RECOVERY: "DRIFTED",
    }
    details = world.cloudformation.describe_stack_set(StackSetName=name)["StackSet"]["StackSetDriftDetectionDetails"]
    assert (details["DriftStatus"], details["DriftDetectionStatus"]) == ("DRIFTED", "COMPLETED")
    assert (details["DriftedStackInstancesCount"], details["InSyncStackInstancesCount"]) == (1, 1)
    drifts = world.cloudformation.list_stack_instance_resource_drifts(
        StackSetName=name, StackInstanceAccount=ACCOUNT, StackInstanceRegion=RECOVERY, OperationId=identifier
    )["Summaries"]
    assert [one["PropertyDifferences"][0]["PropertyPath"] for one in drifts] == ["/DisplayName"]


def test_the_resource_updates_the_instances_that_others_made_and_stays_while_there_are_any(world, name):
    def stack_template(template, **more):
        properties = {
            "StackSetName": name,
            "PermissionModel": "SELF_MANAGED",
            "OperationPreferences": SEQUENTIAL,
            "ManagedExecution": {"Active": True},
            "Tags": TAGS,
            "TemplateBody": json.dumps(template),
            **world.roles(),
            **more,
        }
        outputs = {"Id": {"Value": {"Fn::GetAtt": ["Set", "StackSetId"]}}, "Ref": {"Value": ref("Set")}}
        body = {"Resources": {"Set": resource("CloudFormation::StackSet", **properties)}, "Outputs": outputs}
        return {"StackName": name, "TemplateBody": json.dumps(body)}

    world.cloudformation.create_stack(**stack_template(topic()))
    outputs = await_stack(world.cloudformation, name)
    assert (
        outputs["Id"]
        == outputs["Ref"]
        == world.cloudformation.describe_stack_set(StackSetName=name)["StackSet"]["StackSetId"]
    )
    world.operate(name, "create_stack_instances")

    world.cloudformation.update_stack(**stack_template(topic(DisplayName="new")))
    await_stack(world.cloudformation, name, "update")
    assert {world.stack(name, region)["StackStatus"] for region in REGIONS} == {"UPDATE_COMPLETE"}

    wrong = {"Resources": {**topic(DisplayName="new")["Resources"], "Second": BROKEN}}
    world.cloudformation.update_stack(**stack_template(wrong))
    with pytest.raises(AssertionError, match="UPDATE_ROLLBACK_COMPLETE"):
        await_stack(world.cloudformation, name, "update")
    reasons = dict(failures(world.cloudformation, name))
    assert "ResourceLogicalId:Second, ResourceType:Custom::Broken" in reasons["Set"]
    assert world.states(name) == CURRENT  # as before

    identifier = world.cloudformation.describe_stacks(StackName=name)["Stacks"][0]["StackId"]
    world.cloudformation.delete_stack(StackName=name)
    stack = eventually(lambda: ended(world.cloudformation, identifier))
    assert stack == "DELETE_FAILED"
    newest = next(reason for logical, reason in failures(world.cloudformation, identifier) if logical == "Set")
    assert newest.startswith("StackSetNotEmptyException")

    world.operate(name, "delete_stack_instances", RetainStacks=False)
    remove(world.engine, name)
