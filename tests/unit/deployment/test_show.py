"""The plan as a person sees it: 80 columns, quiet, red where data would be lost."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from planning import ACCOUNT, HOME, RECOVERY, World, template

from blueprints.order import Stack
from deployment import plan, show
from deployment.plan import Change, Entry, Plan

AT_HOME, IN_RECOVERY = Stack("storage", HOME), Stack("storage", RECOVERY)
RED = f"\x1b[{show.RED}m"
LEDGER = Change("replace", "Ledger", "AWS::DynamoDB::GlobalTable", ("KeySchema",), kept=True)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def shown(world: World, *entries: Entry, colour: bool = False) -> str:
    return show.plan(Plan({entry.stack: entry for entry in entries}), world.target, colour=colour)


def test_regions_stand_side_by_side_under_their_parts_and_no_line_is_longer_than_80_columns(world: World) -> None:
    text = show.plan(plan.make(world.target, {}), world.target)
    regions, parts, *_ = text.strip("\n").splitlines()
    assert regions.index(HOME) == parts.index("primary")
    assert regions.index(RECOVERY) == parts.index("recovery")
    assert f"\n  storage       {'create 2 resources':<32}create 1 resource\n" in text
    assert max(map(len, text.splitlines())) <= 80


def test_a_third_region_gets_a_column_of_its_own_and_it_all_still_fits(world: World) -> None:
    site = Entry(Stack("site", "us-east-1"), "create", (Change("add", "Web", "AWS::CloudFront::Distribution"),) * 13)
    text = shown(world, Entry(AT_HOME, "unchanged"), Entry(IN_RECOVERY, "unchanged"), site)
    first = text.strip("\n").splitlines()[0]
    (line,) = (line for line in text.splitlines() if line.startswith("  site"))
    assert first.index("us-east-1") == line.index("create 13 resources")
    assert max(map(len, text.splitlines())) <= 80


def test_a_change_shows_how_many_resources_it_adds_changes_replaces_and_deletes(world: World) -> None:
    changes = (
        Change("add", "New", "AWS::SNS::Topic"),
        Change("change", "One", "AWS::Lambda::Function"),
        Change("change", "Two", "AWS::Lambda::Function"),
        Change("replace", "Role", "AWS::IAM::Role"),
        Change("delete", "Old", "AWS::SNS::Topic"),
    )
    text = shown(world, Entry(AT_HOME, "update", changes))
    assert "change +1 ~2 ±1 -1" in text
    assert "    ± Role (IAM::Role): replaced\n    ~ One, Two\n    + New\n" in text
    assert "    - Old (SNS::Topic): deleted\n" in text


def test_a_change_of_outputs_alone_is_shown_as_such(world: World) -> None:
    text = shown(world, Entry(AT_HOME, "update"))
    assert "change outputs" in text
    assert show.LEGEND not in text


def test_what_would_be_lost_is_named_with_its_data_before_everything_else(world: World) -> None:
    text = shown(world, Entry(AT_HOME, "update", (Change("delete", "Aaa", "AWS::SNS::Topic"), LEDGER)))
    assert text.index("± Ledger (DynamoDB::GlobalTable): replaced (KeySchema)") < text.index("- Aaa")
    assert "DATA LOST: its items; the old one stays behind" in text
    assert "\n  Data would be lost: storage/Ledger\n" in text


def test_what_stays_behind_is_no_loss(world: World) -> None:
    text = shown(world, Entry(AT_HOME, "update", (Change("delete", "Vault", "AWS::S3::Bucket", kept=True),)))
    assert "- Vault (S3::Bucket): leaves the stack and stays behind\n" in text
    assert "lost" not in text.lower()


def test_loss_is_red_on_a_terminal_and_colours_change_no_letter(world: World) -> None:
    entries = Entry(AT_HOME, "update", (LEDGER, Change("change", "Other", "AWS::S3::Bucket")))
    bright, plain = shown(world, entries, colour=True), shown(world, entries)
    red = [line for line in bright.splitlines() if RED in line]
    assert [bool(word in line) for word, line in zip(("change", "Ledger", "DATA", "empty", "Data"), red, strict=True)]
    assert not any("Other" in line for line in red)
    without = re.sub(r"\x1b\[[0-9;]*m", "", bright)
    assert [line.rstrip() for line in without.splitlines()] == plain.splitlines()
    assert "\x1b" not in plain


def test_regions_in_which_the_same_happens_are_told_once(world: World) -> None:
    changes = (Change("delete", "Old", "AWS::SNS::Topic"),)
    text = shown(world, Entry(AT_HOME, "update", changes), Entry(IN_RECOVERY, "update", changes))
    assert text.count("Old") == 1
    assert f"  storage in {HOME} and {RECOVERY}\n" in text


def test_a_long_list_of_names_ends_after_three_lines_with_the_number_of_the_rest(world: World) -> None:
    names = [f"ResourceOfSomeLength{number:03}" for number in range(100)]
    text = shown(world, Entry(AT_HOME, "update", tuple(Change("change", name, "AWS::SNS::Topic") for name in names)))
    seen = [name for name in names if name in text]
    assert 0 < len(seen) < 12
    assert f"      and {100 - len(seen)} more\n" in text


def test_notes_are_shown_and_a_command_in_them_stays_on_one_line_to_be_copied(world: World) -> None:
    world.deploy(Stack("database", HOME), template())
    text = show.plan(plan.make(world.target, world.found), world.target)
    assert "not asked for" in text
    (command,) = (line for line in text.splitlines() if "aws cloudformation" in line)
    assert command.strip().startswith("aws cloudformation delete-stack-instances --region")
    assert command.strip().endswith(f"--accounts {ACCOUNT}")


def test_the_sum_counts_stacks(world: World) -> None:
    entries = [
        *(Entry(Stack(f"new{n}", HOME), "create") for n in range(2)),
        *(Entry(Stack(f"other{n}", HOME), "update") for n in range(3)),
        *(Entry(Stack(f"same{n}", HOME), "unchanged") for n in range(11)),
    ]
    assert show.summary(Plan({e.stack: e for e in entries})) == "2 stacks to create, 3 to change, 11 unchanged"
    assert show.summary(Plan({AT_HOME: Entry(AT_HOME, "remake")})) == "1 stack to make again"
    assert shown(world, *entries).endswith("\n\n  2 stacks to create, 3 to change, 11 unchanged\n")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_colours_are_for_terminals_only_and_no_color_is_honoured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert show.colours(Terminal())
    assert not show.colours(io.StringIO())
    monkeypatch.setenv("NO_COLOR", "1")
    assert not show.colours(Terminal())
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("TERM", "dumb")
    assert not show.colours(Terminal())
