"""Credentials as Lambda serves them to what SnapStart has restored."""

import json
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from handlers import container_credentials, rds_token
from handlers.container_credentials import CredentialsRefused
from handlers.core.errors import TemporarilyUnavailable

NOON = datetime(2026, 10, 6, 12, tzinfo=UTC)


class Vault(HTTPServer):
    """Answers as Lambda does, and remembers what was asked."""

    def __init__(self):
        self.asked, self.status, self.content, self.made = [], 200, None, 0

        class Window(BaseHTTPRequestHandler):
            def do_GET(self):
                self.server.asked.append((self.path, self.headers["Authorization"]))
                self.send_response(self.server.status)
                self.end_headers()
                self.wfile.write(self.server.answer())

            def log_message(self, *_):
                pass

        super().__init__(("127.0.0.1", 0), Window)
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def answer(self):
        self.made += 1
        found = {
            "AccessKeyId": f"A{self.made}", "SecretAccessKey": "hidden", "Token": "hidden too",
            "Expiration": (NOON + timedelta(hours=1)).isoformat(),
        }  # fmt: skip
        return json.dumps(found).encode() if self.content is None else self.content

    @property
    def variables(self):
        address = f"http://127.0.0.1:{self.server_port}/2021-04-23/credentials?x=1"
        return {rds_token.ADDRESS: address, container_credentials.AUTHORIZATION: "proof"}


@pytest.fixture
def vault(monkeypatch):
    monkeypatch.setattr(container_credentials, "_kept", {})
    monkeypatch.setattr(container_credentials, "now", lambda: NOON)
    made = Vault()
    yield made
    made.shutdown()
    made.server_close()


def test_they_are_asked_for_once_with_the_proof(vault):
    for _ in range(3):
        found = rds_token.credentials(vault.variables)
        assert found == rds_token.Credentials("A1", "hidden", "hidden too")
    assert vault.asked == [("/2021-04-23/credentials?x=1", "proof")]


def test_they_are_renewed_shortly_before_they_expire(vault, monkeypatch):
    assert rds_token.credentials(vault.variables).access_key == "A1"
    monkeypatch.setattr(container_credentials, "now", lambda: NOON + timedelta(minutes=54))
    assert rds_token.credentials(vault.variables).access_key == "A1"
    monkeypatch.setattr(container_credentials, "now", lambda: NOON + timedelta(minutes=55))
    assert rds_token.credentials(vault.variables).access_key == "A2"


def test_they_win_over_variables_that_a_snapshot_may_hold(vault):
    old = {"AWS_ACCESS_KEY_ID": "old", "AWS_SECRET_ACCESS_KEY": "old"}
    assert rds_token.credentials(vault.variables | old).access_key == "A1"


def test_the_proof_may_be_in_a_file(vault, tmp_path):
    (tmp_path / "proof").write_text("from a file\n")
    rds_token.credentials(vault.variables | {container_credentials.AUTHORIZATION_FILE: str(tmp_path / "proof")})
    assert vault.asked[0][1] == "from a file"


@pytest.mark.parametrize(
    "address",
    [
        "http://example.com/x",
        "http://10.0.0.1/x",
        "http://127.0.0.1.example.com/x",
        "https://127.0.0.1/x",
        "http://0x7f000001/x",
        "file:///etc/passwd",
        "http:///x",
        "http://[2001:db8::1]/x",
    ],
)
def test_a_proof_goes_to_this_machine_only(vault, address):
    with pytest.raises(CredentialsRefused, match="to this machine only"):
        rds_token.credentials({**vault.variables, rds_token.ADDRESS: address})
    assert vault.asked == []


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "[::1]", "localhost", "169.254.170.2", "[fe80::1]"])
def test_this_machine_has_several_names(host):
    assert container_credentials._is_here(host.strip("[]"))


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"AccessKeyId": "A"}', b"<html>", b"\xff"])
def test_something_else_than_credentials_is_refused_without_quoting_it(vault, content):
    vault.content = content
    with pytest.raises(CredentialsRefused, match="something else than credentials") as refused:
        rds_token.credentials(vault.variables)
    assert refused.value.__suppress_context__


def test_who_gives_none_may_be_asked_again(vault):
    vault.status = 500
    with pytest.raises(TemporarilyUnavailable, match="status 500"):
        rds_token.credentials(vault.variables)
    vault.status = 200
    assert rds_token.credentials(vault.variables).access_key == "A2"
    nobody = {**vault.variables, rds_token.ADDRESS: "http://127.0.0.1:1/x"}
    with pytest.raises(TemporarilyUnavailable, match="ConnectionRefusedError"):
        rds_token.credentials(nobody)


def test_a_proof_with_a_line_break_is_not_sent(vault):
    with pytest.raises(CredentialsRefused, match="AWS_CONTAINER_AUTHORIZATION_TOKEN holds a line break"):
        rds_token.credentials({**vault.variables, container_credentials.AUTHORIZATION: "a\nb"})
