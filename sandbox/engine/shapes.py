"""Values fitted to botocore's models, for the tables of ``cloudformation`` and the SDK calls of ``stepfunctions``.

Templates and state machines name members in their own spelling (``DbInstanceIdentifier``), and templates write
numbers as strings; botocore wants the model's names and types.
"""

import json
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StructureShape


def fit(value: Any, shape: Shape | None, *, drop_unknown: bool = False) -> Any:
    """The value with member names and scalar types of the shape.

    Args:
        value: JSON.
        shape: What an operation takes.
        drop_unknown: Leave out members the shape lacks, instead of letting botocore refuse them.
    """
    if shape is None:
        return value
    if isinstance(shape, StructureShape) and isinstance(value, dict):
        members: dict[str, Shape] = dict(shape.members)
        names = {name.lower(): name for name in members}
        known: dict[str, str] = {
            key: str(names.get(key.lower(), key)) for key in value if not drop_unknown or key.lower() in names
        }
        return {name: fit(value[key], members.get(name), drop_unknown=drop_unknown) for key, name in known.items()}
    if isinstance(shape, ListShape):
        items = value if isinstance(value, list) else [value]
        return [fit(item, shape.member, drop_unknown=drop_unknown) for item in items]
    if isinstance(shape, MapShape) and isinstance(value, dict):
        return {key: fit(part, shape.value, drop_unknown=drop_unknown) for key, part in value.items()}
    return scalar(value, shape.type_name)


def scalar(value: Any, kind: str | None) -> Any:
    """A scalar in the type that botocore's model asks for; a document in the place of a string becomes JSON."""
    if kind in {"integer", "long"} and isinstance(value, str | float):
        return int(value)
    if kind in {"float", "double"} and isinstance(value, str | int):
        return float(value)
    if kind == "boolean" and isinstance(value, str):
        return value.lower() == "true"
    if kind in {"string", "blob"} and not isinstance(value, str | bytes):
        return json.dumps(value)
    return value
