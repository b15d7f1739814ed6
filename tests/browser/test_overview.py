"""What one sees first: is everything protected, how old is what could be restored, what was made when."""

from __future__ import annotations

from datetime import timedelta

from fake_catalogue import NOW, history, point
from fakes import World
from pages import Console, eventually, later
from playwright.sync_api import Page, expect


def tile(page: Page, database: str) -> Page:
    return page.get_by_role("article", name=database, exact=True)


def test_one_sentence_says_whether_everything_is_protected(console: Console, world: World) -> None:
    for name in ("orders", "customers", "ledger"):
        world.catalogue.protect(name)
    page = console()
    expect(page.get_by_role("heading", level=1)).to_have_text("All 3 databases are protected")
    expect(page).to_have_title("All 3 databases are protected · holdfast-test")


def test_the_worst_comes_first_and_says_what_became_of_its_newest_run(console: Console, world: World) -> None:
    world.catalogue.protect("a-good-one")
    world.catalogue.protect("b-at-risk", timedelta(hours=9), status="at_risk")
    world.catalogue.add(point("b-at-risk", NOW - timedelta(hours=1), "partial"))
    world.catalogue.protect("c-late", timedelta(hours=31))
    world.catalogue.protect("d-never", None)
    world.catalogue.protect("e-gone", timedelta(days=40), present=False)
    page = console()
    expect(page.get_by_role("heading", level=1)).to_have_text("2 of 4 databases are unprotected")
    names = [each.inner_text() for each in page.get_by_role("article").get_by_role("heading").all()]
    assert names == ["c-late", "d-never", "b-at-risk", "a-good-one", "e-gone"]
    expect(tile(page, "c-late")).to_contain_text("missed by 18 h 59 min")
    expect(tile(page, "d-never")).to_contain_text("No verified point yet")
    expect(tile(page, "b-at-risk")).to_contain_text("At risk")
    expect(tile(page, "e-gone")).to_contain_text("Its recovery points stay")
    expect(tile(page, "e-gone").get_by_role("button")).to_have_count(0)
    tile(page, "b-at-risk").get_by_role("link", name="See why").click()
    expect(page.get_by_role("dialog")).to_contain_text("b-at-risk-20261122t0200z")


def test_the_clock_goes_on_between_two_answers_and_the_objective_ends_by_itself(console: Console, world: World) -> None:
    world.catalogue.protect("orders", timedelta(hours=12, seconds=10))  # its data are 30 seconds younger
    world.catalogue.databases["orders"]["status"] = "protected"
    page = console()
    expect(tile(page, "orders").get_by_role("timer")).to_contain_text("11 h 59 min")
    expect(tile(page, "orders")).to_contain_text("Protected")
    before = len(world.asked)
    later(page, 21)  # earlier than the next look
    expect(tile(page, "orders")).to_contain_text("missed by")
    expect(page.get_by_role("heading", level=1)).to_have_text("orders is unprotected")
    assert len(world.asked) == before


def test_a_tile_names_last_verified_point_its_level_and_the_next_run(console: Console, world: World) -> None:
    world.catalogue.protect("orders")
    page = console()
    shown = tile(page, "orders")
    expect(shown).to_contain_text("The objective is 12 h: 10 h left")
    expect(shown.get_by_role("link", name="Today 02:00")).to_be_visible()  # 01:00 UTC, in Berlin
    expect(shown.get_by_text("Today 02:00")).to_have_attribute("title", "2026-11-22 01:00:30 UTC")
    expect(shown.get_by_text("Level 2")).to_contain_text("copied")
    expect(shown).to_contain_text("Today 07:00")
    expect(shown).to_contain_text("in 2 h 59 min")


def test_where_no_database_is_protected_the_page_says_how_to_protect_one(console: Console, world: World) -> None:
    page = console()
    expect(page.get_by_role("heading", level=1)).to_have_text("No database is protected yet")
    expect(page.get_by_text("Key=holdfast:protect,Value=holdfast-test")).to_be_visible()
    page.get_by_role("link", name="step by step").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Protect a database")
    page.get_by_role("link", name="Back to the console").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("No database is protected yet")
    world.catalogue.protect("orders")  # it shows by itself
    page.clock.fast_forward("00:31")
    expect(page.get_by_role("heading", level=1)).to_have_text("orders is protected")


def test_of_very_many_databases_the_worst_come_first_and_the_others_on_demand(console: Console, world: World) -> None:
    for number in range(70):
        world.catalogue.protect(f"database-{number:02}")
    world.catalogue.databases["database-69"]["status"] = "unprotected"
    page = console()
    tiles = page.get_by_role("article")
    expect(tiles).to_have_count(60)
    expect(tiles.first).to_contain_text("database-69")
    page.get_by_role("button", name="Show all 70 databases").click()
    expect(tiles).to_have_count(70)


def test_older_points_come_on_demand_and_the_keyboard_goes_on_with_them(console: Console, world: World) -> None:
    world.catalogue.protect("orders")
    world.catalogue.add(*history("orders", 45))
    page = console()
    points = page.get_by_role("region", name="Recovery points").locator("ol > li.point")
    expect(points).to_have_count(20)
    page.get_by_role("button", name="Show older").click()
    expect(points).to_have_count(40)
    expect(points.nth(20).get_by_role("link")).to_be_focused()
    page.clock.fast_forward("00:31")  # a look at the newest page keeps the older ones
    eventually(page, lambda: world.asked.count("GET /databases") == 2)
    expect(points).to_have_count(40)
    page.get_by_role("button", name="Show older").click()
    expect(points).to_have_count(45)
    expect(page.get_by_role("button", name="Show older")).to_have_count(0)
    times = page.locator("a.point-link time").evaluate_all("all => all.map((each) => each.dateTime)")
    assert times == sorted(times, reverse=True)


def test_the_list_can_be_of_one_database_and_the_address_says_so(console: Console, world: World) -> None:
    world.catalogue.protect("orders")
    world.catalogue.protect("customers")
    world.catalogue.add(*history("orders", 3))
    page = console()
    links = page.locator("a.point-link")
    expect(links).to_have_count(4)
    page.get_by_label("Database").select_option("customers")
    expect(links).to_have_count(1)
    expect(page).to_have_url(world.console + "#database=customers")
    page.go_back()
    expect(links).to_have_count(4)
    expect(page.get_by_label("Database")).to_have_value("")


def test_a_row_shows_its_stages_in_proportion_and_says_them_in_words(console: Console, world: World) -> None:
    world.catalogue.protect("orders")
    page = console()
    row = page.locator("li.point").first
    said = row.get_by_role("list", name="Stages").get_by_role("listitem")
    expect(said).to_have_count(5)
    expect(said.nth(0)).to_contain_text("Snapshot: done, 1 min 35 s")
    widths = row.locator(".stage").evaluate_all("all => all.map((each) => each.getBoundingClientRect().width)")
    assert abs(widths[1] / widths[3] - 840 / 610) < 0.02
    expect(row).to_contain_text("took 27 min 40 s")


def test_a_run_that_somebody_else_began_is_shown_going_on(console: Console, world: World) -> None:
    world.catalogue.protect("orders")
    world.catalogue.add(point("orders", NOW - timedelta(minutes=1), "running"))
    world.catalogue.held = True
    page = console()
    expect(tile(page, "orders")).to_contain_text("Taking the snapshot, 1 min")
    page.clock.fast_forward("00:11")  # with a run under way it looks more often
    eventually(page, lambda: world.asked.count("GET /databases") == 2)


def test_points_that_are_gone_leave_the_list(console: Console, world: World) -> None:
    world.catalogue.protect("orders")
    world.catalogue.add(*history("orders", 3))
    page = console()
    links = page.locator("a.point-link")
    expect(links).to_have_count(3)
    world.catalogue.points.pop(min(world.catalogue.points))
    page.clock.fast_forward("00:31")
    expect(links).to_have_count(2)


def test_durations_are_said_as_people_say_them(page: Page, world: World) -> None:
    page.goto(f"{world.origins['site']}/error.html")
    said = page.evaluate("""async () => {
        const { duration, relative } = await import("/format.js");
        const now = Date.parse("2026-11-22T03:00:00Z");
        return [
            [0, 59.4, 60, 3_599, 3_600, 90_000, 180_000, 31_536_000].map(duration),
            ["03:00:05", "03:00:20", "02:58:10", "06:20:00"].map((time) => relative(`2026-11-22T${time}Z`, now)),
        ];
    }""")
    assert said == [
        ["< 1 s", "59 s", "1 min", "59 min 59 s", "1 h", "25 h", "2 d 2 h", "365 d"],
        ["now", "in less than a minute", "2 min ago", "in 3 h 20 min"],
    ]
