"""One StackSet: its operations, what is said of those that fail, and in which steps its template changes."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fake_account import ACCOUNT, Account, Watching
from small import PRIMARY, RECOVERY, Small

from blueprints.order import Stack
from blueprints.settings import SANDBOX, StackSets
from deployment import set_template, stack_sets
from deployment.errors import StackFailed
from deployment.target import STACKSETS

KEYS = [Stack("keys", PRIMARY), Stack("keys", RECOVERY)]
UNIT = "ou-abcd-12345678"


class Sets:
    """A small deployment whose sets are there, without stacks."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.small = Small(folder, settings=replace(SANDBOX, **settings))
        self.target, self.account = self.small.target, self.small.account
        self.progress = Watching(self.account)
        bucket = self.account.objects.setdefault(self.target.bucket(PRIMARY), {})
        bucket.update({self.target.key(name): self.target.text(name).encode() for name in self.target.sets})
        assert list(self.account.sets.follow("", self.target.text(STACKSETS))) == []

    def create(self, name: str = "keys") -> dict[Stack, float]:
        return stack_sets.create(self.target, name, [PRIMARY, RECOVERY], self.progress)


@pytest.fixture
def sets(tmp_path: Path) -> Sets:
    return Sets(tmp_path)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
    """Every request, as it was made."""
    made: list[tuple[str, dict[str, Any]]] = []
    call: Callable[..., Any] = Account.call

    def noting(self: Account, service: str, region: str, method: str, arguments: dict[str, Any]) -> Any:
        made.append((method, arguments))
        return call(self, service, region, method, arguments)

    monkeypatch.setattr(Account, "call", noting)
    return made


def test_stacks_are_made_updated_and_removed(sets: Sets) -> None:
    assert set(sets.create()) == set(KEYS)
    found = stack_sets.instances(sets.target, "keys")
    assert {each.status for each in found.values()} == {"CURRENT"}
    assert all(each.stack_id for each in found.values())
    sets.account.sets.every["holdfast-sandbox-keys"].text = '{"Resources": {"New": {"Type": "AWS::SNS::Topic"}}}'
    assert set(stack_sets.update_instances(sets.target, "keys", [PRIMARY], sets.progress)) == {Stack("keys", PRIMARY)}
    stack_sets.delete_instances(sets.target, "keys", [PRIMARY, RECOVERY], sets.progress)
    assert stack_sets.instances(sets.target, "keys") == {}
    assert sets.account.stacks.every == {}


def test_instances_that_are_let_go_leave_their_stacks(sets: Sets) -> None:
    sets.create()
    stack_sets.delete_instances(sets.target, "keys", [PRIMARY], sets.progress, retain=True)
    assert list(stack_sets.instances(sets.target, "keys")) == [Stack("keys", RECOVERY)]
    assert len(sets.account.stacks.every) == 2


def test_a_protected_stack_can_not_be_removed(sets: Sets) -> None:
    sets.create()
    for each in sets.account.stacks.every.values():
        each.protected = True
    with pytest.raises(StackFailed, match="keys stack in eu-central-1"):
        stack_sets.delete_instances(sets.target, "keys", [PRIMARY, RECOVERY], sets.progress)
    assert stack_sets.instances(sets.target, "keys")[Stack("keys", RECOVERY)].failed


def test_a_set_that_is_not_there_has_no_instances_and_nothing_under_way(sets: Sets) -> None:
    assert stack_sets.instances(sets.target, "network") == {}
    assert stack_sets.under_way(sets.target, "network") == []


def test_the_recovery_region_goes_first_one_after_the_other_only_where_it_must(
    sets: Sets, asked: list[tuple[str, dict[str, Any]]]
) -> None:
    sets.create("keys")
    sets.create("storage")
    first, second = [arguments["OperationPreferences"] for call, arguments in asked if call == "create_stack_instances"]
    assert first["RegionOrder"] == second["RegionOrder"] == [RECOVERY, PRIMARY]
    assert (first["RegionConcurrencyType"], second["RegionConcurrencyType"]) == ("PARALLEL", "SEQUENTIAL")
    assert first["FailureToleranceCount"] == 0


def test_in_an_organization_every_request_names_the_unit_and_the_delegated_administrator(
    tmp_path: Path, asked: list[tuple[str, dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    sets = Sets(tmp_path, stack_sets=StackSets(organizational_unit=UNIT))
    for method in ("list_stack_instances", "describe_stack_set_operation", "create_stack_instances"):
        monkeypatch.setattr(sets.account.sets, method, _without_call_as(getattr(sets.account.sets, method)))
    sets.create()
    of_sets = [arguments for call, arguments in asked if "stack_instances" in call or "stack_set" in call]
    assert of_sets
    assert {arguments["CallAs"] for arguments in of_sets} == {"DELEGATED_ADMIN"}
    where = next(arguments["DeploymentTargets"] for arguments in of_sets if "DeploymentTargets" in arguments)
    assert where == {"OrganizationalUnitIds": [UNIT], "Accounts": [ACCOUNT], "AccountFilterType": "INTERSECTION"}
    assert not any("Accounts" in arguments for arguments in of_sets)


def test_an_operation_of_somebody_else_is_waited_for(sets: Sets, monkeypatch: pytest.MonkeyPatch) -> None:
    real, refusals = sets.account.sets.create_stack_instances, ["OperationInProgressException", "StaleRequestException"]

    def busy(*arguments: Any, **more: Any) -> Any:
        if refusals:
            raise sets.account.error(refusals.pop())
        return real(*arguments, **more)

    monkeypatch.setattr(sets.account.sets, "create_stack_instances", busy)
    assert len(sets.create()) == 2


def test_a_request_whose_answer_was_lost_starts_one_operation(sets: Sets, monkeypatch: pytest.MonkeyPatch) -> None:
    real = sets.account.sets.create_stack_instances

    def twice(*arguments: Any, **more: Any) -> Any:
        real(*arguments, **more)
        return real(*arguments, **more)  # as botocore repeats it

    monkeypatch.setattr(sets.account.sets, "create_stack_instances", twice)
    sets.create()
    assert len(sets.account.sets.every["holdfast-sandbox-keys"].operations) == 1


def test_a_failure_is_told_by_the_stack_itself_or_else_by_the_set(sets: Sets) -> None:
    sets.account.stacks.broken.add(("keys", RECOVERY))
    with pytest.raises(StackFailed) as failed:
        sets.create()
    assert (failed.value.stack, failed.value.status) == (Stack("keys", RECOVERY), "ROLLBACK_COMPLETE")
    assert failed.value.cause == "Thing (AWS::SNS::Topic): no such luck"
    found = stack_sets.instances(sets.target, "keys")
    assert found[Stack("keys", PRIMARY)].detail == "CANCELLED"
    with pytest.raises(StackFailed) as failed:
        stack_sets.update_instances(sets.target, "keys", [RECOVERY], sets.progress)
    assert failed.value.stack == Stack("keys", RECOVERY)
    gone = next(iter(sets.account.stacks.every.values()))
    sets.account.stacks.every.clear()
    assert gone.status == "ROLLBACK_COMPLETE"
    with pytest.raises(StackFailed, match="can not be updated"):
        stack_sets.update_instances(sets.target, "keys", [RECOVERY], sets.progress)


def test_only_sets_that_need_what_is_missing_wait_for_a_later_step(sets: Sets) -> None:
    small, before = sets.small, sets.target.text(STACKSETS)
    small.emit(["keys", "network", "storage", "backup"], version=2)
    final = small.target.text(STACKSETS)
    text, waiting = set_template.staged(small.target, final, before, {"network"})
    assert waiting == {"backup"}
    now, end, old = (json.loads(each)["Resources"] for each in (text, final, before))
    assert {name for name in now if now[name] == end[name]} == {"Keys", "Network", "Storage"}
    assert now["Backup"]["Properties"] == old["Backup"]["Properties"]
    assert set_template.staged(small.target, final, text, set()) == (final, set())
    assert set_template.changed(small.target, text, final) == {"backup"}


def test_a_new_set_waits_with_the_changed_one_that_it_needs(sets: Sets) -> None:
    small = sets.small
    small.emit(["keys", "storage"])
    before = small.target.text(STACKSETS)
    small.emit(["keys", "network", "storage", "backup"], version=2)
    final = small.target.text(STACKSETS)
    _, waiting = set_template.staged(small.target, final, before, {"network", "backup"})
    assert waiting == set()  # nothing that is there needs what is missing
    _, waiting = set_template.staged(small.target, final, before, {"keys", "network", "backup"})
    assert waiting == {"storage", "backup"}


def test_a_set_that_is_no_longer_emitted_stays_as_long_as_it_has_stacks(sets: Sets) -> None:
    deployed = sets.target.text(STACKSETS)
    sets.small.emit(["keys", "storage"])
    emitted = sets.small.target.text(STACKSETS)
    assert set_template.wanted(sets.small.target, None) == emitted
    assert set_template.wanted(sets.small.target, deployed) == emitted
    sets.account.sets.every["holdfast-sandbox-backup"].instances[PRIMARY] = sets_instance()
    wanted = json.loads(set_template.wanted(sets.small.target, deployed))["Resources"]
    assert set(wanted) == {"Keys", "Storage", "Backup"}
    assert wanted["Backup"] == json.loads(deployed)["Resources"]["Backup"]


def _without_call_as(method: Callable[..., Any]) -> Callable[..., Any]:
    """The fake knows no organizations."""
    return lambda *where, **request: method(*where, **{key: request[key] for key in request if key != "CallAs"})


def sets_instance() -> Any:
    from fake_sets import Instance  # noqa: PLC0415

    return Instance(PRIMARY, status="CURRENT")
