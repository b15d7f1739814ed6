"""G7: the local run, build to verified recovery point, and what each further database of equal size costs.

Goal: at most 30 s in all on a quiet machine with everything downloaded, and at most 200 ms for each further database
apart from the database servers' own work. Seeding, snapshot and export are that work; what a further database costs in
building, starting the embedded AWS and deploying is ours alone.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.measure import Report

ROOT = Path(__file__).resolve().parent.parent
FURTHER = 2  # databases beside the first
ROUNDS = int(os.environ.get("ROUNDS", "3"))
TOTAL_GOAL, FURTHER_GOAL = 30.0, 0.2  # seconds
# States in which a database server works: it freezes, starts on a copy, reads every row, lists its tables.
SERVERS = ("backup.TakeInventory", "backup.TakeSnapshot", "backup.RetakeInventory", "backup.ExportSnapshot")

Found = dict[str, Any]


def run(databases: int) -> Found:
    """One whole local run: its wall time, and the seconds of its acts and of the states in which servers work."""
    begun = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "sandbox", "--exit", "--json", "--databases", str(databases)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    seconds = time.perf_counter() - begun
    assert done.returncode == 0, done.stderr[-2000:]
    report = json.loads(done.stdout)
    assert report["status"] == "verified"
    acts = {step["name"]: step["seconds"] for step in report["steps"] if "." not in step["name"]}
    points = report.get("recovery_points", [report])
    longest = max(sum(step["seconds"] for step in point["steps"] if step["name"] in SERVERS) for point in points)
    return {"seconds": seconds, "servers": acts["seed"] + longest, **acts}


def main() -> None:
    """Print both goals beside what was measured, and keep them."""
    report = Report("local")
    run(1)  # bytecode, dependencies, the data directory's template
    one, more = [], []
    for _ in range(ROUNDS):
        one.append(run(1))
        more.append(run(1 + FURTHER))

    def median(runs: list[Found], name: str) -> float:
        return statistics.median(each[name] for each in runs)

    def further(name: str) -> float:
        return (median(more, name) - median(one, name)) / FURTHER

    for name in ("build", "engine", "deploy", "seed", "backup", "servers", "seconds"):
        report.note(f"{name}: {median(one, name):.2f} s, each further database {further(name):+.2f} s")
    report.goal("G7 one database, warm", median(one, "seconds"), TOTAL_GOAL, "s")
    report.goal("G7 further database", further("seconds") - further("servers"), FURTHER_GOAL, "s")
    report.keep()


if __name__ == "__main__":
    main()
