"""Starting a recovery point, following it to its end, and everything that can come between."""

from __future__ import annotations

import pytest
from fake_catalogue import NOW, point
from fakes import LOST, World
from pages import Console, eventually, follow, later
from playwright.sync_api import Locator, Page, expect

MADE = "orders-20261122t0300z"


@pytest.fixture(autouse=True)
def _orders(world: World) -> None:
    world.catalogue.protect("orders")


def tile(page: Page) -> Locator:
    return page.get_by_role("article", name="orders", exact=True)


def start(page: Page) -> None:
    page.get_by_role("button", name="Start a recovery point of orders", exact=True).click()


def posts(world: World) -> int:
    return world.asked.count("POST /recovery-points")


def looks(world: World) -> int:
    return world.asked.count(f"GET /recovery-points/{MADE}")


def test_a_point_is_started_and_followed_until_it_is_verified(console: Console, world: World) -> None:
    world.catalogue.held = True
    page = console()
    start(page)
    expect(tile(page)).to_contain_text("Requested")
    expect(page.get_by_role("status")).to_have_text("Recovery point of orders requested.")
    for stage in ("Taking the snapshot", "Exporting every table", "Checking the export", "Copying", "Comparing"):
        world.catalogue.go_on(MADE)
        follow(page, tile(page), stage)
    world.catalogue.go_on(MADE)
    follow(page, tile(page).locator(".activity"), "Verified")
    expect(page.get_by_role("status")).to_have_text("Recovery point of orders: verified.")
    expect(page.locator("a.point-link").first).to_have_attribute("href", f"#point={MADE}")
    expect(tile(page).get_by_role("timer")).to_contain_text("s")  # the clock begins anew
    expect(tile(page)).to_contain_text("Today 04:00")
    before = looks(world)
    later(page, 31)
    eventually(page, lambda: sorted(world.asked[-2:]) == ["GET /databases", "GET /recovery-points"])
    assert looks(world) == before  # what has ended is not asked for again


def test_a_reload_goes_on_following(console: Console, world: World) -> None:
    world.catalogue.held = True
    page = console()
    start(page)
    expect(tile(page)).to_contain_text("Requested")
    page.reload()
    expect(tile(page)).to_contain_text("Requested")  # the lists of the API don't know such a point yet
    world.catalogue.held = False
    follow(page, tile(page).locator(".activity"), "Verified")


def test_two_clicks_are_one_request(console: Console, world: World) -> None:
    page = console()
    page.get_by_role("button", name="Start a recovery point of orders").dblclick()
    expect(tile(page).locator(".activity .status")).to_be_visible()
    assert posts(world) == 1


def test_what_fails_is_said_with_its_reason(console: Console, world: World) -> None:
    world.catalogue.held = True
    page = console()
    start(page)
    expect(tile(page)).to_contain_text("Requested")
    cause = "snapshot exists and is of another database: delete or rename it"
    world.catalogue.add(point("orders", NOW, "failed", error={"name": "SnapshotRefused", "cause": cause}))
    follow(page, tile(page).locator(".activity"), "Failed")
    expect(page.locator("li.point").first).to_contain_text(cause)


REFUSALS = [
    (401, {"title": "Unauthorized"}, ["does not accept your sign-in", "scope holdfast/backups:write"]),
    (403, {"title": "Forbidden"}, ["Forbidden", "scope holdfast/backups:write"]),
    (404, {"title": "Not found", "detail": "There is no database here"}, ["There is no database", "check the tag"]),
    (409, {"title": "Conflict", "detail": "They are made in eu-west-1"}, ["made in eu-west-1", "Nothing was started"]),
    (429, {"title": "Too many requests"}, ["Too many requests", "Wait 12 s"]),
    (503, {"title": "Unavailable"}, ["not available", "Wait 12 s"]),
    (500, {"title": "Failed", "request_id": "r-1"}, ["Failed", "Name the request r-1"]),
]


@pytest.mark.usefixtures("failing")
def test_a_refusal_is_said_in_words_with_what_to_do(console: Console, world: World) -> None:
    page = console()
    for status, problem, said in REFUSALS:
        world.fail("POST /recovery-points", status, problem, Retry_After="12")
        start(page)
        for part in said:
            expect(tile(page).locator(".activity")).to_contain_text(part)
        expect(page.get_by_role("status")).to_contain_text("orders: ")
    expect(page.get_by_role("region", name="Connection")).to_have_count(0)  # the rest of the page is well


@pytest.mark.usefixtures("failing")
def test_a_lost_answer_is_asked_for_again_with_the_same_key(console: Console, world: World) -> None:
    page = console()
    world.lose_answers = True
    start(page)
    expect(tile(page)).to_contain_text("the request may have arrived or not")
    world.mend()
    tile(page).get_by_role("button", name="Try again").press("Enter")
    expect(tile(page).locator(".activity .status")).to_be_visible()
    assert len(world.catalogue.keys) == 1  # carried out once, although browsers themselves repeat what died so, too
    expect(tile(page).get_by_role("button", name="Start a recovery point of orders")).to_be_focused()


@pytest.mark.usefixtures("failing")
def test_after_a_refusal_for_good_the_next_request_is_another(console: Console, world: World) -> None:
    keys: set[str] = set()
    page = console()
    page.on("request", lambda request: request.method == "POST" and keys.add(request.headers["idempotency-key"]))
    world.fail("POST /recovery-points", 409, {"detail": "not here"})
    start(page)
    expect(tile(page)).to_contain_text("not here")
    expect(tile(page).get_by_role("button", name="Try again")).to_have_count(0)
    world.mend()
    start(page)
    expect(tile(page).locator(".activity .status")).to_be_visible()
    assert len(keys) == 2


def test_looks_become_rarer_while_nothing_changes(console: Console, world: World) -> None:
    world.catalogue.held = True
    page = console()
    start(page)
    page.evaluate("""() => {
        const real = setTimeout;
        window.waits = [];
        window.setTimeout = (what, wait) => (waits.push(wait), real(what, wait));
    }""")
    for _ in range(9):
        before = looks(world)
        while looks(world) == before:
            later(page, 16)
            page.wait_for_timeout(20)
    waits = page.evaluate("waits")
    rarer = [wait for wait in waits if wait not in {10_000, 50}]  # without looks at everything, and words for the ear
    assert rarer == sorted(rarer)
    assert rarer[0] < 5_000
    assert rarer[-1] == 15_000


def test_nobody_is_asked_while_the_tab_is_hidden(console: Console, world: World) -> None:
    world.catalogue.held = True
    page = console()
    start(page)
    eventually(page, lambda: looks(world) >= 1)
    hide(page, hidden=True)
    page.wait_for_load_state("networkidle")
    before = len(world.asked)
    later(page, 300)
    page.wait_for_timeout(100)
    assert len(world.asked) == before
    world.catalogue.held = False
    hide(page, hidden=False)
    eventually(page, lambda: len(world.asked) > before)  # at once
    follow(page, tile(page).locator(".activity"), "Verified")


def hide(page: Page, *, hidden: bool) -> None:
    page.evaluate(
        """(hidden) => {
            Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden });
            document.dispatchEvent(new Event("visibilitychange"));
        }""",
        hidden,
    )


@pytest.mark.usefixtures("failing")
def test_a_network_that_comes_and_goes_ends_no_following(console: Console, world: World) -> None:
    page = console()
    world.catalogue.held = True
    start(page)
    expect(tile(page)).to_contain_text("Requested")
    world.fail("*", LOST)
    later(page, 10)
    notice = page.get_by_role("region", name="Connection")
    expect(notice).to_contain_text("The API can't be reached")
    world.mend()
    world.catalogue.held = False
    follow(page, tile(page).locator(".activity"), "Verified")
    expect(notice).to_have_count(0)


@pytest.mark.usefixtures("failing")
def test_a_run_that_nobody_can_find_any_more_is_no_endless_wait(console: Console, world: World) -> None:
    world.catalogue.held = True
    page = console()
    start(page)
    expect(tile(page)).to_contain_text("Requested")
    world.catalogue.points.pop(MADE)
    before = looks(world)
    later(page, 30)
    eventually(page, lambda: looks(world) > before)
    expect(tile(page)).to_contain_text("Requested")  # AWS may take a moment to know what it was asked
    follow(page, tile(page), "Its run can't be found", step=20)
