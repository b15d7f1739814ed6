"""What happens to one resource of a stack, and whether data goes with it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Template = Mapping[str, Any]
Action = Literal["add", "change", "replace", "delete"]

# Types that hold what no template can make again, and what that is.
HOLDS: Mapping[str, str] = {
    "AWS::Backup::BackupVault": "its recovery points",
    "AWS::Cognito::IdentityPool": "its identities, which policies and data may be bound to",
    "AWS::Cognito::UserPool": "its users, their passwords and their groups",
    "AWS::DocDB::DBCluster": "its databases",
    "AWS::DynamoDB::GlobalTable": "its items",
    "AWS::DynamoDB::Table": "its items",
    "AWS::EC2::Volume": "its file systems",
    "AWS::ECR::Repository": "its images",
    "AWS::EFS::FileSystem": "its files",
    "AWS::ElastiCache::ReplicationGroup": "its entries",
    "AWS::Events::Archive": "its events",
    "AWS::KMS::Key": "whatever is encrypted with it, which nobody can read any more",
    "AWS::KMS::ReplicaKey": "whatever is encrypted with it in its region",
    "AWS::Kinesis::Stream": "its records",
    "AWS::Logs::LogGroup": "its log records",
    "AWS::Neptune::DBCluster": "its databases",
    "AWS::OpenSearchService::Domain": "its indexes",
    "AWS::RDS::DBCluster": "its databases",
    "AWS::RDS::DBInstance": "its databases, its automated backups and its log records",
    "AWS::RDS::GlobalCluster": "the bond between its clusters",
    "AWS::Redshift::Cluster": "its databases",
    "AWS::S3::Bucket": "its objects",
    "AWS::SQS::Queue": "its messages, such as events that failed and wait for somebody",
    "AWS::SSM::Parameter": "its value, which somebody may have set",
    "AWS::SecretsManager::Secret": "its value, which may have been generated or rotated",
}
# https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-deletionpolicy.html
KEEPING = ("Retain", "RetainExceptOnCreate", "Snapshot")
REPLACED_BUT_KEPT = ("ReplaceAndRetain", "ReplaceAndSnapshot")


@dataclass(frozen=True)
class Change:
    """What happens to one resource.

    Attributes:
        action: add, change in place, replace by a new one, delete.
        logical_id: Its name in the template.
        type: Its CloudFormation type.
        properties: What differs, as far as it is known.
        kept: The old one, or a snapshot of it, stays behind, since the template says so.
        perhaps: CloudFormation decides only while it works whether it must be replaced.
    """

    action: Action
    logical_id: str
    type: str
    properties: tuple[str, ...] = ()
    kept: bool = False
    perhaps: bool = False

    @property
    def holds_data(self) -> bool:
        """Whether it holds what no template can make again."""
        return self.type in HOLDS

    @property
    def loses(self) -> bool:
        """Whether the deployment would be without that data afterwards.

        A new resource is empty even if the old one is kept; a deleted one that is kept holds what it held.
        """
        return self.holds_data and (self.action == "replace" or (self.action == "delete" and not self.kept))


def from_change_set(change: Mapping[str, Any], deployed: Template) -> Change:
    """A change as DescribeChangeSet gives it; *deployed* is the template before it.

    Replacement is ``Conditional`` where a value is known only while CloudFormation works: counted as a replacement.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ResourceChange.html
    """
    name, kind = change["LogicalResourceId"], change.get("ResourceType", "unknown type")
    policy, present = change.get("PolicyAction", ""), deployed.get("Resources", {}).get(name, {})
    if change["Action"] == "Add":
        return Change("add", name, kind)
    if change["Action"] == "Remove":
        kept = policy in KEEPING if policy else _keeps(present, "DeletionPolicy")
        return Change("delete", name, kind, kept=kept)
    replacement = change.get("Replacement", "False")
    # A nested stack's own changes are not looked into: "Dynamic".
    if replacement in ("True", "Conditional") or change["Action"] == "Dynamic":
        kept = policy in REPLACED_BUT_KEPT if policy else _keeps(present, "UpdateReplacePolicy")
        perhaps = replacement != "True"
        return Change("replace", name, kind, _targets(change, replacing=True), kept, perhaps)
    return Change("change", name, kind, _targets(change, replacing=False))


def compared(old: Template, new: Template, region: str) -> list[Change]:
    """What differs between two templates in *region*, for want of a change set.

    Only CloudFormation knows which changed property replaces a resource. One that holds data may be replaced.
    """
    before, after = resources(old, region), resources(new, region)
    found = []
    for name in sorted({*before, *after}):
        was, becomes = before.get(name), after.get(name)
        if was is None and becomes is not None:
            found.append(Change("add", name, becomes["Type"]))
        elif was is not None and becomes is None:
            found.append(Change("delete", name, was["Type"], kept=_keeps(was, "DeletionPolicy")))
        elif was is not None and becomes is not None and was != becomes:
            found.append(_changed(name, was, becomes))
    return found


def created(template: Template, region: str) -> list[Change]:
    """Every resource of a stack that is not there yet."""
    return [Change("add", name, resource["Type"]) for name, resource in sorted(resources(template, region).items())]


def removed(template: Template, names: Collection[str]) -> list[Change]:
    """What becomes of the resources *names* when their stack goes."""
    every: Mapping[str, Any] = template.get("Resources", {})
    return [
        Change("delete", name, resource["Type"], kept=_keeps(resource, "DeletionPolicy"))
        for name, resource in sorted(every.items())
        if name in names
    ]


def resources(template: Template, region: str) -> dict[str, Any]:
    """Resources that the stack has in *region*: those without a condition, and those whose condition holds there."""
    conditions = template.get("Conditions", {})
    every: Mapping[str, Any] = template.get("Resources", {})
    return {name: each for name, each in every.items() if _holds(conditions.get(each.get("Condition"), {}), region)}


def _holds(condition: Mapping[str, Any], region: str) -> bool:
    """Whether a condition holds; ours compares the region with a name, any other is taken to hold."""
    match condition:
        case {"Fn::Equals": [{"Ref": "AWS::Region"}, str(wanted)]}:
            return wanted == region
        case {"Fn::Not": [other]}:
            return not _holds(other, region)
    return True


def _changed(name: str, was: Mapping[str, Any], becomes: Mapping[str, Any]) -> Change:
    old, new = was.get("Properties", {}), becomes.get("Properties", {})
    differing = tuple(sorted(key for key in {*old, *new} if old.get(key) != new.get(key)))
    kept = _keeps(becomes, "UpdateReplacePolicy")
    if was["Type"] != becomes["Type"]:
        # CloudFormation refuses that, or deletes the old one: either way what it held is gone from the deployment.
        return Change("replace", name, was["Type"], ("Type",), kept)
    if differing and becomes["Type"] in HOLDS:
        return Change("replace", name, becomes["Type"], differing, kept, perhaps=True)
    return Change("change", name, becomes["Type"], differing)


def _keeps(resource: Mapping[str, Any], policy: str) -> bool:
    return resource.get(policy) in KEEPING


def _targets(change: Mapping[str, Any], *, replacing: bool) -> tuple[str, ...]:
    """Names of the properties that make the change; of a replacement, those that make it one, if any is known."""
    found = [detail.get("Target", {}) for detail in change.get("Details", [])]
    causes = [target for target in found if target.get("RequiresRecreation", "Never") != "Never"]
    return tuple(sorted(set(_names(causes if replacing and causes else found))))


def _names(targets: Collection[Mapping[str, Any]]) -> Iterator[str]:
    for target in targets:
        name = target.get("Name") or target.get("Attribute")
        if name:
            yield name
