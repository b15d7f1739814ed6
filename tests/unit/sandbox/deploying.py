"""Short ways to deploy templates to the embedded AWS, for the tests of the plug-in."""

import json
import time

from making import PRIMARY

CAPABILITIES = ["CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]


def ref(name):
    return {"Ref": name}


def att(name, attribute="Arn"):
    return {"Fn::GetAtt": [name, attribute]}


def sub(text):
    return {"Fn::Sub": text}


def resource(kind, /, **properties):
    return {"Type": f"AWS::{kind}", "Properties": properties}


def role(service, *statements, **condition):
    """A role that a service can assume, with these statements."""
    trust = {"Effect": "Allow", "Principal": {"Service": f"{service}.amazonaws.com"}, "Action": "sts:AssumeRole"}
    policies = [{"PolicyName": "p", "PolicyDocument": document(*statements)}] if statements else []
    return resource("IAM::Role", AssumeRolePolicyDocument=document({**trust, **condition}), Policies=policies)


def document(*statements):
    return {"Version": "2012-10-17", "Statement": list(statements)}


def failures(client, name):
    events = client.describe_stack_events(StackName=name)["StackEvents"]
    return [
        (one["LogicalResourceId"], one.get("ResourceStatusReason"))
        for one in events
        if "FAILED" in one["ResourceStatus"]
    ]


def deploy(aws, name, resources, region=PRIMARY, *, operation="create", outputs=None):  # noqa: PLR0913
    """Deploy resources, or a change of them; answers the outputs."""
    client = aws.client("cloudformation", region)
    body = {"Resources": resources, "Outputs": {key: {"Value": value} for key, value in (outputs or {}).items()}}
    getattr(client, f"{operation}_stack")(StackName=name, TemplateBody=json.dumps(body), Capabilities=CAPABILITIES)
    return await_stack(client, name, operation)


def await_stack(client, name, operation="create"):
    """Wait until a stack is complete; answers its outputs."""
    deadline = time.monotonic() + 60
    while (stack := client.describe_stacks(StackName=name)["Stacks"][0])["StackStatus"].endswith("_IN_PROGRESS"):
        assert time.monotonic() < deadline, f"{name} is {stack['StackStatus']}"
        time.sleep(0.05)
    assert stack["StackStatus"] == f"{operation.upper()}_COMPLETE", (stack["StackStatus"], failures(client, name))
    return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}


def remove(aws, name, region=PRIMARY):
    """Delete a stack, and wait until it is gone."""
    client = aws.client("cloudformation", region)
    identifier = client.describe_stacks(StackName=name)["Stacks"][0]["StackId"]
    client.delete_stack(StackName=name)
    deadline = time.monotonic() + 60
    while client.describe_stacks(StackName=identifier)["Stacks"][0]["StackStatus"] != "DELETE_COMPLETE":
        assert time.monotonic() < deadline, f"{name} is still there: {failures(client, identifier)}"
        time.sleep(0.05)


def ended(client, name):
    """The status in which CloudFormation has left a stack, None while it is at work on it."""
    status = client.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"]
    return None if status.endswith("_IN_PROGRESS") else status
