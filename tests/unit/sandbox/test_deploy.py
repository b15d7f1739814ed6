"""Which stack waits for which, and what is said of one that failed."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import build
from blueprints.settings import SANDBOX
from sandbox.deploy import Deployment, Stack, first_failure

PRIMARY, RECOVERY = SANDBOX.regions


def deployment(tmp_path: Path) -> Deployment:
    for name in build.STACKS:
        (tmp_path / f"{name}.json").write_text("{}")
    return Deployment(cast("Any", SimpleNamespace(account="000000000000")), SANDBOX, tmp_path)


def test_the_recovery_region_goes_first_where_the_primary_needs_it(tmp_path: Path) -> None:
    found = deployment(tmp_path)
    assert Stack("storage", RECOVERY) in found.needs(Stack("storage", PRIMARY))
    assert Stack("backup", RECOVERY) in found.needs(Stack("backup", PRIMARY))


def test_every_stack_can_be_deployed_in_some_order(tmp_path: Path) -> None:
    found = deployment(tmp_path)
    waiting = {Stack(name, region) for name in found.stacks() for region in SANDBOX.regions}
    done: set[Stack] = set()
    while waiting:
        ready = {stack for stack in waiting if found.needs(stack) <= done}
        assert ready, f"these wait for each other: {waiting}"
        done |= ready
        waiting -= ready


def test_a_stack_that_the_settings_leave_out_is_not_waited_for(tmp_path: Path) -> None:
    found = deployment(tmp_path)
    (tmp_path / "database.json").unlink()
    assert "database" not in found.stacks()
    assert Stack("database", PRIMARY) not in found.needs(Stack("backup", PRIMARY))


def test_the_names_of_a_stack_differ_between_the_regions(tmp_path: Path) -> None:
    found = deployment(tmp_path)
    assert len({found.stack_name(Stack("backup", region)) for region in SANDBOX.regions}) == 2


def test_the_oldest_failure_is_the_cause() -> None:
    def event(name: str, status: str, reason: str = "", kind: str = "AWS::S3::Bucket") -> dict[str, str]:
        return {
            "LogicalResourceId": name,
            "ResourceStatus": status,
            "ResourceStatusReason": reason,
            "ResourceType": kind,
        }

    newest_first = [
        event("stack", "CREATE_FAILED", "The following resource(s) failed", "AWS::CloudFormation::Stack"),
        event("Other", "CREATE_FAILED", "Resource creation cancelled"),
        event("Vault", "CREATE_FAILED", "bucket\n  exists"),
        event("Staging", "CREATE_COMPLETE"),
    ]
    assert first_failure(newest_first) == "Vault (AWS::S3::Bucket): bucket exists"
    assert first_failure([]) == "CloudFormation named no reason"
