"""Nothing that the API says becomes markup, and the page could load nothing foreign if it wanted to."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest
from fake_catalogue import NOW, point
from fakes import WEB, World
from pages import Console, watching
from playwright.sync_api import Page, expect

from handlers.catalogue.schemas import POINT_SCHEMAS

EVIL = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"
FORBIDDEN = (
    "innerHTML", "outerHTML", "insertAdjacentHTML",
    r"document\.write", r"\beval\b", "new Function", "localStorage", "cookie",
)  # fmt: skip
DOCS = Path(__file__).parents[2] / "docs" / "add-a-database.md"


@pytest.mark.usefixtures("failing")
def test_markup_in_what_the_api_says_is_shown_as_text(console: Console, world: World) -> None:
    at = NOW - timedelta(hours=1)
    problem = {"subject": EVIL, "reason": EVIL, "detail": f"{EVIL} is missing"}
    facts = [{"level": 0, "name": EVIL, "at": "2026-11-22T02:00:00Z", "facts": {EVIL: EVIL, "nested": {EVIL: [EVIL]}}}]
    world.configuration = {"deployment": EVIL, "regions": [EVIL]}
    world.catalogue.protect(EVIL, timedelta(hours=9), next_run=EVIL)
    made = point(EVIL, at, "partial", problems=[problem], problem_count=1, levels=facts)
    made["stages"][0]["name"] = EVIL
    world.catalogue.add(made, point(EVIL, at - timedelta(hours=1), "failed", error={"name": EVIL, "cause": EVIL}))
    page = console()
    expect(page.get_by_role("article").get_by_role("heading")).to_have_text(EVIL)
    for name in ("t0200z", "t0100z"):
        page.locator(f"a.point-link[href*='{name}']").click()
        expect(page.get_by_role("dialog").get_by_role("heading", name="What was checked")).to_be_visible()
        expect(page.get_by_role("dialog")).to_contain_text(EVIL)
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)
    world.fail("POST /recovery-points", 409, {"title": EVIL, "detail": EVIL})
    page.get_by_role("button", name="Start a recovery point").click()
    expect(page.locator(".activity-title")).to_have_text(EVIL)
    assert page.locator("main img, main script, dialog img, dialog script").count() == 0
    assert "owned" not in page.title().replace(EVIL, "")


def test_the_policy_refuses_inline_code_foreign_requests_and_markup_from_strings(page: Page, world: World) -> None:
    watched = watching[page]
    watched.expected += ["Content Security Policy", "requires 'Trusted", "violates the following"]
    page.goto(world.console)
    page.get_by_role("button", name="Sign in").wait_for()
    tried = page.evaluate("""async () => {
        const refused = {};
        const script = document.createElement("script");
        try { script.text = "window.ran = true"; document.head.append(script); } catch {}
        refused.script = window.ran !== true;
        try { document.body.innerHTML = "<b>no</b>"; } catch { refused.markup = true; }
        await fetch("https://example.com/").catch(() => { refused.foreign = true; });
        const style = document.createElement("div");
        style.setAttribute("style", "color: red");
        refused.style = style.style.color !== "red";
        return refused;
    }""")
    watched.origins.discard("https://example.com")
    assert tried == {"script": True, "markup": True, "foreign": True, "style": True}


def test_no_file_names_another_host_or_turns_text_into_markup() -> None:
    forbidden = re.compile("|".join(FORBIDDEN))
    for file in WEB.rglob("*"):
        if file.suffix in {".js", ".html", ".css"}:
            text = re.sub(r"/\*.*?\*/|(?m:(^|\s)//.*$)", "", file.read_text(), flags=re.DOTALL)  # without comments
            assert not forbidden.search(text), file
            addresses = set(re.findall(r"\b(?:https?:)?//\w+(?:[.-]\w+)*", text))
            assert addresses <= {"http://www.w3.org", "http://localhost"}, file
            if file.suffix == ".html":
                assert not re.search(r"<script(?![^>]*\ssrc=)|<style|\sstyle=|\son\w+=", text), file


def test_the_page_names_every_module_beforehand_so_that_none_waits_for_another() -> None:
    named = set(re.findall(r'rel="modulepreload" href="([^"]+)"', (WEB / "index.html").read_text()))
    assert named == {path.relative_to(WEB).as_posix() for path in WEB.rglob("*.js")} - {"app.js"}


def test_the_help_page_says_the_commands_of_the_documentation() -> None:
    def plain(text: str) -> str:
        return re.sub(r"[\s\\]+", "", text)

    page = (WEB / "protect.html").read_text().replace("&lt;", "<").replace("&gt;", ">")
    page = page.replace("<ARN of the instance>", "$ARN").replace("<project>-<stage>", "$P")
    shown = [plain(code) for code in re.findall(r"<pre[^>]*><code>(.*?)</code></pre>", page, re.DOTALL)]
    assert len(shown) == 2
    assert all(code in plain(DOCS.read_text()) for code in shown)


@pytest.mark.parametrize("status", ["requested", "running", "verified", "partial", "failed"])
def test_the_fake_api_of_these_tests_has_the_shapes_of_the_real_one(status: str) -> None:
    shapes = POINT_SCHEMAS
    made = point("orders", NOW, status)
    assert set(made) == set(shapes["RecoveryPointDetails"]["required"])
    assert status in shapes["RecoveryPoint"]["properties"]["status"]["enum"]
    for stage in made["stages"]:
        assert set(stage) == set(shapes["Stage"]["required"])
        assert stage["name"] in shapes["Stage"]["properties"]["name"]["enum"]
        assert stage["state"] in shapes["Stage"]["properties"]["state"]["enum"]
    for level in made["levels"]:
        assert set(level) == set(shapes["Level"]["required"])
