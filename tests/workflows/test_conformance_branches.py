"""Map and Parallel, and the history of what they enter: what AWS does, on whichever engine is present.

A test that asks for ``aws`` needs a service beside Step Functions.
"""

import pytest
import small_machines
from small_machines import INVOKE, only, passing

MOCKS = small_machines.MOCKS


def test_a_map_keeps_the_order_and_catches_inside_an_item(engine):
    inside = {
        "StartAt": "Work",
        "States": {
            "Work": {
                **INVOKE,
                "ResultPath": "$.answer",
                "Catch": [{"ErrorEquals": ["SnapshotRefused"], "ResultPath": "$.error", "Next": "Skip"}],
                "Next": "Kept",
            },
            "Kept": passing(Parameters={"id.$": "$.id", "outcome": "kept"}),
            "Skip": passing(Parameters={"id.$": "$.id", "outcome": "skipped"}),
        },
    }
    state = {
        "Type": "Map",
        "ItemsPath": "$.databases",
        "MaxConcurrency": 1,
        "ItemSelector": {"id.$": "$$.Map.Item.Value", "index.$": "$$.Map.Item.Index"},
        "ItemProcessor": {"ProcessorConfig": {"Mode": "INLINE"}, **inside},
    }
    machine = {"StartAt": "Each", "States": {"Each": {**state, "End": True}}}
    run = engine.run(machine, {"databases": ["a", "b", "c"]}, case="FailsForSecond", machine="conformance")
    assert run.output == [
        {"id": "a", "outcome": "skipped"},
        {"id": "b", "outcome": "kept"},
        {"id": "c", "outcome": "kept"},
    ]


def test_a_map_over_nothing_is_an_empty_list(engine):
    state = {"Type": "Map", "ItemsPath": "$.none", "ItemProcessor": {"StartAt": "A", "States": {"A": passing()}}}
    assert engine.run(only(state), {"none": []}).output == []


def test_an_item_that_fails_fails_the_map_with_its_error(engine):
    fail = {"StartAt": "A", "States": {"A": {"Type": "Fail", "Error": "TableMissing", "Cause": "items"}}}
    state = {
        "Type": "Map",
        "ItemProcessor": fail,
        "Catch": [{"ErrorEquals": ["TableMissing"], "ResultPath": "$[0]", "Next": "Caught"}],
    }
    run = engine.run(only(state, Caught=passing()), [1])
    assert run.output == [{"Error": "TableMissing", "Cause": "items"}]


def test_a_parallel_returns_the_branches_in_order(engine):
    slow = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 1, "Next": "A"}, "A": passing(Result="slow")}}
    fast = {"StartAt": "B", "States": {"B": passing(Result="fast")}}
    run = engine.run(only({"Type": "Parallel", "Branches": [slow, fast]}), {})
    assert run.output == ["slow", "fast"]


def test_a_branch_that_fails_fails_the_parallel_at_once(engine):
    never = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 3000, "End": True}}}
    fails = {"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "Lost", "Cause": ""}}}
    run = engine.run(only({"Type": "Parallel", "Branches": [never, fails]}), {})
    assert (run.status, run.error) == ("FAILED", "Lost")


def test_the_history_names_every_state_entered(engine):
    machine = {
        "StartAt": "First",
        "States": {
            "First": {"Type": "Pass", "Next": "Both"},
            "Both": {
                "Type": "Parallel",
                "Branches": [{"StartAt": "Inner", "States": {"Inner": passing()}}],
                "End": True,
            },
        },
    }
    run = engine.run(machine, {})
    assert run.visited == ["First", "Both", "Inner"]
    assert run.history[0]["type"] == "ExecutionStarted"
    assert run.history[-1]["type"] == "ExecutionSucceeded"


@pytest.mark.usefixtures("aws")
def test_a_distributed_map_runs_children_and_tolerates_some_failures(engine):
    child = {
        "StartAt": "Check",
        "States": {
            "Check": {
                "Type": "Choice",
                "Choices": [{"Variable": "$.n", "NumericEquals": 0, "Next": "Lost"}],
                "Default": "Kept",
            },
            "Lost": {"Type": "Fail", "Error": "Lost", "Cause": ""},
            "Kept": passing(OutputPath="$.n"),
        },
    }
    processor = {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, **child}
    state = {"Type": "Map", "ItemProcessor": processor, "MaxConcurrency": 10}
    items = [{"n": n} for n in range(10)]
    assert engine.run(only({**state, "ToleratedFailurePercentage": 10}), items).output == list(range(1, 10))
    assert engine.run(only(state), items).error == "States.ExceedToleratedFailureThreshold"
