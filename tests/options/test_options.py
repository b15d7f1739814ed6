"""Deployments with every pair of options (``tests/pairwise.py``): they deploy, answer, and serve the console."""

from __future__ import annotations

import io
from typing import Any, NamedTuple

import pytest

from blueprints.settings import Settings
from deployment.progress import Progress
from sandbox import run
from sandbox.api import Api
from tests.calling import Caller
from tests.pairwise import CASES, Case, name_of, settings_of


class Given(NamedTuple):
    """Asks for one deployment that is no profile and has no file."""

    settings: Settings
    name: str = "given"

    def content(self) -> bytes:
        return repr(self.settings).encode()

    def deployments(self) -> list[Settings]:
        return [self.settings]


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_what_can_be_asked_for_can_be_deployed_and_answers(case: Case) -> None:
    settings = settings_of(case)
    request: Any = Given(settings)
    with Progress(io.StringIO(), live=False) as progress, run.story(request, progress) as story:
        story.deploy()
        story.open()
        for region in settings.regions:
            api = Api(story.engine, settings, region)
            health = Caller(api.url, host=api.host)("GET", "/health")
            assert health.status == 200, health
            assert Caller(api.url, api.token(), api.host)("GET", "/databases").status == 200
        call = Caller(story.api.url, story.api.token(), story.api.host)
        made = call("POST", "/items", {"title": "Lamp"})
        assert made.status == (201 if settings.database else 404), made
        page = Caller("", host=None if settings.site.cloudfront else story.api.host)("GET", story.api.console)
        assert page.status == 200, page
        assert page.headers["content-type"].startswith("text/html")
        assert "content-security-policy" in page.headers
