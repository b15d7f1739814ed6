"""What tests do with a page, and what every page must not do."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from playwright.sync_api import Locator, Page, Request, expect

Console = Callable[..., Page]


@dataclass
class Watched:
    """What a page did that the test must know of."""

    page: Page
    faults: list[str] = field(default_factory=list)
    origins: set[str] = field(default_factory=set)
    expected: list[str] = field(default_factory=list)  # parts of messages that the test provokes
    in_flight: set[Request] = field(default_factory=set)

    def __post_init__(self) -> None:
        watching[self.page] = self
        self.page.on("pageerror", lambda error: self.faults.append(f"uncaught: {error}"))
        self.page.on("console", lambda said: self._heard(said.type, f"{said.text} ({said.location['url']})"))
        self.page.on("request", self._asked)
        self.page.on("requestfinished", self._answered)
        self.page.on("requestfailed", self._answered)

    def _heard(self, kind: str, text: str) -> None:
        if kind in {"error", "warning"} and not any(part in text for part in self.expected):
            self.faults.append(f"{kind}: {text}")

    def _asked(self, request: Request) -> None:
        self.in_flight.add(request)
        url = urlsplit(request.url)
        self.origins.add(f"{url.scheme}://{url.netloc}")

    def _answered(self, request: Request) -> None:
        self.in_flight.discard(request)


watching: dict[Page, Watched] = {}


def later(page: Page, seconds: float) -> None:
    """Put the page's clock forward; what was due meanwhile happens once, now.

    Answers that are on their way come first: the page's patience with them ends by the same clock.
    """
    eventually(page, lambda: not watching[page].in_flight)
    page.clock.fast_forward(int(seconds * 1000))


def follow(page: Page, place: Locator, text: str, step: float = 3, most: int = 40) -> None:
    """Put the clock forward *step* seconds at a time until *place* says *text*."""
    for _ in range(most):
        if place.count() and text in (place.text_content() or ""):
            return
        later(page, step)
        page.wait_for_timeout(20)  # for the page to ask
    expect(place).to_contain_text(text)


def eventually(page: Page, condition: Callable[[], bool], patience: float = 10) -> None:
    """Go on as soon as *condition* holds, for instance that a server was asked something."""
    end = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < end, "it did not come about"
        page.wait_for_timeout(10)  # and not time.sleep: this lets Playwright hear what the page does
