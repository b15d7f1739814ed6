"""Stack sets of the embedded AWS: operations, regions one after the other, failures, queues."""

import json

import pytest
from botocore.exceptions import ClientError
from deploying import BROKEN, remove
from making import PRIMARY, RECOVERY
from stack_sets import CURRENT, HELD, REGIONS, SEQUENTIAL, TAGS, broken, self_managed, topic

from sandbox.server import ACCOUNT


@pytest.fixture(scope="module")
def world(engine):
    return self_managed(engine)


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
