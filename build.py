"""Emit every template and state machine to outputs/, or --package the Lambda functions."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from blueprints import command

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


def _api(s: Settings) -> Template:
    from blueprints import api, interface, outputs

    inputs = outputs.KeysOutputs.imported(s), outputs.NetworkOutputs.imported(s), outputs.StorageOutputs.imported(s)
    database = outputs.DatabaseOutputs.imported(s) if s.database else None
    return api.blueprint(s, *inputs, database, interface.document(database=s.database is not None))


def _site(s: Settings) -> Template | None:
    from blueprints import site

    return site.blueprint(s) if s.site.cloudfront else None


def _observability(s: Settings) -> Template:
    from blueprints import observability, outputs

    return observability.blueprint(s, outputs.KeysOutputs.imported(s))


# In the order they must be deployed. A stack's modules are imported only when it is built.
STACKS: dict[str, Callable[[Settings], Template | None]] = {
    "keys": _keys,
    "network": _network,
    "storage": _storage,
    "database": _database,
    "backup": _backup,
    "api": _api,
    "site": _site,
    "observability": _observability,
}


def templates(settings: Settings) -> dict[str, Template]:
    """Every stack of one deployment, in the order they must be deployed."""
    return {stack: template for stack, blueprint in STACKS.items() if (template := blueprint(settings))}


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code: 0 done, 1 ``--check`` found differences, 2 what was asked for can't be emitted."""
    return command.run(argv, OUTPUTS, STACKS)


if __name__ == "__main__":
    os._exit(main())  # to free every object one by one would take a tenth of the run
