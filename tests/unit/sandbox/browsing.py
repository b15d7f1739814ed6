"""A plain HTTP client for the tests of the plug-in: it follows no redirection and raises for nothing."""

import http.client
import json
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Answer:
    """What came back; header names in small letters."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self):
        return json.loads(self.body)


def ask(url, method="GET", body=None, **headers):
    """Send a request; underscores in header names stand for hyphens."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=60)
    content = json.dumps(body) if isinstance(body, dict | list) else body
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    if isinstance(body, dict | list):
        named.setdefault("Content-Type", "application/json")
    try:
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        connection.request(method, target, content, named)
        found = connection.getresponse()
        return Answer(found.status, {key.lower(): value for key, value in found.getheaders()}, found.read())
    finally:
        connection.close()
