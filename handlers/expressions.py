"""How DynamoDB spells what the ledger means: values with their types, conditions with every name aliased."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Item = dict[str, Any]


class Condition:
    """That attributes are as *seen*; names are aliased, since DynamoDB reserves half the dictionary."""

    def __init__(self, seen: Mapping[str, Any]) -> None:
        self.names: dict[str, str] = {}
        self.values: dict[str, Any] = {}
        self.expression = " AND ".join(
            f"attribute_not_exists({self.name(name)})" if value is None else f"{self.name(name)} = {self.value(value)}"
            for name, value in seen.items()
        )

    def name(self, name: str) -> str:
        """Alias of an attribute's name."""
        return next((alias for alias, known in self.names.items() if known == name), None) or self._alias(name)

    def _alias(self, name: str) -> str:
        alias = f"#n{len(self.names)}"
        self.names[alias] = name
        return alias

    def value(self, value: object) -> str:
        """Alias of a value."""
        alias = f":v{len(self.values)}"
        self.values[alias] = value
        return alias

    def arguments(self) -> Any:
        """Keyword arguments of the call."""
        values = {"ExpressionAttributeValues": encoded(self.values)} if self.values else {}
        return {"ConditionExpression": self.expression, "ExpressionAttributeNames": self.names, **values}


def key(pk: str, sk: str) -> Any:
    """Key of an item."""
    return {"pk": {"S": pk}, "sk": {"S": sk}}


def encoded(item: Mapping[str, Any]) -> Any:
    """*item* as DynamoDB takes it.

    Raises:
        TypeError: It holds what the ledger can't.
    """
    return {name: _typed(value) for name, value in item.items()}


def _typed(value: Any) -> Item:
    match value:
        case None:
            return {"NULL": True}
        case bool():
            return {"BOOL": value}
        case int() | float():
            return {"N": repr(value)}
        case str():
            return {"S": value}
        case Mapping():
            return {"M": encoded(value)}
        case list() | tuple():
            return {"L": [_typed(each) for each in value]}
    raise TypeError(f"the ledger can't hold a {type(value).__name__}")


def decoded(item: Mapping[str, Any]) -> Item:
    """*item* as DynamoDB gives it, in plain values."""
    return {name: _plain(value) for name, value in item.items()}


def _plain(value: Mapping[str, Any]) -> Any:
    (kind, inner), *_ = value.items()
    if kind == "M":
        return decoded(inner)
    if kind == "L":
        return [_plain(each) for each in inner]
    if kind == "N":
        return int(inner) if inner.lstrip("-").isdecimal() else float(inner)
    return None if kind == "NULL" else inner
