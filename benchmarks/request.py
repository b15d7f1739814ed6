"""G4: a warm request of the item API beside the statements alone and beside peers. G4c: what a connection costs."""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pymysql

from benchmarks import peers
from benchmarks.measure import Report, Timed, interleaved
from handlers import database, migrate_database, rds_token
from sandbox.engine.rds import certificates
from sandbox.mysql import Server, free_port

SCRIPT = Path(__file__).parent / "peers" / "request.py"
ROUNDS = int(os.environ.get("ROUNDS", "60"))
CONNECTIONS = 40  # rounds
OWN = 50  # µs over a stub
GET, POST = 1.9, 2.4  # x the statements alone
CONNECT = 0.15  # x pymysql's default


def main() -> None:
    """Print and keep the results."""
    report = Report("request")
    try:
        python = peers.web()
    except peers.PeersMissing as missing:
        report.note(f"Flask and FastAPI not measured, they can't be installed: {missing}")
        python = Path(sys.executable)
    with tempfile.TemporaryDirectory() as name:
        server = _server(Path(name))
        try:
            _requests(report, python, server)
            _connections(report, server, Path(name) / certificates.CA_FILE)
        finally:
            server.delete()
    report.keep()


def _requests(report: Report, python: Path, server: Server) -> None:
    command = [python, SCRIPT, str(server.port), str(ROUNDS)]
    environment = {**os.environ, "PYTHONPATH": str(peers.ROOT), "AWS_REGION": "eu-west-1", "PREFIX": "bench"}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    figures = {name: Timed(found) for name, found in json.loads(done.stdout).items()}
    for method, limit in (("GET", GET), ("POST", POST)):
        report.note(
            f"{method}: microseconds, a real server on loopback without TLS; log line and metric only where named"
        )
        _microseconds(report, figures[method], "pymysql alone")
        ratio = figures[method].ratio("Holdfast", "pymysql alone")
        report.goal(f"G4 {method} / the same statements by pymysql alone", ratio, limit)
    lone = figures["POST"].ratio("Holdfast", "pymysql alone, one INSERT")
    report.note(f"POST / one INSERT without transaction: {lone:.2f}; BEGIN and COMMIT are what makes a retry safe")
    own = figures["stub"]
    report.goal("G4 GET over a stub, log line and metric included", own.median("GET over a stub"), OWN, "µs")
    report.note(f"POST over a stub: {own.median('POST over a stub'):.0f} µs, its body read and held against the schema")


def _microseconds(report: Report, timed: Timed, base: str) -> None:
    for side in timed.seconds:
        ratio = round(timed.ratio(side, base), 2)
        report.note(f"{side}: {timed.median(side):.0f} µs, {ratio} x {base}")


def _connections(report: Report, server: Server, authority: Path) -> None:
    """Ours signs a token each time; the server knows no tokens, so a password goes over the line in its place."""
    signed = rds_token.token

    def password(*arguments: Any, **options: Any) -> str:
        return "bench" if signed(*arguments, **options) else ""

    rds_token.token = password
    os.environ.update(AWS_REGION="eu-west-1", AWS_ACCESS_KEY_ID="a", AWS_SECRET_ACCESS_KEY="s")  # noqa: S106
    ours = database.Database(
        database.Environment("p", "127.0.0.1", int(server.port or 0), "holdfast", "bench", str(authority))
    )

    where: dict[str, Any] = {"host": "127.0.0.1", "port": server.port, "user": "bench", "password": "bench"}

    def own() -> None:
        ours._connected().close()  # noqa: SLF001  # the connection is what is measured
        ours.close()

    def default() -> None:
        pymysql.connect(**where, database="holdfast").close()

    def plain() -> None:
        pymysql.connect(**where, database="holdfast", ssl_disabled=True).close()

    assert isinstance(ours._connected()._sock, ssl.SSLSocket)  # noqa: SLF001
    ours.close()
    sides = {"Holdfast, one prepared context": own, "pymysql's default": default, "without TLS": plain}
    timed = interleaved(sides, CONNECTIONS)
    rds_token.token = signed
    report.note("a connection over TLS; pymysql's default reads all authorities of this machine, and verifies nothing")
    report.times(timed, "pymysql's default")
    ratio = timed.ratio("Holdfast, one prepared context", "pymysql's default")
    report.goal("G4c connection / pymysql's default", ratio, CONNECT)


def _server(folder: Path) -> Server:
    """One that speaks TLS itself, without the gate of the embedded AWS, which would be measured too."""
    both = certificates.write(folder)
    server = Server.start(folder / "data", port=free_port(), options=(f"--ssl-cert={both}", f"--ssl-key={both}"))
    server.execute("CREATE DATABASE holdfast")
    server.execute("CREATE USER bench IDENTIFIED BY 'bench'")
    server.execute("GRANT ALL ON holdfast.* TO bench")
    with server.connect(database="holdfast") as connection, connection.cursor() as cursor:
        for migration in migrate_database.every():
            for statement in migration.statements:
                cursor.execute(statement)
    return server
