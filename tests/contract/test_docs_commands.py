"""What the papers show can be done as they show it: commands, settings files, pieces of code."""

import configparser
import itertools
import json
import re
import shlex
import subprocess
import tomllib
from functools import cache

import botocore.session
import jmespath
import pytest
import test_runbooks
from rendering import rendered

import build
from blueprints import settings_file
from sandbox import cli
from tests.papers import (
    DOCS,
    PAPERS,
    ROOT,
    blocks,
    each,
    known_tests,
    lines,
    named,
    options,
    parsers,
    parts,
    quoted,
    text,
    verb_of,
)

SELECTION = {"--settings", "--stage", "--profile"}
# Which test runs a command with these options, on settings of its own. What tox runs, tox runs.
RUN_BY = {
    ("python build.py", ""): "test_a_second_build_from_the_start_imports_no_handler",
    ("python build.py deploy", ""): "test_from_nothing_to_both_regions",
    ("python build.py deploy", "--dry-run"): "test_a_dry_run_foretells_it_and_changes_nothing",
    ("python build.py deploy", "--directly"): "test_the_recovery_region_is_deployed_to_while_the_primary_is_down",
    ("python build.py status", ""): "test_the_status_is_calm_as_long_as_all_is_well",
    ("python build.py status", "--drift"): "test_a_change_by_hand_is_found_when_it_is_looked_for",
    ("python build.py destroy", ""): "test_only_what_it_said_is_left",
    ("python build.py cost", ""): "test_every_estimate_that_is_shown_can_be_had",
    (
        "python build.py cost",
        "--databases --gigabytes --months --requests",
    ): "test_every_estimate_that_is_shown_can_be_had",
    ("tox -e local", ""): "test_the_sample_data_is_verified_by_one_command",
}


@cache
def environments():
    """Names that ``tox -e`` takes."""
    tox = configparser.ConfigParser()
    tox.read(ROOT / "tox.ini")
    return {name.removeprefix("testenv:") for name in tox.sections()} | set(tox["tox"]["env_list"].split(", "))


@each()
def test_every_command_of_ours_is_one(pages, capsys):
    for path in pages:
        for line in lines(path):
            for words in parts(line):
                if words[0] == "tox":
                    assert words[1:2] in ([], ["-e"]), line
                    assert set(words[2:3]) <= environments(), line
                    if words[2:3] == ["local"]:
                        cli.parse(words[4:])
                elif words[1] == "build.py" or words[1:3] == ["-m", "sandbox"]:
                    verb = verb_of(words)
                    try:
                        parsers()[verb].parse_args(words[len(verb.split()) :])
                    except SystemExit:
                        pytest.fail(f"{line}: {capsys.readouterr().err}")


@each()
def test_what_is_said_of_commands_in_passing_names_verbs_options_and_environments_that_there_are(pages):
    for path in pages:
        for words in map(str.split, quoted(path)):
            if words[:2] == ["tox", "-e"]:
                assert words[2] in environments(), words
            elif words[0] == "python" and verb_of(words):
                said = {word for word in words if word.startswith("--")}
                assert said <= options(parsers()[verb_of(words)]), words


def test_every_command_of_ours_is_run_by_some_test():
    shown = {
        (verb_of(words), " ".join(sorted(word for word in words if word.startswith("--") and word not in SELECTION)))
        for path in PAPERS
        for line in lines(path)
        for words in parts(line)
        if words[0] == "python" and verb_of(words)
    }

    assert shown | {("tox -e local", "")} == set(RUN_BY)
    assert set(RUN_BY.values()) <= known_tests()


def test_every_estimate_that_is_shown_can_be_had(tmp_path, monkeypatch, capsys):
    (settings,) = [content for language, content in blocks(DOCS / "deploy.md") if language == "toml"][:1]
    (tmp_path / "acme.toml").write_text(settings)
    monkeypatch.chdir(tmp_path)
    for path in PAPERS:
        for words in (words for line in lines(path) for words in parts(line) if words[2:3] == ["cost"]):
            assert build.main(words[2:]) == 0, words
            assert "acme-production" in capsys.readouterr().out


@each()
def test_every_shell_block_is_one(pages):
    for path in pages:
        scripts = [content for language, content in blocks(path) if language == "sh"]
        done = subprocess.run(["bash", "-n"], input="\n".join(scripts), capture_output=True, text=True, check=False)

        assert done.returncode == 0, done.stderr


# Of the AWS CLI alone. https://docs.aws.amazon.com/cli/latest/reference/s3/
S3 = {
    "cp": {"recursive", "content-type", "cache-control", "quiet"},
    "sync": {"exclude", "delete", "cache-control"},
    "rm": {"recursive", "quiet"},
    "ls": {"recursive"},
}
# https://docs.aws.amazon.com/cli/latest/reference/cloudformation/deploy/
DEPLOY = {"stack-name", "template-file", "s3-bucket", "s3-prefix", "capabilities", "no-fail-on-empty-changeset", "tags"}
ANYWHERE = test_runbooks.ANYWHERE | {"profile", "no-cli-pager"}


@cache
def of_aws(service, operation, *more):
    """Options of a command of the AWS CLI."""
    if service == "s3":
        return S3[operation] | ANYWHERE
    if service == "configure":  # asks a person
        return set()
    if (service, operation) == ("cloudformation", "deploy"):
        return DEPLOY | ANYWHERE
    if operation == "wait":
        session = botocore.session.get_session()
        waiters = session.get_waiter_model(service)
        known = {botocore.xform_name(name, "-"): name for name in waiters.waiter_names}
        assert more[0] in known, f"aws {service} wait {more[0]}"
        return of_aws(service, botocore.xform_name(waiters.get_waiter(known[more[0]]).operation, "-"))
    return test_runbooks.options(service, operation) | ANYWHERE


@each(but=["runbooks"])  # whose tests do the same
def test_every_aws_command_exists_with_its_options(pages):
    for path in pages:
        for words in aws(path):
            service, operation, *rest = words[1:]
            known = of_aws(service, operation, *rest[:1])
            for word in rest:
                if word.startswith("--"):
                    assert word.removeprefix("--") in known, " ".join(words)
            if "--query" in rest:
                jmespath.compile(rest[rest.index("--query") + 1])


def aws(path):
    """Words of every ``aws`` command, those inside other commands included."""
    for line in [*lines(path), *(words for words in quoted(path) if words.startswith("aws "))]:
        for start in re.finditer(r"(?<![\w/-])aws (?=[a-z0-9-]+ [a-z])", line):
            own = re.sub(r"\$\([^)]*\)+", "x", test_runbooks._until_closed(line[start.start() :]))
            lexer = shlex.shlex(own, posix=True, punctuation_chars=";|&")
            lexer.whitespace_split = True
            lexer.commenters = "#"
            yield list(itertools.takewhile(lambda word: not set(word) <= set(";|&"), lexer))


@each()
def test_every_output_that_a_command_reads_is_exported(pages):
    for path in pages:
        there = {
            output["Export"]["Name"].removeprefix("holdfast-production:")
            for stack in rendered("PRODUCTION").values()
            for output in stack.get("Outputs", {}).values()
        }
        read = re.findall(r"value_of \S+ (\w+:\w+)", text(path))

        assert set(read) <= there


# ---- examples --------------------------------------------------------------------------------------------------------


@each()
def test_every_settings_file_is_one(pages, tmp_path):
    for path in pages:
        for language, content in blocks(path):
            if language == "toml":
                table = tomllib.loads(content)
                assert table.get("version") == 2, f"{named(path)}: say version = 2"
                (tmp_path / "acme.toml").write_text(content)
                settings_file.load(tmp_path / "acme.toml")


@each()
def test_every_piece_of_python_compiles_and_of_json_parses(pages):
    for path in pages:
        for language, content in blocks(path):
            if language == "python":
                compile(content, named(path), "exec")
            elif language == "json":
                json.loads(content)
            assert language in {"", "console", "json", "markdown", "python", "sh", "sql", "text", "toml"}, language
