"""The engine's own HTTP endpoints below ``/_holdfast/``: faults, schedules fired at once, credentials.

==========  =====================  ====================================================================
``GET``     ``/health``            ``{"ready": true}``
``PUT``     ``/faults``            replaces all faults, see ``faults``
``GET``     ``/faults``            the faults still waiting to strike
``DELETE``  ``/faults``            clears them
``POST``    ``/schedules/fire``    ``{"name", "region", "group"?, "at"?}`` fires an EventBridge schedule
``POST``    ``/hosted-zones``      ``{"name", "id"}`` makes a zone whose id is known, see ``zones``
``GET``     ``/credentials``       what a function under SnapStart may use, see ``lambda_credentials``
==========  =====================  ====================================================================

Other modules add theirs with ``route``. Handlers run on worker threads, so they may use ``clients.client``.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

from ministack import app
from ministack.core.responses import request_scope

from sandbox.engine import faults
from sandbox.engine.patching import replace

PREFIX = "/_holdfast"
Handler = Callable[[dict[str, Any]], dict[str, Any]]
HeaderHandler = Callable[[dict[str, str]], tuple[int, dict[str, Any]]]

_routes: dict[tuple[str, str], Handler] = {}
_routes_with_headers: dict[tuple[str, str], HeaderHandler] = {}
_original: dict[str, Any] = {}


def route(method: str, path: str, handler: Handler) -> None:
    """Answer ``method /_holdfast<path>`` with what the handler makes of the JSON body."""
    _routes[method, path] = handler


def route_with_headers(method: str, path: str, handler: HeaderHandler) -> None:
    """Answer ``method /_holdfast<path>`` with the status and what the handler makes of the headers."""
    _routes_with_headers[method, path] = handler


def install() -> None:
    """Stand in front of the application."""
    _original["app"] = replace(app, "app", front, "ab1297bd6cd5")
    route("GET", "/health", lambda _: {"ready": True})
    route("PUT", "/faults", set_faults)
    route("GET", "/faults", lambda _: {key: faults.get(key) for key in sorted(faults.KEYS)})
    route("DELETE", "/faults", lambda _: set_faults({}))


def set_faults(body: dict[str, Any]) -> dict[str, Any]:
    """Replace all faults."""
    faults.put(body)
    return {}


async def front(
    scope: dict[str, Any],
    receive: Callable[[], Awaitable[dict[str, Any]]],
    send: Callable[[dict[str, Any]], Awaitable[None]],
) -> None:
    """Answer our own endpoints; everything else is AWS."""
    if scope["type"] != "http" or not scope["path"].startswith(PREFIX + "/"):
        await _original["app"](scope, receive, send)
        return
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    path = scope["path"].removeprefix(PREFIX)
    by_headers = _routes_with_headers.get((scope["method"], path))
    if by_headers:
        status, answer = by_headers(
            {name.decode().lower(): value.decode("latin-1") for name, value in scope["headers"]}
        )
    else:
        status, answer = await asyncio.to_thread(serve, scope["method"], path, body)
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(answer, default=str).encode()})


def serve(method: str, path: str, body: bytes) -> tuple[int, dict[str, Any]]:
    """Call the handler of an endpoint, in the account and the region that the body names."""
    handler = _routes.get((method, path))
    if handler is None:
        return 404, {"error": f"{method} {PREFIX}{path} does not exist"}
    try:
        request = json.loads(body or b"{}")
        with request_scope(request.get("account", ACCOUNT), request.get("region", "us-east-1")):
            return 200, handler(request)
    except Exception as error:  # noqa: BLE001  # a test that asks for nonsense reads why
        return 400, {"error": f"{type(error).__name__}: {error}"}


ACCOUNT = "000000000000"  # MiniStack's account, and the only one here
