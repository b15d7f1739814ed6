"""Who acts when a stack set changes a stack: two roles of the account, or StackSets itself in an organization."""

from botocore.exceptions import ClientError
from ministack import app
from ministack.core.responses import request_scope
from ministack.services import iam

from sandbox.engine import permissions
from sandbox.engine.clients import Credentials, client, root
from sandbox.engine.stacksets.store import ADMINISTRATION, EXECUTION, SERVICE_MANAGED, Operation, StackSet

SERVICE = "cloudformation.amazonaws.com"
SESSION = "stacksets"


class RolesMissing(Exception):
    """StackSets cannot act in the account; the message is AWS's."""


def credentials(stack_set: StackSet, operation: Operation, account: str) -> Credentials:
    """What StackSets changes the stacks of an account with.

    Self-managed: CloudFormation assumes the administration role, which assumes the execution role of the account
    (https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stacksets-prereqs-self-managed.html).

    Raises:
        RolesMissing: One of the two is not there, or does not trust the one before it.
    """
    if stack_set.permission_model == SERVICE_MANAGED:
        with request_scope(account, stack_set.region):
            return root()
    administration = operation.administration_role or f"arn:aws:iam::{stack_set.account}:role/{ADMINISTRATION}"
    execution = operation.execution_role or EXECUTION
    first, name = administrator(stack_set, administration), administration.rpartition("/")[2]
    arn = f"arn:aws:iam::{account}:role/{execution}"
    refused = RolesMissing(
        f"Account {account} should have '{execution}' role with trust relationship to Role '{name}'."
    )
    with request_scope(account, stack_set.region):
        if execution not in iam._roles:
            raise refused
    if app.AUTH:
        try:
            with request_scope(stack_set.account, stack_set.region):
                client("sts", credentials=first).assume_role(RoleArn=arn, RoleSessionName=SESSION)
        except ClientError as error:
            raise refused from error
    with request_scope(account, stack_set.region):
        return permissions.session_of(arn, SESSION) or root()


def administrator(stack_set: StackSet, arn: str) -> Credentials | None:
    """A session of the administration role, None when permissions are not enforced.

    Raises:
        RolesMissing: There is no such role, or CloudFormation may not assume it for this set.
    """
    name = arn.rpartition("/")[2]
    whose = f"Account {stack_set.account} should have '{name}' role"
    missing = f"{whose} with trust relationship to CloudFormation service."
    with request_scope(stack_set.account, stack_set.region):
        if name not in iam._roles:
            raise RolesMissing(missing)
        try:
            permissions.require_trust(arn, SERVICE, stack_set.arn)
        except permissions.NotAllowed as error:
            raise RolesMissing(missing) from error
        return permissions.session_of(arn, SESSION)
