"""The name of the handlers' package, which follows from its contents: a template changes exactly when the code does."""

from __future__ import annotations

import hashlib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ROOT / "handlers"
LOCK = ROOT / "requirements" / "handlers.txt"
SUFFIXES = (".py", ".pem", ".json")


class PackagingError(Exception):
    """The package can't be made; the message says why and what to do."""


def sources() -> list[Path]:
    """Files of ``handlers/`` that go into the package, in a fixed order."""
    return sorted(path for path in SOURCES.rglob("*") if path.suffix in SUFFIXES and "__pycache__" not in path.parts)


def digest() -> str:
    """First 16 hexadecimal digits of the SHA-256 over every source, its name and the lock file."""
    total = hashlib.sha256()
    for path in [*sources(), *([LOCK] if LOCK.exists() else [])]:
        content = path.read_bytes()
        total.update(f"{path.relative_to(ROOT).as_posix()}\0{len(content)}\0".encode())
        total.update(content)
    return total.hexdigest()[:16]


def key() -> str:
    """Key of the package in the artifact bucket."""
    return f"handlers-{digest()}.zip"
