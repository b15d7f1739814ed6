"""One embedded AWS for all end-to-end tests: emitted templates in two regions, a real database with the zoo in it."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from world import World

from blueprints.request import Request
from deployment.progress import Progress
from sandbox import databases, run, seed
from sandbox.report import PointReport
from sandbox.run import Story
from tests.calling import Caller


@pytest.fixture(scope="session")
def world() -> Iterator[World]:
    with Progress(io.StringIO(), live=False) as progress, run.story(Request("sandbox"), progress) as story:
        story.deploy()
        story.open()
        story.fill(1, seed.ZOO)
        yield World(story, _ear(story))


def _ear(story: Story) -> Callable[[], list[dict[str, Any]]]:
    """Listens to the platform's bus in the primary region; the answer is every event so far."""
    region, name = story.settings.primary_region, story.settings.prefix
    sqs, events = story.engine.client("sqs", region), story.engine.client("events", region)
    rule = events.put_rule(
        Name="ear", EventBusName=name, EventPattern=json.dumps({"source": ["holdfast.backup"]}), State="ENABLED"
    )["RuleArn"]
    arn = f"arn:aws:sqs:{region}:{story.engine.account}:ear"
    allow = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": rule}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    url = sqs.create_queue(QueueName="ear", Attributes={"Policy": policy})["QueueUrl"]
    events.put_targets(Rule="ear", EventBusName=name, Targets=[{"Id": "ear", "Arn": arn}])
    known: list[dict[str, Any]] = []

    def heard() -> list[dict[str, Any]]:
        while found := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
            for message in found:
                known.append(json.loads(message["Body"]))
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return known

    return heard


@pytest.fixture(scope="session")
def verified(world: World) -> PointReport:
    """The report of a run in which nothing went wrong; what SQL counted at that time is in ``world.counted``."""
    report = world.back_up()
    world.counted = databases.counts(world.login)
    return report


@pytest.fixture(scope="session")
def call(world: World) -> Caller:
    """A program that may ask for everything that a program may."""
    api = world.story.api
    return Caller(api.url, api.token())


@pytest.fixture(scope="session")
def anybody(world: World) -> Caller:
    """Somebody without a token."""
    return Caller(world.story.api.url)
