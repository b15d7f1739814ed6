"""Credentials from a server on this machine, as Lambda serves them to a function that was restored by SnapStart.

The environment names the address and a token for it: such credentials can be renewed, which variables in a snapshot
can't. https://docs.aws.amazon.com/lambda/latest/dg/snapstart-activate.html,
https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html
"""

from __future__ import annotations

import http.client
import ipaddress
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from handlers.core.errors import TemporarilyUnavailable
from handlers.rds_token import ADDRESS
from handlers.runtime import now

AUTHORIZATION = "AWS_CONTAINER_AUTHORIZATION_TOKEN"
AUTHORIZATION_FILE = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"
EARLY = timedelta(minutes=5)  # before they expire, new ones are asked for
TIMEOUT = 2  # seconds
LONGEST = 65_536  # bytes of an answer
_OK = 200

Keys = tuple[str, str, str]

_kept: dict[str, tuple[Keys, datetime]] = {}


class CredentialsRefused(RuntimeError):
    """The address is not one to send a token to, or what it answers are no credentials."""


def found(environment: Mapping[str, str]) -> Keys:
    """Access key, secret key and session token, kept until shortly before they expire.

    Raises:
        CredentialsRefused: As it says.
        TemporarilyUnavailable: Nobody answers, or with an error.
    """
    address = environment[ADDRESS]
    kept = _kept.get(address)
    if kept is None or kept[1] - EARLY <= now():
        kept = _kept[address] = _asked(address, _token(environment))
    return kept[0]


def _token(environment: Mapping[str, str]) -> str:
    path = environment.get(AUTHORIZATION_FILE)
    token = Path(path).read_text().strip() if path else environment.get(AUTHORIZATION, "")
    if not token.isprintable():
        raise CredentialsRefused(
            f"{AUTHORIZATION_FILE if path else AUTHORIZATION} holds a line break or another control character"
        )
    return token


def _asked(address: str, token: str) -> tuple[Keys, datetime]:
    parts = urlsplit(address)
    if parts.scheme != "http" or not _is_here(parts.hostname or ""):
        raise CredentialsRefused(f"{ADDRESS} leads to {parts.hostname}, and a token goes to this machine only")
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port or 80, timeout=TIMEOUT)
    try:
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        connection.request("GET", path or "/", headers={"Authorization": token} if token else {})
        with connection.getresponse() as answer:
            content = answer.read(LONGEST)
    except (OSError, http.client.HTTPException) as error:
        raise TemporarilyUnavailable(f"{parts.netloc} gives no credentials: {type(error).__name__}") from error
    finally:
        connection.close()
    if answer.status != _OK:
        raise TemporarilyUnavailable(f"{parts.netloc} gives no credentials: status {answer.status}")
    try:
        fields = json.loads(content)
        keys = (str(fields["AccessKeyId"]), str(fields["SecretAccessKey"]), str(fields["Token"]))
        return keys, datetime.fromisoformat(fields["Expiration"]).astimezone(UTC)
    except (ValueError, KeyError, TypeError):
        raise CredentialsRefused(f"{parts.netloc} answers something else than credentials") from None


def _is_here(host: str) -> bool:
    """Whether *host* is this machine or on its own link, so that no name server and no route can lead elsewhere."""
    if host == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address.is_loopback or address.is_link_local
