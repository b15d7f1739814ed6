"""boto3 clients from inside the embedded AWS to itself, used by every module of the plug-in.

Call them on worker threads only: a call made on the server's event loop waits for an answer that the same loop must
give.
"""

import os
import threading
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.config import Config
from ministack.core.responses import get_account_id, get_region

ROOT_KEY = "test"  # MiniStack takes this key, or an account number, for the account's root
READ_TIMEOUT = 900  # seconds; a synchronous Lambda may take its whole 15 minutes

_session = boto3.session.Session()
_lock = threading.Lock()
_cache: dict[tuple[str, str, str], Any] = {}


@dataclass(frozen=True)
class Credentials:
    """An access key as AWS hands it out."""

    key: str
    secret: str
    token: str | None = None


def endpoint() -> str:
    """The address of the server that this process is."""
    return f"http://127.0.0.1:{os.environ.get('GATEWAY_PORT', '4566')}"


def root() -> Credentials:
    """The root of the account whose request is being served."""
    return Credentials(get_account_id(), os.environ.get("AWS_SECRET_ACCESS_KEY", ROOT_KEY))


def client(service: str, region: str | None = None, credentials: Credentials | None = None) -> Any:
    """A client of ``service`` in ``region`` (default: the region of the request being served) for this server.

    Args:
        service: boto3's name of the service.
        region: The region to call.
        credentials: Whose permissions apply; the account's root when absent.
    """
    who = credentials or root()
    where = region or get_region()
    key = (service, where, who.key)
    with _lock:
        if key not in _cache:
            _cache[key] = _session.client(
                service,
                region_name=where,
                endpoint_url=endpoint(),
                aws_access_key_id=who.key,
                aws_secret_access_key=who.secret,
                aws_session_token=who.token,
                config=Config(
                    retries={"total_max_attempts": 1},  # a throttle must reach the machine that is tested
                    inject_host_prefix=False,
                    max_pool_connections=100,
                    read_timeout=READ_TIMEOUT,
                    s3={"addressing_style": "path"},
                ),
            )
        return _cache[key]
