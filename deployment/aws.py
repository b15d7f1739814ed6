"""The account that is deployed to: who we are there, and clients of its services."""

from __future__ import annotations

import threading
from functools import cached_property
from typing import Any, Protocol

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from blueprints.regions import GLOBAL
from deployment.errors import NoAccess

# Standard mode retries throttling and time-outs with growing, random pauses; what it calls again is safe to repeat.
# https://boto3.amazonaws.com/v1/documentation/api/latest/guide/retries.html
# A region that does not answer at all is given up after half a minute, so that the other one can be used.
CONFIG = Config(retries={"mode": "standard", "total_max_attempts": 6}, connect_timeout=5, max_pool_connections=32)


class Aws(Protocol):
    """An account; the embedded AWS of the local run is one, too."""

    @property
    def account(self) -> str:
        """Its number, twelve digits."""

    def client(self, service: str, region: str = ...) -> Any:
        """A boto3 client; made once for each service and region."""


class Session:
    """The account that a profile of the AWS CLI, or the environment, gives access to.

    Args:
        profile: Name of a profile in ``~/.aws/config``; without one, boto3 looks where it always does.
        region: Where to ask who we are; one that answers.

    Raises:
        NoAccess: there is no such profile.
    """

    def __init__(self, profile: str | None = None, region: str = GLOBAL) -> None:
        try:
            self._session = boto3.session.Session(profile_name=profile)
        except BotoCoreError as error:
            raise NoAccess(f"--profile {profile}: {error}; `aws configure list-profiles` names yours") from error
        self._region = region
        self._clients: dict[tuple[str, str], Any] = {}
        # https://boto3.amazonaws.com/v1/documentation/api/latest/guide/session.html (sessions are not thread-safe)
        self._lock = threading.Lock()

    @property
    def account(self) -> str:
        """Number of the account."""
        return self._identity["Account"]

    @property
    def caller(self) -> str:
        """ARN of whoever these credentials belong to."""
        return self._identity["Arn"]

    def client(self, service: str, region: str = GLOBAL) -> Any:
        """A client of *service* in *region*."""
        with self._lock:
            if (service, region) not in self._clients:
                made = self._session.client(service, region_name=region, config=CONFIG)
                self._clients[service, region] = made
            return self._clients[service, region]

    @cached_property
    def _identity(self) -> dict[str, str]:
        try:
            found = self.client("sts", self._region).get_caller_identity()
        except (BotoCoreError, ClientError) as error:
            raise NoAccess(f"AWS does not know us: {error}; log in, or name a profile with --profile") from error
        return {"Account": found["Account"], "Arn": found["Arn"]}
