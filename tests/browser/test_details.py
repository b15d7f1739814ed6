"""One recovery point: what was checked, when, and why it is not verified."""

from __future__ import annotations

from datetime import timedelta

import pytest
from fake_catalogue import NOW, point
from fakes import LOST, World
from pages import Console, follow
from playwright.sync_api import expect

AT = NOW - timedelta(hours=1)
ID = "orders-20261122t0200z"


def test_the_details_show_levels_with_their_facts_and_the_time_line(console: Console, world: World) -> None:
    world.catalogue.protect("orders", timedelta(hours=1))
    page = console()
    page.locator("a.point-link").first.click()
    dialog = page.get_by_role("dialog", name=ID)
    rows = dialog.get_by_role("table", name="Time line").get_by_role("row")
    expect(rows).to_have_count(6)
    expect(rows.nth(2)).to_contain_text("Export Done")
    expect(rows.nth(2)).to_contain_text("14 min")
    expect(dialog.get_by_text("2 copied")).to_be_visible()
    expect(dialog.get_by_text("3 restored")).to_be_visible()
    expect(dialog.locator("li.missing")).to_have_count(2)
    dialog.get_by_text("Facts").first.click()
    expect(dialog.get_by_text("holdfast-test-snapshot")).to_be_visible()
    expect(page).to_have_url(world.console + f"#point={ID}")


def test_the_details_of_a_partial_point_name_every_problem_with_its_cure(console: Console, world: World) -> None:
    detail = "shop.odd name is missing in the export: rename its column 'a b'."
    problems = [{"subject": "shop.odd name", "reason": "table-missing", "detail": detail}]
    world.catalogue.protect("orders", timedelta(hours=9))
    world.catalogue.add(point("orders", AT, "partial", problem_count=3, problems=problems))
    page = console(f"#point={ID}")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text(detail)
    expect(dialog).to_contain_text("table-missing")
    expect(dialog).to_contain_text("And 2 more")


def test_the_details_of_a_failed_point_say_why(console: Console, world: World) -> None:
    world.catalogue.protect("orders", timedelta(hours=9))
    world.catalogue.add(point("orders", AT, "failed", error={"name": "CopyRefused", "cause": "the key is disabled"}))
    page = console(f"#point={ID}")
    expect(page.get_by_role("dialog")).to_contain_text("the key is disabled")
    expect(page.get_by_role("dialog")).to_contain_text("CopyRefused")


def test_escape_closes_and_the_focus_is_where_it_was(console: Console, world: World) -> None:
    world.catalogue.protect("orders")
    page = console()
    link = page.locator("a.point-link").first
    link.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog").get_by_role("button", name="Close")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(link).to_be_focused()
    expect(page).to_have_url(world.console)
    page.go_forward()
    expect(page.get_by_role("dialog")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_a_click_beside_the_details_closes_them_and_one_into_them_does_not(console: Console, world: World) -> None:
    world.catalogue.protect("orders", timedelta(hours=1))
    page = console(f"#point={ID}")
    dialog = page.get_by_role("dialog")
    page.set_viewport_size({"width": 1280, "height": 2400})
    page.mouse.click(900, 2350)  # below all that it says
    expect(dialog).to_be_visible()
    page.mouse.click(100, 400)
    expect(dialog).to_have_count(0)


def test_closing_details_that_came_by_an_address_leaves_the_console(console: Console, world: World) -> None:
    world.catalogue.protect("orders", timedelta(hours=1))
    page = console(f"#database=orders&point={ID}")
    page.get_by_role("button", name="Close").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page).to_have_url(f"{world.console}#database=orders")


def test_details_follow_a_run_that_goes_on(console: Console, world: World) -> None:
    world.catalogue.protect("orders", timedelta(hours=9))
    world.catalogue.add(point("orders", AT, "running"))
    page = console(f"#point={ID}")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Exporting every table")
    follow(page, dialog, "Verified")
    expect(dialog.get_by_role("button", name="Close")).to_be_focused()


@pytest.mark.usefixtures("failing")
def test_an_address_of_no_point_is_said(console: Console, world: World) -> None:
    world.catalogue.protect("orders")
    page = console("#point=orders-20200101t0000z")
    expect(page.get_by_role("dialog")).to_contain_text("There is no such recovery point")


@pytest.mark.usefixtures("failing")
def test_details_that_could_not_be_had_come_as_soon_as_the_api_answers(console: Console, world: World) -> None:
    world.catalogue.protect("orders", timedelta(hours=1))
    page = console()
    expect(page.locator("a.point-link")).to_have_count(1)
    world.fail("*", LOST)
    page.locator("a.point-link").first.click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("The API can't be reached")
    expect(dialog.get_by_role("table", name="Time line")).to_be_visible()  # known from the list
    world.mend()
    dialog.get_by_role("button", name="Try again").click()
    expect(dialog).to_contain_text("2 copied")


def test_the_id_can_be_copied(console: Console, world: World) -> None:
    world.catalogue.protect("orders", timedelta(hours=1))
    page = console(f"#point={ID}")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy id").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == ID
