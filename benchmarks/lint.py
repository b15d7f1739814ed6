"""G2: linting outputs of which nothing changed, beside cfn-lint's command line on the same templates."""

from __future__ import annotations

import sys
import sysconfig
from pathlib import Path

from benchmarks.measure import Report, command, interleaved
from blueprints.settings import PRODUCTION

ROOT = Path(__file__).resolve().parent.parent
ROUNDS = 3


def main() -> None:
    """Print and keep the results."""
    report = Report("lint")
    emitted = sorted(ROOT.glob("outputs/*/*.json"))
    templates = [path for path in emitted if not path.name.endswith((".asl.json", "openapi.json"))]
    cfn_lint = Path(sysconfig.get_path("scripts")) / "cfn-lint"
    timed = interleaved(
        {
            "unchanged": command(sys.executable, "-m", "tests.templates.lint", folder=ROOT),
            "cfn-lint": command(cfn_lint, "--regions", *PRODUCTION.regions, "--", *templates, accept=range(32)),
        },
        ROUNDS,
    )
    report.times(timed, "cfn-lint")
    report.goal("G2 unchanged / cfn-lint", timed.ratio("unchanged", "cfn-lint"), 0.10)
    report.keep()
