"""G3: what the item API's function does before its first request, beside four other ways to do it."""

from __future__ import annotations

import os
import statistics
import tempfile
import zipfile
from pathlib import Path

from benchmarks import peers
from benchmarks.measure import Report, Timed, command, interleaved
from blueprints import packaging

SCRIPT = Path(__file__).parent / "peers" / "cold.py"
ROUNDS = int(os.environ.get("ROUNDS", "25"))
SIDES = {
    "Holdfast": "ours",
    "Holdfast, token by boto3": "boto3",
    "Flask, pymysql": "flask",
    "FastAPI, SQLAlchemy, Mangum": "fastapi",
    "bare Python": "bare",
}
GOALS = {"Holdfast, token by boto3": 0.45, "FastAPI, SQLAlchemy, Mangum": 0.30, "Flask, pymysql": 1.0}


def main() -> None:
    """Print and keep the results."""
    report = Report("cold_start")
    try:
        python = peers.web()
    except peers.PeersMissing as missing:
        report.note(f"not measured, the peers can't be installed: {missing}")
        report.keep()
        return
    # boto3 would look for credentials on the network
    os.environ.update(AWS_ACCESS_KEY_ID="a", AWS_SECRET_ACCESS_KEY="s", AWS_EC2_METADATA_DISABLED="true")  # noqa: S106
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "archive"
        with zipfile.ZipFile(packaging.package(Path(name))) as archive:
            archive.extractall(folder)
        sides = {side: command(python, "-I", SCRIPT, way, folder) for side, way in SIDES.items()}
        timed = interleaved(sides, ROUNDS)
    report.note("a process each, from unpacked files with bytecode; routes, TLS context and a database token made")
    report.times(timed, "Holdfast")
    for side, limit in GOALS.items():
        report.goal(f"G3 Holdfast / {side}, bare Python taken off both", _over_bare(timed, side), limit)
    report.keep()


def _over_bare(timed: Timed, other: str) -> float:
    seconds = timed.seconds
    rounds = zip(seconds["Holdfast"], seconds[other], seconds["bare Python"], strict=True)
    return statistics.median((ours - bare) / (theirs - bare) for ours, theirs, bare in rounds)
