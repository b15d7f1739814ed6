"""What each stack is built from: its settings, and the outputs of those before it.

A stack's modules are imported only when it is built.
"""

# ruff: noqa: PLC0415

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from troposphere import Template

    from blueprints.settings import Settings


def bootstrap(s: Settings) -> Template:
    """What must be there before StackSets can deploy the rest."""
    from blueprints import bootstrap

    return bootstrap.blueprint(s)


def keys(s: Settings) -> Template:
    """The regions' customer-managed keys."""
    from blueprints import keys

    return keys.blueprint(s)


def network(s: Settings) -> Template:
    """The private network."""
    from blueprints import network, outputs

    return network.blueprint(s, outputs.KeysOutputs.imported(s))


def storage(s: Settings) -> Template:
    """Buckets and the ledger."""
    from blueprints import outputs, storage

    return storage.blueprint(s, outputs.KeysOutputs.imported(s))


def database(s: Settings) -> Template | None:
    """The platform's own database, if there is one."""
    from blueprints import database, outputs

    inputs = outputs.KeysOutputs.imported(s), outputs.NetworkOutputs.imported(s)
    return database.blueprint(s, *inputs) if s.database else None


def backup(s: Settings) -> Template:
    """The pipeline."""
    from blueprints import backup, outputs

    inputs = outputs.KeysOutputs.imported(s), outputs.NetworkOutputs.imported(s), outputs.StorageOutputs.imported(s)
    return backup.blueprint(s, *inputs)


def api(s: Settings) -> Template:
    """The API, its logins and its firewall."""
    from blueprints import api, interface, outputs

    inputs = outputs.KeysOutputs.imported(s), outputs.NetworkOutputs.imported(s), outputs.StorageOutputs.imported(s)
    database = outputs.DatabaseOutputs.imported(s) if s.database else None
    return api.blueprint(s, *inputs, database, interface.document(database=s.database is not None))


def site(s: Settings) -> Template | None:
    """The console's distribution, if there is one."""
    from blueprints import site

    return site.blueprint(s) if s.site.cloudfront else None


def observability(s: Settings) -> Template:
    """Alarms and dashboards."""
    from blueprints import observability, outputs

    return observability.blueprint(s, outputs.KeysOutputs.imported(s))


def stacksets(s: Settings, texts: Mapping[str, str]) -> Template:
    """The sets that deploy the others, whose texts name their templates."""
    from blueprints import stacksets

    return stacksets.blueprint(s, texts)
