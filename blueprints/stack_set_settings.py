"""Settings of how StackSets reaches both regions: by roles of our own, or by those of an organization."""

from __future__ import annotations

import re
from dataclasses import dataclass

from blueprints.validation import require


@dataclass(frozen=True, kw_only=True)
class StackSets:
    """Who lets StackSets deploy to both regions.

    Attributes:
        organizational_unit: Unit of AWS Organizations in which the account lies, or nothing. With one, the account must
            be a delegated administrator of StackSets, and the organization's own roles serve; without, the stack
            ``bootstrap`` makes two roles.
    """

    organizational_unit: str | None = None

    def __post_init__(self) -> None:
        # https://docs.aws.amazon.com/organizations/latest/APIReference/API_OrganizationalUnit.html (Id)
        unit = self.organizational_unit
        require(
            unit is None or bool(re.fullmatch(r"ou-[a-z0-9]{4,32}-[a-z0-9]{8,32}", unit)),
            "stack_sets.organizational_unit",
            unit,
            "use the id of an organizational unit such as ou-ab12-cdefgh34",
        )
