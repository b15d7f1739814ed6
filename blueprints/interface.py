"""The OpenAPI document of the API, from the routes of the functions that serve it.

The one module of ``blueprints`` that imports handlers, and only if one of them has changed: Powertools takes longer to
load than most stacks to build.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from pathlib import Path
from typing import Any

from blueprints import artifacts, openapi
from blueprints.openapi import Document

FUNCTION = "x-holdfast-function"  # member of an operation: the module below handlers/ that serves it

_path: Path | None = None
_known: dict[str, Document] = {}


def remember(path: Path) -> None:
    """Have documents kept in *path*, and taken from there if what they follow from is still the same."""
    global _path  # noqa: PLW0603 (one for the whole run)
    _path = path


def document(*, database: bool) -> Document:
    """The document with the function of each operation (:data:`FUNCTION`); not to be changed, others get it too.

    Args:
        database: Whether the deployment has one; without, it serves no resources.
    """
    digest = _digest()
    key = f"{'with' if database else 'without'} database {digest}"
    if key not in _known:
        _known.update(_read())
    if key not in _known:
        _known[key] = _assembled(database=database)
        _keep(digest)
    return _known[key]


def _assembled(*, database: bool) -> Document:
    from handlers import report_health, serve_catalogue  # noqa: PLC0415 (only if one of them has changed)
    from handlers.rest import operation, problems  # noqa: PLC0415

    modules = [report_health, serve_catalogue]
    if database:
        from handlers import serve_resources  # noqa: PLC0415

        modules.append(serve_resources)
    schemas: dict[str, Any] = {operation.PROBLEM: problems.SCHEMA}
    operations = {}
    for module in modules:
        # Powertools tells its routes only to its own generator, which needs pydantic.
        for route in (*module.app._static_routes, *module.app._dynamic_routes):  # noqa: SLF001
            schemas |= getattr(sys.modules[route.func.__module__], "SCHEMAS", {})
            function = module.__name__.rpartition(".")[2]
            operations[route.openapi_path, route.method.lower()] = _operation(route, function)
    return openapi.assembled(operations, schemas)


def _operation(route: Any, function: str) -> dict[str, Any]:
    extensions = json.loads(json.dumps(route.openapi_extensions))  # Powertools freezes what it is given
    body = {"requestBody": extensions["requestBody"]} if "requestBody" in extensions else {}
    return {
        "operationId": route.operation_id,
        "summary": route.summary,
        "description": route.description,
        "tags": sorted(route.tags),
        "security": list(route.security or []),
        "parameters": extensions.get("parameters", []),
        **body,
        "responses": {str(status): route.responses[status] for status in sorted(route.responses)},
        FUNCTION: function,
    }


def _digest() -> str:
    own = b"".join(Path(path).read_bytes() for path in (__file__, openapi.__file__))
    return hashlib.sha256(artifacts.digest().encode() + own).hexdigest()[:16]


def _read() -> dict[str, Document]:
    try:
        known = json.loads(_path.read_bytes()) if _path else {}
    except (OSError, ValueError):
        known = {}
    return known if isinstance(known, dict) else {}


def _keep(digest: str) -> None:
    """Write the documents of the present sources, and nothing older."""
    if _path:
        _path.parent.mkdir(parents=True, exist_ok=True)
        fresh = _path.with_suffix(f".{os.getpid()}")
        fresh.write_text(json.dumps({key: found for key, found in _known.items() if key.endswith(digest)}))
        fresh.replace(_path)  # at once, so that two runs side by side leave one whole file
