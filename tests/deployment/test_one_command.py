"""The story that a stranger sees first: from nothing to a verified point, by one command."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from sandbox.seed import ROWS

ROOT = Path(__file__).parents[2]


def test_the_sample_data_is_verified_by_one_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "sandbox", "--exit", "--json"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert (report["status"], report["level"], report["problems"]) == ("verified", 2, [])
    rows = {table["name"]: table["rows"] for table in report["tables"]}
    assert {name: rows[f"nycflights13.{name}"] for name in ROWS} == ROWS
    assert {"engine", "deploy", "seed", "backup", "backup.TakeSnapshot", "copy.CompareVault"} <= {
        step["name"] for step in report["steps"]
    }
    assert {"snapshot", "export", "copy"} <= report["keys"].keys()
    assert "ClaimRecoveryPoint" in done.stderr
