"""G3b, *exact*: the size of the functions' archive, and whether two builds are the same bytes."""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks.measure import Report
from blueprints import packaging

LIMIT = 2.4  # MB, with bytecode


def main() -> None:
    """Print and keep the results."""
    report = Report("archive")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        first, second = (packaging.package(folder / side, cache=folder / f"cache-{side}") for side in ("a", "b"))
        report.goal("G3b archive with bytecode", first.stat().st_size / 10**6, LIMIT, "MB")
        report.goal("G3b bytes that differ between two builds", first.read_bytes() != second.read_bytes(), 0, "")
    report.keep()
