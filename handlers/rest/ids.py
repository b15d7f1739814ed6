"""Ids of what clients create: 26 characters that sort by the time of their making."""

from __future__ import annotations

import os
import re
from datetime import datetime

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's: sorts like the number, has no I, L, O, U
LENGTH = 26
SCHEMA = {"type": "string", "pattern": f"^[{ALPHABET}]{{{LENGTH}}}$", "example": "01KAM3Q7J80000000000000000"}

_PAIRS = [first + second for first in ALPHABET for second in ALPHABET]  # two characters at a time, in half the time
_ID = re.compile(f"[{ALPHABET}]{{{LENGTH}}}")


def new(at: datetime) -> str:
    """48 bits of time and 80 of chance; the system's, since Python's own generator is part of SnapStart's snapshot.

    https://docs.aws.amazon.com/lambda/latest/dg/snapstart-uniqueness.html
    """
    number = int(at.timestamp() * 1000) << 80 | int.from_bytes(os.urandom(10))
    return "".join([_PAIRS[number >> shift & 1023] for shift in range(5 * LENGTH - 10, -1, -10)])


def is_id(text: str) -> bool:
    """Whether :func:`new` could have made *text*."""
    return _ID.fullmatch(text) is not None
