"""Stack sets of the embedded AWS: roles, regions one after the other, failures, queues, and the resource type."""

import json
import uuid

import pytest
from botocore.exceptions import ClientError
from deploying import await_stack, document, failures, ref, remove, resource
from making import PRIMARY, RECOVERY, eventually

ACCOUNT = "000000000000"
REGIONS = [PRIMARY, RECOVERY]
TAGS = [{"Key": "team", "Value": "blue"}]
SEQUENTIAL = {"RegionOrder": [RECOVERY, PRIMARY], "RegionConcurrencyType": "SEQUENTIAL", "FailureToleranceCount": 0}
UNIT = "ou-abcd-12345678"


def topic(**properties):
    return {"Resources": {"Topic": resource("SNS::Topic", **properties)}}


def broken(*where):
    """A template of which one resource cannot be made in those regions."""
    clauses = [{"Fn::Equals": [ref("AWS::Region"), one]} for one in where]
    return {
        "Conditions": {"Here": {"Fn::Or": [*clauses, clauses[0]]}},
        "Resources": {
            **topic()["Resources"],
            "Broken": {**BROKEN, "Condition": "Here", "DependsOn": "Topic"},
        },
    }


class World:
    """The account that holds the sets, with the two roles."""

    def __init__(self, engine, administration, execution):
        self.engine, self.administration, self.execution = engine, administration, execution
        self.cloudformation = engine.client("cloudformation")

    def create(self, template, **more):
        name = f"set-{uuid.uuid4().hex[:8]}"
        request = {
            "AdministrationRoleARN": f"arn:aws:iam::{ACCOUNT}:role/{self.administration}",
            "ExecutionRoleName": self.execution,
            "Tags": TAGS,
            **more,
        }
        text = {"TemplateBody": json.dumps(template)} if isinstance(template, dict) else {"TemplateURL": template}
        self.cloudformation.create_stack_set(StackSetName=name, **text, **request)
        return name

    def roles(self):
        role = f"arn:aws:iam::{ACCOUNT}:role/{self.administration}"
        return {"AdministrationRoleARN": role, "ExecutionRoleName": self.execution}

    def operate(self, name, what, *, wait=True, **request):
        """Begin an operation, wait until it has ended; answers its status."""
        if what.endswith("instances"):
            request = {"Regions": REGIONS, "Accounts": [ACCOUNT], **request}
        if what == "update_stack_set":
            request = {**self.roles(), **request}
        identifier = getattr(self.cloudformation, what)(StackSetName=name, **request)["OperationId"]
        return self.ended(name, identifier) if wait else identifier

    def ended(self, name, identifier):
        return eventually(lambda: status in ENDED and status if (status := self.status(name, identifier)) else None, 30)

    def status(self, name, identifier):
        found = self.cloudformation.describe_stack_set_operation(StackSetName=name, OperationId=identifier)
        return found["StackSetOperation"]["Status"]

    def instances(self, name, **filters):
        found = self.cloudformation.list_stack_instances(StackSetName=name, **filters)["Summaries"]
        return {one["Region"]: one for one in found}

    def states(self, name):
        found = self.instances(name).items()
        return {region: (one["Status"], one["StackInstanceStatus"]["DetailedStatus"]) for region, one in found}

    def release(self, name, region):
        """Let the stack in a region go on that its wait condition holds."""
        identifier = eventually(lambda: self.instances(name)[region].get("StackId"))
        client = self.engine.client("cloudformation", region)

        def waits():
            stack = client.describe_stack_resources(StackName=identifier)["StackResources"]
            events = client.describe_stack_events(StackName=identifier)["StackEvents"]
            return not stack and any(one["LogicalResourceId"] == "Held" for one in events)

        eventually(waits)
        client.signal_resource(StackName=identifier, LogicalResourceId="Held", UniqueId="u", Status="SUCCESS")

    def stack(self, name, region=PRIMARY):
        identifier = self.instances(name)[region]["StackId"]
        return self.engine.client("cloudformation", region).describe_stacks(StackName=identifier)["Stacks"][0]


BROKEN = {"Type": "Custom::Broken", "Properties": {"ServiceToken": "nothing"}}
HELD = {  # until it is signalled
    **resource("CloudFormation::WaitCondition"),
    "CreationPolicy": {"ResourceSignal": {"Count": 1, "Timeout": "PT1M"}},
}
ENDED = ("SUCCEEDED", "FAILED", "STOPPED")
CURRENT = {PRIMARY: ("CURRENT", "SUCCEEDED"), RECOVERY: ("CURRENT", "SUCCEEDED")}


@pytest.fixture(scope="module")
def world(engine):
    iam = engine.client("iam")
    names = [f"{what}-{uuid.uuid4().hex[:8]}" for what in ("administration", "execution")]
    administration, execution = (f"arn:aws:iam::{ACCOUNT}:role/{name}" for name in names)
    service = {"Effect": "Allow", "Principal": {"Service": "cloudformation.amazonaws.com"}, "Action": "sts:AssumeRole"}
    condition = {"StringEquals": {"aws:SourceAccount": ACCOUNT}}
    above = {"Effect": "Allow", "Principal": {"AWS": administration}, "Action": "sts:AssumeRole"}
    allowed = (
        {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": execution},
        {"Effect": "Allow", "Action": "cloudformation:*", "Resource": "*"},
    )
    for name, trust, statement in zip(names, ({**service, "Condition": condition}, above), allowed, strict=True):
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(document(trust)))
        iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=json.dumps(document(statement)))
    return World(engine, *names)


def test_a_set_makes_a_stack_in_each_region_with_its_name_and_its_tags(world):
    name = world.create(topic())

    assert world.operate(name, "create_stack_instances", OperationPreferences=SEQUENTIAL) == "SUCCEEDED"

    assert world.states(name) == CURRENT
    for region in REGIONS:
        stack = world.stack(name, region)
        assert stack["StackName"].startswith(f"StackSet-{name}-")
        assert stack["Tags"] == TAGS
        assert stack["StackStatus"] == "CREATE_COMPLETE"
        text = world.engine.client("cloudformation", region).get_template(StackName=stack["StackId"])["TemplateBody"]
        assert text == topic()
        arn = world.engine.client("cloudformation", region).describe_stack_resource(
            StackName=stack["StackId"], LogicalResourceId="Topic"
        )["StackResourceDetail"]["PhysicalResourceId"]
        tags = world.engine.client("sns", region).list_tags_for_resource(ResourceArn=arn)["Tags"]
        assert TAGS[0] in tags


def test_an_update_of_a_set_reaches_all_its_instances_and_leaves_alone_what_is_as_wanted(world):
    name = world.create(topic())
    world.operate(name, "create_stack_instances")

    assert world.operate(name, "update_stack_set", UsePreviousTemplate=True) == "SUCCEEDED"
    assert world.stack(name)["StackStatus"] == "CREATE_COMPLETE"

    assert world.operate(name, "update_stack_set", TemplateBody=json.dumps(topic(DisplayName="new"))) == "SUCCEEDED"
    assert {world.stack(name, region)["StackStatus"] for region in REGIONS} == {"UPDATE_COMPLETE"}
    assert world.stack(name)["Tags"] == TAGS  # left out of the request: unchanged
    assert world.states(name) == CURRENT


def test_after_a_failure_the_regions_that_follow_are_cancelled(world):
    name = world.create(broken(RECOVERY))

    identifier = world.operate(name, "create_stack_instances", wait=False, OperationPreferences=SEQUENTIAL)

    assert world.ended(name, identifier) == "FAILED"
    results = world.cloudformation.list_stack_set_operation_results(StackSetName=name, OperationId=identifier)
    found = {one["Region"]: one for one in results["Summaries"]}
    assert found[RECOVERY]["Status"] == "FAILED"
    assert found[RECOVERY]["StatusReason"].startswith("ResourceLogicalId:Broken, ResourceType:Custom::Broken, Resource")
    assert found[PRIMARY] | {"AccountGateResult": None} == {
        "Account": ACCOUNT,
        "Region": PRIMARY,
        "Status": "CANCELLED",
        "StatusReason": "Cancelled since failure tolerance has exceeded",
        "OrganizationalUnitId": "",
        "AccountGateResult": None,
    }
    assert world.states(name) == {PRIMARY: ("OUTDATED", "CANCELLED"), RECOVERY: ("OUTDATED", "FAILED")}
    failed = world.instances(name, Filters=[{"Name": "DETAILED_STATUS", "Values": "FAILED"}])
    assert failed[RECOVERY]["StatusReason"] == found[RECOVERY]["StatusReason"]
    assert failed.keys() == {RECOVERY}
    assert world.stack(name, RECOVERY)["StackStatus"] == "ROLLBACK_COMPLETE"


def test_regions_at_the_same_time_do_not_wait_for_one_that_fails(world):
    name = world.create(broken(RECOVERY))

    preferences = {"RegionConcurrencyType": "PARALLEL", "RegionOrder": [RECOVERY, PRIMARY]}

    assert world.operate(name, "create_stack_instances", OperationPreferences=preferences) == "FAILED"
    assert world.states(name) == {PRIMARY: ("CURRENT", "SUCCEEDED"), RECOVERY: ("OUTDATED", "FAILED")}


def test_a_stack_that_failed_at_its_creation_is_removed_with_its_instance_and_made_again(world):
    name = world.create(broken(RECOVERY))
    world.operate(name, "create_stack_instances", OperationPreferences=SEQUENTIAL)
    right = json.dumps(topic())

    assert world.operate(name, "update_stack_set", TemplateBody=right, OperationPreferences=SEQUENTIAL) == "FAILED"
    assert "ROLLBACK_COMPLETE" in world.instances(name)[RECOVERY]["StatusReason"]

    assert world.operate(name, "delete_stack_instances", Regions=[RECOVERY], RetainStacks=False) == "SUCCEEDED"
    assert world.operate(name, "create_stack_instances", OperationPreferences=SEQUENTIAL) == "SUCCEEDED"
    assert world.states(name) == CURRENT


def test_a_failed_update_rolls_the_stack_back_and_another_one_repairs_it(world):
    name = world.create(topic())
    world.operate(name, "create_stack_instances")

    wrong = json.dumps({"Resources": {**topic()["Resources"], "Second": BROKEN}})
    assert world.operate(name, "update_stack_set", TemplateBody=wrong, OperationPreferences=SEQUENTIAL) == "FAILED"
    assert world.stack(name, RECOVERY)["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert world.instances(name)[RECOVERY]["StatusReason"].startswith("ResourceLogicalId:Second, ")
    assert world.states(name) == {PRIMARY: ("OUTDATED", "CANCELLED"), RECOVERY: ("OUTDATED", "FAILED")}

    assert world.operate(name, "update_stack_set", TemplateBody=json.dumps(topic())) == "SUCCEEDED"
    assert world.states(name) == CURRENT


def test_named_instances_are_updated_alone(world):
    name = world.create(topic())
    world.operate(name, "create_stack_instances")
    request = {"TemplateBody": json.dumps(topic(DisplayName="new")), "Regions": [RECOVERY], "Accounts": [ACCOUNT]}

    assert world.operate(name, "update_stack_set", **request) == "SUCCEEDED"
    assert world.states(name) == {PRIMARY: ("OUTDATED", "PENDING"), RECOVERY: ("CURRENT", "SUCCEEDED")}

    assert world.operate(name, "update_stack_instances", Regions=[PRIMARY]) == "SUCCEEDED"
    assert world.states(name) == CURRENT
    with pytest.raises(ClientError, match="StackInstanceNotFoundException"):
        world.operate(name, "update_stack_instances", Regions=["us-west-2"])


def test_a_protected_stack_stays_and_its_instance_is_inoperable(world):
    name = world.create(topic())
    world.operate(name, "create_stack_instances", Regions=[PRIMARY])
    stack = world.stack(name)["StackId"]
    world.cloudformation.update_termination_protection(StackName=stack, EnableTerminationProtection=True)

    assert world.operate(name, "delete_stack_instances", Regions=[PRIMARY], RetainStacks=False) == "FAILED"
    assert world.states(name) == {PRIMARY: ("INOPERABLE", "INOPERABLE")}
    assert "TerminationProtection is enabled" in world.instances(name)[PRIMARY]["StatusReason"]
    with pytest.raises(ClientError, match="StackSetNotEmptyException"):
        world.cloudformation.delete_stack_set(StackSetName=name)

    world.cloudformation.update_termination_protection(StackName=stack, EnableTerminationProtection=False)
    assert world.operate(name, "delete_stack_instances", Regions=[PRIMARY], RetainStacks=False) == "SUCCEEDED"
    assert world.instances(name) == {}
    world.cloudformation.delete_stack_set(StackSetName=name)
    with pytest.raises(ClientError, match="StackSetNotFoundException"):
        world.cloudformation.describe_stack_set(StackSetName=name)


def test_retained_stacks_outlive_their_instances(world):
    name = world.create(topic())
    world.operate(name, "create_stack_instances", Regions=[PRIMARY])
    stack = world.stack(name)["StackName"]

    assert world.operate(name, "delete_stack_instances", Regions=[PRIMARY], RetainStacks=True) == "SUCCEEDED"

    assert world.instances(name) == {}
    remove(world.engine, stack)


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


def test_a_set_that_manages_its_execution_queues_what_conflicts(world):
    held = {"Resources": {"Held": HELD}}
    managed, plain = world.create(held, ManagedExecution={"Active": True}), world.create(held)
    request = {"Regions": [PRIMARY], "wait": False}
    first = {name: world.operate(name, "create_stack_instances", **request) for name in (managed, plain)}

    with pytest.raises(ClientError, match="OperationInProgressException"):
        world.operate(plain, "update_stack_set", UsePreviousTemplate=True)
    second = world.operate(managed, "update_stack_set", wait=False, UsePreviousTemplate=True)
    with pytest.raises(ClientError, match="OperationInProgressException"):
        world.cloudformation.delete_stack_set(StackSetName=managed)

    listed = world.cloudformation.list_stack_set_operations(StackSetName=managed)["Summaries"]
    assert [(one["OperationId"], one["Status"]) for one in listed] == [(second, "QUEUED"), (first[managed], "RUNNING")]
    for name in (managed, plain):
        world.release(name, PRIMARY)
        assert world.ended(name, first[name]) == "SUCCEEDED"
    assert world.ended(managed, second) == "SUCCEEDED"


def test_operations_on_different_instances_do_not_wait_for_each_other(world):
    name = world.create({"Resources": {"Held": HELD}}, ManagedExecution={"Active": True})
    first = world.operate(name, "create_stack_instances", Regions=[PRIMARY], wait=False)
    second = world.operate(name, "create_stack_instances", Regions=[RECOVERY], wait=False)

    world.release(name, RECOVERY)

    assert world.ended(name, second) == "SUCCEEDED"
    assert world.status(name, first) == "RUNNING"
    world.release(name, PRIMARY)
    assert world.ended(name, first) == "SUCCEEDED"


def test_a_stopped_operation_does_not_begin_with_further_stacks(world):
    name = world.create({"Resources": {"Held": HELD}}, ManagedExecution={"Active": True})
    running = world.operate(name, "create_stack_instances", wait=False, OperationPreferences=SEQUENTIAL)
    queued = world.operate(name, "update_stack_set", wait=False, UsePreviousTemplate=True)

    for identifier in (queued, running):
        world.cloudformation.stop_stack_set_operation(StackSetName=name, OperationId=identifier)
    assert (world.status(name, running), world.status(name, queued)) == ("STOPPING", "STOPPED")
    world.release(name, RECOVERY)

    assert world.ended(name, running) == "STOPPED"
    assert world.states(name) == {PRIMARY: ("OUTDATED", "CANCELLED"), RECOVERY: ("CURRENT", "SUCCEEDED")}
    with pytest.raises(ClientError, match="InvalidOperationException"):
        world.cloudformation.stop_stack_set_operation(StackSetName=name, OperationId=queued)


def test_the_same_request_again_is_the_same_operation_and_the_same_set(world, name):
    request = {"StackSetName": name, "TemplateBody": json.dumps(topic()), "ClientRequestToken": "t", **world.roles()}
    made = [world.cloudformation.create_stack_set(**request)["StackSetId"] for _ in range(2)]
    assert made[0] == made[1]
    with pytest.raises(ClientError, match="NameAlreadyExistsException"):
        world.cloudformation.create_stack_set(**request | {"ClientRequestToken": "u"})

    assert world.operate(name, "create_stack_instances", OperationId="one") == "SUCCEEDED"
    assert world.operate(name, "create_stack_instances", OperationId="one") == "SUCCEEDED"
    assert len(world.cloudformation.list_stack_set_operations(StackSetName=name)["Summaries"]) == 1
    with pytest.raises(ClientError, match="OperationIdAlreadyExistsException"):
        world.operate(name, "delete_stack_instances", OperationId="one", RetainStacks=False)


def test_instances_that_are_there_are_left_alone_by_another_creation(world):
    name = world.create(topic())
    world.operate(name, "create_stack_instances", Regions=[PRIMARY])
    stack = world.stack(name)["StackId"]

    assert world.operate(name, "create_stack_instances") == "SUCCEEDED"

    assert world.stack(name)["StackId"] == stack
    assert world.stack(name)["StackStatus"] == "CREATE_COMPLETE"
    assert world.states(name) == CURRENT


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
    stack = eventually(lambda: gone(world.cloudformation, identifier))
    assert stack == "DELETE_FAILED"
    newest = next(reason for logical, reason in failures(world.cloudformation, identifier) if logical == "Set")
    assert newest.startswith("StackSetNotEmptyException")

    world.operate(name, "delete_stack_instances", RetainStacks=False)
    remove(world.engine, name)


def gone(client, identifier):
    status = client.describe_stacks(StackName=identifier)["Stacks"][0]["StackStatus"]
    return None if status.endswith("_IN_PROGRESS") else status
