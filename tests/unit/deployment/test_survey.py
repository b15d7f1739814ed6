"""What is deployed is found by its tags, wherever it may lie."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from planning import ACCOUNT, HOME, NAMES, RECOVERY, SETTINGS, World, refusal

from blueprints.order import Stack
from blueprints.regions import GLOBAL
from deployment.survey import survey
from deployment.target import Target


@dataclass
class Described:
    """CloudFormation of one region: a page for each stack, or a refusal."""

    stacks: tuple[dict[str, Any], ...] = ()
    refusal: Exception | None = None

    def get_paginator(self, operation: str) -> Described:
        assert operation == "describe_stacks"
        return self

    def paginate(self) -> Iterator[dict[str, Any]]:
        if self.refusal:
            raise self.refusal
        yield from ({"Stacks": [stack]} for stack in self.stacks)


@dataclass
class Account:
    regions: dict[str, Described]
    account: str = ACCOUNT

    def client(self, service: str, region: str = GLOBAL) -> Any:
        assert service == "cloudformation"
        return self.regions[region]


def stack(name: str, **tags: str) -> dict[str, Any]:
    described = {"StackName": name, "StackId": f"arn:{name}", "StackStatus": "CREATE_COMPLETE"}
    return {**described, "Tags": [{"Key": f"holdfast:{key}", "Value": value} for key, value in tags.items()]}


@pytest.fixture
def target(tmp_path: Path) -> Target:
    World(tmp_path)
    nothing = {region: Described() for region in (HOME, RECOVERY, GLOBAL)}
    return Target(Account(nothing), SETTINGS, tmp_path, NAMES)


def lies(target: Target, region: str, *stacks: dict[str, Any], refused: Exception | None = None) -> None:
    target.aws.regions[region] = Described(stacks, refused)  # type: ignore[attr-defined]


def test_a_stack_is_found_whatever_it_is_called_and_others_are_not(target: Target) -> None:
    mine = stack("StackSet-x-1", deployment="holdfast-test", stack="api")
    lies(target, HOME, mine, stack("holdfast-test-api"), stack("y", deployment="holdfast-other", stack="api"))
    lies(target, RECOVERY, stack("directly", deployment="holdfast-test", stack="api"))
    found = survey(target)
    assert {stack: each.name for stack, each in found.items()} == {
        Stack("api", HOME): "StackSet-x-1",
        Stack("api", RECOVERY): "directly",
    }


def test_what_cloudfront_once_had_in_its_own_region_is_found_although_the_settings_no_longer_ask_for_it(
    target: Target,
) -> None:
    lies(target, GLOBAL, stack("old", deployment="holdfast-test", stack="site"))
    assert GLOBAL not in target.regions
    assert list(survey(target)) == [Stack("site", GLOBAL)]


def test_a_region_that_the_settings_do_not_name_may_be_forbidden(target: Target) -> None:
    lies(target, GLOBAL, refused=refusal("AccessDenied", operation="DescribeStacks"))
    assert survey(target) == {}
    with pytest.raises(ClientError, match="AccessDenied"):
        survey(target, [GLOBAL])


def test_a_region_that_is_needed_must_answer(target: Target) -> None:
    lies(target, RECOVERY, refused=refusal("AccessDenied", operation="DescribeStacks"))
    with pytest.raises(ClientError, match="AccessDenied"):
        survey(target)
    assert survey(target, [HOME]) == {}
