"""Private MySQL-compatible servers: quick to start, frozen at one instant, and gone with whoever started them."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from making import eventually

from sandbox import mysql, mysql_processes
from sandbox.mysql import Server, ServerMissing

REPOSITORY = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    started = Server.start(tmp_path_factory.mktemp("mysql") / "one")
    yield started
    started.delete()


def test_a_server_answers_on_its_socket_and_listens_on_no_port(server):
    assert server.execute("SELECT 1 + 1") == ((2,),)
    assert server.port is None
    assert server.execute("SELECT @@skip_networking") == ((1,),)


def test_a_server_on_a_port_answers_there(tmp_path):
    port = mysql.free_port()
    other = Server.start(tmp_path / "data", port=port)
    try:
        assert other.execute("SELECT @@port") == ((port,),)
    finally:
        other.delete()
    assert not (tmp_path / "data").exists()


def test_the_modes_are_those_of_mysql_8(server):
    modes = set(server.execute("SELECT @@sql_mode")[0][0].split(","))
    assert {"ONLY_FULL_GROUP_BY", "STRICT_TRANS_TABLES", "NO_ZERO_DATE"} <= modes


def test_a_file_of_statements_is_loaded(server, tmp_path):
    file = tmp_path / "dump.sql"
    file.write_text("CREATE DATABASE loaded; CREATE TABLE loaded.t (a TEXT); INSERT INTO loaded.t VALUES ('é🐘');")
    server.load(file)
    assert server.execute("SELECT a FROM loaded.t") == (("é🐘",),)
    file.write_text("SELECT nonsense FROM nowhere;")
    with pytest.raises(mysql.ServerFailed, match=r"nowhere|No database"):
        server.load(file)


def test_a_frozen_copy_has_every_row_committed_before_and_no_torn_transaction(server, tmp_path):
    server.execute("CREATE DATABASE busy")
    server.execute("CREATE TABLE busy.pairs (id INT PRIMARY KEY AUTO_INCREMENT, side CHAR(1))")
    stop, committed = threading.Event(), []

    def write():
        with server.connect(autocommit=False) as connection, connection.cursor() as cursor:
            while not stop.is_set():
                cursor.execute("INSERT INTO busy.pairs (side) VALUES ('a')")
                cursor.execute("INSERT INTO busy.pairs (side) VALUES ('b')")
                connection.commit()
                committed.append(2)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        eventually(lambda: len(committed) > 10, 30)
        before = len(committed)
        server.freeze(tmp_path / "frozen")
        after = len(committed)
    finally:
        stop.set()
        writer.join()
    copy = Server.start(tmp_path / "copy", source=tmp_path / "frozen")
    try:
        ((a, b),) = copy.execute("SELECT SUM(side = 'a'), SUM(side = 'b') FROM busy.pairs")
    finally:
        copy.delete()
    assert a == b
    assert before <= a <= after + 1


def test_a_frozen_copy_has_users_routines_triggers_views_and_generated_columns(server, tmp_path):
    for statement in (
        "CREATE DATABASE whole",
        "CREATE TABLE whole.t (a INT PRIMARY KEY, twice INT AS (a * 2) STORED)",
        "CREATE VIEW whole.v AS SELECT twice FROM whole.t",
        "CREATE PROCEDURE whole.p() SELECT 7",
        "CREATE TRIGGER whole.g BEFORE INSERT ON whole.t FOR EACH ROW SET NEW.a = NEW.a + 1",
        "INSERT INTO whole.t (a) VALUES (20)",
        "CREATE USER whole_user IDENTIFIED BY 'secret'",
        "GRANT SELECT, EXECUTE ON whole.* TO whole_user",
    ):
        server.execute(statement)
    server.freeze(tmp_path / "frozen")
    server.execute("INSERT INTO whole.t (a) VALUES (99)")
    copy = Server.start(tmp_path / "copy", source=tmp_path / "frozen")
    try:
        with copy.connect(user="whole_user", password="secret") as connection, connection.cursor() as cursor:
            cursor.execute("SELECT * FROM whole.v")
            assert cursor.fetchall() == ((42,),)
            cursor.execute("CALL whole.p()")
            assert cursor.fetchall() == ((7,),)
    finally:
        copy.delete()


def test_a_stopped_server_starts_again_with_its_data(tmp_path):
    first = Server.start(tmp_path / "data")
    first.execute("CREATE DATABASE kept")
    first.stop()
    again = Server.start(tmp_path / "data")
    try:
        assert ("kept",) in again.execute("SHOW DATABASES")
    finally:
        again.delete()


def test_a_directory_with_a_long_path_works(tmp_path):
    deep = tmp_path / ("d" * 120) / "data"
    other = Server.start(deep)
    try:
        assert other.execute("SELECT 1") == ((1,),)
        private = other.socket.parent
    finally:
        other.delete()
    assert not private.exists()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the process group does it")
def test_a_killed_parent_leaves_no_server(tmp_path):
    script = (
        "import sys, time, threading; from pathlib import Path; from sandbox.mysql import Server\n"
        "def boot(): print(Server.start(Path(sys.argv[1])).process.pid, flush=True)\n"
        "thread = threading.Thread(target=boot); thread.start(); thread.join(); time.sleep(60)"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "data")]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as parent:
        pid = int(parent.stdout.readline())
        time.sleep(0.2)
        assert is_running(pid), "the end of the thread that asked for it must not end the server"
        parent.send_signal(signal.SIGKILL)
        parent.wait()
        deadline = time.monotonic() + 10
        while is_running(pid) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert not is_running(pid)


def nobody_may_run_python() -> bool:
    try:
        return (
            subprocess.run([sys.executable, "--version"], user="nobody", check=False, capture_output=True).returncode
            == 0
        )
    except OSError:
        return False


@pytest.mark.skipif(
    os.geteuid() != 0 or not nobody_may_run_python(), reason="needs root, and a Python outside its home"
)
def test_a_server_also_starts_for_a_user_who_is_not_root(tmp_path):
    os.chmod(tmp_path, 0o777)  # noqa: PTH101, S103
    for parent in tmp_path.parents[:3]:
        parent.chmod(parent.stat().st_mode | 0o055)
    script = (
        "import sys; from pathlib import Path; from sandbox.mysql import Server\n"
        "server = Server.start(Path(sys.argv[1])); print(server.execute('SELECT current_user()')); server.delete()"
    )
    done = subprocess.run(
        [sys.executable, "-B", "-c", script, str(tmp_path / "data")],
        cwd=REPOSITORY,
        env={**os.environ, "HOLDFAST_CACHE": str(tmp_path / "cache")},
        user="nobody",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "(('root@localhost',),)\n", done.stderr


def test_without_any_server_the_error_says_what_to_type(monkeypatch):
    for look in ("_on_path", "_docker", "_installed_now"):
        monkeypatch.setattr(mysql_processes, look, lambda: None)
    with pytest.raises(ServerMissing, match=r"sudo apt-get install .*mariadb-server"):
        mysql_processes.find()


def test_nobody_but_root_has_packages_installed(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert mysql_processes._installed_now() is None


def test_as_root_the_systems_packages_are_looked_up_anew_and_installed(monkeypatch, tmp_path):
    manager = tmp_path / "apt-get"
    manager.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/asked\ntest "$1" = install\n')  # the look-up fails
    manager.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(mysql_processes, "_on_path", lambda: "installed")

    assert mysql_processes._installed_now() == "installed"
    assert (tmp_path / "asked").read_text().splitlines() == [
        "update",
        "install -y --no-install-recommends mariadb-server",
    ]


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"
