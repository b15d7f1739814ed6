"""StackSets as the embedded AWS remembers them: sets, their instances, their operations."""

import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ministack.core.responses import get_account_id, get_region, now_iso

from sandbox.engine.stacksets.wire import Refusal

Json = dict[str, Any]
Key = tuple[str, str]  # account and region of an instance

SELF_MANAGED, SERVICE_MANAGED = "SELF_MANAGED", "SERVICE_MANAGED"
# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stacksets-prereqs-self-managed.html
ADMINISTRATION, EXECUTION = "AWSCloudFormationStackSetAdministrationRole", "AWSCloudFormationStackSetExecutionRole"

_sets: dict[Key, list["StackSet"]] = {}  # of each account and region, also those that are deleted


@dataclass
class Instance:
    """A set's stack in an account and region, or the place for one.

    Attributes:
        unit: The organizational unit by which it was targeted.
        overrides: Parameters that differ from the set's.
        status: ``CURRENT``, ``OUTDATED`` or ``INOPERABLE``.
        detailed: How the last operation on it ended.
        stack_id: The stack, also one that is gone by now; empty when there never was one.
        drift_operation: The operation that looked for drift.
    """

    account: str
    region: str
    unit: str = ""
    overrides: dict[str, str] = field(default_factory=dict)
    status: str = "OUTDATED"
    detailed: str = "PENDING"
    reason: str = ""
    stack_id: str = ""
    operation: str = ""
    drift: str = "NOT_CHECKED"
    checked: str | None = None
    drift_operation: str = ""

    @property
    def key(self) -> Key:
        """Where it is."""
        return self.account, self.region


@dataclass
class Result:
    """What became of an operation at one instance."""

    status: str = "PENDING"
    reason: str = ""


@dataclass
class Operation:
    """Something done to instances of a set.

    Attributes:
        action: ``CREATE``, ``UPDATE``, ``DELETE`` or ``DETECT_DRIFT``.
        request: What was asked; the same again, with the same id, is the same operation.
        results: Where it is done, in no order, and what became of it.
        finished: Set when it has ended.
    """

    id: str
    action: str
    request: Json
    results: dict[Key, Result]
    administration_role: str | None = None
    execution_role: str | None = None
    status: str = "QUEUED"
    reason: str = ""
    created: str = field(default_factory=now_iso)
    ended: str | None = None
    finished: threading.Event = field(default_factory=threading.Event)

    @property
    def preferences(self) -> Json:
        """How it is done."""
        return self.request.get("OperationPreferences") or {}

    @property
    def open(self) -> bool:
        """Whether it has not ended."""
        return not self.finished.is_set()


@dataclass
class StackSet:
    """A set.

    Attributes:
        revision: Grows with each change of template, parameters or tags.
        drift: What the last complete search for drift has found.
        lock: Held while instances and operations change.
    """

    name: str
    account: str
    region: str
    text: str
    token: str = ""
    uuid: str = field(default_factory=lambda: str(uuid.uuid4()))
    description: str | None = None
    parameters: dict[str, str] = field(default_factory=dict)
    capabilities: list[str] = field(default_factory=list)
    tags: list[Json] = field(default_factory=list)
    permission_model: str = SELF_MANAGED
    administration_role: str | None = None
    execution_role: str | None = None
    auto_deployment: Json | None = None
    managed: bool = False
    revision: int = 0
    status: str = "ACTIVE"
    drift: Json | None = None
    instances: dict[Key, Instance] = field(default_factory=dict)
    operations: dict[str, Operation] = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock)

    @property
    def id(self) -> str:
        """Its id, which bears its name."""
        return f"{self.name}:{self.uuid}"

    @property
    def arn(self) -> str:
        """Its ARN."""
        return f"arn:aws:cloudformation:{self.region}:{self.account}:stackset/{self.id}"

    def open_operations(self) -> list[Operation]:
        """What has not ended, oldest first."""
        return [one for one in self.operations.values() if one.open]

    def operation(self, identifier: str) -> Operation:
        """The operation of that id.

        Raises:
            Refusal: There is none.
        """
        if identifier not in self.operations:
            raise Refusal("OperationNotFoundException", f"Operation {identifier} not found for StackSet {self.arn}")
        return self.operations[identifier]

    def instance(self, account: str, region: str) -> Instance:
        """The instance in an account and region.

        Raises:
            Refusal: There is none.
        """
        if (account, region) not in self.instances:
            raise Refusal(
                "StackInstanceNotFoundException",
                f"Stack instance not found for StackSet {self.id}, account {account} and Region {region}",
            )
        return self.instances[account, region]


def sets() -> list[StackSet]:
    """The sets of the account and region whose request is being served."""
    return _sets.setdefault((get_account_id(), get_region()), [])


def find(name: str) -> StackSet:
    """The set of that name, id or ARN.

    Raises:
        Refusal: There is none, or no longer.
    """
    for one in _named(name):
        return one
    raise Refusal("StackSetNotFoundException", f"StackSet {name} not found")


def _named(name: str) -> Iterator[StackSet]:
    return (one for one in sets() if one.status == "ACTIVE" and name in {one.name, one.id, one.arn})


def exists(name: str) -> StackSet | None:
    """The set of that name, if there is one."""
    return next(_named(name), None)
