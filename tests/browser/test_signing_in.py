"""Signing in and out against a login that checks PKCE, as Cognito does."""

from __future__ import annotations

import pytest
from fakes import LOST, World
from pages import Console, eventually
from playwright.sync_api import Page, expect


def test_signing_in_leads_to_the_login_and_back_to_where_one_was(page: Page, world: World) -> None:
    world.asks_for_password = True
    world.catalogue.protect("orders")
    page.goto(f"{world.console}#database=orders")
    page.get_by_role("button", name="Sign in").wait_for()
    assert world.asked == []  # nothing is asked of the API before
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("link", name="Log in").click()
    expect(page.get_by_text("operator@example.com")).to_be_visible()
    expect(page.get_by_label("Database")).to_have_value("orders")
    expect(page).to_have_url(f"{world.console}#database=orders")  # the code is gone from the address


def test_a_reload_needs_no_second_login(signed_in: Page, world: World) -> None:
    world.catalogue.protect("orders")
    signed_in.reload()
    expect(signed_in.get_by_role("heading", name="orders", exact=True)).to_be_visible()
    assert world.logins == 1


def test_a_token_is_renewed_before_it_ends_and_nobody_notices(console: Console, world: World) -> None:
    world.catalogue.protect("orders")
    page = console()
    expect(page.get_by_role("heading", level=1)).to_have_text("orders is protected")
    first = set(world.tokens)
    page.clock.fast_forward("14:10")
    eventually(page, lambda: world.asked.count("GET /databases") > 1)
    expect(page.get_by_text("Up to date")).to_be_visible()
    assert len(world.tokens) == 2
    assert first < world.tokens


@pytest.mark.usefixtures("failing")
def test_a_token_that_the_api_refuses_is_renewed_once_and_the_request_repeated(console: Console, world: World) -> None:
    world.catalogue.protect("orders")
    page = console()
    expect(page.get_by_role("heading", name="orders", exact=True)).to_be_visible()
    world.tokens.clear()
    page.clock.fast_forward("00:31")
    eventually(page, lambda: world.asked.count("GET /databases") == 3)  # at first, refused, repeated
    expect(page.get_by_text("Up to date")).to_be_visible()
    expect(page.get_by_role("region", name="Connection")).to_have_count(0)
    assert len(world.tokens) == 1  # two requests were refused, and one renewal served both


@pytest.mark.usefixtures("failing")
def test_an_expired_sign_in_is_said_and_leads_back_to_the_same_place(console: Console, world: World) -> None:
    world.catalogue.protect("orders")
    page = console("#database=orders")
    expect(page.get_by_role("heading", name="orders", exact=True)).to_be_visible()
    world.expire()
    page.clock.fast_forward("00:31")
    notice = page.get_by_role("region", name="Connection")
    expect(notice).to_contain_text("Your sign-in has expired")
    expect(page.get_by_role("heading", name="orders", exact=True)).to_be_visible()  # what was known stays in sight
    notice.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    expect(page).to_have_url(f"{world.console}#database=orders")
    assert world.logins == 1


@pytest.mark.usefixtures("failing")
def test_an_expired_sign_in_is_said_where_nothing_is_known_yet(console: Console, world: World) -> None:
    page = console()
    world.expire()
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_have_text("Your sign-in has expired")
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()


def test_signing_out_revokes_and_forgets(console: Console, world: World) -> None:
    page = console()
    assert world.refresh_tokens
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    assert world.refresh_tokens == set()
    assert "holdfast" not in page.evaluate("JSON.stringify([sessionStorage, localStorage])")


@pytest.mark.usefixtures("failing")
def test_a_lost_revocation_keeps_nobody_signed_in(console: Console, world: World) -> None:
    page = console()
    world.fail("POST /oauth2/revoke", LOST)
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()


def begun(page: Page, world: World) -> None:
    """A sign-in that this tab began, with a state that the test knows."""
    page.goto(f"{world.origins['site']}/error.html")
    page.evaluate("sessionStorage.setItem('holdfast.sign-in', JSON.stringify({state: 's', verifier: 'v', hash: ''}))")


def test_a_sign_in_that_another_page_began_is_refused(page: Page, world: World) -> None:
    page.goto(f"{world.console}?code=stolen&state=foreign")
    expect(page.get_by_role("heading", level=1)).to_have_text("This sign-in was not begun in this tab")
    expect(page).to_have_url(world.console)
    assert world.tokens == set()


def test_what_the_login_refuses_is_said(page: Page, world: World) -> None:
    begun(page, world)
    page.goto(f"{world.console}?error=access_denied&error_description=User+is+not+confirmed&state=s")
    expect(page.get_by_role("heading", level=1)).to_have_text("The sign-in page refused")
    expect(page.get_by_text("User is not confirmed")).to_be_visible()


@pytest.mark.usefixtures("failing")
def test_a_code_that_somebody_else_used_is_refused_in_words(page: Page, world: World) -> None:
    begun(page, world)
    page.goto(f"{world.console}?code=used&state=s")
    expect(page.get_by_role("heading", level=1)).to_have_text("The sign-in service refused")


@pytest.mark.usefixtures("failing")
def test_a_login_that_does_not_answer_is_no_expired_sign_in(console: Console, world: World) -> None:
    world.catalogue.protect("orders")
    page = console()
    expect(page.get_by_role("heading", name="orders", exact=True)).to_be_visible()
    world.login_is_down = True
    page.clock.fast_forward("14:10")
    notice = page.get_by_role("region", name="Connection")
    expect(notice).to_contain_text("The sign-in service can't be reached")
    world.login_is_down = False
    notice.get_by_role("button", name="Try again now").click()
    expect(notice).to_have_count(0)


def test_the_token_goes_to_the_api_and_nowhere_else(console: Console, page: Page, world: World) -> None:
    bearers: set[str] = set()
    page.on("request", lambda request: "authorization" in request.headers and bearers.add(request.url))
    world.catalogue.protect("orders")
    console()
    expect(page.get_by_role("heading", name="orders", exact=True)).to_be_visible()
    assert bearers
    assert all(url.startswith(f"{world.origins['api']}/api/") for url in bearers)


def test_the_console_works_below_the_address_of_the_api_too(page: Page, world: World) -> None:
    world.folder = "/api/console"
    page.goto(world.console)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("No database is protected yet")
    page.get_by_role("link", name="step by step").click()
    page.get_by_role("link", name="Back to the console").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("No database is protected yet")
    expect(page).to_have_url(world.console)


def test_tokens_of_another_region_s_login_are_not_used(console: Console, world: World) -> None:
    page = console()
    world.configuration = {"client_id": "of-the-recovery-region"}
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
