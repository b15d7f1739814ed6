"""What a deployment of one version does with a ledger of another."""

import itertools

import pytest

from handlers import migrate_ledger
from handlers.core import ledger_versions as versions
from handlers.core.ledger_versions import CURRENT, LedgerRefused, Version

AT = "2026-11-22T12:00:00Z"


@pytest.fixture
def third(monkeypatch):
    """As if there were a third version, which adds; gives its fourth, which old code can't read any more."""
    made = (*versions.VERSIONS[:2], Version(3, 1, "more rows"), Version(4, 3, "what only version 2 needed is gone"))
    monkeypatch.setattr(versions, "VERSIONS", made)
    monkeypatch.setattr(versions, "CURRENT", 4)
    return made[-1]


def row(version, since=1, **more):
    return {"version": version, "readable_since": since, "migrated_at": AT, **more}


def test_each_version_is_numbered_can_read_itself_and_has_its_step():
    assert [each.number for each in versions.VERSIONS] == list(range(1, CURRENT + 1))
    assert all(1 <= each.readable_since <= each.number for each in versions.VERSIONS)
    since = [each.readable_since for each in versions.VERSIONS]
    assert since == sorted(since)
    assert set(migrate_ledger.STEPS) == set(range(2, CURRENT + 1))


@pytest.mark.parametrize(
    ("now", "asked", "before", "todo"),
    [
        (None, 4, 1, [2, 3, 4]),  # a new ledger, or one of the first release
        (2, 4, 2, [3, 4]),  # an update
        (2, 4, 1, [2, 3, 4]),  # a stack that was made anew: nobody knows what wrote in between
        (4, 4, 2, [3, 4]),  # forward once more after a roll-back: version 2's code has written in between
        (4, 4, 4, []),  # as it was
        (2, 4, 4, [3, 4]),  # a ledger that was restored from a backup
        (3, 2, 3, []),  # a roll-back
        (3, 2, 1, [2]),  # old code on a newer ledger that it can read, in a stack made anew
    ],
)
def test_the_steps_are_those_that_neither_ledger_nor_code_had(third, now, asked, before, todo):  # noqa: ARG001
    assert versions.steps(now and row(now), asked, before) == todo


def test_a_ledger_that_is_too_new_is_refused_with_both_versions_and_the_cure(third):
    with pytest.raises(LedgerRefused) as refused:
        versions.steps(row(4, third.readable_since), 2, 4)

    assert str(refused.value) == (
        "the ledger is of version 4, which code of version 3 or newer can work with, and this deployment is of "
        "version 2: deploy a newer checkout (CHANGELOG.md says which)"
    )


def test_a_newer_ledger_that_old_code_can_read_is_not_refused(third):
    assert versions.steps(row(4, third.readable_since), 3, 4) == []


def test_the_roll_back_after_a_refusal_is_not_refused_whichever_code_is_asked(third, monkeypatch):
    """Version 2 was refused on a ledger of version 4; CloudFormation now asks for 4 again, "before" being 2."""
    assert versions.steps(row(4, third.readable_since), 4, 2) == [3, 4]
    monkeypatch.setattr(versions, "CURRENT", 2)  # the function has not been rolled back yet

    assert versions.steps(row(4, third.readable_since), 4, 2) == []


def test_an_archive_that_is_older_than_its_template_is_refused():
    with pytest.raises(LedgerRefused, match=rf"asks for version {CURRENT + 1} of the ledger.*knows {CURRENT} at most"):
        versions.steps(row(CURRENT), CURRENT + 1, CURRENT)


def test_no_roll_back_from_any_version_to_the_one_before_is_refused():
    """Or a failed deployment could not be undone: a version that takes away comes one release after code needs it not.

    Which version a ledger has when a deployment fails is not known, so each is tried.
    """
    for newer, older in itertools.pairwise(reversed(versions.VERSIONS)):
        ledger = row(newer.number, newer.readable_since)
        assert versions.steps(ledger, older.number, newer.number) == []


def test_an_item_keeps_what_a_newer_ledger_says_of_itself(third):
    newer = row(4, third.readable_since, progress={"to": 2, "id": "a", "scheduled_at": "1"})

    assert versions.item(newer, 2, "later") == row(4, third.readable_since)
    assert versions.item(row(3), 4, "later") == {
        "pk": "LEDGER", "sk": "VERSION", "version": 4, "readable_since": 3, "migrated_at": "later",
    }  # fmt: skip


def test_only_the_step_that_was_cut_short_is_resumed():
    half = versions.cut_short(None, 2, ("orders-1", "2026-10-06T12:00:00Z"), AT)

    assert (half["version"], half["readable_since"]) == (1, 1)
    assert versions.resumed(half, 2) == ("orders-1", "2026-10-06T12:00:00Z")
    assert versions.resumed(half, 3) is None
    assert versions.resumed(None, 2) is None
    assert "progress" not in versions.item(half, 2, AT)
