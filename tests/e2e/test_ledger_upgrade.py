"""The deployed function brings a ledger of the first release up, with its own role; a newer one stops a stack."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from world import World, eventually

from deployment.stacks import cause
from handlers.core.ledger_versions import CURRENT, PK, SK
from handlers.ledger import Ledger
from handlers.protection import DATABASES
from sandbox.report import PointReport

NAME = "ledger-upgrade"


def template(world: World, region: str, version: int) -> str:
    """A stack that asks for a version of the ledger, as ``backup`` does."""
    token = f"arn:aws:lambda:{region}:{world.engine.account}:function:{world.settings.name('migrate-ledger')}"
    properties = {"ServiceToken": token, "Version": str(version)}
    return json.dumps({"Resources": {"Ledger": {"Type": "Custom::Ledger", "Properties": properties}}})


def ended(world: World, region: str) -> str:
    """How the stack's creation or update ended."""
    stacks = world.client("cloudformation", region)

    def status() -> str | None:
        found = stacks.describe_stacks(StackName=NAME)["Stacks"][0]["StackStatus"]
        return None if found.endswith("_IN_PROGRESS") else str(found)

    end: str = eventually(status, 30, "the stack's end")
    return end


def deployed(world: World, region: str) -> str:
    """End of a stack that asks for the current version, and why if it failed; it is gone then."""
    stacks = world.client("cloudformation", region)
    stacks.create_stack(StackName=NAME, TemplateBody=template(world, region, CURRENT), OnFailure="DO_NOTHING")
    end = ended(world, region)
    why = cause(stacks, NAME) if end == "CREATE_FAILED" else ""
    stacks.delete_stack(StackName=NAME)
    return f"{end} {why}".strip()


@contextmanager
def newer_ledger(world: World) -> Iterator[dict[str, Any]]:
    """The ledger two versions further, and code of the current one can't read it any more."""
    mine = world.ledger.read(PK, SK)
    assert mine is not None
    newer = {**mine, "version": CURRENT + 2, "readable_since": CURRENT + 1}
    assert world.ledger.put(newer, seen={"version": CURRENT})
    try:
        yield newer
    finally:
        assert world.ledger.put(mine, seen={"version": CURRENT + 2})


def protections(world: World) -> dict[str, Any]:
    rows = world.ledger.partition(DATABASES, "PROTECTION#")
    return {row["database"]: {name: value for name, value in row.items() if name != "version"} for row in rows}


def test_a_ledger_of_the_first_release_gets_what_todays_functions_would_have_written(
    world: World, verified: PointReport
) -> None:
    assert verified.status == "verified"
    version = world.ledger.read(PK, SK)
    assert version is not None
    assert version["version"] == CURRENT, "the deployment itself has said so"
    expected = protections(world)
    for row in [version, *world.ledger.partition(DATABASES, "PROTECTION#")]:
        assert world.ledger.delete(row, seen={})

    assert deployed(world, world.primary) == "CREATE_COMPLETE"

    assert protections(world) == expected != {}
    again = world.ledger.read(PK, SK)
    assert again is not None
    assert again["version"] == CURRENT


@pytest.mark.parametrize("which", ["primary", "recovery"])
def test_a_ledger_that_is_too_new_stops_the_stack_in_either_region(world: World, which: str) -> None:
    region = world.primary if which == "primary" else world.recovery
    replica = Ledger(world.client("dynamodb", region), world.ledger.table, region)
    with newer_ledger(world) as newer:
        eventually(lambda: replica.read(PK, SK) == newer, 10, "the replica's copy")
        end = deployed(world, region)

    assert end.startswith("CREATE_FAILED Ledger (Custom::Ledger): "), end
    assert f"the ledger is of version {CURRENT + 2}, which code of version {CURRENT + 1} or newer can work with" in end
    assert f"this deployment is of version {CURRENT}: deploy a newer checkout" in end


def test_an_update_to_code_that_is_too_old_is_rolled_back_and_the_roll_back_is_not_refused(world: World) -> None:
    stacks, region = world.client("cloudformation"), world.primary
    with newer_ledger(world):
        stacks.create_stack(StackName=NAME, TemplateBody=template(world, region, CURRENT + 2))
        assert ended(world, region) == "CREATE_COMPLETE", "that of the newer release"

        stacks.update_stack(StackName=NAME, TemplateBody=template(world, region, CURRENT))

        assert ended(world, region) == "UPDATE_ROLLBACK_COMPLETE"
        stacks.delete_stack(StackName=NAME)
