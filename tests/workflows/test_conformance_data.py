"""Paths, intrinsic functions and choices: what AWS does with them, on whichever engine is present."""

import uuid

import pytest
import small_machines
from small_machines import INVOKE, only, passing

MOCKS = small_machines.MOCKS


def test_a_result_is_selected_and_put_beside_the_input(engine):
    state = {**INVOKE, "ResultSelector": {"count.$": "$.Payload.n"}, "ResultPath": "$.snapshot.rows"}
    run = engine.run(only(state), {"id": "orders"}, case="Answers", machine="conformance")
    assert run.output == {"id": "orders", "snapshot": {"rows": {"count": 7}}}


def test_a_null_result_path_keeps_the_input(engine):
    run = engine.run(only({**INVOKE, "ResultPath": None}), {"id": 1}, case="Answers", machine="conformance")
    assert run.output == {"id": 1}


def test_a_missing_path_in_parameters_fails_the_execution_and_nothing_catches_it(engine):
    state = {
        **INVOKE,
        "Parameters": {"FunctionName": "f", "Payload": {"id.$": "$.missing"}},
        "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Caught"}],
    }
    run = engine.run(only(state, Caught=passing()), {}, case="Answers", machine="conformance")
    assert (run.status, run.error) == ("FAILED", "States.Runtime")


def test_intrinsic_functions_compute(engine):
    template = {
        "name.$": "States.Format('{}-{}', $.id, States.ArrayLength($.tables))",
        "sum.$": "States.MathAdd($.n, -1)",
        "merged.$": "States.JsonMerge($.a, $.b, false)",
        "first.$": "States.ArrayGetItem($.tables, 0)",
        "text.$": "States.JsonToString($.a)",
        "parsed.$": "States.StringToJson($.json)",
        "has.$": "States.ArrayContains($.tables, 'items')",
    }
    data = {"id": "orders", "tables": ["items", "users"], "n": 3, "a": {"x": 1}, "b": {"y": 2}, "json": '{"z":3}'}
    run = engine.run(only({"Type": "Pass", "Parameters": template}), data)
    assert run.output == {
        "name": "orders-2",
        "sum": 2,
        "merged": {"x": 1, "y": 2},
        "first": "items",
        "text": '{"x":1}',
        "parsed": {"z": 3},
        "has": True,
    }


def test_paths_take_slices_and_wildcards(engine):
    template = {"names.$": "$.points[*].id", "last.$": "$.points[-1:].id", "first.$": "$.points[0].id"}
    run = engine.run(only({"Type": "Pass", "Parameters": template}), {"points": [{"id": "a"}, {"id": "b"}]})
    assert run.output == {"names": ["a", "b"], "last": ["b"], "first": "a"}


def test_the_context_object_names_execution_and_machine(engine):
    template = {"id.$": "$$.Execution.Id", "name.$": "$$.Execution.Name", "machine.$": "$$.StateMachine.Name"}
    machine = engine.create(only({"Type": "Pass", "Parameters": template}), "context")
    name = f"run-{uuid.uuid4().hex}"
    run = engine.result(engine.start(machine, name=name))
    assert run.output == {"id": run.arn, "name": name, "machine": "context"}


# Choice


def choice(*rules, **more):
    return {
        "StartAt": "Choose",
        "States": {
            "Choose": {"Type": "Choice", "Choices": list(rules), **more},
            "Yes": passing(Result="yes"),
            "No": passing(Result="no"),
        },
    }


def test_a_choice_on_a_missing_path_fails_although_there_is_a_default(engine):
    run = engine.run(choice({"Variable": "$.missing", "StringEquals": "x", "Next": "Yes"}, Default="No"), {})
    assert (run.status, run.error) == ("FAILED", "States.Runtime")


def test_a_choice_guarded_by_is_present_goes_on(engine):
    guard = {"Variable": "$.missing", "IsPresent": True}
    rule = {"And": [guard, {"Variable": "$.missing", "StringEquals": "x"}], "Next": "Yes"}
    assert engine.run(choice(rule, Default="No"), {}).output == "no"
    assert engine.run(choice(rule, Default="No"), {"missing": "x"}).output == "yes"


def test_a_null_is_present(engine):
    rule = {"Variable": "$.token", "IsPresent": True, "Next": "Yes"}
    assert engine.run(choice(rule, Default="No"), {"token": None}).output == "yes"


def test_a_choice_without_match_and_default_fails(engine):
    run = engine.run(choice({"Variable": "$.n", "NumericEquals": 1, "Next": "Yes"}), {"n": 2})
    assert (run.status, run.error) == ("FAILED", "States.NoChoiceMatched")


@pytest.mark.parametrize(
    ("rule", "data"),
    [
        ({"Variable": "$.n", "NumericGreaterThanEquals": 4}, {"n": 4}),
        ({"Variable": "$.n", "NumericLessThanPath": "$.m"}, {"n": 4, "m": 5}),
        ({"Variable": "$.s", "StringMatches": "rds-*"}, {"s": "rds-1"}),
        ({"Variable": "$.t", "TimestampLessThan": "2026-01-01T00:00:00Z"}, {"t": "2025-12-31T23:59:59Z"}),
        ({"Variable": "$.b", "BooleanEquals": False}, {"b": False}),
        ({"Not": {"Variable": "$.n", "IsString": True}}, {"n": 4}),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
def test_comparisons_hold(engine, rule, data):
    assert engine.run(choice({**rule, "Next": "Yes"}, Default="No"), data).output == "yes"
