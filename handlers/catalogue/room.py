"""What the catalogue's routes work with: settings, the ledger, Step Functions, the clock."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

from handlers.core.schedules import Schedule
from handlers.ledger import Ledger
from handlers.runtime import Clients, from_environment, log, now, region


@dataclass(frozen=True)
class Environment:
    """Variables of the function.

    Attributes:
        prefix: First part of every physical name.
        ledger: Name of the table.
        backup_machine: ARN of this region's ``backup`` machine.
        rpo_seconds: Recovery point objective.
        schedule_start: Local time of the first scheduled run of the day, ``HH:MM``.
        schedule_interval_seconds: Time between two scheduled runs.
        schedule_time_zone: IANA name of the zone that the start is in.
        primary_region: Region that makes recovery points.
    """

    prefix: str
    ledger: str
    backup_machine: str
    rpo_seconds: int
    schedule_start: str
    schedule_interval_seconds: int
    schedule_time_zone: str
    primary_region: str


@dataclass(frozen=True)
class Room:
    """The catalogue of one deployment, seen from one region."""

    environment: Environment
    ledger: Ledger
    clients: Clients
    clock: Callable[[], datetime]

    @property
    def schedule(self) -> Schedule:
        """The scheduled runs."""
        given = self.environment
        interval = timedelta(seconds=given.schedule_interval_seconds)
        return Schedule(given.schedule_start, interval, given.schedule_time_zone)

    @property
    def is_primary(self) -> bool:
        """Whether this region makes recovery points."""
        return self.ledger.region == self.environment.primary_region

    def execution(self, name: str) -> str:
        """ARN of the run of ``backup`` that is called *name*."""
        # https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsstepfunctions.html
        return f"{self.environment.backup_machine.replace(':stateMachine:', ':execution:', 1)}:{name}"


@cache
def here() -> Room:
    """The room of this process."""
    environment = from_environment(Environment)
    clients = Clients()
    return Room(environment, Ledger(clients.dynamodb, environment.ledger, region()), clients, now)


def furnish() -> None:
    """Make the clients now, if this process is about to become SnapStart's snapshot; else with the first request.

    To load boto3 and make two clients is most of a cold start, and a snapshot has it done. What must not be in one are
    credentials, connections and chance. With SnapStart Lambda gives credentials by an endpoint, not by variables, and
    botocore keeps the times of those that it fetched there and renews them before it signs the first request after they
    expire, so old ones in a snapshot are never used; connections are made by the first call; ids of retries are drawn
    when they are needed. https://docs.aws.amazon.com/lambda/latest/dg/snapstart-activate.html#snapstart-credentials
    """
    # https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html (AWS_LAMBDA_INITIALIZATION_TYPE)
    if os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE") != "snap-start":
        return
    from botocore.exceptions import BotoCoreError  # noqa: PLC0415  # loaded with the clients

    try:
        _ = here().ledger, here().clients.states
    except BotoCoreError as error:  # no credentials yet: the first request makes what is missing
        log("no clients in the snapshot", level="WARNING", error=str(error))
