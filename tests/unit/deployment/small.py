"""A deployment of tiny templates whose names, order and StackSets are the real ones."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from fake_account import Account, Watching

from blueprints import stacksets, text
from blueprints.order import Stack
from blueprints.settings import SANDBOX, Settings
from deployment import deploy
from deployment.plan import Plan
from deployment.target import Target

PRIMARY, RECOVERY = SANDBOX.regions
NAMES = ("keys", "storage", "backup")
ARCHIVE = "handlers-0123.zip"


class Small:
    """One deployment and its account.

    Args:
        outputs: Folder for its templates.
        names: The stacks that StackSets deploys.
    """

    def __init__(self, outputs: Path, names: Collection[str] = NAMES, settings: Settings = SANDBOX) -> None:
        self.account, self.outputs, self.settings = Account(), outputs, settings
        self.plans: list[Plan] = []
        self.emit(names)

    def emit(self, names: Collection[str] = NAMES, version: int = 1, imports: Mapping[str, str] | None = None) -> None:
        """Emit templates: a changed *version* changes each; *imports* says which stack imports of which."""
        self.names = tuple(names)
        for old in self.outputs.glob("*.json"):
            old.unlink()
        texts = {name: _template(name, version, (imports or {}).get(name)) for name in names}
        bucket = self.settings.name("artifacts", "REGION", self.account.account)
        texts["bootstrap"] = _bootstrap(bucket)
        texts["stacksets"] = text.whole(stacksets.blueprint(self.settings, {name: texts[name] for name in names}))
        for name, each in texts.items():
            (self.outputs / f"{name}.json").write_text(each)

    @property
    def target(self) -> Target:
        every = ("bootstrap", *self.names, "stacksets")
        return Target(self.account, self.settings, self.outputs, every)

    def deploy(self, *, agree: bool = True, accepted: Collection[str] = (), live: bool = True) -> deploy.Done:
        return deploy.deploy(
            self.target, self.archive, Watching(self.account, live=live), self._consent(agree), accepted
        )

    def directly(self, region: str) -> deploy.Done:
        return deploy.directly(self.target, region, self.archive, Watching(self.account), self._consent(agree=True))

    def archive(self) -> Path:
        found = self.outputs.with_name(ARCHIVE)
        found.write_bytes(b"zip")
        return found

    def _consent(self, agree: bool) -> Any:  # noqa: FBT001
        def consent(plan: Plan) -> bool:
            self.plans.append(plan)
            return agree

        return consent

    def kinds(self) -> dict[str, set[str]]:
        """What the last plan said would become of which stacks."""
        found: dict[str, set[str]] = {}
        for entry in self.plans[-1].entries.values():
            found.setdefault(entry.kind, set()).add(f"{entry.stack.name} {entry.stack.region}")
        return found

    def picture(self) -> dict[str, Any]:
        """The account, but for what differs from run to run: ids and times."""
        stacks, sets = self.account.stacks.every.values(), self.account.sets.every.values()
        return {
            "stacks": {
                (each.tags["holdfast:stack"], each.region): (
                    each.text,
                    each.status,
                    each.protected,
                    sorted(each.change_sets),
                )
                for each in stacks
            },
            "count": len(stacks),
            "names": sorted(each.name.rpartition("-")[0] if "StackSet-" in each.name else each.name for each in stacks),
            "sets": {
                each.name: (each.text, {i.region: (i.status, bool(i.stack)) for i in each.instances.values()})
                for each in sets
            },
            "objects": {bucket: sorted(objects) for bucket, objects in self.account.objects.items()},
        }

    def order(self) -> list[Stack]:
        """The stacks in the order in which AWS began them."""
        return [Stack(name, region) for _, name, region in self.account.stacks.log]


def _template(name: str, version: int, imports: str | None) -> str:
    resources: dict[str, Any] = {
        "Thing": {"Type": "AWS::SNS::Topic", "Properties": {"DisplayName": f"{name} {version}"}},
        "Work": {"Type": "AWS::Lambda::Function", "Properties": {"MemorySize": 128}},
    }
    if imports:
        resources["Thing"]["Properties"]["TopicName"] = {"Fn::ImportValue": f"holdfast-{imports}"}
    exported = {"Thing": {"Value": {"Ref": "Thing"}, "Export": {"Name": f"holdfast-{name}"}}}
    return json.dumps({"Resources": resources, "Outputs": exported})


def _bootstrap(bucket: str) -> str:
    return json.dumps({"Resources": {"Artifacts": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": bucket}}}})
