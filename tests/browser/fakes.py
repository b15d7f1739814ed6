"""What surrounds the console: its files with the deployment's own headers, a fake API, a fake login."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import urllib.parse
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fake_catalogue import NOW, Catalogue
from plumbing import CORS, PREFLIGHT, Answer, Json, Request, as_json, problem, redirect

from blueprints import headers
from blueprints.settings import SANDBOX

WEB = Path(__file__).parents[2] / "web"
TYPES = {".html": "text/html; charset=utf-8", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
CLIENT = "console-client"
NEEDED = {"openid", "holdfast/backups:read", "holdfast/backups:write"}
LOST = "lost"  # instead of a status: the connection dies without an answer


@dataclass
class World:
    """What everything answers in one test, and what it has been asked."""

    origins: dict[str, str]
    catalogue: Catalogue = field(default_factory=Catalogue)
    failures: dict[str, tuple[int | str, Json, dict[str, str]]] = field(default_factory=dict)
    lose_answers: bool = False  # carry POST out, and then die
    nonsense: bool = False  # the API answers like something else
    folder: str = ""  # below which the console lies, such as "/api/console"
    configuration: Json | None = field(default_factory=dict)  # what differs in config.json; None: there is none
    asks_for_password: bool = False
    login_is_down: bool = False
    lifetime: int = 900  # seconds of an access token
    tokens: set[str] = field(default_factory=set)
    refresh_tokens: set[str] = field(default_factory=set)
    codes: dict[str, Any] = field(default_factory=dict)  # code -> PKCE challenge
    logins: int = 0
    asked: list[str] = field(default_factory=list)  # of the API: "GET /databases"

    @property
    def console(self) -> str:
        return f"{self.origins['site']}{self.folder}/index.html"

    def fail(self, request: str, status: int | str, said: Json | None = None, **more: str) -> None:
        """Answer *request* (``GET /databases``, or ``*``) with a problem from now on, or lose it."""
        self.failures[request] = (status, said or {}, {name.replace("_", "-"): value for name, value in more.items()})

    def mend(self) -> None:
        """Everything is well again."""
        self.failures.clear()
        self.lose_answers = self.login_is_down = False

    def expire(self) -> None:
        """Every token ends now."""
        self.tokens.clear()
        self.refresh_tokens.clear()

    def grant(self) -> Json:
        """Tokens as the console keeps them, as if somebody had signed in."""
        given = json.loads(self._tokens(refresh=True)[2])
        until = int(NOW.timestamp() + self.lifetime) * 1000
        names = {"access": "access_token", "id": "id_token", "refresh": "refresh_token"}
        return {short: given[name] for short, name in names.items()} | {"until": until, "client": CLIENT}

    # ---- the API -----------------------------------------------------------------------------------------------------

    def api(self, request: Request) -> Answer | None:
        if request.method == "OPTIONS":
            return 204, PREFLIGHT, b""
        name = request.name.replace(" /api/", " /")
        self.asked.append(name)
        if self.nonsense:
            return 200, {**CORS, "Content-Type": "text/html"}, b"<h1>Welcome to the hotel</h1>"
        if failure := self.failures.get(name) or self.failures.get("*"):
            status, said, more = failure
            return None if status == LOST else problem(int(status), said, more)
        if request.headers.get("authorization", "").removeprefix("Bearer ") not in self.tokens:
            return problem(401, {"title": "Unauthorized", "detail": "The token is missing, foreign or has expired"})
        return self._start(request) if request.method == "POST" else self._look(name, request.query)

    def _look(self, name: str, query: Any) -> Answer:
        if name == "GET /databases":
            return as_json(200, {"databases": self.catalogue.listed_databases()})
        if name == "GET /recovery-points":
            limit = int(query.get("limit", "20"))
            return as_json(200, self.catalogue.page(query.get("database"), query.get("cursor"), limit))
        found = self.catalogue.looked_at(urllib.parse.unquote(name.rpartition("/")[2]))
        return (
            as_json(200, found) if found else problem(404, {"title": "Not found", "detail": "There is no such point"})
        )

    def _start(self, request: Request) -> Answer | None:
        database = json.loads(request.body)["database"]
        key = request.headers.get("idempotency-key", "")
        if not re.fullmatch(r"[!-~]{1,64}", key):
            return problem(400, {"title": "Bad request", "detail": "Idempotency-Key: send one"})
        if database not in self.catalogue.databases:
            return problem(404, {"title": "Not found", "detail": f"There is no protected database {database}"})
        made = self.catalogue.start(database, key)
        return None if self.lose_answers else as_json(202, made, {"Location": f"/recovery-points/{made['id']}"})

    # ---- the login ---------------------------------------------------------------------------------------------------

    def login(self, request: Request) -> Answer | None:
        if self.login_is_down or request.name in self.failures:
            return None
        if request.path == "/favicon.ico":  # which browsers ask for by themselves
            return 204, {}, b""
        if request.path == "/oauth2/authorize":
            return self._authorize(request.query)
        if request.path == "/logout":
            assert request.query == {"client_id": CLIENT, "logout_uri": self.console}
            return redirect(self.console)
        return self._issue(request.path, dict(urllib.parse.parse_qsl(request.body.decode())))

    def _authorize(self, query: Any) -> Answer:
        assert query["client_id"] == CLIENT
        assert query["redirect_uri"] == self.console
        assert query["response_type"] == "code"
        assert query["code_challenge_method"] == "S256"
        assert set(query["scope"].split()) == NEEDED
        if self.asks_for_password and "continue" not in query:
            onward = urllib.parse.urlencode({**query, "continue": "yes"}).replace("&", "&amp;")
            page = f'<title>Login</title><a href="/oauth2/authorize?{onward}">Log in</a>'
            return 200, {"Content-Type": "text/html"}, page.encode()
        self.logins += 1
        code = f"code-{self.logins}"
        self.codes[code] = query["code_challenge"]
        return redirect(f"{self.console}?{urllib.parse.urlencode({'code': code, 'state': query['state']})}")

    def _issue(self, path: str, form: dict[str, str]) -> Answer:
        if form.get("client_id") != CLIENT:
            return as_json(400, {"error": "invalid_client"})
        if path == "/oauth2/revoke":
            self.refresh_tokens.discard(form["token"])
            return 200, CORS, b""
        if form["grant_type"] == "refresh_token":
            known = form["refresh_token"] in self.refresh_tokens
            return self._tokens(refresh=False) if known else as_json(400, {"error": "invalid_grant"})
        challenge = self.codes.pop(form["code"], None)  # a code works once
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        proved = base64.urlsafe_b64encode(digest).decode().rstrip("=") == challenge
        ours = proved and form["redirect_uri"] == self.console
        return self._tokens(refresh=True) if ours else as_json(400, {"error": "invalid_grant"})

    def _tokens(self, *, refresh: bool) -> Answer:
        number = len(self.tokens) + len(self.refresh_tokens) + len(self.asked)
        access = _jwt({"username": "operator", "n": number})
        self.tokens.add(access)
        given = {"access_token": access, "id_token": _jwt({"email": "operator@example.com"}), "token_type": "Bearer"}
        if refresh:
            given["refresh_token"] = f"refresh-{number}"
            self.refresh_tokens.add(given["refresh_token"])
        return as_json(200, {**given, "expires_in": self.lifetime})

    # ---- the files ---------------------------------------------------------------------------------------------------

    def site(self, request: Request) -> Answer:
        path = request.path.removeprefix(self.folder)
        if path == "/config.json" and self.configuration is not None:
            standard = {"api": f"{self.origins['api']}/api", "authority": self.origins["login"], "client_id": CLIENT}
            more = {"deployment": "holdfast-test", "regions": ["eu-west-1", "eu-central-1"], **self.configuration}
            return as_json(200, {**standard, **more}, self._security())
        file = WEB / path.removeprefix("/")
        if not file.is_file() or file.suffix not in TYPES:
            return 404, self._security(), b""
        return 200, {"Content-Type": TYPES[file.suffix], **self._security()}, file.read_bytes()

    def _security(self) -> dict[str, str]:
        """The headers that the deployment gives, with the addresses of these servers in the place of AWS's."""
        here = f"connect-src 'self' {self.origins['api']} {self.origins['login']}"
        found = {}
        for name, value in headers.security_headers(SANDBOX).items():
            text = value if isinstance(value, str) else str(value.data["Fn::Sub"])
            found[name] = re.sub(r"connect-src [^;]*", here, text)
        return found


def _jwt(claims: Json) -> str:
    def part(value: Json) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    return f"{part({'alg': 'none'})}.{part(claims)}.signature"
