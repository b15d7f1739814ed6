"""Which stack waits for which, and what is said of one that failed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

import build
from blueprints.regions import GLOBAL
from blueprints.settings import SANDBOX, Domain, Settings
from sandbox import deploy
from sandbox.deploy import Deployment, Stack, first_failure

PRIMARY, RECOVERY = SANDBOX.regions


WITH_DOMAIN = replace(SANDBOX, domain=Domain(name="example.com", zone_id="Z0123456789"))


def deployment(tmp_path: Path, settings: Settings = SANDBOX) -> Deployment:
    for name in build.STACKS:
        (tmp_path / f"{name}.json").write_text("{}")
    return Deployment(cast("Any", SimpleNamespace(account="000000000000")), settings, tmp_path)


def test_the_recovery_region_goes_first_where_the_primary_needs_it(tmp_path: Path) -> None:
    found = deployment(tmp_path)
    assert Stack("storage", RECOVERY) in found.needs(Stack("storage", PRIMARY))
    assert Stack("backup", RECOVERY) in found.needs(Stack("backup", PRIMARY))


@pytest.mark.parametrize("settings", [SANDBOX, WITH_DOMAIN], ids=["plain", "domain"])
def test_every_stack_can_be_deployed_in_some_order(tmp_path: Path, settings: Settings) -> None:
    found = deployment(tmp_path, settings)
    waiting = found.everything()
    done: set[Stack] = set()
    while waiting:
        ready = {stack for stack in waiting if found.needs(stack) <= done}
        assert ready, f"these wait for each other: {waiting}"
        done |= ready
        waiting -= ready


def test_what_is_global_is_deployed_once(tmp_path: Path) -> None:
    everything = deployment(tmp_path).everything()
    assert [stack for stack in everything if stack.name == "site"] == [Stack("site", GLOBAL)]
    assert {stack.region for stack in everything if stack.name == "api"} == {PRIMARY, RECOVERY}


def test_the_recovery_regions_alarm_is_there_before_the_records_that_it_decides(tmp_path: Path) -> None:
    decides = Stack("observability", RECOVERY)
    assert decides in deployment(tmp_path, WITH_DOMAIN).needs(Stack("api", PRIMARY))
    assert decides not in deployment(tmp_path).needs(Stack("api", PRIMARY))


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


def test_the_templates_name_the_hosted_zone_that_the_embedded_aws_makes(tmp_path: Path) -> None:
    class Route53:
        def create_hosted_zone(self, *, Name: str, CallerReference: str) -> dict[str, Any]:  # noqa: N803  # boto3's
            assert (Name, bool(CallerReference)) == ("example.com", True)
            return {"HostedZone": {"Id": "/hostedzone/ZMADE"}}

    found = deployment(tmp_path, WITH_DOMAIN)
    engine = SimpleNamespace(account="000000000000", client=lambda _: Route53())
    (tmp_path / "api.json").write_text('{"HostedZoneId": "Z0123456789", "Other": "Z01234567890"}')
    deploy._make_zone(replace(found, engine=cast("Any", engine)))
    assert (tmp_path / "api.json").read_text() == '{"HostedZoneId": "ZMADE", "Other": "Z01234567890"}'
