"""Every branch, every Catch and every Retry of the three machines, with mocked tasks."""

from __future__ import annotations

import cases
import pytest

import workflows

MOCKS = cases.mock_file()


@pytest.fixture(scope="module")
def executions(engine):
    """All cases, started at once: most of their time is waiting."""
    machines = {name: engine.create(cases.definition(name), name) for name in workflows.names()}
    return {
        case.id: engine.start(machines[case.machine], cases.INPUTS[case.machine], case=case.id) for case in cases.CASES
    }


@pytest.mark.parametrize("case", cases.CASES, ids=lambda case: case.id)
def test_a_machine_goes_where_its_definition_says(engine, executions, case):
    execution = engine.result(executions[case.id])

    visited = [state for state in execution.visited if state not in cases.INNER_STATES]
    assert (visited, execution.status, execution.error) == (case.path, case.status, case.error)


def test_every_state_of_every_machine_is_visited_by_some_case(engine, executions):
    visited = {state for arn in executions.values() for state in engine.result(arn).visited}

    states = {state for name in workflows.names() for state in cases.definition(name)["States"]}
    assert states | cases.INNER_STATES == visited


def test_a_failure_is_recorded_with_the_error_that_was_caught(engine, executions):
    execution = engine.result(executions["BackupTakeSnapshotThrowsSomethingElse"])

    scheduled = [e for e in execution.history if e["type"] in ("LambdaFunctionScheduled", "TaskScheduled")]
    details = scheduled[-1].get("lambdaFunctionScheduledEventDetails") or scheduled[-1]["taskScheduledEventDetails"]
    assert '"SomethingElse"' in (details.get("input") or details["parameters"])


def test_the_verdict_partial_ends_in_a_failure_that_names_it(engine, executions):
    assert '"partial"' in engine.result(executions["BackupVerdictPartial"]).cause
