"""The papers say what is so: every link leads somewhere, every name exists, every command and every example can be used."""

import configparser
import itertools
import json
import re
import shlex
import subprocess
import tomllib
from argparse import ArgumentParser, _SubParsersAction
from functools import cache
from pathlib import Path

import botocore.session
import jmespath
import pytest
import test_runbooks
from rendering import OPTIONS, rendered
from watching import alarms, page

import build
import workflows
from blueprints import settings_file, settings_versions
from blueprints.settings import Settings
from deployment import command
from sandbox import cli

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAPERS = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])
HAND_MADE = [path for path in PAPERS if path.name != "settings.md"]  # settings.md has tests of its own
# What a how-to makes the reader write; it exists on no page but this.
TO_BE_MADE = {"docs/runbooks/exports-wait.md": "add-an-alarm.md", "handlers/resources/notes.py": "add-a-resource.md"}
OF_THE_READER = {"acme.toml", "acme2.toml", "config.json"}


def named(path):
    return path.relative_to(ROOT).as_posix()


def each(paths=PAPERS):
    return pytest.mark.parametrize("path", [pytest.param(path, id=named(path)) for path in paths])


@cache
def text(path):
    return path.read_text(encoding="utf-8")


@cache
def blocks(path):
    """(language, content) of every fenced block, without the indentation of the list that it stands in."""
    found, fence, kept = [], "", []
    for line in text(path).splitlines():
        mark = re.match(r"^( *)(`{3,})(\w*)$", line)
        if not fence and mark:
            margin, fence, language, kept = *mark.groups(), []
        elif fence and line.strip() == fence:
            found.append((language, "\n".join(kept) + "\n"))
            fence = ""
        elif fence:
            kept.append(line.removeprefix(margin))
    assert not fence, f"{named(path)}: a block that never ends"
    return found


@cache
def prose(path):
    """The page without its fenced blocks."""
    return re.sub(r"^( *)(`{3,})\w*\n.*?^\1\2$", "", text(path), flags=re.DOTALL | re.MULTILINE)


def quoted(path):
    """What stands in backticks, but for placeholders."""
    return [" ".join(words.split()) for words in re.findall(r"(?<!`)`([^`]+)`(?!`)", prose(path))]


def section(path, heading):
    """Text below *heading* of a page."""
    parts = re.split(rf"^#+ {re.escape(heading)}$", text(path), flags=re.MULTILINE)
    assert len(parts) == 2, f"{named(path)} has no heading {heading!r}"
    return re.split(r"^#+ ", parts[1], flags=re.MULTILINE)[0]


def rows(path, heading):
    """Cells of the tables below *heading* of a page."""
    lines = [line for line in section(path, heading).splitlines() if line.startswith("|")]
    return [
        [cell.strip() for cell in line.strip("|").split(" | ")] for line in lines if not re.match(r"^\|[-| ]+$", line)
    ]


def names(cell):
    return re.findall(r"`([^`]+)`", cell)


# ---- links and names -------------------------------------------------------------------------------------------------


@cache
def anchors(path):
    """What can follow ``#`` in an address of the page, as GitHub makes it of headings."""
    found = []
    for heading in re.findall(r"^#+ (.+)$", prose(path), flags=re.MULTILINE):
        plain = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).replace("`", "")
        slug = re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-")
        found.append(f"{slug}-{found.count(slug)}" if slug in found else slug)
    return found


@each()
def test_every_link_leads_somewhere(path):
    for target in re.findall(r"\]\((?!https?:)([^)\s]+)\)", prose(path)):
        where, _, anchor = target.partition("#")
        led = (path.parent / where).resolve() if where else path
        assert led.exists(), f"{target}: no such file"
        assert not anchor or anchor in anchors(led), f"{target}: no such heading"


@cache
def file_names():
    """Names of all files of the repository's own folders."""
    folders = [each for each in ROOT.iterdir() if each.is_dir() and not each.name.startswith((".", "__"))]
    return {each.name for folder in folders for each in folder.rglob("*.*")} | {each.name for each in ROOT.iterdir()}


@each()
def test_every_file_that_is_named_is_there(path):
    for words in quoted(path):
        name = words.split()[-1] if words.startswith(("python ", "./")) else words
        if not re.fullmatch(r"[\w./-]+(\.(py|md|json|ya?ml|toml|ini|txt|svg|html|js|css)|/)", name):
            continue
        if TO_BE_MADE.get(name) == path.name or name in OF_THE_READER or name.startswith(("/aws/", "/")):
            continue
        if "/" in name:
            assert (ROOT / name).exists() or (path.parent / name).exists(), f"`{name}`"
        else:
            assert name in file_names(), f"`{name}`"


def test_what_is_to_be_made_is_not_there_yet():
    for name, where in TO_BE_MADE.items():
        assert not (ROOT / name).exists()
        assert name in text(DOCS / where)


@cache
def known_tests():
    """Names of all tests."""
    return {
        name
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^def (test_\w+)", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    }


@each()
def test_every_test_that_is_named_is_there(path):
    for words in quoted(path):
        if re.fullmatch(r"test_\w+", words):
            assert words in known_tests(), f"`{words}`"


@each(HAND_MADE)
def test_every_setting_that_is_named_is_there(path):
    tables = {name: getattr(Settings(stage="x"), name) for name in Settings.__dataclass_fields__}
    hints = {"domain": {"name", "zone_id"}, "federation": {"name", "metadata_url"}}
    for words in quoted(path):
        found = re.fullmatch(r"(\w+)\.(\w+)( = .+)?", words)
        if found and found[1] in tables and found[2] != "*":
            known = hints.get(found[1]) or {*vars(tables[found[1]]), *settings_versions.FORMER.get(f"{found[1]}.", {})}
            assert found[2] in known, f"`{words}`"


@each(HAND_MADE)
def test_every_decision_is_called_by_its_number(path):
    for number, target in re.findall(r"\[(?:ADR )?(\d+)\]\(((?:\.\./)*(?:docs/)?decisions/[^)]+)\)", prose(path)):
        assert f"{int(number):04}-" in target, target


def test_the_map_has_every_page():
    linked = {
        (DOCS / target.partition("#")[0]).resolve() for target in re.findall(r"\]\(([^)]+)\)", text(DOCS / "README.md"))
    }

    assert {path.resolve() for path in DOCS.glob("*.md")} - linked == {(DOCS / "README.md").resolve()}


def test_every_decision_is_listed_with_its_title():
    listed = dict(
        re.findall(
            r"^\d+\. \[(.+)\]\((.+)\)$", section(DOCS / "trade-offs.md", "The decisions by number"), re.MULTILINE
        )
    )
    titles = {
        text(path).splitlines()[0].split(". ", 1)[1]: f"decisions/{path.name}"
        for path in (DOCS / "decisions").iterdir()
    }

    assert listed == titles


# ---- everything is told ----------------------------------------------------------------------------------------------


def test_every_stack_is_told_with_its_regions():
    told = {names(row[0])[0]: row[1] for row in rows(DOCS / "deploy.md", "The stacks")[1:]}
    where = {"site": "us-east-1", "stacksets": "primary"}

    assert list(told) == list(build.STACKS)
    assert told == {name: where.get(name, "both") for name in build.STACKS}


def test_every_machine_is_told():
    told = {names(row[0])[0] for row in rows(DOCS / "operations.md", "The machines")[1:]}

    assert told == {f"$P-{name}" for name in workflows.names()}


def test_every_event_is_told_with_its_schema():
    titles = {json.loads(path.read_text())["title"]: path.name for path in (DOCS / "events").iterdir()}
    told = re.findall(r"\[`([^`]+)`\]\(events/([^)]+)\)", section(DOCS / "operations.md", "The events"))

    assert dict(told) == titles


def test_every_alarm_is_told_with_its_page_and_its_regions():
    told = {}
    for row in rows(DOCS / "operations.md", "When an alarm rings")[1:]:
        for name in names(row[0]):
            told[name.replace("<queue>", "")] = (re.search(r"runbooks/(.+)\.md", row[2])[1], row[1].partition(",")[0])
    there = {}
    for it in alarms():
        name = it.properties["AlarmName"]
        name = (name if isinstance(name, str) else name["Fn::Sub"].partition("${")[0]).removeprefix(
            f"{it.settings.prefix}-"
        )
        there[name] = (page(it), "primary" if "Condition" in it.resource else "both")

    assert told == there


def of_build():
    k = ArgumentParser()
    k.add_argument("--settings")
    k.add_argument("--package")
    k.add_argument("--check", action="store_true")
    k.add_argument("--stage")
    return k


def parsers():
    """The parser of each command, by what is typed before its options."""
    found = {"python build.py": of_build(), "python -m sandbox": cli.parser(), "tox -e local --": cli.parser()}
    (verbs,) = [action for action in command.parser()._actions if isinstance(action, _SubParsersAction)]
    return found | {f"python build.py {verb}": parser for verb, parser in verbs.choices.items()}


def options(parser: ArgumentParser):
    return {option for action in parser._actions for option in action.option_strings if option.startswith("--")} - {
        "--help"
    }


def test_every_command_is_told_with_its_options():
    told = {}
    for row in rows(DOCS / "deploy.md", "The commands")[1:]:
        told.setdefault(names(row[0])[0], set()).update(
            name.split()[0] for name in names(row[1]) if name.startswith("--")
        )
    there = {name: options(parser) for name, parser in parsers().items() if name.startswith("python build.py")}

    assert told == there


# ---- commands --------------------------------------------------------------------------------------------------------


def lines(path):
    """Every command of a page's consoles and shells."""
    for language, content in blocks(path):
        joined = content.replace("\\\n", " ").splitlines()
        if language == "console":
            yield from (line.removeprefix("$ ") for line in joined if line.startswith("$ "))
        elif language == "sh":
            yield from joined


def parts(line):
    """The commands of a line that are ours, with their words."""
    for one in re.split(r"&&|\|\||;", line):
        if re.match(r"\s*(python|tox)\b", one):
            yield shlex.split(one, comments=True)


# Which test runs a command, as it stands or with a file of its own. What tox runs is run by tox; that the environments
# are there is all that can be tested inside of one.
RUN_BY = {
    "python build.py": "test_the_command_emits_everything",
    "python build.py deploy": "",
    "python build.py status": "",
    "python build.py destroy": "",
    "python build.py cost": "",
    "python -m sandbox": "test_the_sample_data_is_verified_by_one_command",
}


@cache
def environments():
    """Names that ``tox -e`` takes."""
    tox = configparser.ConfigParser()
    tox.read(ROOT / "tox.ini")
    return {name.removeprefix("testenv:") for name in tox.sections()} | set(tox["tox"]["env_list"].split(", "))


@each()
def test_every_command_of_ours_is_one(path, capsys):
    for line in lines(path):
        for words in parts(line):
            if words[0] == "tox":
                assert words[1:2] in ([], ["-e"]), line
                assert set(words[2:3]) <= environments(), line
                if words[2:3] == ["local"]:
                    cli.parse(words[4:])
            elif words[0] == "python" and words[1] != "-c":
                verb = verb_of(words)
                try:
                    parsers()[verb].parse_args(words[len(verb.split()) :])
                except SystemExit:
                    pytest.fail(f"{line}: {capsys.readouterr().err}")


@each()
def test_what_is_said_of_commands_in_passing_names_verbs_options_and_environments_that_there_are(path):
    for words in map(str.split, quoted(path)):
        if words[:2] == ["tox", "-e"]:
            assert words[2] in environments(), words
        elif words[0] == "python" and words[1] in ("build.py", "-m"):
            if verb_of(words):
                said = {word for word in words if word.startswith("--")}
                assert said <= options(parsers()[verb_of(words)]), words
        elif words[0].startswith("--") and path.name == "deploy.md":
            assert words[0] in set().union(*map(options, parsers().values())), words


def verb_of(words):
    """The longest beginning of a command that has a parser."""
    line = " ".join(words)
    return next((key for key in sorted(parsers(), key=len, reverse=True) if f"{line} ".startswith(f"{key} ")), None)


def test_every_command_of_ours_is_run_by_some_test():
    assert set(RUN_BY) == {name for name in parsers() if name.startswith("python")}
    for name, test in RUN_BY.items():
        assert test in known_tests(), f"{name}: nobody runs it"


@each()
def test_every_shell_block_is_one(path):
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
ANYWHERE = test_runbooks.ANYWHERE | {"profile", "no-cli-pager"}


@cache
def of_aws(service, operation, *more):
    """Options of a command of the AWS CLI."""
    if service == "s3":
        return S3[operation] | ANYWHERE
    if operation == "wait":
        session = botocore.session.get_session()
        waiters = session.get_waiter_model(service)
        known = {botocore.xform_name(name, "-"): name for name in waiters.waiter_names}
        assert more[0] in known, f"aws {service} wait {more[0]}"
        return of_aws(service, botocore.xform_name(waiters.get_waiter(known[more[0]]).operation, "-"))
    return test_runbooks.options(service, operation) | ANYWHERE


@each([path for path in PAPERS if path.parent.name != "runbooks"])  # whose tests do the same
def test_every_aws_command_exists_with_its_options(path):
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
def test_every_output_that_a_command_reads_is_exported(path):
    there = {
        output["Export"]["Name"].removeprefix("holdfast-production:")
        for stack in rendered("PRODUCTION").values()
        for output in stack.get("Outputs", {}).values()
    }
    read = re.findall(r"value_of \S+ (\w+:\w+)", text(path))

    assert set(read) <= there


# ---- examples --------------------------------------------------------------------------------------------------------


@each()
def test_every_settings_file_is_one(path, tmp_path):
    for language, content in blocks(path):
        if language == "toml":
            table = tomllib.loads(content)
            assert table.get("version") == 2, f"{named(path)}: say version = 2"
            (tmp_path / "acme.toml").write_text(content)
            settings_file.load(tmp_path / "acme.toml")


@each()
def test_every_piece_of_python_compiles_and_of_json_parses(path):
    for language, content in blocks(path):
        if language == "python":
            compile(content, named(path), "exec")
        elif language == "json":
            json.loads(content)
        assert language in {"", "console", "json", "markdown", "python", "sh", "sql", "text", "toml"}, language
