"""Processes forked from the zygote are as separate as processes that were started, and end with the engine."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import six
from making import eventually

from sandbox.engine import lambda_worker
from sandbox.engine.lambda_processes import Starter

PROGRAM_OF_FUNCTIONS = Path(lambda_worker.__file__)
ROOT = Path(__file__).parents[3]
# Answers each line of its input, an expression, with the value.
PROGRAM = """
import json, os, sys
for line in sys.stdin:
    print(json.dumps(eval(line)), flush=True)
"""
PARENT = """
import sys, time
from pathlib import Path
from sandbox.engine.lambda_processes import Starter
starter = Starter()
one = starter.start(Path(sys.argv[1]), {}, Path(sys.argv[1]).parent)
one.stdin.write("os.getpid()\\n")
print(starter.process.pid, one.stdout.readline(), flush=True)
time.sleep(600)
"""


@pytest.fixture(scope="module")
def zygote():
    starter = Starter()
    yield starter
    starter.close()


@pytest.fixture
def start(zygote, tmp_path):
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    started = []

    def started_one(starter=zygote, directory=tmp_path, **environment):
        started.append(starter.start(program, environment, directory))
        return started[-1]

    yield started_one
    for process in started:
        process.kill()
        process.wait(10)
        for stream in (process.stdin, process.stdout, process.stderr):
            stream.close()


def ask(process, expression):
    process.stdin.write(expression + "\n")
    return json.loads(process.stdout.readline())


def is_alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_process_has_the_environment_and_the_directory_that_it_was_given_and_no_other(start, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    one, other = start(WHO="one"), start(directory=tmp_path / "elsewhere", WHO="other", TZ="Asia/Tokyo")
    assert ask(one, "[dict(os.environ), os.getcwd()]") == [{"WHO": "one"}, str(tmp_path)]
    assert ask(other, "os.getcwd()") == str(tmp_path / "elsewhere")
    assert ask(other, "__import__('time').tzname[0]") == "JST"


def test_what_one_process_changes_no_other_sees(start):
    one, other = start(), start()
    ask(one, "[setattr(__import__('boto3'), 'mine', 1), os.environ.update(MINE='1'), os.chdir('/')][:0]")
    later = start()
    for process in (other, later):
        assert ask(process, "[hasattr(__import__('boto3'), 'mine'), os.environ.get('MINE')]") == [False, None]
    assert len({ask(process, "os.getpid()") for process in (one, other, later)}) == 3


def test_a_process_comes_with_awss_sdk_and_without_a_function_s_libraries_or_ours(start):
    names = ask(start(), "sorted({name.partition('.')[0] for name in sys.modules})")
    assert {"boto3", "botocore"} <= set(names)
    assert not {"aws_lambda_powertools", "handlers", "ministack", "pymysql", "sandbox"} & set(names)
    assert ask(start(), "__import__('boto3').DEFAULT_SESSION is None") is True


def test_a_process_has_its_three_streams_one_thread_and_nothing_of_its_siblings(start):
    first, second = start(), start()
    ask(first, "1")
    assert ask(second, "sorted(int(name) for name in os.listdir('/proc/self/fd'))[:-1]") == [0, 1, 2]
    assert ask(second, "__import__('threading').active_count()") == 1
    first.stdin.close()  # which nobody else holds open
    assert first.wait(10) == 0


def test_a_process_that_raises_says_so_and_is_gone(start):
    process = start()
    process.stdin.write("undefined\n")
    assert process.wait(10) == 1
    assert "NameError" in process.stderr.read()


@pytest.mark.parametrize(
    ("how", "status"), [("os._exit(7)", 7), ("sys.exit(3)", 3), ("os.kill(os.getpid(), 11)", -signal.SIGSEGV)]
)
def test_a_crash_is_reported_with_its_status_and_the_others_go_on(start, how, status):
    one, other = start(), start()
    assert one.poll() is None
    one.stdin.write(how + "\n")
    assert one.wait(10) == one.poll() == status
    assert ask(other, "1") == ask(start(), "1") == 1


def test_signals_reach_a_process_and_waiting_has_an_end(start):
    process = start()
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.01)
    process.terminate()
    assert process.wait(10) == -signal.SIGTERM
    process.kill()  # of what has ended harms nobody


def test_a_process_that_nobody_holds_ends(zygote, tmp_path):
    program = tmp_path / "sleeps.py"
    program.write_text("import os, time\nprint(os.getpid(), flush=True)\ntime.sleep(600)")
    process = zygote.start(program, {}, tmp_path)
    pid = int(process.stdout.readline())
    for stream in (process.stdin, process.stdout, process.stderr, process._channel):
        stream.close()
    assert eventually(lambda: not is_alive(pid), 10)


@pytest.mark.parametrize(("change", "is_kept"), [("mine = True", False), ("", True)])
def test_a_library_of_the_function_wins_over_the_imported_one_unless_they_are_equal(zygote, tmp_path, change, is_kept):
    (tmp_path / "six.py").write_text(Path(six.__file__).read_text() + change)
    (tmp_path / "app.py").write_text(
        "import sys\nis_kept = 'boto3' in sys.modules\nimport boto3, six\n"
        "def handler(event, context): return [is_kept, hasattr(six, 'mine')]"
    )
    process = zygote.start(
        PROGRAM_OF_FUNCTIONS, {"AWS_LAMBDA_FUNCTION_NAME": "f", "_LAMBDA_FUNCTION_ARN": ""}, tmp_path
    )
    with process.stdin, process.stdout, process.stderr:
        start = {"paths": [str(tmp_path)], "module": "app", "handler": "handler", "memory": 128}
        process.stdin.write(json.dumps(start) + "\n")
        process.stdin.write(json.dumps({"event": None, "ctx": {"request_id": "1"}}) + "\n")
        assert process.stdout.readline() == "ready\n"
        assert json.loads(process.stdout.readline())["result"] == [is_kept, not is_kept]
        process.kill()
        process.wait(10)


def test_without_a_zygote_processes_start_plainly_and_are_alike(start):
    starter = Starter()
    before = start(starter)
    ask(before, "1")
    starter.process.kill()
    starter.process.wait()
    assert before.wait(10) == -signal.SIGKILL
    plain = start(starter, WHO="plain")
    assert isinstance(plain, subprocess.Popen)
    assert ask(plain, "os.environ['WHO']") == "plain"


def test_a_killed_engine_leaves_neither_zygote_nor_process(tmp_path):
    program = tmp_path / "stays.py"
    program.write_text(PROGRAM + "\n__import__('time').sleep(600)")  # it does not care that its input has ended
    command = [sys.executable, "-c", PARENT, str(program)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as parent:
        pids = [int(pid) for pid in parent.stdout.readline().split()]
        assert len(pids) == 2
        assert all(map(is_alive, pids))
        os.kill(parent.pid, signal.SIGKILL)
    assert eventually(lambda: not any(map(is_alive, pids)), 10)
