"""The console's files: each is uploaded under a type that a browser takes."""

from __future__ import annotations

from sandbox import site
from sandbox.api import PAGE


def test_every_file_of_the_console_has_a_type() -> None:
    files = [path for path in site.WEB.rglob("*") if path.is_file() and path.name != "README.md"]
    assert {path.suffix for path in files} <= site.TYPES.keys()
    assert site.WEB / PAGE in files
