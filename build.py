"""Emit every template and state machine to outputs/; or deploy them, say what is deployed, destroy it, or its price."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from blueprints import stacks

if TYPE_CHECKING:
    from troposphere import Template

    from blueprints.settings import Settings

OUTPUTS = Path(__file__).resolve().parent / "outputs"
OURS = ("blueprints", "deployment", "handlers", "workflows")
CURE = "pip install --no-deps --require-hashes -r requirements/dev.txt, in a virtual environment; see docs/deploy.md"

# In the order they must be deployed: by whoever deploys, then by StackSets; see blueprints/order.py.
STACKS: dict[str, Callable[..., Template | None]] = {
    "bootstrap": stacks.bootstrap,
    "keys": stacks.keys,
    "network": stacks.network,
    "storage": stacks.storage,
    "database": stacks.database,
    "backup": stacks.backup,
    "api": stacks.api,
    "site": stacks.site,
    "observability": stacks.observability,
    "stacksets": stacks.stacksets,
}


def templates(settings: Settings) -> dict[str, Template]:
    """Every stack of one deployment, in this order; the sets last, since they follow from the others."""
    from blueprints import emit

    return emit.templates(settings, STACKS)


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code: 0 done, 1 there is something to say, 2 what was asked for can't be done."""
    try:
        return _run(sys.argv[1:] if argv is None else argv)
    except ModuleNotFoundError as missing:
        if (missing.name or "").partition(".")[0] in OURS:
            raise
        sys.stderr.write(f"build.py needs its packages: {CURE}\n")
        return 2


def _run(argv: Sequence[str]) -> int:
    match argv[:1]:
        case ["deploy" | "status" | "destroy"]:
            from deployment import command as deployment

            return deployment.run(argv, OUTPUTS.with_name(".cache"), STACKS)
        case ["cost"]:
            from blueprints.costs import command as costs

            return costs.run(argv[1:], templates)
    from blueprints import command

    return command.run(argv, OUTPUTS, STACKS)


if __name__ == "__main__":
    if sys.argv[1:] and not sys.argv[1].startswith("-"):
        sys.exit(main())
    gc.disable()  # what is built is kept; to look through it and to free it would take a tenth of the time
    os._exit(main())
