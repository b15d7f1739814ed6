"""G1: building beside plain troposphere, CDK and the bare interpreter. G1b: building when little or nothing changed."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path

from benchmarks.measure import Report, command, interleaved

ROOT = Path(__file__).resolve().parent.parent
PEERS = Path(__file__).parent / "peers"
SOURCES = ("build.py", "blueprints", "workflows", "handlers", "requirements")
ROUNDS = 15
CDK = os.environ.get("HOLDFAST_CDK_PYTHON")  # a Python that has aws-cdk-lib; node must be on the PATH
CDK_ROUNDS = 3
FIRST = "build.py, workflows never parsed"


def main() -> None:
    """Print and keep the results."""
    report = Report("build")
    with tempfile.TemporaryDirectory() as name:
        folder = copy(Path(name))
        _whole(report, folder)
        _little(report, folder)
        if CDK:
            _cdk(report, folder)
        else:
            report.note("CDK not measured: HOLDFAST_CDK_PYTHON names no Python that has aws-cdk-lib")
    report.keep()


def copy(folder: Path) -> Path:
    """The sources in *folder*, where they may be changed."""
    for source in SOURCES:
        path = ROOT / source
        kept = shutil.ignore_patterns("__pycache__")
        shutil.copytree(path, folder / source, ignore=kept) if path.is_dir() else shutil.copy(path, folder)
    return folder


def _whole(report: Report, folder: Path) -> None:
    python = sys.executable
    os.environ["PYTHONPATH"] = str(folder)
    timed = interleaved(
        {
            "build.py": command(python, "build.py", "--stage", "production", folder=folder),
            FIRST: command(python, "build.py", "--stage", "production", folder=folder),
            "plain troposphere": command(python, PEERS / "plain.py", folder / "plain", folder=folder),
            "python -c pass": command(python, "-c", "pass", folder=folder),
        },
        ROUNDS,
        {"build.py": lambda: _forget(folder), FIRST: lambda: _clean(folder)},
    )
    report.note("everything, one stage; bytecode and, unless it says otherwise, parsed workflows present")
    report.times(timed, "plain troposphere")
    report.goal("G1 build.py / plain troposphere", timed.ratio("build.py", "plain troposphere"), 0.60)
    report.goal(f"G1 {FIRST} / plain troposphere", timed.ratio(FIRST, "plain troposphere"), 0.60)
    report.goal("G1 build.py / python -c pass", timed.ratio("build.py", "python -c pass"), 8)


def _little(report: Report, folder: Path) -> None:
    build = command(sys.executable, "build.py", folder=folder)
    shutil.copytree(folder, again := folder / "again", ignore=shutil.ignore_patterns("plain", "again"))
    changed = folder / "changed"
    shutil.copytree(again, changed)
    timed = interleaved(
        {
            "everything": build,
            "nothing changed": command(sys.executable, "build.py", folder=again),
            "one stack changed": command(sys.executable, "build.py", folder=changed),
        },
        ROUNDS,
        {"everything": lambda: _forget(folder), "one stack changed": lambda: _touch(changed / "blueprints/network.py")},
    )
    report.note("all stages; bytecode present, except of the module that was just changed")
    report.times(timed, "everything")
    report.goal("G1b nothing changed / everything", timed.ratio("nothing changed", "everything"), 0.40)
    report.goal("G1b one stack changed / everything", timed.ratio("one stack changed", "everything"), 0.55)


def _cdk(report: Report, folder: Path) -> None:
    python = sys.executable
    timed = interleaved(
        {
            "build.py": command(python, "build.py", "--stage", "production", folder=folder),
            "CDK for Python": command(
                str(CDK), PEERS / "cdk.py", folder / "outputs/production", folder / "cdk", folder=folder
            ),
        },
        CDK_ROUNDS,
        {"build.py": lambda: _forget(folder)},
    )
    report.note("CDK only reads the finished templates and synthesizes them again")
    report.times(timed, "build.py")


def _forget(folder: Path) -> None:
    """Have everything built again, as after a change of what all stacks share."""
    (folder / ".cache" / "build.json").unlink(missing_ok=True)
    shutil.rmtree(folder / "outputs", ignore_errors=True)


def _clean(folder: Path) -> None:
    """Leave nothing of an earlier run but bytecode."""
    shutil.rmtree(folder / ".cache", ignore_errors=True)
    _forget(folder)


def _touch(path: Path) -> None:
    with path.open("a") as file:
        file.write("# changed\n")
