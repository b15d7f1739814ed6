"""The command line: what can't be used is refused in one line, before anything starts."""

from __future__ import annotations

import shlex
import socket
from pathlib import Path
from types import SimpleNamespace
from typing import Never

import pytest

from blueprints.settings import SANDBOX
from deployment import command
from sandbox import cli, mysql_processes, run
from sandbox.people import Person


@pytest.fixture(autouse=True)
def nothing_starts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def started(*_: object, **__: object) -> Never:
        raise AssertionError("an embedded AWS was started")

    monkeypatch.setattr(run, "Engine", started)
    monkeypatch.setattr(cli.signal, "signal", lambda *_: None)
    monkeypatch.setattr(run.directory, "__wrapped__", run.directory.__wrapped__)
    monkeypatch.setattr(run, "HOME", tmp_path)


def refused(capsys: pytest.CaptureFixture[str], *argv: str) -> str:
    """The one line that the command line says when it refuses *argv*."""
    try:
        code = cli.main(["--exit", *argv])
    except SystemExit as error:  # argparse
        code = int(error.code or 0)
    out, err = capsys.readouterr()
    assert code == 2
    assert not out
    return err.strip().splitlines()[-1]


@pytest.mark.parametrize("count", ["0", "-1", "x", "1.5", "1000"])
def test_a_wrong_number_of_databases_is_refused(capsys: pytest.CaptureFixture[str], count: str) -> None:
    assert "--databases" in refused(capsys, f"--databases={count}")


@pytest.mark.parametrize("port", ["0", "65536", "http"])
def test_a_wrong_port_is_refused(capsys: pytest.CaptureFixture[str], port: str) -> None:
    assert "--port" in refused(capsys, f"--port={port}")


def test_a_port_that_is_taken_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert refused(capsys, "--port", str(port)).startswith(f"sandbox: --port {port}: something else listens there")


def test_an_unknown_stage_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert '--stage = "moon": use production, staging, sandbox' in refused(capsys, "--stage", "moon")


@pytest.mark.parametrize(("text", "word"), [
    ('profile = "SANDBOX"\nprimary_region = "eu-west-1"\nrecovery_region = "eu-west-1"', "recovery_region"),
    ('profile = "MOON"', "profile"),
    ("profile = ", "not TOML"),
])  # fmt: skip
def test_wrong_settings_are_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path, text: str, word: str) -> None:
    path = tmp_path / "settings.toml"
    path.write_text(text)
    line = refused(capsys, "--settings", str(path))
    assert line.startswith(f"sandbox: {path}: ")
    assert word in line


def test_settings_that_are_not_there_are_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert "No such file" in refused(capsys, "--settings", str(tmp_path / "none.toml"))


@pytest.mark.parametrize(("content", "word"), [(None, "No such file"), ("", "empty"), ("SELECT 'a", ":1: ")])
def test_a_dump_that_is_none_is_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, content: str | None, word: str
) -> None:
    path = tmp_path / "dump.sql"
    if content is not None:
        path.write_text(content)
    line = refused(capsys, "--sql", str(path))
    assert str(path) in line
    assert word in line


def test_without_a_database_server_it_says_what_to_type(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing() -> Never:
        raise mysql_processes.ServerMissing("no server; type `apt-get install mariadb-server`")

    monkeypatch.setattr(mysql_processes, "find", missing)
    assert "apt-get install" in refused(capsys)


def test_a_stage_and_a_settings_file_exclude_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    assert "not allowed with" in refused(capsys, "--stage", "sandbox", "--settings", "x.toml")


def test_what_is_printed_for_another_project_can_be_typed(tmp_path: Path) -> None:
    folder = tmp_path / "with a blank"
    engine = SimpleNamespace(endpoint="http://127.0.0.1:1", account="000000000000", directory=folder)
    api = SimpleNamespace(commands=lambda: "curl")
    story = SimpleNamespace(settings=SANDBOX, engine=engine, api=api, logins=[])
    report = SimpleNamespace(points=[SimpleNamespace(recovery_point="p")], console="c", api="a")
    shown = cli.look_around(story, report, Person("name", "password")).replace("\\\n", " ")

    lines = [
        shlex.split(line) for line in shown.splitlines() if line.strip().startswith(("export ", "python build.py"))
    ]
    exported, typed = lines
    assert f"AWS_DEFAULT_REGION={SANDBOX.primary_region}" in exported
    parsed = command.parser().parse_args(typed[2:])
    assert parsed.certificates == folder / "rds-ca.pem"
