"""What the end-to-end tests talk to."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from blueprints.order import Stack
from deployment.survey import survey
from handlers.ledger import Ledger
from sandbox import deploy
from sandbox.follow import Follower
from sandbox.report import PointReport, Reporter
from sandbox.run import Story

FIRST = datetime(2026, 1, 1, 0, 30, tzinfo=UTC)


@dataclass
class World:
    """A deployed platform and what an operator can do to it."""

    story: Story
    heard: Callable[[], list[dict[str, Any]]]
    foreign_keys: list[str] = field(default_factory=list)  # that a test encrypts under, and no role may use
    counted: dict[str, int] = field(default_factory=dict)  # rows per table, when `verified` had been made
    _minutes: Iterator[int] = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        self.engine, self.settings = self.story.engine, self.story.settings
        self.primary, self.recovery = self.settings.regions
        self.ledger = Ledger(self.client("dynamodb"), self.settings.name("ledger"), self.primary)
        (self.login,) = self.story.logins

    def client(self, service: str, region: str | None = None) -> Any:
        return self.engine.client(service, region or self.primary)

    def next_time(self) -> datetime:
        """A time that no recovery point bears yet."""
        return FIRST + timedelta(minutes=next(self._minutes))

    def back_up(self, faults: dict[str, Any] | None = None) -> PointReport:
        self.engine.set_faults(faults or {})
        follower = self.story.send(self.next_time())
        return self.finish(follower)

    def finish(self, follower: Follower) -> PointReport:
        (backup,) = follower.follow(1)
        self.engine.clear_faults()
        return Reporter(self.engine, self.settings, follower).of(backup)

    def sweep(self, region: str | None = None) -> None:
        self.engine.fire_schedule(self.settings.name("sweep"), region or self.primary)

    def machine(self, name: str, region: str | None = None) -> str:
        where = region or self.primary
        return f"arn:aws:states:{where}:{self.engine.account}:stateMachine:{self.settings.name(name)}"

    def bucket(self, kind: str, region: str) -> str:
        return self.settings.name(kind, region, self.engine.account)

    def physical_id(self, stack: str, logical_id: str, region: str) -> str:
        """What a resource of a stack is called; CloudFormation makes names up, and cuts them."""
        found = survey(deploy.target(self.engine, self.settings, self.story.outputs), [region])
        name = found[Stack(stack, region)].name
        client = self.client("cloudformation", region)
        described = client.describe_stack_resource(StackName=name, LogicalResourceId=logical_id)
        return str(described["StackResourceDetail"]["PhysicalResourceId"])

    def messages(self, queue: str, region: str) -> list[str]:
        """What a queue, given by its URL, has to say."""
        sqs = self.client("sqs", region)
        found = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
        for message in found:
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
        return [message["Body"] for message in found]


def eventually(look: Callable[[], Any], seconds: float = 20, what: str = "it") -> Any:
    """The first true answer of *look*."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(0.1)
    raise AssertionError(f"{what} did not happen within {seconds} s")
