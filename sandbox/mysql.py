"""MySQL-compatible servers of the local run: one private data directory each, nothing left behind when we die.

Looks for ``mariadbd`` or ``mysqld`` on PATH, else for a Docker engine (image ``mysql:8.4``), else installs the
distribution's MariaDB when it may, else says what to type.
"""

import atexit
import contextlib
import ctypes
import logging
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import weakref
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, Self

import pymysql
from pymysql.connections import Connection

log = logging.getLogger(__name__)

READY_TIMEOUT = 60  # seconds until a server must answer; the first start of a container initialises its data
STOP_TIMEOUT = 20  # seconds between asking a server to stop and killing it
SOCKET_PATH_LIMIT = 100  # bytes; Linux takes 107, macOS 103
IMAGE = "mysql:8.4"
# MySQL 8.4's defaults where MariaDB's differ: https://dev.mysql.com/doc/refman/8.4/en/sql-mode.html
SQL_MODE = (
    "ONLY_FULL_GROUP_BY,STRICT_TRANS_TABLES,NO_ZERO_IN_DATE,NO_ZERO_DATE,"
    "ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION"
)
# A commit reaches the operating system (2), not the disk: what `Server.freeze` copies, and much faster.
COMMON = (
    "--innodb-buffer-pool-size=64M",
    "--innodb-flush-log-at-trx-commit=2",
    "--innodb-flush-method=fsync",
    "--innodb-use-native-aio=0",
    "--performance-schema=off",
    "--skip-log-bin",
    "--skip-name-resolve",
    "--character-set-server=utf8mb4",
    "--default-time-zone=+00:00",
    "--max-allowed-packet=64M",
    "--local-infile=1",
    "--secure-file-priv=",
    f"--sql-mode={SQL_MODE}",
)
MARIADB_ONLY = ("--innodb-log-file-size=32M", "--aria-pagecache-buffer-size=8M", "--key-buffer-size=1M")
MYSQL_ONLY = ("--innodb-redo-log-capacity=32M", "--mysqlx=0", "--mysql-native-password=ON")


class ServerMissing(RuntimeError):
    """No MySQL-compatible server can be found or installed here; the message says what to type."""


class ServerFailed(RuntimeError):
    """A server did not come up; the message ends with its own last words."""


@dataclass(frozen=True)
class Program:
    """What runs a server: a binary of MariaDB or of MySQL, or Docker."""

    kind: Literal["mariadb", "mysql", "docker"]
    path: str

    def options(self) -> tuple[str, ...]:
        """The settings for this kind of server, without directory, socket and port."""
        return ("--no-defaults", *COMMON, *(MARIADB_ONLY if self.kind == "mariadb" else MYSQL_ONLY))


def find() -> Program:
    """The best server program of this machine, installed now if need be and allowed.

    Raises:
        ServerMissing: There is none and we may not install one.
    """
    for look in (_on_path, _docker, _installed_now):
        program = look()
        if program:
            return program
    raise ServerMissing(
        "The local run needs a MySQL-compatible server and found neither mariadbd nor mysqld on PATH nor a running "
        "Docker engine. Type `sudo apt-get install --no-install-recommends mariadb-server` (Debian, Ubuntu), "
        "`sudo dnf install mariadb-server` (Fedora), `sudo apk add mariadb mariadb-client` (Alpine) or "
        "`brew install mariadb` (macOS), or start Docker."
    )


def _on_path() -> Program | None:
    """A server on PATH or where distributions put it."""
    search = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin", "/usr/libexec"))
    for name in ("mariadbd", "mysqld"):
        path = shutil.which(name, path=search)
        if path:
            version = subprocess.run([path, "--no-defaults", "--version"], capture_output=True, text=True, check=False)
            return Program("mariadb" if "MariaDB" in version.stdout else "mysql", path)
    return None


def _docker() -> Program | None:
    """Docker, if an engine answers."""
    path = shutil.which("docker")
    if path and subprocess.run([path, "info"], capture_output=True, check=False).returncode == 0:
        return Program("docker", path)
    return None


def _installed_now() -> Program | None:
    """The distribution's MariaDB, which we install when we are root; None when we may or can not."""
    managers = {
        "apt-get": ["install", "-y", "--no-install-recommends", "mariadb-server"],
        "dnf": ["install", "-y", "mariadb-server"],
        "apk": ["add", "mariadb", "mariadb-client"],
    }
    name = next((found for found in managers if shutil.which(found)), None)
    if os.geteuid() != 0 or name is None:
        return None
    command = [name, *managers[name]]
    sys.stderr.write(f"No MySQL-compatible server here; installing one: {' '.join(command)}\n")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    if subprocess.run(command, env=environment, stdout=sys.stderr, check=False).returncode != 0:
        return None
    return _on_path()


_template_lock = threading.Lock()


def template(program: Program) -> Path:
    """An initialised data directory of this version of the server, made once per machine and user."""
    version = subprocess.run([program.path, "--no-defaults", "--version"], capture_output=True, check=True).stdout
    home = Path(os.environ.get("HOLDFAST_CACHE") or Path(pwd.getpwuid(os.getuid()).pw_dir) / ".cache" / "holdfast")
    known = home / f"mysql-{program.kind}-{zlib.crc32(version + repr(program.options()).encode()):08x}"
    with _template_lock:
        if known.exists():
            return known
        home.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(prefix="new-", dir=home))
        data = fresh / "data"
        _initialise(program, data)
        # Another process may have been faster; its directory is as good as ours.
        with contextlib.suppress(OSError):
            data.rename(known)
        shutil.rmtree(fresh, ignore_errors=True)
        return known


def _initialise(program: Program, data: Path) -> None:
    """Fill ``data`` with the system tables of a new server whose root needs no password."""
    own = [f"--datadir={data}", f"--user={pwd.getpwuid(os.getuid()).pw_name}"]
    if program.kind == "mariadb":
        installer = shutil.which("mariadb-install-db") or shutil.which("mysql_install_db") or "mariadb-install-db"
        command = [installer, *program.options(), *own, "--auth-root-authentication-method=normal", "--skip-test-db"]
    else:
        command = [program.path, *program.options(), *own, "--initialize-insecure"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ServerFailed(f"{' '.join(command)} failed: {(done.stdout + done.stderr)[-2000:]}")


class Process(Protocol):
    """A running server, whatever it runs in."""

    def alive(self) -> bool: ...
    def pause(self) -> None: ...
    def resume(self) -> None: ...
    def stop(self, *, now: bool) -> None: ...


# A child's parent-death signal fires when the *thread* that forked it ends, so one thread that never ends starts them all.
_starter = ThreadPoolExecutor(1, "mysql-starter")
_PR_SET_PDEATHSIG = 1  # https://man7.org/linux/man-pages/man2/PR_SET_PDEATHSIG.2const.html
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


def _die_with_parent() -> None:
    """Have the kernel kill this process as soon as its parent is gone, however the parent ended."""
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


class LocalProcess:
    """A server that is a child of ours."""

    def __init__(self, command: list[str], errors: Path) -> None:
        with errors.open("ab") as sink:
            self._child = _starter.submit(
                lambda: subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=sink,
                    stderr=sink,
                    preexec_fn=_die_with_parent,  # noqa: PLW1509  # one system call, prepared before the fork
                )
            ).result()
        self.pid = self._child.pid

    def alive(self) -> bool:
        """Whether the server still runs."""
        return self._child.poll() is None

    def pause(self) -> None:
        """Stop every thread of the server and return only when the kernel says that they stand still."""
        self._child.send_signal(signal.SIGSTOP)
        tasks = Path(f"/proc/{self.pid}/task")
        deadline = time.monotonic() + STOP_TIMEOUT
        while time.monotonic() < deadline:
            if not tasks.exists():  # not Linux
                time.sleep(0.1)
                return
            states = [(task / "stat").read_text().rpartition(")")[2].split()[0] for task in tasks.iterdir()]
            if set(states) <= {"T", "t"}:
                return
            time.sleep(0.001)
        self.resume()
        raise ServerFailed(f"process {self.pid} would not stand still for a snapshot")

    def resume(self) -> None:
        """Let the server go on."""
        self._child.send_signal(signal.SIGCONT)

    def stop(self, *, now: bool) -> None:
        """End the server, in order or at once, and wait until it is gone."""
        with contextlib.suppress(ProcessLookupError):
            self._child.kill() if now else self._child.terminate()
        try:
            self._child.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()


class Container:
    """A server in a Docker container; the data directory is the host's, owned by this user."""

    def __init__(self, program: Program, directory: Path, port: int) -> None:
        self._docker = program.path
        self._name = f"holdfast-mysql-{port}"
        self._run(
            *("run", "--detach", "--rm", "--name", self._name, "--user", f"{os.getuid()}:{os.getgid()}"),
            *("--label", "holdfast=sandbox", "--publish", f"127.0.0.1:{port}:3306"),
            *("--volume", f"{directory}:/var/lib/mysql", "--volume", f"{directory}:{directory}"),
            *("--env", "MYSQL_ALLOW_EMPTY_PASSWORD=1", "--env", "MYSQL_ROOT_HOST=%"),
            *(IMAGE, *program.options()[1:]),
        )

    def _run(self, *arguments: str) -> str:
        done = subprocess.run([self._docker, *arguments], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise ServerFailed(f"docker {arguments[0]} failed: {done.stderr[-2000:]}")
        return done.stdout

    def alive(self) -> bool:
        """Whether the container still runs."""
        return bool(self._run("ps", "--quiet", "--filter", f"name=^{self._name}$").strip())

    def pause(self) -> None:
        """Freeze every process of the container."""
        self._run("pause", self._name)

    def resume(self) -> None:
        """Let the container go on."""
        self._run("unpause", self._name)

    def stop(self, *, now: bool) -> None:
        """End the container, in order or at once."""
        with contextlib.suppress(ServerFailed):  # gone already
            self._run("kill" if now else "stop", self._name)


class Server:
    """A running server with a data directory of its own; root logs in without password, from this machine only."""

    def __init__(self, program: Program, directory: Path, port: int | None) -> None:
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
            command = [program.path, *program.options(), *own, user, *address]
            self.process = LocalProcess(command, directory / "errors.log")
        _running.add(self)

    @classmethod
    def start(cls, directory: Path, *, source: Path | None = None, port: int | None = None) -> Self:
        """A server that answers, on a new directory.

        Args:
            directory: The data directory; made if it does not exist.
            source: A copy made by `freeze` to start from; a new, empty server when absent.
            port: Listen on this port of 127.0.0.1 too; by default only the socket is there.

        Raises:
            ServerMissing: This machine has no server program.
            ServerFailed: The server ended or did not answer in time.
        """
        program = find()
        directory.parent.mkdir(parents=True, exist_ok=True)
        if not directory.exists() and (source or program.kind != "docker"):
            copy_tree(source or template(program), directory)
        (directory / "#scratch").mkdir(parents=True, exist_ok=True)
        server = cls(program, directory.resolve(), port)
        server._wait()  # noqa: SLF001
        return server

    def _socket_path(self) -> Path:
        """The server's socket: in its directory if the path is short enough for the kernel, else in a private one."""
        path = self.directory / "s"
        if len(os.fsencode(path)) > SOCKET_PATH_LIMIT:
            self._private = tempfile.mkdtemp(prefix="hf-", dir="/tmp")  # noqa: S108  # mode 0700, random name
            path = Path(self._private) / "s"
        return path

    def _wait(self) -> None:
        deadline = time.monotonic() + READY_TIMEOUT
        while time.monotonic() < deadline and self.process.alive():
            with contextlib.suppress(pymysql.Error, OSError):
                self.connect().close()
                return
            time.sleep(0.02)
        errors = self.directory / "errors.log"
        words = errors.read_text(errors="replace")[-2000:] if errors.exists() else ""
        self.stop(now=True)
        raise ServerFailed(f"the server in {self.directory} did not come up: {words}")

    def connect(self, **options: Any) -> "Connection[Any]":  # noqa: ANN401
        """A connection as root (options as for `pymysql.connect`), in autocommit mode."""
        where = {"unix_socket": str(self.socket)} if self.socket else {"host": "127.0.0.1", "port": self.port}
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


_running: "weakref.WeakSet[Server]" = weakref.WeakSet()
_TRANSIENT = ("s", "s.lock", "errors.log", "#scratch", "ibtmp1", "*.pid", "#innodb_temp", "mysql.sock*")


def copy_tree(source: Path, destination: Path) -> None:
    """Copy a data directory without what belongs to one running server; shares blocks where the file system can."""
    shutil.copytree(source, destination, ignore=shutil.ignore_patterns(*_TRANSIENT), symlinks=True)


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@atexit.register
def stop_all() -> None:
    """End every server of this process at once; runs at exit too."""
    for server in list(_running):
        server.stop(now=True)
