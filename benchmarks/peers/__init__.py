"""What we are measured against, and the environments that it needs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
WEB = ROOT / ".sandbox" / "peers" / "web"
NEEDED = Path(__file__).parent / "web.txt"


class PeersMissing(Exception):
    """The peers can't be installed here; the message says why."""


def web() -> Path:
    """The Python that has the peers of the API, installed now if need be; ``HOLDFAST_WEB_PYTHON`` names another.

    Raises:
        PeersMissing: They can't be installed.
    """
    given = os.environ.get("HOLDFAST_WEB_PYTHON")
    if given:
        return Path(given)
    python, done = WEB / "bin" / "python", WEB / "installed"
    if not done.exists() or done.read_text() != NEEDED.read_text():
        for command in (
            [sys.executable, "-m", "venv", WEB],
            [python, "-m", "pip", "--quiet", "--disable-pip-version-check", "install", "--requirement", NEEDED],
        ):
            run = subprocess.run(command, capture_output=True, text=True, check=False)
            if run.returncode:
                raise PeersMissing((run.stderr.strip() or "no reason given").splitlines()[-1])
        done.write_text(NEEDED.read_text())
    return python
