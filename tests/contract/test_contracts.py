"""The seams between folders: names that two sides spell and no type checker compares."""

import importlib
import re
from collections.abc import Iterator
from dataclasses import fields
from typing import Any

import pytest
from rendering import Found, found, rendered

import workflows
from blueprints import artifacts

STACKS = rendered("SANDBOX")
FUNCTIONS = [it for it in found("AWS::Lambda::Function") if it.option == "SANDBOX"]
MACHINES = [it for it in found("AWS::StepFunctions::StateMachine") if it.option == "SANDBOX"]
HANDLERS = sorted(
    f"handlers.{path.stem}"
    for path in artifacts.SOURCES.glob("*.py")
    if re.search(r"^(def handler\(|handler\b.*=)", path.read_text(), re.MULTILINE)
)

each_function = pytest.mark.parametrize("function", FUNCTIONS, ids=str)
each_machine = pytest.mark.parametrize("machine", MACHINES, ids=str)
each_handler = pytest.mark.parametrize("name", HANDLERS)


def module(function: Found) -> Any:
    return importlib.import_module(function.properties["Handler"].rpartition(".")[0])


def strings(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        for value in node.values():
            yield from strings(value)
    elif isinstance(node, list):
        for value in node:
            yield from strings(value)
    elif isinstance(node, str):
        yield node


def imports(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("Fn::ImportValue"), str):
            yield node["Fn::ImportValue"]
        for value in node.values():
            yield from imports(value)
    elif isinstance(node, list):
        for value in node:
            yield from imports(value)


@each_function
def test_a_function_names_a_callable(function):
    assert callable(getattr(module(function), function.properties["Handler"].rpartition(".")[2]))


@each_function
def test_a_function_gets_exactly_the_variables_that_it_reads(function):
    read = {field.name.upper() for field in fields(module(function).Environment)}

    assert read == set(function.properties["Environment"]["Variables"])


@each_function
def test_a_functions_logical_id_is_its_modules_name(function):
    stem = function.properties["Handler"].split(".")[1]

    assert function.title == "".join(word.capitalize() for word in stem.split("_"))
    assert function.properties["FunctionName"] == function.settings.name(stem.replace("_", "-"))


@each_handler
def test_variables_are_text_or_whole_numbers(name):
    """``from_environment`` reads nothing else."""
    assert {field.type for field in fields(importlib.import_module(name).Environment)} <= {"str", "int"}


def test_every_handler_is_deployed_once():
    deployed = [function.properties["Handler"].rpartition(".")[0] for function in FUNCTIONS]

    assert sorted(deployed) == HANDLERS


def test_every_workflow_is_deployed_once():
    deployed = [it.properties["StateMachineName"].removeprefix(f"{it.settings.prefix}-") for it in MACHINES]

    assert sorted(deployed) == workflows.names()


@each_machine
def test_every_placeholder_is_substituted_and_nothing_else(machine):
    name = machine.properties["StateMachineName"].removeprefix(f"{machine.settings.prefix}-")
    numbers = {asked for asked in workflows.placeholders(name) if asked.endswith(("Seconds", "Limit"))}
    left = {text for text in strings(machine.properties["Definition"]) if text.startswith("${")}

    assert left == {f"${{{asked}}}" for asked in workflows.placeholders(name) - numbers}
    assert left == {f"${{{given}}}" for given in machine.properties["DefinitionSubstitutions"]}


@each_machine
def test_a_placeholder_that_names_a_function_is_that_function(machine):
    functions = {function.title for function in FUNCTIONS if function.stack == machine.stack}
    substitutions = machine.properties["DefinitionSubstitutions"]

    for name in functions & set(substitutions):
        assert substitutions[name] in ({"Fn::GetAtt": [name, "Arn"]}, {"Ref": name})


@each_machine
def test_a_function_ends_by_itself_before_its_task_gives_up(machine):
    """Else the machine would try again while the first try still runs."""
    longest = {function.title: function.properties["Timeout"] for function in FUNCTIONS}

    for title, state in machine.properties["Definition"]["States"].items():
        called = state.get("Resource", "").strip("${}")
        if called in longest:
            assert longest[called] <= state["TimeoutSeconds"], title


@pytest.mark.parametrize("stack", STACKS)
def test_a_stack_imports_only_what_earlier_stacks_export(stack):
    exported: set[str] = set()
    for name, template in STACKS.items():
        if name == stack:
            assert set(imports(template)) <= exported
            return
        exported |= {output["Export"]["Name"] for output in template.get("Outputs", {}).values() if "Export" in output}
