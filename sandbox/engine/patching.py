"""The one way in which this package replaces a private function of the embedded AWS, beside ``__main__``.

MiniStack is pinned and its internals are private, so every replacement states the source that it was written against.
``python -m sandbox.engine.patching ministack.services.sqs _send_message`` prints what to write down.
"""

import hashlib
import importlib
import inspect
import sys
from collections.abc import Callable
from importlib.metadata import version
from types import ModuleType
from typing import Any

PINNED = "1.5.33"  # the release of MiniStack whose private functions this package was written against


class SourceChanged(RuntimeError):
    """What we are about to replace is not what we saw when we wrote the replacement."""


def replace(module: ModuleType | type, name: str, new: Callable[..., Any], sha256_of_source: str) -> Callable[..., Any]:
    """Put ``new`` in the place of ``module.name`` and return what stood there.

    Args:
        module: A module, or a class, of MiniStack.
        name: The private function to replace.
        new: What takes its place; it has the same signature.
        sha256_of_source: As many leading hex digits as were written down (at least 12).

    Raises:
        SourceChanged: The function is gone, or its source differs from the one we saw.
    """
    old: Callable[..., Any] | None = getattr(module, name, None)
    found = digest(old) if old is not None else "nothing"
    if old is None or len(sha256_of_source) < MINIMUM_DIGITS or not found.startswith(sha256_of_source):
        raise SourceChanged(
            f"{module.__name__}.{name} is not what this plug-in was written against: expected source "
            f"{sha256_of_source}, found {found[:16]} in ministack {version('ministack')} (pinned: {PINNED}). "
            f"Cure: install ministack=={PINNED}; or read the new function, adapt its replacement in "
            f"{new.__module__}, and write down its new digest."
        )
    setattr(module, name, new)
    return old


MINIMUM_DIGITS = 12


def digest(function: Callable[..., Any]) -> str:
    """SHA-256 of a function's source, in hex digits."""
    return hashlib.sha256(inspect.getsource(function).encode()).hexdigest()


def main(arguments: list[str]) -> None:
    """Print the digest of every ``module name…`` given."""
    module = importlib.import_module(arguments[0])
    for name in arguments[1:]:
        found: Any = module
        for part in name.split("."):
            found = getattr(found, part)
        sys.stdout.write(f"{digest(found)[:16]}  {arguments[0]}.{name}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
