"""The API of the local run: where it and its console answer, who may call it, and tokens to do so.

What a template names by AWS's names (``<id>.execute-api.<region>.amazonaws.com``) answers here below the address of the
embedded AWS.
"""

from __future__ import annotations

import base64
import json
import urllib.parse
import urllib.request
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from blueprints import regions
from deployment import survey

if TYPE_CHECKING:
    from blueprints.settings import Settings
    from sandbox.server import Engine

STAGE = "api"
PAGE = "index.html"  # the console's
TIMEOUT = 30  # seconds


@dataclass(frozen=True)
class Client:
    """A program that may get tokens for itself."""

    name: str
    secret: str


@dataclass(frozen=True)
class Api:
    """One region's API."""

    engine: Engine
    settings: Settings
    region: str

    @cached_property
    def outputs(self) -> Mapping[str, str]:
        """What the region's ``api`` stack says of itself (see ``blueprints.outputs.ApiOutputs``)."""
        return survey.outputs(self.engine, self.settings, "api", self.region)

    @property
    def host(self) -> str | None:
        """The name that a caller must ask for, if the deployment has a domain: its API answers to no other."""
        return f"api.{self.settings.domain.name}" if self.settings.domain else None

    @property
    def url(self) -> str:
        """Where it answers; with a domain only under :attr:`host`, which a program can send and a browser can't."""
        return f"{self.engine.endpoint}/_aws/execute-api/{self.outputs['ApiId']}/{STAGE}"

    @cached_property
    def console(self) -> str:
        """Where the console's page is: at CloudFront, whose names end otherwise here, or below the API."""
        if not self.settings.site.cloudfront:
            return f"{self.url}/console/{PAGE}"
        name = survey.outputs(self.engine, self.settings, "site", regions.GLOBAL)["DistributionId"]
        found = self.engine.client("cloudfront").get_distribution(Id=name)["Distribution"]
        label = found["DomainName"].partition(".")[0]
        return f"http://{label}.cloudfront.localhost:{self.engine.port}/{PAGE}"

    @property
    def authority(self) -> str:
        """Where people and programs log in."""
        return self.engine.endpoint

    @cached_property
    def machine(self) -> Client:
        """The client of other programs."""
        pools = self.engine.client("cognito-idp", self.region)
        name = self.outputs["MachineClient"]
        found = pools.describe_user_pool_client(UserPoolId=self.outputs["UserPool"], ClientId=name)
        return Client(name, found["UserPoolClient"]["ClientSecret"])

    def token(self, scopes: Iterable[str] = ()) -> str:
        """An access token of the machine's client, with the *scopes* (``items:read``), or with all that it may have."""
        form = {"grant_type": "client_credentials"}
        if wanted := [f"holdfast/{scope}" for scope in scopes]:
            form["scope"] = " ".join(wanted)
        login = base64.b64encode(f"{self.machine.name}:{self.machine.secret}".encode()).decode()
        request = urllib.request.Request(  # noqa: S310  # our own loopback
            f"{self.authority}/oauth2/token",
            data=urllib.parse.urlencode(form).encode(),
            headers={"Authorization": f"Basic {login}", "Content-Type": "application/x-www-form-urlencoded"},
        )
        with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:  # noqa: S310
            return str(json.load(answer)["access_token"])

    @property
    def configuration(self) -> dict[str, object]:
        """What the console must know, at the addresses of this machine (``deployment.console`` knows AWS's)."""
        return {
            "api": self.url,
            "authority": self.authority,
            "client_id": self.outputs["ConsoleClient"],
            "deployment": self.settings.prefix,
            "regions": list(self.settings.regions),
        }

    def commands(self) -> str:
        """What a person types to ask it something."""
        login = f"-u {self.machine.name}:{self.machine.secret}"
        host = f"-H 'Host: {self.host}' " if self.host else ""
        return (
            f"TOKEN=$(curl -s {login} -d grant_type=client_credentials {self.authority}/oauth2/token"
            ' | sed \'s/.*"access_token": *"\\([^"]*\\)".*/\\1/\')\n'
            f'curl -s {host}-H "Authorization: Bearer $TOKEN" {self.url}/databases\n'
        )
