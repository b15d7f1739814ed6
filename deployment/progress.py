"""What a person sees while something works: lines that stay, and below them, on a terminal, what goes on right now.

Everything goes to standard error, so that standard output holds the report and nothing else.
"""

from __future__ import annotations

import os
import shutil
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self, TextIO

REFRESH = 0.2  # seconds between two pictures on a terminal
UP_AND_CLEAR = "\x1b[1A\x1b[2K"  # https://invisible-island.net/xterm/ctlseqs/ctlseqs.html (CUU, EL)
BAR = 20  # characters


class Stopped(Exception):
    """Whoever waited was told to stop waiting; what goes on elsewhere goes on."""


@dataclass
class Activity:
    """Something that goes on: what, since when, and what it waits for."""

    what: str
    waits_for: str
    since: float = field(default_factory=time.monotonic)
    done: int = 0
    total: int = 0

    def seconds(self) -> float:
        """How long it goes on."""
        return time.monotonic() - self.since

    def line(self, width: int) -> str:
        """How a terminal shows it, its name as wide as the longest; a bar says more than words."""
        head = f"      {self.what:{width}} {self.seconds():5.1f} s"
        if self.total:
            return f"{head}  {meter(self.done, self.total)}"
        return f"{head}: {self.waits_for}" if self.waits_for else head


class Progress:
    """Lines for a person, moving on a terminal and plain elsewhere; safe to use from several threads.

    Args:
        stream: Where they go.
        live: Whether the stream is a terminal that can move; by default, it is looked up.
    """

    def __init__(self, stream: TextIO = sys.stderr, *, live: bool | None = None) -> None:
        self._stream = stream
        self._live = live if live is not None else stream.isatty() and os.environ.get("TERM", "dumb") != "dumb"
        self._activities: dict[str, Activity] = {}
        self._shown = 0
        self._begun = time.monotonic()
        self._lock = threading.RLock()
        self._ended = threading.Event()
        self._stopped = threading.Event()
        self._painter: threading.Thread | None = None

    @property
    def live(self) -> bool:
        """Whether anybody sees it move; if not, what only a bar would show need not be asked for."""
        return self._live

    def __enter__(self) -> Self:
        if self._live:
            self._painter = threading.Thread(target=self._paint_on, daemon=True, name="progress")
            self._painter.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        if self._painter:
            self._painter.join()
        with self._lock:
            self._activities.clear()
            self._repaint()

    def say(self, line: str) -> None:
        """Print a line that stays, after the time since the start."""
        with self._lock:
            self._repaint(f"{clock(time.monotonic() - self._begun)}  {line}")

    def begin(self, key: str, what: str, waits_for: str = "") -> None:
        """Show that *what* goes on under *key*; a new *what* under the same key starts its clock again."""
        with self._lock:
            known = self._activities.get(key)
            if known and known.what == what:
                known.waits_for = waits_for
                return
            self._activities[key] = Activity(what, waits_for)
            if not self._live:
                self.say(f"{what} …" + (f" {waits_for}" if waits_for else ""))

    def advance(self, key: str, done: int, total: int) -> None:
        """Show how much of what goes on under *key* is done, as a bar; plain streams show nothing."""
        with self._lock:
            activity = self._activities.get(key)
            if activity:
                activity.done, activity.total = done, total

    def end(self, key: str, result: str = "") -> None:
        """Print what became of what went on under *key*, and how long it took."""
        with self._lock:
            activity = self._activities.pop(key, None)
            if activity:
                self.say(f"{activity.what}: {result or 'done'} ({activity.seconds():.1f} s)")

    def drop(self, key: str) -> None:
        """What went on under *key* is over, and what became of it is told elsewhere."""
        with self._lock:
            self._activities.pop(key, None)

    def pause(self, seconds: float) -> None:
        """Wait before another look.

        Raises:
            Stopped: Somebody called :meth:`stop`, before or meanwhile.
        """
        if self._stopped.wait(seconds):
            raise Stopped

    def stop(self) -> None:
        """End every :meth:`pause`, in all threads: the run is over, whatever they wait for."""
        self._stopped.set()

    @contextmanager
    def step(self, what: str, waits_for: str = "") -> Iterator[None]:
        """Show that *what* goes on as long as the block runs; if the block fails, say so."""
        self.begin(what, what, waits_for)
        try:
            yield
        except BaseException:
            self.end(what, "failed")
            raise
        self.end(what)

    def _paint_on(self) -> None:
        while not self._ended.wait(REFRESH):
            with self._lock:
                self._repaint()

    def _repaint(self, line: str | None = None) -> None:
        """Take away the moving lines, print *line* where they were, and show them again below it."""
        text = UP_AND_CLEAR * self._shown + (f"{line}\n" if line is not None else "")
        self._shown = 0
        if self._live:
            columns = shutil.get_terminal_size().columns - 1
            width = max((len(activity.what) for activity in self._activities.values()), default=0)
            for activity in self._activities.values():
                text += activity.line(width)[:columns] + "\n"
                self._shown += 1
        if text:
            self._stream.write(text)
            self._stream.flush()


def meter(done: int, total: int) -> str:
    """A bar and its numbers: ``█████░░░░░  3 of 6``, the numbers as wide as they will ever be."""
    part = min(done, total)
    full = BAR * part // total
    return f"{'█' * full}{'░' * (BAR - full)} {part:{len(str(total))}} of {total}"


def clock(seconds: float) -> str:
    """Minutes and seconds: ``1:07``."""
    return f"{int(seconds) // 60:2d}:{int(seconds) % 60:02d}"
