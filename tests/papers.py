"""The papers as tests read them: pages, their prose, their tables, their blocks, and the commands in those."""

import re
import shlex
from argparse import ArgumentParser, _SubParsersAction
from functools import cache
from pathlib import Path

import pytest

from blueprints import request
from blueprints.costs import command as costs
from deployment import command
from sandbox import cli

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PAPERS = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])


def named(path):
    return path.relative_to(ROOT).as_posix()


def each(*, but=()):
    """Run the test for each page, as argument ``pages``; decisions and runbooks, which are many, in one go each."""
    groups = {}
    for path in PAPERS:
        if path.name not in but and path.parent.name not in but:
            groups.setdefault(named(path if path.parent in (ROOT, DOCS) else path.parent), []).append(path)
    return pytest.mark.parametrize("pages", list(groups.values()), ids=list(groups))


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


@cache
def known_tests():
    """Names of all tests."""
    return {
        name
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^def (test_\w+)", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    }


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


@cache
def parsers():
    """The parser of each command of ours, by what is typed before its options."""
    found = {"python build.py": request.parser(), "python -m sandbox": cli.parser(), "tox -e local --": cli.parser()}
    found["python build.py cost"] = costs.parser()
    (verbs,) = [action for action in command.parser()._actions if isinstance(action, _SubParsersAction)]
    return found | {f"python build.py {verb}": parser for verb, parser in verbs.choices.items()}


def verb_of(words):
    """The longest beginning of a command that has a parser."""
    line = " ".join(words)
    return next((key for key in sorted(parsers(), key=len, reverse=True) if f"{line} ".startswith(f"{key} ")), None)


def options(parser: ArgumentParser):
    """Long options that it takes."""
    every = {option for action in parser._actions for option in action.option_strings}
    return {option for option in every if option.startswith("--")} - {"--help"}
