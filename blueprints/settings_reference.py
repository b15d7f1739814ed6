"""``docs/settings.md``, from the settings themselves: ``python -m blueprints.settings_reference > docs/settings.md``.

What is allowed is asked of them, too: each setting is given nonsense, and says what it takes. A test compares.
"""

from __future__ import annotations

import dataclasses
import re
import sys
import types
import typing
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from blueprints.settings import PRODUCTION, PROFILES, Domain, Federation, Settings
from blueprints.validation import SettingsError

INTRODUCTION = """\
# Settings

Made by `python -m blueprints.settings_reference > docs/settings.md` from `blueprints/settings.py` and
`backup_settings.py`, `web_settings.py` and `stack_set_settings.py` there; a test compares. A deployment is a profile
(`PRODUCTION`, `STAGING` or `SANDBOX`), or a TOML file that names the profile it starts from and says what is different:

```toml
version = 2
profile = "PRODUCTION"
stage = "acme"

[backup]
interval = "4h"
recovery_point_objective = "10h"
```

```console
$ python build.py --settings acme.toml
```

Durations are written `90s`, `45m`, `6h`, `35d` or `1h30m`. An optional table or setting is turned off with `false`:
`database = false`. Whatever is unknown, of the wrong type, out of bounds or at odds with another setting is refused in
one line that names file, setting, value and cure, and nothing is emitted.

`version` says which version of these settings the file is of; without it, it is of version 1. An older file is read as
ever, and a line on standard error says what to write instead of each setting that was renamed since; one that is newer
than the checkout is refused ([upgrading](upgrading.md)).

Defaults are those of `PRODUCTION`; where another profile differs, it is named.
"""
KINDS = {str: "string", int: "whole number", bool: "yes or no", timedelta: "duration"}
NONSENSE: dict[Any, object] = {str: "?", int: -1, timedelta: timedelta(0)}  # that no setting takes
# Of what no profile has, something that is allowed, so that one setting at a time can be wrong.
SAMPLES: dict[Any, object] = {
    Domain: Domain(name="example.com", zone_id="Z0123456789ABCDEFGHIJ"),
    Federation: Federation(name="Company", metadata_url="https://login.example.com/saml"),
}


# Bounds that other settings set; what the settings say of them holds for one profile only. A test tries them.
RELATIVE = {
    "backup.recovery_point_objective": "at least `interval` + `snapshot_timeout` + `copy_timeout`",
    "database.storage_limit": "at least a tenth more than `storage`, at most 65536 GiB",
}


class Row(typing.NamedTuple):
    """One setting, as the tables show it."""

    name: str
    kind: str
    default: str
    allowed: str
    meaning: str


def reference() -> str:
    """The whole page."""
    own, tables = [], []
    for field, hint, optional in _fields(Settings):
        if dataclasses.is_dataclass(hint):
            tables.append(_table(field.name, hint, optional=optional))
        else:
            own.append(field.name)
    top = _section("Before the first table", rows(Settings, "", own), "Names and places of the deployment.")
    return "\n".join([INTRODUCTION, top, *tables])


def _table(name: str, kind: Any, *, optional: bool) -> str:
    title, told = f"`[{name}]`", _marked((kind.__doc__ or "").partition("\n")[0])
    if optional:
        absent = getattr(PRODUCTION, name) is None
        told += " Optional; no profile has it." if absent else f" Optional: `{name} = false` does without."
    return _section(title, rows(kind, name), told)


def _section(title: str, found: list[Row], told: str) -> str:
    lines = [
        f"## {title}\n",
        f"{told}\n",
        "| setting | type | default | allowed | what it does |",
        "|---|---|---|---|---|",
    ]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in found), ""])


def rows(kind: Any, table: str, only: list[str] | None = None) -> list[Row]:
    """Rows of the settings of *kind*, which are in *table*."""
    meanings = _meanings(kind)
    return [
        Row(
            f"`{field.name}`",
            "one of" if typing.get_origin(hint) is typing.Literal else KINDS[hint],
            _defaults(table, field.name, required=_required(field)),
            _allowed(kind, table, field.name, hint),
            meanings[field.name],
        )
        for field, hint, _ in _fields(kind)
        if only is None or field.name in only
    ]


def _fields(kind: Any) -> Iterator[tuple[dataclasses.Field[Any], Any, bool]]:
    """Each setting, its type without the ``None`` that turns it off, and whether it can be."""
    hints = typing.get_type_hints(kind)
    for field in dataclasses.fields(kind):
        hint = hints[field.name]
        optional = isinstance(hint, types.UnionType)
        yield field, next(each for each in typing.get_args(hint) if each) if optional else hint, optional


def _required(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _meanings(kind: Any) -> dict[str, str]:
    """What the docstring says of each attribute."""
    text = (kind.__doc__ or "").partition("Attributes:\n")[2]
    joined = re.sub(r"\n {12,}", " ", text)
    found = dict(re.findall(r"^ {8}(\w+): (.+)$", joined, re.MULTILINE))
    return {name: _marked(said) for name, said in found.items()}


def _marked(text: str) -> str:
    """*text* of a docstring as Markdown."""
    return re.sub(r"``(.+?)``|\*(\w+)\*", lambda match: f"`{match[1] or match[2]}`", text)


def _defaults(table: str, name: str, *, required: bool) -> str:
    """The default, and those of other profiles that differ."""
    if (table, name) == ("", "stage"):
        return "the profile's name, in lower case"
    values = {}
    for profile, settings in PROFILES.items():
        place = getattr(settings, table) if table else settings
        values[profile] = "none; it must be given" if place is None and required else toml(getattr(place, name, None))
    first = values["PRODUCTION"]
    others = [f"{profile} {value}" for profile, value in values.items() if value != first]
    return ", ".join([first, *others])


def toml(value: object) -> str:
    """*value* as a settings file says it."""
    if value is None:
        return "off"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, timedelta):
        return f'`"{duration(value)}"`'
    return f"`{value}`" if isinstance(value, int) else f'`"{value}"`'


def duration(value: timedelta) -> str:
    """``35d``, ``1h30m``."""
    left, found = value, ""
    for letter, unit in (("d", timedelta(days=1)), ("h", timedelta(hours=1)), ("m", timedelta(minutes=1))):
        number, left = divmod(left, unit)
        found += f"{number}{letter}" if number else ""
    seconds = left // timedelta(seconds=1)
    return found + (f"{seconds}s" if seconds or not found else "")


def _allowed(kind: Any, table: str, name: str, hint: Any) -> str:
    """What the setting says when it is given nonsense."""
    if typing.get_origin(hint) is typing.Literal:
        return ", ".join(f'`"{each}"`' for each in typing.get_args(hint))
    if hint is bool:
        return "`true`, `false`"
    if relative := RELATIVE.get(f"{table}.{name}"):
        return relative
    whole: Any = (getattr(PRODUCTION, table) if table else PRODUCTION) or SAMPLES[kind]
    try:
        dataclasses.replace(whole, **{name: NONSENSE[hint]})
    except SettingsError as error:
        return str(error).partition(": ")[2].removeprefix("use ").removeprefix("give ")
    raise TypeError(f"{table}.{name} takes {NONSENSE[hint]!r}; check it in the settings")


if __name__ == "__main__":
    sys.stdout.write(reference())
