"""Names in the artifact bucket, which follow from contents: of the handlers' package, and of templates.

So nothing there is ever written twice, and a template changes exactly when the code does.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ROOT / "handlers"
LOCK = ROOT / "requirements" / "handlers.txt"
SUFFIXES = (".py", ".pem", ".json")


class PackagingError(Exception):
    """The package can't be made; the message says why and what to do."""


def sources() -> list[Path]:
    """Files of ``handlers/`` that go into the package, in a fixed order."""
    return [Path(name) for name in sorted(_below(str(SOURCES)))]


def _below(folder: str) -> Iterator[str]:
    # Every build asks, most of them several times: ``Path.rglob`` takes four times as long.
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir():
                if entry.name != "__pycache__":
                    yield from _below(entry.path)
            elif entry.name.endswith(SUFFIXES):
                yield entry.path


def digest() -> str:
    """First 16 hexadecimal digits of the SHA-256 over every source, its name and the lock file."""
    total, base = hashlib.sha256(), len(str(ROOT)) + 1
    for path in [*sorted(_below(str(SOURCES))), *([str(LOCK)] if LOCK.exists() else [])]:
        content = contents(path)
        total.update(f"{path[base:].replace(os.sep, '/')}\0{len(content)}\0".encode())
        total.update(content)
    return total.hexdigest()[:16]


def contents(path: str) -> bytes:
    """What the file *path* holds; every build reads hundreds, and ``Path.read_bytes`` takes more than twice as long."""
    with open(path, "rb", buffering=0) as file:  # noqa: PTH123
        return file.read()


def key() -> str:
    """Key of the package in the artifact bucket."""
    return f"handlers-{digest()}.zip"


def template_key(stack: str, text: str) -> str:
    """Key of the template *text* of *stack* in the artifact bucket."""
    return f"templates/{stack}-{hashlib.sha256(text.encode()).hexdigest()[:16]}.json"
