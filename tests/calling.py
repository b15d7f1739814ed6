"""A client of the API: one request, one answer, no cleverness."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

TIMEOUT = 40  # seconds; API Gateway gives up after 29


@dataclass(frozen=True)
class Answer:
    """What came back; the names of *headers* are lower case."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def body(self) -> Any:
        return json.loads(self.text)

    def __str__(self) -> str:
        return f"{self.status} {self.text[:500]}"


@dataclass(frozen=True)
class Caller:
    """Somebody with a token, or without, who knows the API by the name *host* if it has one."""

    url: str
    token: str | None = None
    host: str | None = None

    def __call__(
        self, method: str, path: str, body: Any = None, *, text: str | bytes | None = None, **headers: str
    ) -> Answer:
        """The answer to ``method url/path``; headers are given as ``if_match="…"``."""
        target = urlsplit(path if path.startswith("http") else f"{self.url}{path}")
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        content = text if text is not None else None if body is None else json.dumps(body)
        if content is not None:
            sent.setdefault("content-type", "application/json")
        if self.token:
            sent.setdefault("authorization", f"Bearer {self.token}")
        if self.host:
            sent["host"] = self.host
        host = target.hostname or ""
        if host.endswith(".localhost"):  # a browser knows where that is, Python does not
            sent["host"], host = target.netloc, "127.0.0.1"
        connection = http.client.HTTPConnection(host, target.port, timeout=TIMEOUT)
        try:
            where = target.path + (f"?{target.query}" if target.query else "")
            connection.request(method, where, content, sent)
            found = connection.getresponse()
            text_back = found.read().decode()
            return Answer(found.status, {name.lower(): value for name, value in found.getheaders()}, text_back)
        finally:
            connection.close()

    def location(self, answer: Answer) -> str:
        """Where *answer* says that the thing is. AWS's gateway knows its paths from the stage on, ``/api/items/…``."""
        path = answer.headers["location"]
        assert path.startswith("/api/"), path
        return f"{self.url}{path.removeprefix('/api')}"
