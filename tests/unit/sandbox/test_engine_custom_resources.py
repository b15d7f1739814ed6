"""A function as a resource: called as CloudFormation calls it, and believed in what it answers."""

import json

import pytest
from deploying import att, deploy, failures, function, ref, remove, role

SOURCE = """
import json, os, urllib.request
def handler(event, context):
    how = event["ResourceProperties"].get("How")
    if how == "raise":
        raise RuntimeError("no route to the database")
    if how == "silent":
        return
    answer = {key: event[key] for key in ("StackId", "RequestId", "LogicalResourceId")}
    answer |= {"Status": "FAILED" if how == "fail" else "SUCCESS", "Reason": "tables are locked"}
    answer |= {"PhysicalResourceId": "schema", "Data": {"Event": json.dumps(event)}}
    request = urllib.request.Request(
        event["ResponseURL"], json.dumps(answer).encode(), {"Content-Type": ""}, method="PUT"
    )
    urllib.request.urlopen(request).read()
"""


def stack(**properties):
    return {
        "Role": role("lambda"),
        "Function": function(SOURCE),
        "Schema": {"Type": "Custom::Schema", "Properties": {"ServiceToken": att("Function"), **properties}},
    }


def test_the_function_gets_cloudformation_s_event_and_its_answer_becomes_id_and_attributes(aws, name):
    found = deploy(
        aws, name, stack(Port=3306, Tls=True), outputs={"Id": ref("Schema"), "Event": att("Schema", "Event")}
    )
    event = json.loads(found["Event"])
    assert found["Id"] == "schema"
    assert (event["RequestType"], event["ResourceType"], event["LogicalResourceId"]) == (
        "Create",
        "Custom::Schema",
        "Schema",
    )
    assert event["StackId"].startswith(f"arn:aws:cloudformation:us-east-1:000000000000:stack/{name}/")
    properties = event["ResourceProperties"]
    assert (properties["Port"], properties["Tls"]) == ("3306", "true")  # CloudFormation makes everything text
    assert "PhysicalResourceId" not in event


def test_a_change_comes_with_the_old_properties_and_the_end_with_the_id(aws, name):
    outputs = {"Event": att("Schema", "Event")}
    deploy(aws, name, stack(Port=3306), outputs=outputs)
    found = deploy(aws, name, stack(Port=3307), operation="update", outputs=outputs)
    event = json.loads(found["Event"])
    assert (event["RequestType"], event["PhysicalResourceId"]) == ("Update", "schema")
    assert (event["ResourceProperties"]["Port"], event["OldResourceProperties"]["Port"]) == ("3307", "3306")
    remove(aws, name)


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("fail", "Received response status [FAILED] from custom resource. Message returned: tables are locked"),
        ("raise", "RuntimeError: no route to the database"),
    ],
)
def test_a_failure_fails_the_stack_at_once_and_says_why(aws, name, how, reason):
    with pytest.raises(AssertionError):
        deploy(aws, name, stack(How=how))
    assert reason in dict(failures(aws.client("cloudformation"), name))["Schema"]


def test_silence_ends_with_the_time_that_the_resource_allows(aws, name):
    with pytest.raises(AssertionError):
        deploy(aws, name, stack(How="silent", ServiceTimeout=1))
    assert "did not answer" in dict(failures(aws.client("cloudformation"), name))["Schema"]


def test_a_function_of_another_region_is_no_service_token(aws, name):
    with pytest.raises(AssertionError, match="Invalid service token"):
        deploy(
            aws,
            name,
            {
                "Schema": {
                    "Type": "Custom::Schema",
                    "Properties": {"ServiceToken": "arn:aws:lambda:eu-west-1:000000000000:function:none"},
                }
            },
        )
