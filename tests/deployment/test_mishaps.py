"""What goes wrong, and the same command that goes on afterwards: a name that is taken, lost data, a lost region."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import EndpointConnectionError, HTTPClientError
from commanding import HOME, OTHER, PREFIX, Answer, Checkout, stacks, whole
from dead_region import without
from shapes import problems


@pytest.fixture(scope="module")
def failed(checkout: Checkout) -> Answer:
    """A deployment whose recovery region has an event bus of the same name."""
    checkout.engine.client("events", OTHER).create_event_bus(Name=PREFIX)
    return checkout.run("deploy", "--yes")


@pytest.fixture(scope="module")
def cured(checkout: Checkout, failed: Answer) -> Answer:
    assert failed.code == 1, failed.text
    checkout.engine.client("events", OTHER).delete_event_bus(Name=PREFIX)
    return checkout.run("deploy", "--yes")


@contextmanager
def edited(file: Path, old: str, new: str) -> Iterator[None]:
    """Another text in a file, for a while."""
    text = file.read_text()
    assert text.count(old) == 1, f"{old!r} in {file.name}"
    file.write_text(text.replace(old, new))
    yield
    file.write_text(text)


# ---- a failure in the recovery region --------------------------------------------------------------------------------


def test_a_failure_names_the_region_the_stack_the_resource_and_the_reason(failed: Answer) -> None:
    assert failed.code == 1, failed.text
    said = failed.err
    assert f"the backup stack in {OTHER} " in said
    assert re.search(rf"\(AWS::Events::EventBus\): .*already exists: {PREFIX}", said)
    assert "Continue with: python build.py deploy --settings quick.toml --yes" in said
    assert "Traceback" not in said


def test_what_fails_in_the_recovery_region_is_not_begun_in_the_primary(checkout: Checkout, failed: Answer) -> None:
    assert failed.code == 1, failed.text
    assert ("backup", HOME) not in stacks(checkout.engine)
    assert not any(name == "observability" for name, _ in stacks(checkout.engine)), "it needs backup"


def test_after_the_cure_the_same_command_goes_on(checkout: Checkout, cured: Answer) -> None:
    assert cured.code == 0, cured.text
    assert len(stacks(checkout.engine)) == 15
    whole(checkout)


def test_what_never_held_anything_is_made_again_and_the_plan_says_so(cured: Answer) -> None:
    assert cured.code == 0, cured.text
    assert "to make again" in cured.out


# ---- data ------------------------------------------------------------------------------------------------------------


def test_data_is_not_lost_unless_it_is_named(checkout: Checkout, cured: Answer) -> None:
    assert cured.code == 0, cured.text
    storage = checkout.folder / "blueprints" / "storage.py"
    with edited(storage, 'TableName=settings.name("ledger")', 'TableName=settings.name("book")'):
        answer = checkout.run("deploy", "--yes")
    assert answer.code == 2, answer.text
    assert "cloudformation.ExecuteChangeSet" not in answer.writes
    assert "--accept-loss storage/Ledger" in answer.err
    tables = checkout.engine.client("dynamodb", HOME).list_tables()["TableNames"]
    assert tables == [f"{PREFIX}-ledger"]


# ---- a region that is gone -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def alone(checkout: Checkout, cured: Answer) -> tuple[Answer, list[str]]:
    """A changed handler, deployed to the recovery region while nobody reaches the primary."""
    assert cured.code == 0, cured.text
    with (checkout.folder / "handlers" / "take_snapshot.py").open("a") as handler:
        handler.write("# One more line.\n")
    with without(checkout.engine, HOME) as (address, missed):
        answer = checkout.run("deploy", "--yes", "--directly", OTHER, env={"AWS_ENDPOINT_URL": address})
        return answer, list(missed)


def test_the_recovery_region_is_deployed_to_while_the_primary_is_down(
    checkout: Checkout, alone: tuple[Answer, list[str]]
) -> None:
    answer, missed = alone
    assert answer.code == 0, answer.text
    assert missed == []
    changed = {stack for stack, each in stacks(checkout.engine).items() if each["StackStatus"] == "UPDATE_COMPLETE"}
    assert {("backup", OTHER), ("api", OTHER)} <= changed
    assert not any(region == HOME for _, region in changed)


def test_that_is_what_it_looks_like_when_a_region_is_down(checkout: Checkout) -> None:
    """The front that plays it: else nobody knew what it means that nothing was hung up on."""
    with without(checkout.engine, HOME) as (address, missed):

        def ask(region: str) -> Any:
            login = {"aws_access_key_id": checkout.engine.account, "aws_secret_access_key": "test"}
            once = Config(retries={"total_max_attempts": 1})
            return boto3.client("sqs", region, endpoint_url=address, config=once, **login).list_queues()

        assert ask(OTHER)["ResponseMetadata"]["HTTPStatusCode"] == 200
        with pytest.raises((HTTPClientError, EndpointConnectionError)):
            ask(HOME)
        assert missed == ["POST /"]


def test_when_the_primary_is_back_the_usual_command_brings_it_up_to_date(
    checkout: Checkout, alone: tuple[Answer, list[str]]
) -> None:
    assert alone[0].code == 0, alone[0].text
    answer = checkout.run("deploy", "--yes")
    assert answer.code == 0, answer.text
    whole(checkout)
    status = checkout.run("status")
    assert status.code == 0, status.text


def test_aws_would_take_every_request(checkout: Checkout, alone: tuple[Answer, list[str]]) -> None:
    assert alone[0].code == 0, alone[0].text
    assert sorted({each for request in checkout.requests for each in problems(request)}) == []
