"""One deployment as its emitted files and its account give it: names, places, and what belongs where."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from blueprints import artifacts, order, regions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from blueprints.order import Stack
    from blueprints.settings import Settings
    from deployment.aws import Aws

BOOTSTRAP, STACKSETS = order.BOOTSTRAP, order.SETS  # the two stacks that StackSets does not deploy
CAPABILITIES = ("CAPABILITY_IAM", "CAPABILITY_NAMED_IAM")


@dataclass(frozen=True)
class Target:
    """What goes where.

    Attributes:
        aws: The account.
        settings: What is deployed.
        outputs: Folder of this deployment's emitted templates.
        names: Every stack that ``build.py`` knows, in its order.
        certificates: Authorities that functions trust for databases instead of Amazon's (the local run has its own).
    """

    aws: Aws
    settings: Settings
    outputs: Path
    names: tuple[str, ...]
    certificates: bytes | None = None

    @cached_property
    def sets(self) -> tuple[str, ...]:
        """Stacks of this deployment that StackSets deploys, in the order of ``build.STACKS``."""
        return tuple(name for name in order.sets(self.names) if (self.outputs / f"{name}.json").exists())

    @cached_property
    def instances(self) -> frozenset[Stack]:
        """Every stack that StackSets deploys, in each of its regions."""
        return frozenset(order.everything(self.sets, self.settings))

    @cached_property
    def regions(self) -> tuple[str, ...]:
        """Every region that a stack lies in; primary, recovery, and where CloudFront's part lies if that is a third."""
        return tuple(dict.fromkeys([*self.settings.regions, *(stack.region for stack in sorted(self.instances))]))

    @property
    def home(self) -> str:
        """Region that administers the StackSets."""
        return self.settings.primary_region

    def text(self, name: str) -> str:
        """The template of the stack *name*, as it was emitted."""
        return (self.outputs / f"{name}.json").read_text(encoding="utf-8")

    def key(self, name: str) -> str:
        """Key of that template in the artifact buckets; it changes exactly when the template does."""
        return artifacts.template_key(name, self.text(name))

    def bucket(self, region: str) -> str:
        """The artifact bucket of one of the two regions."""
        return self.settings.name("artifacts", region, self.aws.account)

    def url(self, name: str, region: str) -> str:
        """Where CloudFormation reads the template of *name*: the bucket of *region*, or home's if it has none."""
        where = region if region in self.settings.regions else self.home
        return f"https://{self.bucket(where)}.s3.{where}.amazonaws.com/{self.key(name)}"

    def tags(self, name: str) -> list[dict[str, str]]:
        """Tags of the stack *name*, by which it is found again whatever CloudFormation calls it."""
        return [
            {"Key": order.DEPLOYMENT_TAG, "Value": self.settings.prefix},
            {"Key": order.STACK_TAG, "Value": name},
        ]

    def direct_name(self, stack: Stack) -> str:
        """What a stack is called that was deployed without StackSets."""
        if stack.name in (BOOTSTRAP, STACKSETS):
            return self.settings.name(stack.name)
        return self.settings.name(stack.name, stack.region)

    def regions_of(self, name: str) -> tuple[str, ...]:
        """Regions that the stack *name* is deployed to, primary first."""
        return (self.home,) if name == STACKSETS else regions.regions_of(name, self.settings)

    @cached_property
    def call_as(self) -> Mapping[str, Any]:
        """Argument of every StackSets call: an organization's stack sets are managed by a delegated administrator."""
        # https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stacksets-orgs-delegated-admin.html
        return {"CallAs": "DELEGATED_ADMIN"} if self.settings.stack_sets.organizational_unit else {}
