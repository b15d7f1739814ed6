"""The console of the local run: ``web/`` in the site's bucket, and beside it what the deployment says of itself."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from sandbox.api import Api

if TYPE_CHECKING:
    from blueprints.settings import Settings
    from sandbox.server import Engine

WEB = Path(__file__).resolve().parent.parent / "web"
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
}
FRESH = "no-cache"  # a file keeps its name when it changes, so a browser asks each time


def publish(engine: Engine, settings: Settings) -> None:
    """Upload the console to the primary region's bucket; replication takes it to the other region.

    Each region has an API and a user pool of its own, so each has a ``config.json``; both buckets hold both.
    """
    bucket = settings.name("site", settings.primary_region, engine.account)
    s3 = engine.client("s3", settings.primary_region)
    found = {path.relative_to(WEB).as_posix(): path.read_bytes() for path in WEB.rglob("*") if path.suffix in TYPES}
    for region in settings.regions:
        about = configuration(settings, Api(engine, settings, region))
        found[f"config/{region}/config.json"] = json.dumps(about, indent=2).encode()

    def put(name: str) -> None:
        kind = TYPES[Path(name).suffix]
        s3.put_object(Bucket=bucket, Key=name, Body=found[name], ContentType=kind, CacheControl=FRESH)

    with ThreadPoolExecutor(4, "site") as pool:
        list(pool.map(put, sorted(found)))


def configuration(settings: Settings, api: Api) -> dict[str, object]:
    """What the console must know of the deployment; nothing of it is a secret."""
    return {
        "api": api.url,
        "authority": api.authority,
        "client_id": api.outputs["ConsoleClient"],
        "deployment": settings.prefix,
        "regions": list(settings.regions),
    }
