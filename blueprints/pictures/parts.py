"""Which cards a region of the architecture picture has."""

from __future__ import annotations

from collections.abc import Callable

from blueprints.pictures import deploying, pipeline, service
from blueprints.pictures.model import Found, Part, Region

PARTS: dict[str, Callable[[Region], Found]] = {
    "api": service.api,
    "site": lambda region: pipeline.bucket("site", "Console's files", region),
    "serving": service.serving,
    "logins": service.logins,
    "proxy": service.proxy,
    "database": service.database,
    "schedules": pipeline.schedules,
    "machines": pipeline.machines,
    "functions": pipeline.functions,
    "bus": pipeline.bus,
    "network": service.network,
    "ledger": pipeline.ledger,
    "staging": lambda region: pipeline.bucket("staging", "Export staging", region),
    "vault": lambda region: pipeline.bucket("vault", "Vault", region),
    "keys": pipeline.keys,
    "watch": pipeline.watch,
    "artifacts": deploying.artifacts,
    "sets": deploying.sets,
}


def parts(region: Region) -> dict[str, Part]:
    """Every card of *region* by its place's name."""
    return {name: part for name, make in PARTS.items() if (part := make(region))}
