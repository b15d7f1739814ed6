"""MySQL-compatible servers of the local run: one private data directory each, frozen, copied, and nothing left behind.

Looks for ``mariadbd`` or ``mysqld`` on PATH, else for a Docker engine (image ``mysql:8.4``), else installs the
distribution's MariaDB when it may, else says what to type: see ``mysql_processes``.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
import weakref
from pathlib import Path
from typing import Any, Self

import pymysql
from pymysql.connections import Connection

from sandbox.mysql_processes import (
    Container,
    LocalProcess,
    Process,
    Program,
    ServerFailed,
    ServerMissing,
    find,
    free_port,
    template,
)

__all__ = ["Server", "ServerFailed", "ServerMissing", "copy_tree", "free_port"]

READY_TIMEOUT = 60  # seconds until a server must answer; the first start of a container initialises its data
SOCKET_PATH_LIMIT = 100  # bytes; Linux takes 107, macOS 103


class Server:
    """A running server with a data directory of its own; root logs in without password, from this machine only."""

    def __init__(self, program: Program, directory: Path, port: int | None, options: tuple[str, ...] = ()) -> None:
        self.directory = directory
        self.scratch = directory / "#scratch"  # the server writes files here that we read
        self.socket: Path | None = None
        self.port = port
        self._private: str | None = None
        if program.kind == "docker":
            self.port = port or free_port()
            self.process: Process = Container(program, directory, self.port)
        else:
            self.socket = self._socket_path()
            address = [f"--port={port}", "--bind-address=127.0.0.1"] if port else ["--skip-networking"]
            own = [f"--datadir={directory}", f"--socket={self.socket}", f"--tmpdir={directory}"]
            user = f"--user={pwd.getpwuid(os.getuid()).pw_name}"
            command = [program.path, *program.options(), *own, user, *address, *options]
            self.process = LocalProcess(command, directory / "errors.log")
        _running.add(self)

    @classmethod
    def start(
        cls,
        directory: Path,
        *,
        source: Path | None = None,
        port: int | None = None,
        options: tuple[str, ...] = (),
    ) -> Self:
        """A server that answers, on a new directory.

        Args:
            directory: The data directory; made if it does not exist.
            source: A copy made by `freeze` to start from; a new, empty server when absent.
            port: Listen on this port of 127.0.0.1 too; by default only the socket is there.
            options: Further options of the server's command line; a container takes none.

        Raises:
            ServerMissing: This machine has no server program.
            ServerFailed: The server ended or did not answer in time.
        """
        program = find()
        directory.parent.mkdir(parents=True, exist_ok=True)
        if not directory.exists() and (source or program.kind != "docker"):
            copy_tree(source or template(program), directory)
        (directory / "#scratch").mkdir(parents=True, exist_ok=True)
        server = cls(program, directory.resolve(), port, options)
        server._wait()
        return server

    def _socket_path(self) -> Path:
        """The server's socket: in its directory if the path is short enough for the kernel, else in a private one."""
        path = self.directory / "s"
        if len(os.fsencode(path)) > SOCKET_PATH_LIMIT:
            self._private = tempfile.mkdtemp(prefix="hf-", dir="/tmp")  # mode 0700, random name
            path = Path(self._private) / "s"
        return path

    def _wait(self) -> None:
        deadline = time.monotonic() + READY_TIMEOUT
        while time.monotonic() < deadline and self.process.alive():
            with contextlib.suppress(pymysql.Error, OSError):
                self._knock()  # pymysql leaks its socket when nobody is there
                self.connect().close()
                return
            time.sleep(0.02)
        errors = self.directory / "errors.log"
        words = errors.read_text(errors="replace")[-2000:] if errors.exists() else ""
        self.stop(now=True)
        raise ServerFailed(f"the server in {self.directory} did not come up: {words}")

    def _knock(self) -> None:
        """Raise OSError while nobody listens."""
        family = socket.AF_UNIX if self.socket else socket.AF_INET
        with socket.socket(family) as probe:
            probe.connect(str(self.socket) if self.socket else ("127.0.0.1", self.port))

    def connect(self, **options: Any) -> Connection[Any]:
        """A connection as root (options as for `pymysql.connect`), in autocommit mode."""
        where: dict[str, Any] = {"host": "127.0.0.1", "port": self.port}
        if self.socket:  # to a file no line leads that TLS could guard, and to prepare it costs 25 ms
            where = {"unix_socket": str(self.socket), "ssl_disabled": True}
        return pymysql.connect(**{**where, "user": "root", "charset": "utf8mb4", "autocommit": True, **options})

    def execute(self, sql: str, arguments: tuple[Any, ...] | None = None) -> tuple[tuple[Any, ...], ...]:
        """The rows of one statement, run as root."""
        with self.connect() as connection, connection.cursor() as cursor:
            cursor.execute(sql, arguments)
            return tuple(cursor.fetchall())

    def load(self, sql_file: Path, database: str | None = None) -> None:
        """Run a file of statements as root."""
        client = shutil.which("mariadb") or shutil.which("mysql")
        if client is None:
            raise ServerMissing("loading a file of SQL needs the command line client: mariadb or mysql on PATH")
        where = [f"--socket={self.socket}"] if self.socket else ["--host=127.0.0.1", f"--port={self.port}"]
        command = [client, "--no-defaults", *where, "--user=root", "--default-character-set=utf8mb4"]
        with sql_file.open("rb") as text:
            done = subprocess.run([*command, database or "mysql"], stdin=text, capture_output=True, check=False)
        if done.returncode != 0:
            raise ServerFailed(f"{sql_file}: {done.stderr.decode(errors='replace')[-2000:]}")

    def freeze(self, destination: Path) -> None:
        """Copy the data directory as it is at one instant; a server started on the copy has every committed row.

        The server stands still while its files are copied, so the copy is what a power cut would have left, and the
        storage engine recovers it as such: the same promise as that of a volume snapshot.
        """
        self.process.pause()
        try:
            copy_tree(self.directory, destination)
        finally:
            self.process.resume()

    def stop(self, *, now: bool = False) -> None:
        """End the server; the data stays."""
        _running.discard(self)
        self.process.stop(now=now)
        if self._private:
            shutil.rmtree(self._private, ignore_errors=True)

    def delete(self) -> None:
        """End the server and remove its data."""
        self.stop(now=True)
        shutil.rmtree(self.directory, ignore_errors=True)


_running: weakref.WeakSet[Server] = weakref.WeakSet()
_TRANSIENT = ("s", "s.lock", "errors.log", "#scratch", "ibtmp1", "*.pid", "#innodb_temp", "mysql.sock*")


def copy_tree(source: Path, destination: Path) -> None:
    """Copy a data directory without what belongs to one running server."""
    shutil.copytree(source, destination, ignore=shutil.ignore_patterns(*_TRANSIENT), symlinks=True)


@atexit.register
def stop_all() -> None:
    """End every server of this process at once; runs at exit too."""
    for server in list(_running):
        server.stop(now=True)
