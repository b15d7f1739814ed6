"""HTTP servers for the fakes: each an origin of its own, as in AWS, so that CORS and the policy are really asked."""

from __future__ import annotations

import json
import threading
import urllib.parse
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar, Protocol

Json = dict[str, Any]
Answer = tuple[int, Mapping[str, str], bytes]

# As handlers/rest/app.py and the gateway's preflights have it
CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "ETag,Idempotency-Replayed,Location,Retry-After",
}
PREFLIGHT = {
    **CORS,
    "Access-Control-Allow-Methods": "GET,POST,OPTIONS",
    "Access-Control-Allow-Headers": "Authorization,Content-Type,Idempotency-Key",
}


@dataclass(frozen=True)
class Request:
    """What a browser asked."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    @property
    def name(self) -> str:
        """``GET /databases``."""
        return f"{self.method} {self.path}"


def as_json(status: int, body: object, more: Mapping[str, str] | None = None) -> Answer:
    return status, {"Content-Type": "application/json", **CORS, **(more or {})}, json.dumps(body).encode()


def problem(status: int, said: Json, more: Mapping[str, str] | None = None) -> Answer:
    body = {"type": "/problems/fake", "title": "Problem", "status": status, **said}
    return as_json(status, body, {**(more or {}), "Content-Type": "application/problem+json"})


def redirect(to: str) -> Answer:
    return 302, {"Location": to}, b""


class Role(Protocol):
    """Something that answers; nothing is a connection that dies."""

    def __call__(self, request: Request) -> Answer | None: ...


class Server(BaseHTTPRequestHandler):
    """Hands what it is asked to the fake that plays its role in the present test."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # heads and body in one packet, so that no acknowledgement is waited for between them
    disable_nagle_algorithm = True
    plays: ClassVar[dict[str, Role]] = {}
    role: ClassVar[str]

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        url = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        heads = {name.lower(): value for name, value in self.headers.items()}
        given = self.plays[self.role](Request(self.command, url.path, query, heads, body))
        if given is None:
            self.close_connection = True
            return
        status, answered, content = given
        with suppress(ConnectionError):  # whoever asked may be gone: a page that was closed, or ran out of patience
            self.send_response(status)
            for name, value in {**answered, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

    do_GET = do_POST = do_OPTIONS = answer  # noqa: N815  # names that the server looks for

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def serving(*roles: str) -> Iterator[dict[str, str]]:
    """A server for each of *roles*; the answer is where each is."""
    servers = {role: ThreadingHTTPServer(("127.0.0.1", 0), type(role, (Server,), {"role": role})) for role in roles}
    for server in servers.values():
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        # "localhost", since browsers hold that for secure, and OAuth with PKCE needs a secure page
        yield {role: f"http://localhost:{server.server_port}" for role, server in servers.items()}
    finally:
        for server in servers.values():
            server.shutdown()
            server.server_close()
