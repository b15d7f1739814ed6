"""Stack sets of the embedded AWS for its tests: templates, and an account with the two roles."""

import json
import uuid

from deploying import BROKEN, ref, resource
from making import PRIMARY, RECOVERY, eventually
from policies import allow, document_text, service, trust

from sandbox.server import ACCOUNT

REGIONS = [PRIMARY, RECOVERY]
TAGS = [{"Key": "team", "Value": "blue"}]
SEQUENTIAL = {"RegionOrder": [RECOVERY, PRIMARY], "RegionConcurrencyType": "SEQUENTIAL", "FailureToleranceCount": 0}


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


HELD = {  # until it is signalled
    **resource("CloudFormation::WaitCondition"),
    "CreationPolicy": {"ResourceSignal": {"Count": 1, "Timeout": "PT1M"}},
}
ENDED = ("SUCCEEDED", "FAILED", "STOPPED")
CURRENT = {PRIMARY: ("CURRENT", "SUCCEEDED"), RECOVERY: ("CURRENT", "SUCCEEDED")}


def self_managed(engine):
    """The account, after its two roles are made."""
    iam = engine.client("iam")
    names = [f"{what}-{uuid.uuid4().hex[:8]}" for what in ("administration", "execution")]
    administration, execution = (f"arn:aws:iam::{ACCOUNT}:role/{name}" for name in names)
    condition = {"StringEquals": {"aws:SourceAccount": ACCOUNT}}
    trusts = (trust(service("cloudformation"), Condition=condition), trust({"AWS": administration}))
    allowed = (allow("sts:AssumeRole", execution), allow("cloudformation:*"))
    for name, assumed, statement in zip(names, trusts, allowed, strict=True):
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=document_text(assumed))
        iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=document_text(statement))
    return World(engine, *names)
