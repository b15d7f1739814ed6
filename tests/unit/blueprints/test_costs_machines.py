"""What a run of a state machine does is counted from its definition."""

from datetime import timedelta

import pytest

import workflows
from blueprints.costs import machines, work
from blueprints.settings import PRODUCTION


def definition(name):
    numbers = {each: 1 for each in workflows.placeholders(name) if each.endswith(("Seconds", "Limit"))}
    return workflows.load(name, **numbers)


def machine(start, **states):
    return {"StartAt": start, "States": states}


TASK = {"Type": "Task", "Resource": "${Work}"}
DONE, BROKEN = {"Type": "Succeed"}, {"Type": "Fail"}


def test_a_backup_enters_twelve_states_and_calls_ten_functions():
    run = machines.longest(definition("backup"))
    # claim, inventory, snapshot, inventory, record, slot, export, check, copy, conclude; is it verified, it is
    assert run.transitions == 10 + 2
    assert run.calls == {
        "ClaimRecoveryPoint": 1,
        "TakeInventory": 2,
        "TakeSnapshot": 1,
        "RecordTaken": 1,
        "AwaitSlot": 1,
        "ExportSnapshot": 1,
        "CheckExport": 1,
        "RequestCopy": 1,
        "ConcludeRecoveryPoint": 1,
    }


def test_a_copy_enters_six_states():
    run = machines.longest(definition("copy"))
    assert run.transitions == 6  # claim, slot, snapshot, vault, conclude; concluded
    assert "RecordCopyFailure" not in run.calls


def test_a_fleet_enters_seven_states_and_two_for_each_database():
    run = machines.longest(definition("fleet"))
    assert run.transitions == 7  # select, start (the map), list, are any left, hand over, have all started, started
    assert run.each is not None
    assert run.each.transitions == 2
    assert run.calls == {"SelectDatabases": 1}  # starting a backup is no function


def test_ways_that_fail_do_not_count():
    states = {
        "Ask": {"Type": "Choice", "Choices": [{"Next": "Long"}, {"Next": "Short"}], "Default": "Broken"},
        "Long": {**TASK, "Next": "Longer"},
        "Longer": {**TASK, "Next": "Broken"},
        "Short": {**TASK, "Next": "Done"},
        "Done": DONE,
        "Broken": BROKEN,
    }
    run = machines.longest(machine("Ask", **states))
    assert (run.transitions, run.calls) == (3, {"Work": 1})


def test_a_round_is_gone_once():
    states = {
        "Wait": {"Type": "Wait", "Next": "Ask"},
        "Ask": {"Type": "Choice", "Choices": [{"Next": "Wait"}], "Default": "Done"},
        "Done": DONE,
    }
    assert machines.longest(machine("Wait", **states)).transitions == 3


def test_a_machine_that_only_fails_has_no_run():
    with pytest.raises(ValueError, match="no way from Try ends in success"):
        machines.longest(machine("Try", Try={**TASK, "Next": "Broken"}, Broken=BROKEN))


@pytest.mark.parametrize(
    ("expression", "a_day"),
    [
        ("rate(5 minutes)", 24 * 60 / 5),
        ("rate(1 minute)", 24 * 60),
        ("cron(30 0,6,12,18 * * ? *)", 4),
        ("cron(30 0 * * ? *)", 1),
        ("cron(0,15,30,45 * * * ? *)", 96),
        (PRODUCTION.backup.schedule(), timedelta(days=1) / PRODUCTION.backup.interval),
    ],
)
def test_a_schedule_fires_as_often_as_it_says(expression, a_day):
    assert work.firings(expression) == pytest.approx(a_day * 730 / 24)


def test_a_schedule_of_another_form_is_refused():
    with pytest.raises(ValueError, match=r"at\(2026-11-22T00:00:00\): the estimate knows rate"):
        work.firings("at(2026-11-22T00:00:00)")
