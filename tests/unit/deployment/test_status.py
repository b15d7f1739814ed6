"""What the status says of each stack, and how a person reads it."""

from __future__ import annotations

import hashlib
import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from blueprints import artifacts, text
from blueprints.order import Stack
from blueprints.settings import SANDBOX
from deployment import set_instances, status, status_text
from deployment.condition import Operation, Report, State
from deployment.drift import Difference, Drifted
from deployment.progress import Progress
from deployment.set_instances import Instance
from deployment.survey import Found
from deployment.target import Target

HOME, OTHER = SANDBOX.regions
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
OUTPUTS = Path(__file__).parents[3] / "outputs"


def good(name: str, region: str = HOME, **more: Any) -> State:
    values = {"status": "CREATE_COMPLETE", "code": "current", "protected": True, "instance": "CURRENT"}
    return State(Stack(name, region), **{**values, "changed_at": NOW - timedelta(hours=2), **more})


def report(*states: State, **more: Any) -> Report:
    return Report("holdfast-sandbox", "123456789012", (HOME, OTHER), states, **more)


def page(found: Report) -> str:
    return status_text.page(found, io.StringIO(), NOW)


# ---- what is amiss ---------------------------------------------------------------------------------------------------


def found(**more: Any) -> Found:
    stack = Stack("keys", HOME)
    return Found(stack, "StackSet-keys", "arn:keys", **{"status": "UPDATE_COMPLETE", "protected": True, **more})


def amiss(one: Found | None, code: Any = "current", instance: str = "CURRENT", reason: str = "") -> str:
    stack = Stack("keys", HOME)
    known = Instance(stack, instance, reason=reason)
    return " | ".join(status._state(stack, one, code, known, asked_for=True, drifted=False, unseen="").amiss)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (amiss(found()), ""),
        (amiss(found(status="UPDATE_IN_PROGRESS", protected=False), "older"), ""),
        (amiss(None), "is not there; `build.py deploy` makes it"),
        (amiss(found(status="ROLLBACK_COMPLETE")), "failed when it was first made (ROLLBACK_COMPLETE); `build.py dep"),
        (amiss(found(status="UPDATE_ROLLBACK_FAILED", reason="no quota")), "is UPDATE_ROLLBACK_FAILED: no quota;"),
        (amiss(found(), "older"), "is older than what the code emits;"),
        (amiss(found(), "unknown"), "has a template that nobody deployed with build.py from here;"),
        (amiss(found(protected=False)), "can be deleted by mistake;"),
        (amiss(found(), instance="OUTDATED", reason="stopped"), "is OUTDATED to StackSets: stopped;"),
    ],
)
def test_a_stack_says_what_is_wrong_with_it_and_the_cure(words: str, told: str) -> None:
    assert words.startswith(told)
    assert bool(words) == bool(told)


def test_a_stack_that_nobody_asks_for_any_more_is_told_but_is_no_alarm() -> None:
    state = status._state(Stack("site", HOME), found(), "unknown", None, asked_for=False, drifted=False, unseen="")
    assert (state.amiss, "no longer ask for it" in state.note) == ((), True)


def test_the_key_of_a_deployed_template_is_that_of_the_emitted_text() -> None:
    """CloudFormation gives the template as an object; its text, and so its key, is made again from that."""
    for path in sorted((OUTPUTS / "sandbox").glob("*.json")):
        if path.name != "openapi.json":
            emitted = path.read_text(encoding="utf-8")
            again = text.indented(json.loads(emitted)) + "\n"
            assert hashlib.sha256(again.encode()).digest() == hashlib.sha256(emitted.encode()).digest(), path.name


# ---- its code --------------------------------------------------------------------------------------------------------


class Uploaded:
    """An account in which one stack has a template; S3 knows the keys that were uploaded to one bucket."""

    account = "123456789012"

    def __init__(self, template: object, *keys: str) -> None:
        self.template, self.keys, self.asked = template, keys, list[str]()

    def client(self, *_: str) -> Uploaded:
        return self

    def get_template(self, **_: str) -> dict[str, Any]:
        return {"TemplateBody": self.template}

    def head_object(self, *, Bucket: str, Key: str) -> None:  # noqa: N803 (boto3's names)
        self.asked.append(Bucket)
        if Key not in self.keys:
            status = {"HTTPStatusCode": 404}
            raise ClientError({"Error": {"Code": "404"}, "ResponseMetadata": status}, "HeadObject")  # type: ignore[typeddict-item]


EMITTED = json.loads((OUTPUTS / "sandbox" / "keys.json").read_text(encoding="utf-8"))
OLDER = {**EMITTED, "Description": "as it was before"}
KEY = artifacts.template_key("keys", text.indented(OLDER) + "\n")


@pytest.mark.parametrize(
    ("template", "keys", "told"),
    [(EMITTED, (), "current"), (OLDER, (KEY,), "older"), (OLDER, (), "unknown")],
    ids=["emitted now", "uploaded once", "never uploaded"],
)
def test_a_template_is_told_by_what_is_emitted_and_what_was_uploaded(
    template: object, keys: tuple[str, ...], told: str
) -> None:
    target = Target(Uploaded(template, *keys), SANDBOX, OUTPUTS / "sandbox", ("keys",))
    assert status._code(target, found(), ()) == told


def test_a_bucket_in_a_region_that_is_down_is_not_asked() -> None:
    aws = Uploaded(OLDER, KEY)
    target = Target(aws, SANDBOX, OUTPUTS / "sandbox", ("keys",))
    assert status._code(target, found(), (HOME,)) == "older"
    assert status._code(target, found(), (HOME, OTHER)) == "unknown"
    assert aws.asked == [target.bucket(OTHER)]


# ---- a region that does not answer -----------------------------------------------------------------------------------


class HalfDead:
    """An account whose home region is gone."""

    account = "123456789012"

    def client(self, service: str, region: str = "us-east-1") -> Any:
        assert service == "cloudformation"
        return Dead() if region == HOME else self

    def get_paginator(self, name: str) -> Any:
        assert name == "describe_stacks"
        return self

    def paginate(self) -> list[Any]:
        return [{"Stacks": []}]


class Dead:
    """A region that nobody reaches."""

    def get_paginator(self, _: str) -> Any:
        raise EndpointConnectionError(endpoint_url=f"https://cloudformation.{HOME}.amazonaws.com/")


def test_a_region_that_does_not_answer_is_told_and_the_other_one_is_shown() -> None:
    names = ("bootstrap", "keys", "site", "stacksets")
    target = Target(HalfDead(), SANDBOX, OUTPUTS / "sandbox", names)
    silent = status.look(target, Progress(io.StringIO(), live=False))
    assert "Could not connect to the endpoint URL" in silent.silent[HOME]
    assert {state.stack.region for state in silent.states if state.stack.name == "keys"} == {OTHER}
    assert silent.amiss
    assert f"  {HOME} does not answer\n" in page(silent)
    assert "1 region does not answer." in page(silent)


# ---- the page --------------------------------------------------------------------------------------------------------


def test_all_is_well_in_a_few_lines() -> None:
    looked = {"drift": "IN_SYNC", "looked_at": NOW - timedelta(minutes=5)}
    calm = report(*(good(name, region, **looked) for name in ("keys", "api") for region in (HOME, OTHER)))
    assert not calm.amiss
    assert page(calm) == (
        "\n"
        "  holdfast-sandbox in account 123456789012\n"
        "\n"
        "                eu-west-1                       eu-central-1\n"
        "  keys          current · 2 h                   current · 2 h\n"
        "  api           current · 2 h                   current · 2 h\n"
        "\n"
        "  Drift: looked for 5 min ago; `build.py status --drift` looks now.\n"
        "  All is as it should be.\n"
    )


def test_nothing_is_said_in_one_line_if_nothing_is_there() -> None:
    empty = report(State(Stack("keys", HOME), amiss=("is not there",)))
    assert empty.amiss
    assert page(empty) == "\n  Nothing of holdfast-sandbox is deployed in account 123456789012.\n"


def test_the_same_trouble_in_two_places_is_told_once() -> None:
    old = "is older than what the code emits"
    text_ = page(report(good("api", HOME, code="older", amiss=(old,)), good("api", OTHER, code="older", amiss=(old,))))
    assert text_.count(old) == 1
    assert f"  api in {HOME}, api in {OTHER}\n      {old}" in text_
    assert "2 stacks are not as they should be." in text_


def test_a_change_by_hand_is_shown_with_what_should_be_and_what_is() -> None:
    changed = Drifted(
        Stack("api", HOME),
        "DeadLetters",
        "AWS::SQS::Queue",
        "https://queue",
        deleted=False,
        differences=(Difference("/VisibilityTimeout", "30", "60"),),
    )
    gone = Drifted(Stack("api", OTHER), "Alarm", "AWS::CloudWatch::Alarm", "an-alarm", deleted=True)
    drifted = report(good("api", drift="DRIFTED", amiss=("has drifted",)), drifted=(changed, gone))
    text_ = page(drifted)
    assert (
        "  DeadLetters (AWS::SQS::Queue) of api in eu-west-1\n      https://queue\n      /VisibilityTimeout\n" in text_
    )
    assert "          should be 30\n          is        60\n" in text_
    assert "an-alarm is gone" in text_
    assert "current · 2 h !" in text_


def test_what_stack_sets_has_under_way_is_shown() -> None:
    going = Operation("holdfast-sandbox-api", "id", "UPDATE", "RUNNING", NOW - timedelta(minutes=3))
    assert "StackSets: UPDATE of holdfast-sandbox-api is RUNNING for 3 min" in page(
        report(good("api"), operations=(going,))
    )


@pytest.mark.parametrize("regions", [(HOME, OTHER), (HOME, OTHER, "us-east-1")])
def test_no_line_is_wider_than_80_columns(regions: tuple[str, ...]) -> None:
    wrong = ("is UPDATE_ROLLBACK_FAILED: " + "a long reason " * 20, "can be deleted by mistake")
    states = [
        good(name, region, code="older", drift="DRIFTED", amiss=wrong, changed_at=NOW - timedelta(minutes=59))
        for name in ("keys", "observability", "stacksets")
        for region in regions
    ]
    wide = Report("holdfast-sandbox", "123456789012", regions, tuple(states))
    assert max(map(len, page(wide).splitlines())) <= 80


@pytest.mark.parametrize(
    ("seconds", "told"), [(0, "0 s"), (59, "59 s"), (60, "1 min"), (7199, "1 h"), (86400 * 3, "3 d"), (-5, "0 s")]
)
def test_an_age_is_told_in_one_unit(seconds: int, told: str) -> None:
    assert status_text.age(NOW - timedelta(seconds=seconds), NOW) == told


def test_programs_read_the_same_as_json() -> None:
    parsed = json.loads(report(good("api", amiss=("is older",))).json())
    assert parsed["amiss"] is True
    assert parsed["states"][0]["stack"] == {"name": "api", "region": HOME}


@pytest.mark.parametrize(("wrong", "code"), [((), 0), (("is older",), 1)])
def test_the_exit_code_says_whether_something_is_amiss(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], wrong: tuple[str, ...], code: int
) -> None:
    monkeypatch.setattr(status, "look", lambda *_, **__: report(good("api", amiss=wrong)))
    target = Target(HalfDead(), SANDBOX, OUTPUTS / "sandbox", ())
    with Progress(io.StringIO(), live=False) as progress:
        assert status.run(target, progress, drift=False, as_json=True) == code
    assert json.loads(capsys.readouterr().out)["deployment"] == "holdfast-sandbox"


def test_every_word_of_an_operation_that_goes_on_is_known() -> None:
    assert set(status.GOES_ON) == set(set_instances.RUNNING)
