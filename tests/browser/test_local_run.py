"""The console on the local run: emitted templates, real tokens, a real database, from sign-in to a proved point."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest
from pages import Watched
from playwright.sync_api import Browser, Page, expect

from blueprints.request import Request
from deployment.progress import Progress
from sandbox import run, seed
from sandbox.people import Person
from sandbox.run import Story

PATIENCE = 60_000  # ms for a run that takes some seconds


@dataclass
class Local:
    """The local run, and somebody who may log in."""

    story: Story
    person: Person


@pytest.fixture(scope="module")
def local() -> Iterator[Local]:
    with Progress(io.StringIO(), live=False) as progress, run.story(Request("sandbox"), progress) as story:
        story.deploy()
        person = story.open()
        story.fill(1, seed.ZOO)
        yield Local(story, person)


@pytest.fixture
def page(browser: Browser, local: Local) -> Iterator[Page]:
    """A page as the viewer's: the time is real here, and so are policy and tokens."""
    context = browser.new_context()
    page = context.new_page()
    watched = Watched(page)
    # The login page is not ours, and the embedded AWS can revoke no token
    watched.expected += ["/favicon.ico", "/oauth2/revoke"]
    yield page
    context.close()
    assert watched.faults == []
    port = urlsplit(local.story.engine.endpoint).port
    assert all(
        re.fullmatch(rf"http://([\w.-]+\.localhost|127\.0\.0\.1|localhost):{port}", each) for each in watched.origins
    )


def test_an_operator_signs_in_starts_a_recovery_point_and_sees_it_verified(page: Page, local: Local) -> None:
    (database,) = [login.name for login in local.story.logins]
    page.goto(local.story.api.console)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_label("Username").fill(local.person.name)
    page.get_by_label("Password").fill(local.person.password)
    page.get_by_role("button", name="Sign in").click()

    expect(page.get_by_role("heading", level=1)).to_have_text(f"{database} is unprotected")
    expect(page.get_by_text(local.person.name)).to_be_visible()
    tile = page.get_by_role("article", name=database)
    tile.get_by_role("button", name="Start a recovery point").click()
    expect(tile.locator(".activity")).to_be_visible()
    page.reload()
    expect(tile.locator(".activity")).to_contain_text("Verified", timeout=PATIENCE)
    expect(page.get_by_role("heading", level=1)).to_have_text(f"{database} is protected")
    expect(tile.get_by_role("timer")).to_be_visible()

    page.locator("a.point-link").first.click()
    dialog = page.get_by_role("dialog")
    expect(dialog.locator(".levels li.reached")).to_have_count(3)
    expect(dialog.locator("tr", has_text="Done")).to_have_count(5)
    dialog.get_by_text("Facts").last.click()
    expect(dialog.get_by_text("Locked until")).to_be_visible()
    page.keyboard.press("Escape")

    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
