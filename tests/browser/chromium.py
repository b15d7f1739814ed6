"""A Chromium for these tests: the one on PATH, else the system's package when root, else Playwright's own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator

from playwright.sync_api import Browser, Error, Playwright

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
# No sandbox, since tests often run as root in a container; it only ever opens pages of ours.
ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking")
PATIENCE = 300  # seconds for an installation


class ChromiumMissing(Exception):
    """There is none, and none could be had; the text says why."""


def launched(playwright: Playwright) -> Browser:
    """A headless browser.

    Raises:
        ChromiumMissing: There is none to start.
    """
    reasons = []
    for path in _candidates(reasons):
        try:
            return playwright.chromium.launch(executable_path=path, headless=True, args=list(ARGUMENTS))
        except Error as error:
            reasons.append(f"{path or 'its own'}: {error.message.splitlines()[0]}")
    raise ChromiumMissing(f"no Chromium starts ({'; '.join(reasons)}): install one, so that it is on PATH")


def _candidates(reasons: list[str]) -> Iterator[str | None]:
    """Paths to try, best first; each way to get one is only gone when the earlier ones led nowhere."""
    if found := _on_path():
        yield found
    if os.geteuid() == 0 and shutil.which("apt-get"):
        _run(reasons, "apt-get", "update")
        _run(reasons, "apt-get", "install", "--yes", "--no-install-recommends", "chromium")
        if found := _on_path():
            yield found
    _run(reasons, sys.executable, "-m", "playwright", "install", "chromium")
    yield None


def _on_path() -> str | None:
    return next((found for name in NAMES if (found := shutil.which(name))), None)


def _run(reasons: list[str], *command: str) -> None:
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=PATIENCE)
    except (OSError, subprocess.SubprocessError) as error:
        reasons.append(f"{' '.join(command)}: {type(error).__name__}")
