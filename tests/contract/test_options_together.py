"""Every pair of options together: the templates can be built, hang together and fit into CloudFormation."""

from __future__ import annotations

import itertools
import json
import re
from functools import cache
from typing import Any

import pytest
from rendering import listed, walk

import build
from tests.pairwise import CASES, OPTIONS, name_of, settings_of

# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
MOST_BYTES, MOST_RESOURCES, MOST_OUTPUTS = 1_048_576, 500, 200

each_case = pytest.mark.parametrize("number", range(len(CASES)), ids=[name_of(case) for case in CASES])


@cache
def built(number: int) -> dict[str, Any]:
    templates = build.templates(settings_of(CASES[number]))
    return {stack: json.loads(template.to_json()) for stack, template in templates.items()}


def test_each_pair_of_choices_is_among_the_cases() -> None:
    for one, other in itertools.combinations(OPTIONS, 2):
        met = {(case[one], case[other]) for case in CASES}
        assert met == set(itertools.product(OPTIONS[one], OPTIONS[other]))


@each_case
def test_a_stack_is_there_exactly_if_it_is_asked_for(number: int) -> None:
    case = CASES[number]
    optional = {"database": case["database"] != "none", "site": case["console"] != "api"}
    assert set(build.STACKS) - set(built(number)) == {stack for stack, wanted in optional.items() if not wanted}


@each_case
def test_what_is_imported_is_exported_before(number: int) -> None:
    exported: set[str] = set()
    for stack, template in built(number).items():
        names = {
            node["Fn::ImportValue"] for node in walk(template) if isinstance(node, dict) and "Fn::ImportValue" in node
        }
        assert names <= exported, stack
        exported |= {output["Export"]["Name"] for output in template.get("Outputs", {}).values()}


@each_case
def test_every_name_that_a_template_refers_to_is_in_it(number: int) -> None:
    for stack, template in built(number).items():
        resources = template["Resources"]
        for name in targets(template):
            assert name in resources, f"{stack}: {name}"
        for title, resource in resources.items():
            assert set(listed(resource.get("DependsOn", []))) <= resources.keys(), title
            assert resource.get("Condition", "IsPrimaryRegion") == "IsPrimaryRegion", title


def targets(template: Any) -> set[str]:
    """Names in ``Ref``, ``Fn::GetAtt`` and ``Fn::Sub``, apart from AWS's own."""
    found = set()
    for node in walk(template):
        if isinstance(node, dict) and isinstance(node.get("Ref"), str):
            found.add(node["Ref"])
        elif isinstance(node, dict) and "Fn::GetAtt" in node:
            found.add(listed(node["Fn::GetAtt"])[0])
        elif isinstance(node, dict) and "Fn::Sub" in node:
            text, *given = listed(node["Fn::Sub"])
            names = {name.partition(".")[0] for name in re.findall(r"\$\{([^!}][^}]*)\}", text)}
            found |= names - (given[0].keys() if given else set())
    return {name for name in found if not name.startswith("AWS::")}


@each_case
def test_it_fits_into_cloudformation(number: int) -> None:
    for stack, template in built(number).items():
        assert len(json.dumps(template)) < MOST_BYTES, stack
        assert len(template["Resources"]) < MOST_RESOURCES, stack
        assert len(template.get("Outputs", {})) < MOST_OUTPUTS, stack
