"""Emit every template and state machine to outputs/, or --package the Lambda functions."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from blueprints import emit
from blueprints.artifacts import PackagingError
from blueprints.rebuild import Memory
from blueprints.request import Request, arguments
from blueprints.validation import SettingsError

if TYPE_CHECKING:
    from troposphere import Template

    from blueprints.settings import Settings

OUTPUTS = Path(__file__).resolve().parent / "outputs"


def _keys(s: Settings) -> Template:
    from blueprints import keys

    return keys.blueprint(s)


def _network(s: Settings) -> Template:
    from blueprints import network, outputs

    return network.blueprint(s, outputs.KeysOutputs.imported(s))


def _storage(s: Settings) -> Template:
    from blueprints import outputs, storage

    return storage.blueprint(s, outputs.KeysOutputs.imported(s))


def _database(s: Settings) -> Template | None:
    from blueprints import database, outputs

    inputs = outputs.KeysOutputs.imported(s), outputs.NetworkOutputs.imported(s)
    return database.blueprint(s, *inputs) if s.database else None


def _backup(s: Settings) -> Template:
    from blueprints import backup, outputs

    inputs = outputs.KeysOutputs.imported(s), outputs.NetworkOutputs.imported(s), outputs.StorageOutputs.imported(s)
    return backup.blueprint(s, *inputs)


# In the order they must be deployed. A stack's modules are imported only when it is built.
STACKS: dict[str, Callable[[Settings], Template | None]] = {
    "keys": _keys,
    "network": _network,
    "storage": _storage,
    "database": _database,
    "backup": _backup,
}


def templates(settings: Settings) -> dict[str, Template]:
    """Every stack of one deployment, in the order they must be deployed."""
    return {stack: template for stack, blueprint in STACKS.items() if (template := blueprint(settings))}


def main(argv: list[str] | None = None) -> int:
    """Exit code: 0 done, 1 ``--check`` found differences, 2 what was asked for can't be emitted."""
    args = arguments(argv)
    request = Request(args.stage, args.settings)
    gc.disable()  # what is built is kept until the end
    emit.defer("cfn_flip", "inspect")
    try:
        if args.package:
            from blueprints import packaging

            done = [f"packed: {packaging.package(args.package)}"]
        elif args.check:
            done = emit.check(OUTPUTS, STACKS, request)
        else:
            done = emit.emit(OUTPUTS, STACKS, request, Memory(OUTPUTS.parent / ".cache" / "build.json", OUTPUTS))
    except (SettingsError, PackagingError) as error:
        print(f"build.py: {error}", file=sys.stderr)
        return 2
    finally:
        gc.enable()
    print("\n".join(done) or "nothing to do: outputs/ holds what the code emits", flush=True)
    return 1 if args.check and done else 0


if __name__ == "__main__":
    os._exit(main())  # to free every object one by one would take a tenth of the run
