"""How long to wait between two looks at AWS."""

from __future__ import annotations

from collections.abc import Iterator

FIRST = 0.05  # seconds
MOST = 5.0  # seconds; what takes minutes needs no closer look
GROWTH = 1.25


def pauses(first: float = FIRST, most: float = MOST) -> Iterator[float]:
    """Seconds to wait before each next look: few at first, more and more later, so that short work is not delayed."""
    pause = first
    while True:
        yield pause
        pause = min(most, pause * GROWTH)
