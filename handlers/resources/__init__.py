"""The application's resources, one module each. A module in this folder is served, documented and migrated.

It has ``router`` (its routes), ``SCHEMAS`` (JSON Schemas of what it takes and answers, by name) and ``MIGRATIONS``.
``items.py`` is the sample; a second resource is a second file.
"""

from __future__ import annotations

import pkgutil
from importlib import import_module
from types import ModuleType


def modules() -> list[ModuleType]:
    """Every resource, by name."""
    names = sorted(found.name for found in pkgutil.iter_modules(__path__))
    return [import_module(f"{__name__}.{name}") for name in names]
