"""The order in which a deployment goes, what is said about it, and that an interruption changes nothing in the end."""

from __future__ import annotations

import io
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from blueprints import order
from blueprints.order import Stack
from blueprints.settings import SANDBOX
from deployment import destroy, guards, remains, stack_sets, stacks
from deployment.destroy import Farewell, Left
from deployment.errors import Refused, StackFailed
from deployment.guards import Obstacle
from deployment.progress import Progress
from deployment.remains import Resource
from deployment.set_instances import Instance
from deployment.survey import Found
from deployment.target import Target

OUTPUTS = Path(__file__).parents[3] / "outputs"
HOME, OTHER = SANDBOX.regions
NAMES = (
    "bootstrap", "keys", "network", "storage", "database", "backup", "api", "site", "observability", "stacksets",
)  # fmt: skip
EVERY = order.everything(NAMES, SANDBOX) - {Stack("stacksets", OTHER)}


class Crash(BaseException):
    """The process ends here."""


@dataclass
class Cloud:
    """An account with a deployment in it; it remembers what was done, and lets nothing go that is needed.

    Attributes:
        there: Stacks, each with whether it is protected.
        in_sets: Those that a set made.
        done: What was asked for, in order.
        crash_at: The number of the call that ends the process, after it did its work.
        broken: A stack that can't be removed.
    """

    there: dict[Stack, bool] = field(default_factory=lambda: dict.fromkeys(EVERY, True))
    in_sets: set[Stack] = field(
        default_factory=lambda: {stack for stack in EVERY if stack.name not in ("bootstrap", "stacksets")}
    )
    inoperable: set[Stack] = field(default_factory=set)
    done: list[tuple[str, Any]] = field(default_factory=list)
    crash_at: int = 0
    broken: Stack | None = None

    account = "123456789012"

    def client(self, *_: str) -> Any:
        raise AssertionError("every call goes by a function of the fake")

    def call(self, what: str, about: Any) -> None:
        self.done.append((what, about))
        if len(self.done) == self.crash_at:
            raise Crash

    def go(self, stack: Stack) -> None:
        if stack == self.broken:
            raise StackFailed(stack, "DELETE_FAILED", "Ear (AWS::SNS::Topic): in use")
        needed_by = {
            each.name + "/" + each.region for each in list(self.there) if stack in order.needs(each, NAMES, SANDBOX)
        }
        assert not needed_by, f"{stack} is needed by {needed_by}"
        assert not self.there[stack], f"{stack} is protected"
        del self.there[stack]

    def found(self) -> dict[Stack, Found]:
        return {
            stack: Found(stack, f"a-{stack.name}", f"arn:{stack.name}/{stack.region}", "CREATE_COMPLETE", protected=on)
            for stack, on in self.there.items()
        }

    def instances(self, _: Target, name: str) -> dict[Stack, Instance]:
        return {
            stack: Instance(stack, "INOPERABLE" if stack in self.inoperable else "CURRENT")
            for stack in self.in_sets
            if stack.name == name
        }

    def delete_instances(
        self, _: Target, name: str, regions: Collection[str], __: Progress, *, retain: bool = False
    ) -> None:
        for region in regions:
            if not retain:
                assert Stack(name, region) not in self.inoperable
                self.go(Stack(name, region))
            self.in_sets.discard(Stack(name, region))
        self.call("delete instances", (name, tuple(regions), retain))

    def remove(self, _: Target, found: Found, __: Progress) -> None:
        assert found.stack not in self.in_sets, "its set knows of it"
        if found.stack.name == "stacksets":
            assert not self.in_sets, "CloudFormation deletes no set that has instances"
        self.go(found.stack)
        self.call("remove", found.stack)

    def protect(self, _: Target, found: Found, *, protected: bool) -> None:
        self.there[found.stack] = protected
        self.call("protect", found.stack)


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Callable[[Cloud], Target]:
    def placed(cloud: Cloud) -> Target:
        monkeypatch.setattr(destroy, "settled", lambda *_: cloud.found())
        monkeypatch.setattr(stack_sets, "instances", cloud.instances)
        monkeypatch.setattr(stack_sets, "delete_instances", cloud.delete_instances)
        monkeypatch.setattr(stacks, "remove", cloud.remove)
        monkeypatch.setattr(stacks, "protect", cloud.protect)
        monkeypatch.setattr(remains, "resources", lambda *_: [])
        monkeypatch.setattr(remains, "recovery_points", lambda *_: [])
        monkeypatch.setattr(remains, "left", lambda *_: [])
        monkeypatch.setattr(guards, "obstacles", lambda *_: [])
        return Target(cloud, SANDBOX, OUTPUTS / "sandbox", NAMES)

    return placed


Place = Callable[[Cloud], Target]


def run(target: Target, consent: Callable[[Farewell], bool] = lambda _: True) -> Left:
    return destroy.destroy(target, Progress(io.StringIO(), live=False), consent)


def test_nothing_goes_before_what_needs_it_and_in_the_end_nothing_is_there(place: Place) -> None:
    cloud = Cloud()
    run(place(cloud))
    assert (cloud.there, cloud.in_sets) == ({}, set())
    assert next(about for what, about in cloud.done if what == "remove").name == "stacksets"


def test_the_primary_goes_before_the_region_that_it_needs(place: Place) -> None:
    cloud = Cloud()
    run(place(cloud))
    asked = [about[:2] for what, about in cloud.done if what == "delete instances"]
    for name in ("storage", "backup"):
        assert asked.index((name, (HOME,))) < asked.index((name, (OTHER,)))


def test_regions_that_need_nothing_of_each_other_go_together(place: Place) -> None:
    cloud = Cloud()
    run(place(cloud))
    assert ("delete instances", ("observability", (OTHER, HOME), False)) in cloud.done


def test_a_crash_at_any_call_changes_nothing_in_the_end(place: Place) -> None:
    whole = Cloud()
    run(place(whole))
    for at in range(1, len(whole.done) + 1):
        cloud = Cloud(crash_at=at)
        with pytest.raises(Crash):
            run(place(cloud))
        cloud.crash_at = 0
        run(place(cloud))
        assert (cloud.there, cloud.in_sets) == ({}, set()), f"crash at call {at}"


def test_a_stack_that_no_set_knows_of_is_removed_by_itself(place: Place) -> None:
    alone = Stack("backup", OTHER)
    cloud = Cloud()
    cloud.in_sets.discard(alone)
    run(place(cloud))
    assert ("remove", alone) in cloud.done
    assert cloud.there == {}


def test_an_instance_without_a_stack_is_taken_from_its_set(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    cloud = Cloud(there={Stack("stacksets", HOME): True}, in_sets={Stack("api", HOME)})
    target = place(cloud)
    real = cloud.go
    monkeypatch.setattr(cloud, "go", lambda stack: None if stack == Stack("api", HOME) else real(stack))
    run(target)
    assert (cloud.there, cloud.in_sets) == ({}, set())


def test_what_stack_sets_could_not_delete_it_lets_go_and_cloudformation_deletes_it(place: Place) -> None:
    stuck = Stack("api", OTHER)
    cloud = Cloud(inoperable={stuck})
    run(place(cloud))
    assert ("delete instances", ("api", (OTHER,), True)) in cloud.done
    assert ("remove", stuck) in cloud.done
    assert cloud.there == {}


def test_after_a_failure_what_it_needs_is_left_alone_and_the_next_run_goes_on(place: Place) -> None:
    cloud = Cloud(broken=Stack("observability", HOME))
    with pytest.raises(StackFailed, match="observability stack in eu-west-1 is DELETE_FAILED: Ear"):
        run(place(cloud))
    assert {Stack("keys", HOME), Stack("backup", HOME), Stack("stacksets", HOME)} <= cloud.there.keys()
    cloud.broken = None
    run(place(cloud))
    assert cloud.there == {}


# ---- consent ---------------------------------------------------------------------------------------------------------


def test_without_consent_nothing_is_done(place: Place) -> None:
    cloud = Cloud()
    with pytest.raises(Refused, match="nothing was changed"):
        run(place(cloud), lambda _: False)
    assert cloud.done == []


def test_an_obstacle_that_was_not_named_ends_it_before_anybody_is_asked(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud = Cloud()
    target = place(cloud)
    monkeypatch.setattr(guards, "obstacles", lambda *_: [Obstacle("data", "database orders (20 GiB)")])
    asked: list[Farewell] = []
    with pytest.raises(Refused, match="--despite data"):
        run(target, lambda farewell: bool(asked.append(farewell)))
    assert (cloud.done, asked) == ([], [])


def test_whoever_agrees_is_told_of_the_recovery_points_that_stay(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    target = place(Cloud())
    point = Resource(
        Stack("backup", OTHER), remains.SNAPSHOTS, "holdfast-sandbox-orders-20261122t0600z", policy="Retain"
    )
    monkeypatch.setattr(remains, "recovery_points", lambda *_: [point])
    told: list[str] = []
    run(target, lambda farewell: not told.append(farewell.text()))
    assert f"      {OTHER:14}  {point.id}\n" in told[0].partition("  stays\n")[2]


def test_a_deployment_that_is_not_there_needs_no_consent(place: Place) -> None:
    asked: list[Farewell] = []
    left = run(place(Cloud(there={}, in_sets=set())), lambda farewell: bool(asked.append(farewell)))
    assert asked == []
    assert left.text() == "\n  holdfast-sandbox is removed, and nothing of it is left.\n"


@pytest.mark.parametrize(("typed", "meant"), [("holdfast-sandbox\n", True), ("yes\n", False), ("\n", False)])
def test_consent_is_the_name_of_the_deployment(monkeypatch: pytest.MonkeyPatch, typed: str, *, meant: bool) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(typed))
    assert destroy._is_meant("holdfast-sandbox", None) == meant


def test_where_nobody_can_be_asked_the_flag_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    with pytest.raises(Refused, match="add --yes holdfast-sandbox"):
        destroy._is_meant("holdfast-sandbox", None)


def test_the_name_of_another_deployment_is_refused() -> None:
    with pytest.raises(Refused, match="--yes holdfast-production: this deployment is called holdfast-sandbox"):
        destroy._is_meant("holdfast-sandbox", "holdfast-production")


# ---- what is said ----------------------------------------------------------------------------------------------------

STORAGE, DATABASE = Stack("storage", HOME), Stack("database", HOME)
RESOURCES = (
    Resource(STORAGE, "AWS::S3::Bucket", "holdfast-sandbox-vault-eu-west-1-123456789012", "Vault", "Retain"),
    Resource(STORAGE, "AWS::S3::BucketPolicy", "a-policy", "VaultAccess"),
    Resource(DATABASE, "AWS::RDS::DBInstance", "holdfast-sandbox-database", "Instance", "Snapshot"),
    Resource(DATABASE, "AWS::SNS::Topic", "a-topic", "Ear", "Retain"),
)


def test_what_goes_and_what_stays_is_said_before() -> None:
    text = Farewell("holdfast-sandbox", "123456789012", (STORAGE, DATABASE), RESOURCES, ()).text()
    assert text == (
        "\n"
        "  holdfast-sandbox in account 123456789012\n"
        "\n"
        "  goes\n"
        "    storage         1 resource in eu-west-1\n"
        "    database        1 resource in eu-west-1\n"
        "\n"
        "  stays\n"
        "    final snapshots of\n"
        "      eu-west-1       holdfast-sandbox-database\n"
        "    buckets, with their objects\n"
        "      eu-west-1       holdfast-sandbox-vault-eu-west-1-123456789012\n"
        "    AWS::SNS::Topic\n"
        "      eu-west-1       a-topic\n"
    )


def test_what_is_left_is_said_afterwards() -> None:
    text = Left("holdfast-sandbox", RESOURCES[:1]).text()
    assert "  holdfast-sandbox is removed. What it was told to keep is still there, and costs:" in text
    assert "      eu-west-1       holdfast-sandbox-vault-eu-west-1-123456789012\n" in text
