import os
import signal
import socket
import subprocess
import sys

import pytest
from making import eventually

from sandbox.server import Engine, EngineError

PARENT = """
import sys, time
from pathlib import Path
from sandbox.server import Engine
engine = Engine(Path(sys.argv[1])).start()
print(engine._process.pid, flush=True)
time.sleep(600)
"""


def members(group):
    """The processes of a group that still run."""
    listed = subprocess.run(["ps", "-eo", "pid,pgid,stat"], capture_output=True, text=True, check=True).stdout
    rows = [line.split() for line in listed.splitlines()[1:]]
    return [int(pid) for pid, pgid, state in rows if int(pgid) == group and not state.startswith("Z")]


def test_a_taken_port_is_refused_in_one_line(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(EngineError, match=f"^port {port} of 127.0.0.1 is taken; .*$"):
            Engine(tmp_path, port=port).start()


def test_an_engine_that_dies_says_where_its_log_is(tmp_path):
    with pytest.raises(EngineError, match=r"died with status \d+; its log is .*engine\.log") as death:
        Engine(tmp_path, settings={"BIND_HOST": "256.0.0.1"}).start()
    assert "gaierror" in str(death.value)


def test_it_listens_on_the_loopback_only(engine):
    listening = subprocess.run(["ss", "-Hltnp"], capture_output=True, text=True, check=False).stdout
    mine = [line.split()[3] for line in listening.splitlines() if f"pid={engine._process.pid}," in line]
    assert all(address.startswith("127.0.0.1:") for address in mine)


def test_nothing_stays_when_it_stops(tmp_path):
    engine = Engine(tmp_path).start()
    group = engine._process.pid
    assert members(group)
    engine.stop()
    assert members(group) == []


def test_nothing_stays_when_the_parent_is_killed(tmp_path):
    parent = subprocess.Popen([sys.executable, "-c", PARENT, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    with parent:
        group = int(parent.stdout.readline())
        assert members(group)
        os.kill(parent.pid, signal.SIGKILL)
    eventually(lambda: members(group) == [])
