"""Resources that the embedded AWS remembers and does nothing with; CloudFormation shows them, CodeDeploy's API too.

Nothing here has an effect in a local run, and nothing pretends to: an alias moves to its new version at once, whatever
its deployment group says, and a user pool's threat protection blocks nobody.
"""

import json
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ministack import app
from ministack.core import router
from ministack.core.responses import get_account_id, get_region
from ministack.services.cloudformation import provisioners

from sandbox.engine.permissions import require_trust

Properties = dict[str, Any]
Kind = tuple[str, str, str]  # account, region, type

_records: dict[Kind, dict[str, Properties]] = {}


@dataclass(frozen=True)
class Recorded:
    """A resource type of which only the properties are kept.

    Args:
        kind: Its name without ``AWS::``.
        ref: What ``Ref`` gives, of the properties; a new id when absent.
        name: The property that CloudFormation invents when the template has none.
        attributes: What each ``Fn::GetAtt`` gives, of physical id and properties.
        check: Raises for properties that AWS refuses.
    """

    kind: str
    ref: Callable[[Properties], str] | None = None
    name: str | None = None
    attributes: Mapping[str, Callable[[str, Properties], Any]] = field(default_factory=dict)
    check: Callable[[Properties], None] = lambda _: None

    def handler(self) -> dict[str, Callable[..., Any]]:
        """MiniStack's form of a type."""
        return {"create": self.on_create, "delete": self.on_delete, "update": self.on_update}

    def on_create(self, logical_id: str, properties: Properties, stack: str) -> tuple[str, Properties]:
        """Remember one: ``(physical id, attributes)``."""
        if self.name and not properties.get(self.name):
            properties = {**properties, self.name: provisioners._physical_name(stack, logical_id, max_len=60)}
        self.check(properties)
        physical_id = self.ref(properties) if self.ref else str(uuid.uuid4())
        return self._keep(physical_id, properties)

    def on_update(self, physical_id: str, _old: Properties, new: Properties, _stack: str) -> tuple[str, Properties]:
        """Remember the new properties."""
        self.check(new)
        if self.name and not new.get(self.name):
            new = {**new, self.name: physical_id}
        return self._keep(self.ref(new) if self.ref else physical_id, new)

    def on_delete(self, physical_id: str, _properties: Properties) -> None:
        """Forget one."""
        records(self.kind).pop(physical_id, None)

    def _keep(self, physical_id: str, properties: Properties) -> tuple[str, Properties]:
        records(self.kind)[physical_id] = properties
        return physical_id, {name: find(physical_id, properties) for name, find in self.attributes.items()}


def records(kind: str) -> dict[str, Properties]:
    """Everything of a kind in the account and region of the request."""
    return _records.setdefault((get_account_id(), get_region(), kind), {})


def named(name: str) -> Callable[[Properties], str]:
    """``Ref`` of a type whose physical id is one of its properties."""
    return lambda properties: str(properties[name])


# CodeDeploy: https://docs.aws.amazon.com/codedeploy/latest/userguide/deployment-steps-lambda.html

APPLICATION, GROUP = "CodeDeploy::Application", "CodeDeploy::DeploymentGroup"
CODE_DEPLOY = "CodeDeploy_20141006"


def check_group(properties: Properties) -> None:
    """Refuse a deployment group of no application, or with a role that CodeDeploy cannot assume.

    Raises:
        ValueError: There is no such application.
    """
    if properties["ApplicationName"] not in records(APPLICATION):
        raise ValueError(f"No application found for name: {properties['ApplicationName']}")
    require_trust(properties["ServiceRoleArn"], "codedeploy.amazonaws.com", "")


TYPES = {
    "AWS::CodeDeploy::Application": Recorded(APPLICATION, named("ApplicationName"), "ApplicationName"),
    "AWS::CodeDeploy::DeploymentConfig": Recorded(
        "CodeDeploy::DeploymentConfig", named("DeploymentConfigName"), "DeploymentConfigName"
    ),
    "AWS::CodeDeploy::DeploymentGroup": Recorded(
        GROUP, named("DeploymentGroupName"), "DeploymentGroupName", check=check_group
    ),
    "AWS::ApiGateway::ClientCertificate": Recorded(
        "ApiGateway::ClientCertificate", attributes={"ClientCertificateId": lambda identifier, _: identifier}
    ),
    "AWS::CE::AnomalyMonitor": Recorded("CE::AnomalyMonitor", attributes={"MonitorArn": lambda arn, _: arn}),
    "AWS::CE::AnomalySubscription": Recorded("CE::AnomalySubscription"),
    "AWS::CloudWatch::AnomalyDetector": Recorded("CloudWatch::AnomalyDetector"),
    "AWS::Cognito::LogDeliveryConfiguration": Recorded("Cognito::LogDeliveryConfiguration", named("UserPoolId")),
    "AWS::Cognito::ManagedLoginBranding": Recorded(
        "Cognito::ManagedLoginBranding",
        attributes={"ManagedLoginBrandingId": lambda identifier, _: identifier},
    ),
    "AWS::Cognito::UserPoolRiskConfigurationAttachment": Recorded(
        "Cognito::UserPoolRiskConfigurationAttachment",
        lambda properties: f"{properties['UserPoolId']}|{properties['ClientId']}",
    ),
    "AWS::Logs::QueryDefinition": Recorded(
        "Logs::QueryDefinition", attributes={"QueryDefinitionId": lambda identifier, _: identifier}
    ),
    "AWS::XRay::Group": Recorded("XRay::Group", attributes={"GroupARN": lambda arn, _: arn}),
    "AWS::XRay::SamplingRule": Recorded("XRay::SamplingRule", attributes={"RuleARN": lambda arn, _: arn}),
}


def install() -> None:
    """Answer CodeDeploy's reading calls."""
    app.SERVICE_HANDLERS["codedeploy"] = serve_code_deploy
    router.SERVICE_PATTERNS["codedeploy"] = {"target_prefixes": [CODE_DEPLOY]}


async def serve_code_deploy(_method: str, _path: str, headers: dict[str, str], body: bytes, _query: object) -> Any:
    """Describe applications and deployment groups."""
    operation, request = headers.get("x-amz-target", "").rpartition(".")[2], json.loads(body or b"{}")
    groups = [group for group in records(GROUP).values() if group["ApplicationName"] == request.get("applicationName")]
    try:
        if operation == "ListApplications":
            answer: dict[str, Any] = {"applications": sorted(records(APPLICATION))}
        elif operation == "GetApplication":
            found = records(APPLICATION)[request["applicationName"]]
            answer = {"application": decapitalised(found)}
        elif operation == "ListDeploymentGroups":
            answer = {"deploymentGroups": sorted(group["DeploymentGroupName"] for group in groups)}
        elif operation == "GetDeploymentGroup":
            (one,) = [one for one in groups if one["DeploymentGroupName"] == request["deploymentGroupName"]]
            answer = {"deploymentGroupInfo": decapitalised(one)}
        else:
            return failure("InvalidOperationException", f"the embedded AWS only remembers CodeDeploy, not {operation}")
    except (KeyError, ValueError):
        return failure(f"{operation.removeprefix('Get')}DoesNotExistException", f"not found: {json.dumps(request)}")
    return 200, {"Content-Type": "application/x-amz-json-1.1"}, json.dumps(answer).encode()


def failure(code: str, message: str) -> Any:
    """An error as CodeDeploy answers it."""
    body = json.dumps({"__type": code, "message": message}).encode()
    return 400, {"Content-Type": "application/x-amz-json-1.1"}, body


def decapitalised(value: Any) -> Any:
    """CloudFormation's properties with the API's names."""
    if isinstance(value, dict):
        return {key[:1].lower() + key[1:]: decapitalised(part) for key, part in value.items()}
    return [decapitalised(part) for part in value] if isinstance(value, list) else value
