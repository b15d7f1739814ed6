"""What runs a MySQL-compatible server here: found on PATH, in Docker, or installed now; and the running process of one.

A server must not outlive us, however we end: on Linux the kernel kills it with us, and it stays in our process group.
"""

import contextlib
import ctypes
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
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

STOP_TIMEOUT = 20  # seconds between asking a server to stop and killing it
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
    if path and subprocess.run([path, "info"], capture_output=True, env=_for_docker(), check=False).returncode == 0:
        return Program("docker", path)
    return None


def _for_docker() -> dict[str, str]:
    """The environment for Docker's client: the embedded AWS has ``DOCKER_HOST`` changed and passes the real one on."""
    host = os.environ.get("HOLDFAST_DOCKER_HOST", os.environ.get("DOCKER_HOST", ""))
    others = {name: found for name, found in os.environ.items() if name != "DOCKER_HOST"}
    return others | ({"DOCKER_HOST": host} if host and "no-docker" not in host else {})


def _installed_now() -> Program | None:
    """The distribution's MariaDB, which we install when we are root; None when we may or can not."""
    managers = {
        "apt-get": ["apt-get update", "apt-get install -y --no-install-recommends mariadb-server"],
        "dnf": ["dnf install -y mariadb-server"],
        "apk": ["apk add --no-cache mariadb mariadb-client"],
    }
    name = next((found for found in managers if shutil.which(found)), None)
    if os.geteuid() != 0 or name is None:
        return None
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in managers[name]:
        sys.stderr.write(f"No MySQL-compatible server here; installing one: {command}\n")
        last = subprocess.run(command.split(), env=environment, stdout=sys.stderr, check=False)
    return _on_path() if last.returncode == 0 else None  # a list of packages that is not new may do


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

    def alive(self) -> bool:
        """Whether it still runs."""

    def pause(self) -> None:
        """Have it stand still."""

    def resume(self) -> None:
        """Let it go on."""

    def stop(self, *, now: bool) -> None:
        """End it, in order or at once."""


# A child's parent-death signal fires when the *thread* that forked it ends, so one that never ends starts them all.
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
        done = subprocess.run(
            [self._docker, *arguments], capture_output=True, text=True, env=_for_docker(), check=False
        )
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


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
