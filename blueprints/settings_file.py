"""Settings from a TOML file: one of the profiles, and what this deployment has otherwise.

version = 2                 # of these settings; without it, 1 (settings_versions.py)
profile = "PRODUCTION"
stage = "acme"
database = false            # false: do without

[backup]
interval = "4h"             # durations: 90s, 45m, 6h, 35d, 1h30m
recovery_point_objective = "10h"
"""

from __future__ import annotations

import dataclasses
import difflib
import re
import sys
import tomllib
import types
import typing
from collections.abc import Iterable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from blueprints import settings_versions
from blueprints.settings import PROFILES, Settings
from blueprints.validation import SettingsError, require

_DURATION = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")
ALSO = ("profile", "version")  # what a file says besides settings
_CURES = {
    str: 'use a string in quotes, for example "eu-west-1"',
    int: "use a whole number, without quotes",
    bool: "use true or false",
    timedelta: 'use a duration such as "45m", "6h" or "35d"',
}


def load(path: Path) -> Settings:
    """Settings of the deployment that *path* describes; a line on standard error tells what of it is of an old version.

    Raises:
        SettingsError: the file can't be read, or a field is unknown, of the wrong type or refused by the settings; the
            message is one line that names file, field, value and cure.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}; give the path of a readable TOML file") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path}: not UTF-8 text at byte {error.start}; save the file as UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path}: not TOML: {error}; correct that line") from error
    try:
        current, old = settings_versions.current(table)
        found = overlaid(current)
    except SettingsError as error:
        raise SettingsError(f"{path}: {error}") from error
    if old:
        sys.stderr.write(f"{path}: {settings_versions.advice(old)}\n")
    return found


def overlaid(table: Mapping[str, Any]) -> Settings:
    """Settings of the profile that *table* names, with every other value of *table* in place of the profile's.

    *table* is of the current version, as :func:`settings_versions.current` makes it.

    Raises:
        SettingsError: a field is unknown, of the wrong type or refused by the settings.
    """
    name = table.get("profile")
    known = ", ".join(PROFILES)
    require(name is not None, "profile", "", f"name the profile to start from: {known}")
    require(isinstance(name, str) and name.upper() in PROFILES, "profile", name, f"use {known}")
    profile = PROFILES[str(name).upper()]
    values = {key: value for key, value in table.items() if key not in ALSO}
    return Settings(**_fields(Settings, profile, values, "", also=ALSO))


def _fields(
    kind: type, base: object | None, table: Mapping[str, Any], path: str, also: Iterable[str] = ()
) -> dict[str, Any]:
    """Arguments for *kind*: those of *base*, if there is one, and what *table* says instead."""
    hints = typing.get_type_hints(kind)
    arguments = {name: getattr(base, name) for name in hints} if base else {}
    for name, value in table.items():
        field = f"{path}{name}"
        if name not in hints:
            former = settings_versions.FORMER.get(path, {}).get(name)
            near = [former] if former else difflib.get_close_matches(name, [*hints, *also], n=1, cutoff=0.5)
            cure = f"did you mean {path}{near[0]}?" if near else f"use one of {', '.join(sorted([*hints, *also]))}"
            require(False, field, value, f"there is no such setting; {cure}")  # noqa: FBT003
        arguments[name] = _value(hints[name], arguments.get(name), value, field)
    for known in dataclasses.fields(kind):
        optional = (known.default, known.default_factory) != (dataclasses.MISSING, dataclasses.MISSING)
        require(optional or known.name in arguments, f"{path}{known.name}", "", "is missing; give it a value, too")
    return arguments


def _value(hint: Any, base: object, value: Any, field: str) -> Any:
    """*value* as the type that *hint* asks for."""
    if isinstance(hint, types.UnionType):  # X | None
        if value is False:
            return None
        hint = next(member for member in hint.__args__ if member is not types.NoneType)
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        require(isinstance(value, dict), field, value, f"use a table, [{field}], with a line for each setting")
        return hint(**_fields(hint, base, value, f"{field}."))
    if typing.get_origin(hint) is typing.Literal:
        choices = typing.get_args(hint)
        require(value in choices, field, value, f"use {' or '.join(choices)}")
        return value
    if hint is timedelta:
        return _duration(value, field)
    require(type(value) is hint, field, value, _CURES[hint])
    return value


def _duration(value: object, field: str) -> timedelta:
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    require(bool(match and match[0]), field, value, _CURES[timedelta])
    days, hours, minutes, seconds = (int(number or 0) for number in match.groups()) if match else (0,) * 4
    try:
        return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    except OverflowError:
        raise SettingsError(f'{field} = "{value}": {_CURES[timedelta]}') from None
