"""What can end a deployment early, each with a message that says what to do; ``command`` turns them into exit codes.

DeploymentError
├── NoAccess        AWS does not know us, or there is no such profile
├── NotReady        a check of account, regions, quotas or prerequisites failed; nothing was changed
├── Refused         what was asked for would lose data that was not named, or was not confirmed; nothing was changed
└── StackFailed     a stack could not be made, changed or removed; names the resource, the reason and how to go on
"""

from __future__ import annotations

from blueprints.order import Stack


class DeploymentError(Exception):
    """The command ends; the message is for the person who started it."""

    exit_code = 1


class NoAccess(DeploymentError):
    """AWS does not know us."""

    exit_code = 2


class NotReady(DeploymentError):
    """A check failed before anything was changed."""

    exit_code = 2


class Refused(DeploymentError):
    """It would lose data that was not named, or nobody agreed."""

    exit_code = 2


class StackFailed(DeploymentError):
    """A stack is not as it should be.

    Attributes:
        stack: Which one, where.
        cause: Resource, type and reason of the first failure, as CloudFormation gives it.
    """

    def __init__(self, stack: Stack, status: str, cause: str) -> None:
        self.stack, self.status, self.cause = stack, status, cause
        super().__init__(f"the {stack.name} stack in {stack.region} is {status}: {cause}")
