"""A real database server behind TLS and tokens, on a line that can be cut; and environments that serve from it."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qs

from handlers import database, migrate_database, rds_token
from sandbox.engine.rds import certificates
from sandbox.engine.rds.gate import Gate, Rules
from sandbox.mysql import Server

REGION = "eu-west-1"
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "secret/key",
    "AWS_SESSION_TOKEN": "session",
}
PASSWORD = "the owner's password"
ROOT = Path(__file__).resolve().parents[3]


class Line:
    """A port whose connections lead to another one until somebody cuts them."""

    def __init__(self, target):
        self.target, self.connections = target, 0
        self.cut_before_next = False  # what the client says next does not arrive
        self.cut_after_next = False  # it arrives, and no answer comes back
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._open = set()
        self._threads = []
        self._start(self._accept)

    def cut(self):
        """End every connection."""
        for end in list(self._open):
            _shut(end)

    def close(self):
        _shut(self._listener)
        self.cut()
        for thread in self._threads:
            thread.join(10)
        self._listener.close()

    def _start(self, function, *arguments):
        self._threads.append(threading.Thread(target=function, args=arguments, daemon=True))
        self._threads[-1].start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._start(self._connected, client)

    def _connected(self, client):
        self.connections += 1
        with client, contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.target)) as server:
            self._open |= {client, server}
            back = threading.Thread(target=self._pass, args=(server, client), daemon=True)
            back.start()
            self._pass(client, server, upstream=True)
            back.join()
            self._open -= {client, server}

    def _pass(self, source, sink, *, upstream=False):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if upstream and self.cut_before_next:
                    self.cut_before_next = False
                    break
                if upstream and self.cut_after_next:
                    self.cut_after_next = False
                    _shut(source)
                sink.sendall(data)
        for end in (source, sink):
            _shut(end)


def _shut(end):
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)


class GatedDatabase:
    """A server with the schema of the code, as the functions see it."""

    def __init__(self, directory):
        self.directory = directory
        self.server = Server.start(directory / "data")
        self.ca = directory / certificates.CA_FILE
        self.refused = []
        self._gate = Gate(Rules(lambda: self.server, lambda: True, self._refusal), certificates.make(directory))
        self.line = Line(self._gate.port)
        self.server.execute("CREATE USER owner IDENTIFIED BY %s", (PASSWORD,))
        self.server.execute("GRANT ALL ON *.* TO owner WITH GRANT OPTION")

    @property
    def variables(self):
        """Of a function that uses the database."""
        return CREDENTIALS | {
            "AWS_REGION": REGION,
            "PREFIX": "holdfast-test",
            "DATABASE_HOST": f"127.0.0.1:{self.line.port}",
            "DATABASE_PORT": "3306",
            "DATABASE_NAME": "holdfast",
            "DATABASE_USER": "holdfast_app",
            "CA_BUNDLE": str(self.ca),
        }

    @property
    def migration_variables(self):
        return {
            "CA_BUNDLE": str(self.ca),
            "DATABASE_NAME": "holdfast",
            "APPLICATION_USER": "holdfast_app",
            "INVENTORY_USER": "holdfast_inventory",
        }

    @property
    def owner(self):
        """The payload of ``migrate_database``."""
        return {"host": "127.0.0.1", "port": self.line.port, "username": "owner", "password": PASSWORD}

    def environment(self):
        return database.Environment(
            **{name.lower(): value for name, value in self.variables.items() if name.startswith(("PREFIX", "DATABASE"))}
            | {"database_port": 3306, "ca_bundle": str(self.ca)}
        )

    def execute(self, sql, arguments=None):
        with self.server.connect(database="holdfast") as connection, connection.cursor() as cursor:
            cursor.execute(sql, arguments)
            return cursor.fetchall()

    def logins(self):
        """Connections that the application's user has made so far; the gate's own look-ups are root's."""
        return self.line.connections

    def kill(self):
        """As a power cut."""
        self.server.stop(now=True)
        self.line.cut()

    def revive(self):
        self.server = Server.start(self.directory / "data")

    def empty(self):
        for table in ("items", "idempotency_keys"):
            self.execute(f"DELETE FROM {table}")

    def close(self):
        self.line.close()
        self._gate.close()
        self.server.delete()

    def _refusal(self, user, token, _port):
        """Sign the same token ourselves, and compare."""
        host, _, query = token.partition("/?")
        fields = {name: values[0] for name, values in parse_qs(query).items()}
        name, _, its_port = host.partition(":")
        at = datetime.strptime(fields["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        holder = rds_token.credentials(CREDENTIALS)
        good = rds_token.token(name, int(its_port), user, region=REGION, holder=holder, at=at)
        reason = None if token == good and int(its_port) == self.line.port else "not signed by the role"
        self.refused += [reason] if reason else []
        return reason


def migrated(made, monkeypatch):
    """The answer of the real function, run against *made*."""
    for name, value in made.migration_variables.items():
        monkeypatch.setenv(name, value)
    return migrate_database.handler(made.owner, None)


class Environment:
    """An environment of Lambda that serves the resources: a process of its own, asked by lines of JSON."""

    CODE = """
import json, sys
answers, sys.stdout = sys.stdout, open(sys.argv[1], "a")
from handlers import serve_resources
for line in sys.stdin:
    answers.write(json.dumps(serve_resources.handler(json.loads(line), None)) + "\\n")
    answers.flush()
"""

    def __init__(self, made, log):
        inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        self.process = subprocess.Popen(
            [sys.executable, "-c", self.CODE, str(log)],
            cwd=ROOT,
            env=inherited | made.variables,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def send(self, event):
        """Ask, and don't wait."""
        self.process.stdin.write(json.dumps(event) + "\n")
        self.process.stdin.flush()

    def receive(self):
        return json.loads(self.process.stdout.readline())

    def ask(self, event):
        self.send(event)
        return self.receive()

    def close(self):
        self.process.stdin.close()
        self.process.wait(20)
        self.process.stdout.close()
