"""How a wrong setting is refused: the field, its value and the cure, in one line."""

from __future__ import annotations


class SettingsError(ValueError):
    """A setting is missing, malformed or contradicts another; nothing was emitted."""


def require(condition: bool, field: str, value: object, cure: str) -> None:  # noqa: FBT001
    """Refuse *value* of *field* unless *condition* holds.

    Raises:
        SettingsError: the condition does not hold; the message names the field, the value and the cure.
    """
    if not condition:
        shown = value if isinstance(value, int | float) or value is None else f'"{value}"'
        raise SettingsError(f"{field} = {shown}: {cure}")
