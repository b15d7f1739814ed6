"""A page of the console in a real browser; whatever it does, it must break no rule that holds for every page."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest
from chromium import ChromiumMissing, launched
from fake_catalogue import NOW
from fakes import World
from pages import Watched, watching
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright
from plumbing import Server, serving

expect.set_options(timeout=10_000)
DESK = {"width": 1280, "height": 900}


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        try:
            found = launched(playwright)
        except ChromiumMissing as missing:
            # There is none on PATH, none can be installed, and none of Playwright's own is there; the report says which
            # of these failed and what to do, since without a browser nothing here can be tested at all.
            pytest.skip(str(missing))
        yield found
        found.close()


@pytest.fixture(scope="session")
def origins() -> Iterator[dict[str, str]]:
    with serving("site", "api", "login") as origins:
        yield origins


@pytest.fixture
def world(origins: dict[str, str]) -> World:
    """Nothing is protected yet; everything answers."""
    world = World(origins)
    Server.plays = {"site": world.site, "api": world.api, "login": world.login}
    return world


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport=DESK, locale="en-GB", timezone_id="Europe/Berlin", reduced_motion="reduce")
    context.clock.install(time=NOW)  # it goes on from there, and tests may put it forward
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext, world: World) -> Iterator[Page]:
    """An empty page; at the end: no console error, no breach of the policy, nobody asked but ourselves."""
    page = context.new_page()
    watched = Watched(page)
    yield page
    del watching[page]
    assert watched.faults == []
    assert watched.origins <= set(world.origins.values())


@pytest.fixture
def failing(page: Page) -> None:
    """The test makes requests fail; the browser itself writes a line about each."""
    watching[page].expected.append("Failed to load resource")


@pytest.fixture
def signed_in(page: Page, world: World) -> Page:
    """A page that has signed in at the login and is back."""
    page.goto(world.console)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    return page


@pytest.fixture
def console(context: BrowserContext, page: Page, world: World) -> Callable[..., Page]:
    """Opens the console for somebody who has signed in before."""

    def opened(at: str = "") -> Page:
        site, tokens = json.dumps(world.origins["site"]), json.dumps(json.dumps(world.grant()))
        context.add_init_script(f"""
            if (location.origin === {site} && !sessionStorage.getItem("begun")) {{
                sessionStorage.setItem("begun", "yes");
                sessionStorage.setItem("holdfast.tokens", {tokens});
            }}
        """)
        page.goto(world.console + at)
        expect(page.get_by_role("button", name="Sign out")).to_be_visible()
        return page

    return opened
