"""Password for a database user that logs in with IAM. Signed here, without botocore, which costs 100 ms of cold start.

A presigned request in Signature Version 4, valid for 15 minutes and checked only when a connection is made:
https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.Connecting.html
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import quote

ADDRESS = "AWS_CONTAINER_CREDENTIALS_FULL_URI"  # where Lambda serves credentials to what SnapStart has restored
if os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE") == "snap-start":
    from handlers import container_credentials  # noqa: F401  # 10 ms, which go into the snapshot

LIFETIME = 900  # seconds
_SERVICE = "rds-db"
_ALGORITHM = "AWS4-HMAC-SHA256"


class CredentialsMissing(RuntimeError):
    """There are no AWS credentials, neither in the environment nor where it points."""


@dataclass(frozen=True)
class Credentials:
    """Temporary credentials of the function's role."""

    access_key: str
    secret_key: str = field(repr=False)
    session_token: str = field(repr=False, default="")


def credentials(environment: Mapping[str, str] | None = None) -> Credentials:
    """The credentials of the function's role: in the environment, or under SnapStart from an address that it names.

    Raises:
        CredentialsMissing: They are in neither place.
    """
    found = os.environ if environment is None else environment
    if ADDRESS in found:  # then variables, if there are any, may be as old as the snapshot
        from handlers import container_credentials  # noqa: PLC0415  # as above

        return Credentials(*container_credentials.found(found))
    try:
        return Credentials(
            found["AWS_ACCESS_KEY_ID"], found["AWS_SECRET_ACCESS_KEY"], found.get("AWS_SESSION_TOKEN", "")
        )
    except KeyError as error:
        raise CredentialsMissing(f"{error.args[0]} is not set, nor {ADDRESS}: run in Lambda, or set it") from None


def token(  # noqa: PLR0913  # what a connection needs
    host: str, port: int, user: str, *, region: str, holder: Credentials, at: datetime
) -> str:
    """Password with which *user* may connect to *host* within 15 minutes of *at*."""
    stamp = f"{at.astimezone(UTC):%Y%m%dT%H%M%SZ}"
    scope = f"{stamp[:8]}/{region}/{_SERVICE}/aws4_request"
    fields = {
        "Action": "connect",
        "DBUser": user,
        "X-Amz-Algorithm": _ALGORITHM,
        "X-Amz-Credential": f"{holder.access_key}/{scope}",
        "X-Amz-Date": stamp,
        "X-Amz-Expires": str(LIFETIME),
        "X-Amz-SignedHeaders": "host",
    }
    if holder.session_token:
        fields["X-Amz-Security-Token"] = holder.session_token
    query = [f"{name}={quote(value, safe='-_.~')}" for name, value in fields.items()]
    request = f"GET\n/\n{'&'.join(sorted(query))}\nhost:{host}:{port}\n\nhost\n{hashlib.sha256(b'').hexdigest()}"
    to_sign = f"{_ALGORITHM}\n{stamp}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    key = f"AWS4{holder.secret_key}".encode()
    for part in scope.split("/"):
        key = _hmac(key, part)
    return f"{host}:{port}/?{'&'.join(query)}&X-Amz-Signature={_hmac(key, to_sign).hex()}"


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), hashlib.sha256)
