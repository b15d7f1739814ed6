"""The changelog is in the form of Keep a Changelog, and tells what a person must do for each release."""

import re
import tomllib
from datetime import date
from pathlib import Path

import pytest

from blueprints import settings_versions
from handlers.core import ledger_versions

ROOT = Path(__file__).resolve().parents[2]
CHANGELOG = (ROOT / "CHANGELOG.md").read_text()
# https://keepachangelog.com/en/1.1.0/ (types of changes), and what a person must do.
SECTIONS = ["Added", "Changed", "Deprecated", "Removed", "Fixed", "Security", "Upgrading"]


def releases():
    """(version, date, text) of each release, newest first; what is unreleased has no date."""
    parts = re.split(r"^## (.+)$", CHANGELOG, flags=re.MULTILINE)[1:]
    for title, text in zip(parts[::2], parts[1::2], strict=True):
        version, _, day = title.partition(" - ")
        yield version, day, text


RELEASES = list(releases())
UNRELEASED, *DONE = RELEASES


def sections(text):
    parts = re.split(r"^### (.+)$", text, flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


def number(version):
    assert re.fullmatch(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)", version), f"{version} is no semantic version"
    return tuple(map(int, version.split(".")))


def test_what_is_unreleased_comes_first_and_the_newest_release_is_this_one():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

    assert UNRELEASED[:2] == ("Unreleased", "")
    assert DONE[0][0] == project["version"]


def test_releases_come_newest_first_each_once_and_with_its_day():
    numbers = [number(version) for version, _, _ in DONE]
    days = [date.fromisoformat(day) for _, day, _ in DONE]

    assert numbers == sorted(set(numbers), reverse=True)
    assert days == sorted(days, reverse=True)


@pytest.mark.parametrize("release", RELEASES, ids=lambda release: release[0])
def test_a_release_is_told_in_known_sections_in_their_order_and_none_is_empty(release):
    version, _, text = release
    found = sections(text)

    assert list(found) == [name for name in SECTIONS if name in found]
    assert found or version == "Unreleased"
    assert all(re.search(r"^- \S", said, re.MULTILINE) for said in found.values())


def test_each_version_of_settings_and_ledger_is_told_once():
    """The first of each with what is new; each later one where a person looks for what to do."""
    for what, newest in (("ettings version", settings_versions.CURRENT), ("edger version", ledger_versions.CURRENT)):
        told = [sections(text).get("Upgrading", "") for _, _, text in RELEASES]
        for version in range(2, newest + 1):
            assert sum(bool(re.search(rf"^- \w{what} {version}\b", text, re.MULTILINE)) for text in told) == 1, version
        assert len(re.findall(rf"{what} 1\b", sections(DONE[-1][2])["Added"])) == 1


def test_each_renamed_setting_is_told_where_a_person_looks_for_what_to_do():
    upgrading = "\n".join(sections(text).get("Upgrading", "") for _, _, text in RELEASES)

    for names in settings_versions.FORMER.values():
        for old, new in names.items():
            assert f"`{new}` instead of `{old}`" in upgrading


def test_each_link_of_it_leads_somewhere():
    for path, anchor in re.findall(r"\]\((?!https?:)([^)#]+)#?([^)]*)\)", CHANGELOG):
        page = ROOT / path
        assert page.is_file(), path
        titles = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
        known = {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
        assert not anchor or anchor in known, f"{path}#{anchor}: {sorted(known)}"
