"""Time things side by side: every round runs each side once, so that a noisy minute hits all of them alike.

What counts is the ratio of two sides in the same round, and of these the median over all rounds. Seconds are shown for
orientation only. Results are kept, dated, below ``benchmarks/results/``, with the machine they are from.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
WARM_UP = 1  # rounds that don't count: they write bytecode and fill the page cache

Side = Callable[[], object]


@dataclass(frozen=True)
class Timed:
    """Seconds of each side, round by round."""

    seconds: Mapping[str, Sequence[float]]

    def median(self, side: str) -> float:
        """Median of one side, seconds."""
        return statistics.median(self.seconds[side])

    def ratio(self, side: str, other: str) -> float:
        """Median, over the rounds, of *side* divided by *other*."""
        return statistics.median(a / b for a, b in zip(self.seconds[side], self.seconds[other], strict=True))


def interleaved(sides: Mapping[str, Side], rounds: int, before: Mapping[str, Side] | None = None) -> Timed:
    """Run every side once per round, in turning order; *before* prepares a side, untimed."""
    names = list(sides)
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for number in range(-WARM_UP, rounds):
        for name in names[number % len(names) :] + names[: number % len(names)]:
            (before or {}).get(name, _nothing)()
            begun = time.perf_counter()
            sides[name]()
            taken = time.perf_counter() - begun
            if number >= 0:
                seconds[name].append(taken)
    return Timed(seconds)


def command(*arguments: str | Path, folder: Path | None = None, accept: Sequence[int] = (0,)) -> Side:
    """A side that runs a program to its end, with Python's bytecode kept.

    Raises:
        subprocess.CalledProcessError: when it runs: the program's exit code is not one of *accept*.
    """
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}

    def run() -> None:
        done = subprocess.run(arguments, cwd=folder, env=environment, capture_output=True, check=False)
        if done.returncode not in accept:
            raise subprocess.CalledProcessError(done.returncode, list(map(str, arguments)), done.stdout, done.stderr)

    return run


@dataclass
class Report:
    """One benchmark's results: printed as they come, kept at the end."""

    name: str
    lines: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        print(f"== {self.name}: {machine()['summary']}")

    def times(self, timed: Timed, base: str) -> None:
        """Every side's median beside *base*'s."""
        for side in timed.seconds:
            ratio = timed.ratio(side, base)
            self._add({"side": side, "milliseconds": round(timed.median(side) * 1000, 1), "ratio": round(ratio, 3)})

    def goal(self, name: str, value: float, limit: float, unit: str = "x") -> None:
        """A goal, and whether it is reached."""
        reached = "reached" if value <= limit else "MISSED"
        self._add({"goal": name, "value": round(value, 3), "limit": limit, "unit": unit, "verdict": reached})

    def note(self, text: str) -> None:
        """What a reader must know."""
        self._add({"note": text})

    def keep(self) -> Path:
        """Write the report down."""
        path = RESULTS / f"{dt.datetime.now(dt.UTC):%Y-%m-%d}-{self.name}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps({"machine": machine(), "results": self.lines}, indent=2) + "\n")
        return path

    def _add(self, line: dict[str, Any]) -> None:
        self.lines.append(line)
        print("  " + "  ".join(f"{key} {value}" for key, value in line.items()))


def machine() -> dict[str, Any]:
    """The machine and the Python that measure."""
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        models = [line.partition(":")[2].strip() for line in info.read_text().splitlines() if "model name" in line]
        model = models[0] if models else model
    load = os.getloadavg()[0]
    version = f"Python {platform.python_version()}"
    summary = f"{os.cpu_count()} x {model}, {platform.system()} {platform.release()}, {version}, load {load:.2f}"
    return {"summary": summary, "load": round(load, 2), "executable": Path(sys.executable).name}


def _nothing() -> None:
    pass
