"""The papers say what is so: every link leads somewhere, every name exists, and everything that there is is told."""

import json
import re
from functools import cache

from watching import alarms, page

import build
import workflows
from blueprints import settings_versions
from blueprints.settings import Settings
from tests.papers import (
    DOCS,
    ROOT,
    each,
    known_tests,
    names,
    options,
    parsers,
    prose,
    quoted,
    rows,
    section,
    text,
)

# What a how-to makes the reader write: there as soon as somebody has followed it.
TO_BE_MADE = {"docs/runbooks/exports-wait.md": "add-an-alarm.md", "handlers/resources/notes.py": "add-a-resource.md"}
OF_THE_READER = {"acme.toml", "acme2.toml", "config.json"}

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
def test_every_link_leads_somewhere(pages):
    for path in pages:
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
def test_every_file_that_is_named_is_there(pages):
    for path in pages:
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


def test_what_is_to_be_made_is_named_by_its_how_to():
    for name, where in TO_BE_MADE.items():
        assert name in text(DOCS / where)


@each()
def test_every_test_that_is_named_is_there(pages):
    for path in pages:
        for words in quoted(path):
            if re.fullmatch(r"test_\w+", words):
                assert words in known_tests(), f"`{words}`"


@each(but=["settings.md"])  # which has tests of its own
def test_every_setting_that_is_named_is_there(pages):
    for path in pages:
        tables = {name: getattr(Settings(stage="x"), name) for name in Settings.__dataclass_fields__}
        hints = {"domain": {"name", "zone_id"}, "federation": {"name", "metadata_url"}}
        for words in quoted(path):
            found = re.fullmatch(r"(\w+)\.(\w+)( = .+)?", words)
            if found and found[1] in tables and found[2] != "*":
                known = hints.get(found[1]) or {
                    *vars(tables[found[1]]),
                    *settings_versions.FORMER.get(f"{found[1]}.", {}),
                }
                assert found[2] in known, f"`{words}`"


@each(but=["settings.md"])  # which has tests of its own
def test_every_decision_is_called_by_its_number(pages):
    for path in pages:
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


def test_every_command_is_told_with_its_options():
    told = {}
    for row in rows(DOCS / "deploy.md", "The commands")[1:]:
        told.setdefault(names(row[0])[0], set()).update(
            name.split()[0] for name in names(row[1]) if name.startswith("--")
        )
    there = {name: options(parser) for name, parser in parsers().items() if name.startswith("python build.py")}

    assert told == there
