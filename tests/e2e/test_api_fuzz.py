"""Requests that nobody would write by hand: none breaks anything, and every answer is a documented one.

A short run by default; ``tox -e fuzz`` makes thousands of requests.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from world import World

from tests.calling import Caller

EXAMPLES = int(os.environ.get("HOLDFAST_FUZZ_EXAMPLES", "5"))  # of each operation and phase
FEWEST = 100  # requests
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "use_after_free",
    "ensure_resource_availability",
)


def test_no_request_breaks_it_and_every_answer_is_documented(world: World, call: Caller, tmp_path: Path) -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "run", str(world.story.outputs / "openapi.json")),
            *("--url", call.url, "--header", f"Authorization: Bearer {call.token}"),
            # one worker: Python 3.11 can't parse in two threads at once (https://github.com/python/cpython/issues/106905)
            *("--checks", ",".join(CHECKS), "--max-examples", str(EXAMPLES), "--workers", "1"),
            *("--generation-database", "none", "--seed", "1", "--no-color", "--continue-on-failure"),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr
    made = re.search(r"([\d,]+) generated", done.stdout)
    assert made, done.stdout
    assert int(made[1].replace(",", "")) >= FEWEST, "hardly anything was asked"
