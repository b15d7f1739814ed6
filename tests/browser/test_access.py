"""The console by keyboard, by ear, on a phone, in the dark, without motion, on paper."""

from __future__ import annotations

from datetime import timedelta
from itertools import product

import pytest
from fake_catalogue import NOW, point
from fakes import LOST, World
from looking import faint_texts, faults, focused, overhang, shows_its_focus
from pages import Console, eventually, follow, later
from playwright.sync_api import Browser, Page, expect

DESK = {"width": 1280, "height": 900}
PHONE = {"width": 320, "height": 640}  # the smallest that WCAG 1.4.10 asks for; phones have 360
FAILED = "orders-of-a-very-long-name-that-no-column-has-room-for-20261122t0200z"
PARTIAL = "customers-20261122t0200z"


def fill(world: World) -> None:
    """Something of everything that can be shown."""
    problem = {"subject": "shop.odd name", "reason": "table-missing", "detail": "shop.odd name is missing: rename it."}
    at = NOW - timedelta(hours=1)
    error = {"name": "SnapshotRefused", "cause": "snapshot " + "x" * 90 + " is of another database"}
    world.catalogue.protect("orders-of-a-very-long-name-that-no-column-has-room-for", timedelta(hours=31))
    world.catalogue.add(point("orders-of-a-very-long-name-that-no-column-has-room-for", at, "failed", error=error))
    world.catalogue.protect("customers", timedelta(hours=9), status="at_risk")
    world.catalogue.add(point("customers", at, "partial", level=1, problem_count=2, problems=[problem]))
    world.catalogue.protect("sessions", None)
    world.catalogue.protect("ledger")
    world.catalogue.add(point("ledger", at, "running"))
    world.catalogue.protect("archive", timedelta(days=40), present=False)
    world.catalogue.held = True


def complaints(page: Page) -> list[str]:
    """What is wrong with the page in any scheme, on a phone or a desk."""
    found = []
    for scheme, size in product(("light", "dark"), (PHONE, DESK)):
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size(size)
        said = faint_texts(page) + faults(page) + ([f"{wider} px too wide"] if (wider := overhang(page)) else [])
        found += [f"{scheme}, {size['width']} px: {each}" for each in said]
    return found


@pytest.mark.usefixtures("failing")
def test_everything_can_be_read_at_any_size_in_any_scheme(console: Console, world: World) -> None:
    fill(world)
    page = console()
    expect(page.get_by_role("article")).to_have_count(5)
    world.fail("POST /recovery-points", 409, {"title": "Conflict", "detail": "made in eu-west-1, ask there"})
    page.get_by_role("button", name="Start a recovery point of customers").click()
    expect(page.get_by_text("Nothing was started")).to_be_visible()
    assert complaints(page) == []
    for name in (FAILED, PARTIAL):
        page.locator(f"a.point-link[href$='{name}']").click()
        expect(page.get_by_role("dialog").get_by_role("heading", name="What was checked")).to_be_visible()
        if name == PARTIAL:
            page.get_by_text("Facts").first.click()
        assert complaints(page) == []
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)
    world.fail("*", LOST)
    later(page, 31)
    expect(page.get_by_role("region", name="Connection")).to_be_visible()
    assert complaints(page) == []


@pytest.mark.usefixtures("failing")
def test_pages_of_one_message_can_be_read_too(console: Console, world: World, page: Page) -> None:
    page.goto(world.console)
    page.get_by_role("button", name="Sign in").wait_for()
    assert complaints(page) == []
    console()
    expect(page.get_by_role("heading", name="No database is protected yet")).to_be_visible()
    assert complaints(page) == []
    world.fail("*", LOST)
    page.reload()
    expect(page.get_by_role("heading", name="The API can't be reached")).to_be_visible()
    assert complaints(page) == []


@pytest.mark.parametrize("name", ["protect.html", "error.html"])
def test_pages_without_code_can_be_read_too(page: Page, world: World, name: str) -> None:
    page.goto(f"{world.origins['site']}/{name}")
    found = [each for each in complaints(page) if "live region" not in each and "footer" not in each]
    assert found == []  # nothing happens there, and there is nothing to say below


def tab_to(page: Page, name: str, most: int = 30) -> None:
    for _ in range(most):
        page.keyboard.press("Tab")
        assert shows_its_focus(page), focused(page)
        if name in focused(page):
            return
    pytest.fail(f"{most} times Tab, and no {name}")


def test_the_main_task_needs_no_mouse(console: Console, world: World) -> None:
    world.catalogue.protect("customers")
    world.catalogue.protect("orders")
    page = console("#database=orders")
    expect(page.get_by_role("article")).to_have_count(2)
    tab_to(page, "Skip to the content", most=1)
    page.keyboard.press("Enter")
    expect(page.get_by_label("Database")).to_have_value("orders")  # the address stays
    tab_to(page, "Start a recovery point of orders", most=5)
    page.keyboard.press("Enter")
    tile = page.get_by_role("article", name="orders")
    follow(page, tile.locator(".activity"), "Verified")
    assert focused(page) == ("Start a recovery point of orders")  # polling has taken the focus from nobody
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("button", name="Close")).to_be_focused()
    tab_to(page, "Facts", most=3)
    page.keyboard.press("Enter")
    expect(dialog.get_by_text("holdfast-test-snapshot")).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(tile.locator(".activity a")).to_be_focused()


def test_polling_takes_neither_focus_nor_selection_nor_opened_facts_away(console: Console, world: World) -> None:
    world.catalogue.protect("a-late-one", timedelta(hours=11))
    world.catalogue.protect("orders")
    page = console(f"#point={max(world.catalogue.points)}")
    dialog = page.get_by_role("dialog")
    dialog.get_by_text("Facts").first.click()
    dialog.get_by_text("holdfast-test-snapshot").dblclick()
    chosen = page.evaluate("getSelection().toString()")
    assert chosen
    world.catalogue.now = NOW + timedelta(hours=2)
    world.catalogue.databases["a-late-one"]["status"] = "unprotected"
    world.catalogue.add(point("orders", NOW + timedelta(hours=1)))  # the list gets a row above, the tiles another order
    later(page, 31)
    expect(page.locator("li.point")).to_have_count(3)
    assert page.evaluate("getSelection().toString()") == chosen
    expect(dialog.get_by_text("holdfast-test-snapshot")).to_be_visible()


def test_tiles_that_change_places_take_the_focus_along(console: Console, world: World) -> None:
    world.catalogue.protect("a")
    world.catalogue.protect("z")
    page = console()
    button = page.get_by_role("button", name="Start a recovery point of z")
    button.focus()
    world.catalogue.databases["z"]["status"] = "at_risk"
    later(page, 31)
    expect(page.get_by_role("heading", level=1)).to_have_text("z is at risk")
    expect(button).to_be_focused()


def test_only_what_happened_is_announced(console: Console, world: World) -> None:
    world.catalogue.protect("orders")
    page = console()
    page.evaluate("""() => {
        window.heard = [];
        const told = new MutationObserver(() => announcer.textContent && heard.push(announcer.textContent));
        const announcer = document.getElementById("announcer");
        told.observe(announcer, { childList: true });
    }""")
    page.get_by_role("button", name="Start a recovery point of orders").click()
    follow(page, page.locator(".activity"), "Verified")
    for _ in range(5):
        later(page, 31)
    eventually(page, lambda: page.evaluate("heard.length") == 2)
    said = page.evaluate("heard")
    assert said == ["Recovery point of orders requested.", "Recovery point of orders: verified."]


def test_what_happens_is_heard_while_details_are_open(console: Console, world: World) -> None:
    world.catalogue.protect("orders", timedelta(hours=9))
    page = console()
    page.get_by_role("button", name="Start a recovery point of orders").click()
    page.locator(".activity a").click()
    dialog = page.get_by_role("dialog")
    follow(page, dialog.get_by_role("status"), "Recovery point of orders: verified.")
    page.keyboard.press("Escape")
    expect(page.get_by_role("status")).to_have_text("Recovery point of orders: verified.")


def test_what_moves_stands_still_for_those_who_ask_for_it(console: Console, world: World, page: Page) -> None:
    fill(world)
    page.emulate_media(reduced_motion="reduce")
    console()
    running = page.locator(".stage.is-running").first
    expect(running).to_be_visible()
    assert page.evaluate("document.getAnimations().length") == 0
    page.emulate_media(reduced_motion="no-preference")
    assert page.evaluate("document.getAnimations().length") > 0


def test_paper_bears_what_is_shown_and_no_buttons(console: Console, world: World, page: Page) -> None:
    world.catalogue.protect("orders")
    console()
    expect(page.get_by_role("article")).to_have_count(1)
    page.emulate_media(media="print")
    expect(page.get_by_role("article")).to_be_visible()
    expect(page.get_by_role("button")).to_have_count(0)


def test_times_are_the_viewer_s_own(browser: Browser, world: World) -> None:
    world.catalogue.protect("orders")
    tokens = world.grant()
    for zone, shown in (("Asia/Kolkata", "Today 06:30"), ("America/New_York", "Today 20:00")):
        context = browser.new_context(locale="en-US", timezone_id=zone)
        context.clock.install(time=NOW)
        page = context.new_page()
        page.goto(f"{world.origins['site']}/error.html")
        page.evaluate("(tokens) => sessionStorage.setItem('holdfast.tokens', JSON.stringify(tokens))", tokens)
        page.goto(world.console)
        expect(page.locator("a.point-link time")).to_have_text(shown)
        context.close()
