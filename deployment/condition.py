"""What is known of a deployment at one moment: each of its stacks, what goes on, what differs from its template."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Literal

from blueprints.order import Stack
from deployment.drift import Drifted

Code = Literal["current", "older", "unknown"]


@dataclass(frozen=True)
class State:
    """One stack that should be there, or is.

    Attributes:
        stack: Which one, where.
        status: As CloudFormation gives it; nothing if it isn't there.
        code: Whether its template is the one emitted now, an older one of ours, or none that we know of.
        changed_at: When it was made or last changed.
        protected: Nobody can delete it before this protection is lifted.
        instance: What StackSets says of it; nothing if no set made it.
        drift: ``IN_SYNC``, ``DRIFTED`` or ``NOT_CHECKED``, when it was last looked.
        looked_at: When that was.
        amiss: What is wrong with it, each with the cure.
        note: What is worth knowing, but not wrong.
    """

    stack: Stack
    status: str = ""
    code: Code | None = None
    changed_at: datetime | None = None
    protected: bool = False
    instance: str = ""
    drift: str = "NOT_CHECKED"
    looked_at: datetime | None = None
    amiss: tuple[str, ...] = ()
    note: str = ""

    @property
    def under_way(self) -> bool:
        """Whether CloudFormation is at work on it."""
        return self.status.endswith("_IN_PROGRESS")


@dataclass(frozen=True)
class Operation:
    """Something that StackSets has to do, or does."""

    set: str
    id: str
    action: str
    status: str
    since: datetime | None


@dataclass(frozen=True)
class Report:
    """The whole deployment.

    Attributes:
        deployment: Its prefix.
        account: Number of the account.
        regions: Every region, primary first.
        states: Each stack, in the order of deployment.
        operations: What StackSets has under way.
        drifted: Resources that are not as their templates say.
        silent: Regions that did not answer, and why.
    """

    deployment: str
    account: str
    regions: tuple[str, ...]
    states: tuple[State, ...]
    operations: tuple[Operation, ...] = ()
    drifted: tuple[Drifted, ...] = ()
    silent: Mapping[str, str] = field(default_factory=dict)

    @property
    def deployed(self) -> bool:
        """Whether anything is there."""
        return any(state.status for state in self.states)

    @property
    def amiss(self) -> bool:
        """Whether somebody should do something."""
        return bool(self.silent or self.drifted or any(state.amiss for state in self.states))

    def json(self) -> str:
        """For programs."""
        return json.dumps({**asdict(self), "amiss": self.amiss}, indent=2, default=str)
