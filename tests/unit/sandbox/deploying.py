"""Short ways to deploy templates to the embedded AWS, for the tests of the plug-in."""

import json
import time

from making import PRIMARY
from policies import document, service, trust

CAPABILITIES = ["CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]


def ref(name):
    return {"Ref": name}


def att(name, attribute="Arn"):
    return {"Fn::GetAtt": [name, attribute]}


def sub(text):
    return {"Fn::Sub": text}


def resource(kind, /, **properties):
    return {"Type": f"AWS::{kind}", "Properties": properties}


BROKEN = {"Type": "Custom::Broken", "Properties": {"ServiceToken": "nothing"}}  # can't be made
NEVER = {"Never": {"Fn::Equals": [ref("AWS::Region"), "nowhere"]}}  # conditions: what has it is not made


def role(by, *statements, **condition):
    """A role that a service can assume, with these statements."""
    policies = [{"PolicyName": "p", "PolicyDocument": document(*statements)}] if statements else []
    assumed = document(trust(service(by), **condition))
    return resource("IAM::Role", AssumeRolePolicyDocument=assumed, Policies=policies)


def function(source, **more):
    """A function whose handler is ``handler``, with the role that is the resource ``Role``."""
    usual = {"Runtime": "python3.13", "Handler": "index.handler", "Role": att("Role"), "Timeout": 10}
    return resource("Lambda::Function", **usual | {"Code": {"ZipFile": source}} | more)


def live(name):
    """A version of a function, and the alias ``live`` on it."""
    version = att("Version", "Version")
    return {
        "Version": resource("Lambda::Version", FunctionName=ref(name)),
        "Live": resource("Lambda::Alias", FunctionName=ref(name), FunctionVersion=version, Name="live"),
    }


def failures(client, name):
    events = client.describe_stack_events(StackName=name)["StackEvents"]
    return [
        (one["LogicalResourceId"], one.get("ResourceStatusReason"))
        for one in events
        if "FAILED" in one["ResourceStatus"]
    ]


def deploy(aws, name, resources, region=PRIMARY, *, operation="create", outputs=None):  # noqa: PLR0913
    """Deploy resources, or a change of them; answers the outputs."""
    template = {"Resources": resources, "Outputs": {key: {"Value": value} for key, value in (outputs or {}).items()}}
    return deploy_template(aws, name, template, region, operation=operation)


def deploy_template(aws, name, template, region=PRIMARY, *, operation="create"):
    """Deploy a template, or a change of one; answers the outputs."""
    client = aws.client("cloudformation", region)
    getattr(client, f"{operation}_stack")(StackName=name, TemplateBody=json.dumps(template), Capabilities=CAPABILITIES)
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
