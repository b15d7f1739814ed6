"""Where functions get their role's credentials: in the environment, or under SnapStart from an address.

A restored snapshot's variables are as old as the snapshot, so AWS gives such a function the address of a credentials
server, and a token for it: https://docs.aws.amazon.com/lambda/latest/dg/snapstart-activate.html and
https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html. Here the server is the engine, at
``/_holdfast/credentials``.
"""

import secrets
import threading
import time
from typing import Any

from sandbox.engine import admin, clients
from sandbox.engine.permissions import SESSION_SECONDS, session_of

PATH = "/credentials"

_lock = threading.Lock()
_issued: dict[str, clients.Credentials] = {}


def install() -> None:
    """Add the endpoint."""
    admin.route_with_headers("GET", PATH, serve)


def variables(config: dict[str, Any]) -> dict[str, str]:
    """The environment variables with a function's credentials."""
    role = session_of(config.get("Role", ""), config["FunctionName"]) or clients.root()
    if not is_restored(config):
        return {
            "AWS_ACCESS_KEY_ID": role.key,
            "AWS_SECRET_ACCESS_KEY": role.secret,
            "AWS_SESSION_TOKEN": role.token or "",
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        }
    token = secrets.token_urlsafe(24)
    with _lock:
        _issued[token] = role
    return {
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{clients.endpoint()}{admin.PREFIX}{PATH}",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN": token,
        "AWS_LAMBDA_INITIALIZATION_TYPE": "snap-start",
    }


def is_restored(config: dict[str, Any]) -> bool:
    """Whether a version runs from a snapshot."""
    return (config.get("SnapStart") or {}).get("OptimizationStatus") == "On"


def serve(headers: dict[str, str]) -> tuple[int, dict[str, Any]]:
    """The credentials that go with a token."""
    with _lock:
        role = _issued.get(headers.get("authorization", ""))
    if role is None:
        return 401, {"error": "no such token"}
    ends = time.gmtime(time.time() + SESSION_SECONDS)
    return 200, {
        "AccessKeyId": role.key,
        "SecretAccessKey": role.secret,
        "Token": role.token or "",
        "Expiration": time.strftime("%Y-%m-%dT%H:%M:%SZ", ends),
    }
