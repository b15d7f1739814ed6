"""What the page says when it can't know: what happened, what to do, and since when what it shows is old."""

from __future__ import annotations

import pytest
from fake_catalogue import history
from fakes import LOST, World
from pages import Console, later
from playwright.sync_api import Page, expect


@pytest.mark.usefixtures("failing")
def test_an_api_that_goes_away_and_comes_back_is_said_and_nothing_is_lost(console: Console, world: World) -> None:
    world.catalogue.protect("orders")
    page = console()
    expect(page.get_by_role("heading", level=1)).to_have_text("orders is protected")
    world.fail("*", LOST)
    later(page, 31)
    notice = page.get_by_role("region", name="Connection")
    expect(notice).to_contain_text("The API can't be reached")
    expect(notice).to_contain_text("Shown is what was known 1 min ago")
    expect(page.get_by_role("status")).to_have_text("The API can't be reached")
    expect(page.get_by_role("heading", level=1)).to_have_text("orders is protected")
    world.mend()
    later(page, 10)
    expect(notice).to_have_count(0)
    expect(page.get_by_role("status")).to_have_text("The API answers again.")


@pytest.mark.usefixtures("failing")
def test_an_api_that_can_not_be_reached_at_first_is_said_and_tried_again(console: Console, world: World) -> None:
    world.fail("*", LOST)
    page = console()
    expect(page.get_by_role("heading", level=1)).to_have_text("The API can't be reached")
    world.mend()
    world.catalogue.protect("orders")
    page.get_by_role("button", name="Try again").press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("orders is protected")
    expect(page.get_by_role("main")).to_be_focused()  # the button is gone; the next Tab starts here, not at the top


ANSWERS = [
    (500, {"title": "Something failed here", "request_id": "r-7"}, "Name the request r-7"),
    (503, {}, "not available at the moment"),
    (429, {}, "Too many requests"),
    (403, {"title": "Forbidden"}, "scope holdfast/backups:read"),
    (401, {"title": "Unauthorized"}, "scope holdfast/backups:read"),
]


@pytest.mark.usefixtures("failing")
def test_what_the_api_answers_instead_is_said_in_words(console: Console, world: World) -> None:
    world.fail("*", LOST)
    page = console()
    for status, problem, said in ANSWERS:
        expect(page.get_by_role("button", name="Try again")).to_be_visible()
        world.fail("*", status, problem)
        page.get_by_role("button", name="Try again").click()
        expect(page.get_by_role("main")).to_contain_text(said)


@pytest.mark.usefixtures("failing")
def test_the_page_waits_as_long_as_it_is_asked_to(console: Console, world: World) -> None:
    world.catalogue.protect("orders")
    world.fail("*", 429, {}, Retry_After="50")
    page = console()
    expect(page.get_by_role("main")).to_contain_text("Wait 50 s")
    before = len(world.asked)
    later(page, 45)
    page.wait_for_timeout(100)
    assert len(world.asked) == before
    world.mend()
    later(page, 10)
    expect(page.get_by_role("heading", level=1)).to_have_text("orders is protected")


def test_an_answer_that_is_not_the_api_s_is_not_taken_for_an_empty_list(console: Console, world: World) -> None:
    world.nonsense = True
    page = console()
    expect(page.get_by_role("heading", level=1)).to_have_text("The answer is not one of this API's")


@pytest.mark.usefixtures("failing")
def test_older_points_that_do_not_come_are_said_below_the_list(console: Console, world: World) -> None:

    world.catalogue.protect("orders")
    world.catalogue.add(*history("orders", 25))
    page = console()
    expect(page.locator("li.point")).to_have_count(20)
    world.fail("*", LOST)
    page.get_by_role("button", name="Show older").click()
    expect(page.locator(".older")).to_contain_text("The API can't be reached")
    world.mend()
    page.get_by_role("button", name="Show older").click()
    expect(page.locator("li.point")).to_have_count(25)


@pytest.mark.parametrize(
    ("configuration", "said"),
    [
        (None, "the server answers 404"),
        ({"client_id": ""}, "client_id is missing"),
        ({"api": "http://api.example.com"}, "must be an https address"),
        ({"authority": "javascript:alert(1)"}, "must be an https address"),
    ],
)
@pytest.mark.usefixtures("failing")
def test_a_console_that_is_not_configured_says_what_is_wrong(
    page: Page, world: World, configuration: dict[str, str] | None, said: str
) -> None:
    world.configuration = configuration
    page.goto(world.console)
    expect(page.get_by_role("heading", level=1)).to_have_text("This console is not configured")
    expect(page.get_by_role("main")).to_contain_text(said)


def test_the_page_for_wrong_addresses_leads_back(page: Page, world: World) -> None:
    page.goto(f"{world.origins['site']}/error.html")
    page.get_by_role("link", name="Go to the console").click()
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
