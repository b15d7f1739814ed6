"""Who may do what when AWS's own services act for us: role sessions, and policies that name a service.

MiniStack enforces what arrives over HTTP. Deliveries inside the server (a rule's target, a schedule) skip that check,
so they ask here. Without enforcement (``AUTH=false``) everything is allowed, as in MiniStack.
"""

import hashlib
import time
from dataclasses import dataclass
from typing import Any

from ministack import app
from ministack.core import iam_evaluator
from ministack.core.responses import get_account_id, get_region
from ministack.services import iam, kms, sts

from sandbox.engine.clients import Credentials
from sandbox.engine.keys import arn_of, conditions

KEY_ACTIONS = ("kms:GenerateDataKey", "kms:Decrypt")  # what it takes to put a message into an encrypted queue or topic


SESSION_SECONDS = 12 * 3600  # longer than any run of the engine; a warm function keeps its credentials


class NotAllowed(Exception):
    """A role, or the policy of a resource, does not permit what a service was about to do."""


def session_of(role_arn: str, session_name: str) -> Credentials | None:
    """Credentials of a session of that role, None (the account's root) when permissions are not enforced.

    The key is derived from role and session name, so the cache of clients stays small.
    """
    if not app.AUTH or not role_arn:
        return None
    name = role_arn.rsplit("/", 1)[-1]
    secret = hashlib.sha256(f"{role_arn}/{session_name}".encode()).hexdigest()
    credentials = Credentials("ASIA" + secret[:16].upper(), secret, secret)
    role = iam._roles.get(name) or {}
    sts.register_session(
        credentials.key,
        {
            "Arn": f"arn:aws:sts::{get_account_id()}:assumed-role/{name}/{session_name}",
            "UserId": f"{role.get('RoleId', name)}:{session_name}",
            "SecretAccessKey": secret,
            "SessionToken": secret,
            "Expiration": time.time() + SESSION_SECONDS,  # RDS takes no token of a session without an end
        },
    )
    return credentials


def require_role(  # noqa: PLR0913, PLR0917
    role_arn: str | None,
    service: str,
    action: str,
    resource: str,
    source_arn: str = "",
    keys: dict[str, Any] | None = None,
) -> None:
    """Check that ``service``, for ``source_arn``, can assume the role, and the role may do ``action`` on ``resource``.

    Raises:
        NotAllowed: It cannot, or may not, and permissions are enforced.
    """
    if not app.AUTH:
        return
    name = (role_arn or "").rsplit("/", 1)[-1]
    role = iam._roles.get(name)
    if role is None:
        raise NotAllowed(f"{service} needs a role that exists for {action}, not {role_arn!r}")
    require_trust(str(role_arn), service, source_arn)
    session = f"arn:aws:sts::{get_account_id()}:assumed-role/{name}/{service}"
    context = _context(session, "AssumedRole", get_account_id(), action, resource)
    context.service_context = lowered(keys or {})
    policies = iam_evaluator._gather_role_policies(name, get_account_id())
    if iam_evaluator.evaluate(context, policies).decision != "Allow":
        raise NotAllowed(f"{role_arn} may not perform {action} on {resource}")


def require_service(  # noqa: PLR0913, PLR0917
    service: str,
    policy: object,
    action: str,
    resource: str,
    source_arn: str,
    keys: dict[str, Any] | None = None,
) -> None:
    """Check that a resource's own policy lets ``service`` do ``action`` on behalf of ``source_arn``.

    Raises:
        NotAllowed: It does not, and permissions are enforced.
    """
    if app.AUTH and not _service_may(service, policy, action, resource, source_arn, keys):
        raise NotAllowed(f"the policy of {resource} does not let {service} perform {action} for {source_arn}")


@dataclass(frozen=True)
class EncryptedResource:
    """A queue or a topic, and the key that encrypts what is in it."""

    service: str
    arn: str
    key: str | None

    def key_arn(self) -> str | None:
        """The ARN of its customer-managed key, None when it has none.

        Raises:
            NotAllowed: An AWS-managed or unknown key, which no service of AWS may use.
        """
        if not app.AUTH or not self.key:
            return None
        arn = arn_of(self.key, get_region())
        if arn is None:
            raise NotAllowed(f"the key {self.key} of {self.arn} is AWS-managed or does not exist")
        return arn


def require_service_key(service: str, target: EncryptedResource, source_arn: str) -> None:
    """Check that the policy of the target's key lets ``service`` use it.

    Raises:
        NotAllowed: It does not, and permissions are enforced.
    """
    if arn := target.key_arn():
        policy = (kms._resolve_key(arn) or {}).get("Policy")
        for action in KEY_ACTIONS:
            require_service(service, policy, action, arn, source_arn, conditions(arn, target.service, target.arn))


def require_role_key(role_arn: str | None, service: str, target: EncryptedResource, source_arn: str) -> None:
    """Check that the role may use the target's key.

    Raises:
        NotAllowed: It may not, and permissions are enforced.
    """
    if arn := target.key_arn():
        for action in KEY_ACTIONS:
            require_role(role_arn, service, action, arn, source_arn, conditions(arn, target.service, target.arn))


def require_trust(role_arn: str, service: str, source_arn: str) -> None:
    """Check that the role lets ``service`` assume it for ``source_arn``.

    Raises:
        NotAllowed: It does not, and permissions are enforced.
    """
    role = iam._roles.get(role_arn.rsplit("/", 1)[-1]) or {}
    policy = role.get("AssumeRolePolicyDocument")
    if app.AUTH and not _service_may(service, policy, "sts:AssumeRole", "*", source_arn, {}):
        raise NotAllowed(f"{role_arn} does not trust {service} for {source_arn}")


def _service_may(  # noqa: PLR0913, PLR0917
    service: str,
    policy: object,
    action: str,
    resource: str,
    source_arn: str,
    keys: dict[str, Any] | None = None,
) -> bool:
    context = _context("*", "Service", "", action, resource)
    context.service_context = lowered(
        {
            "aws:SourceAccount": get_account_id(),
            "aws:PrincipalIsAWSService": "true",
            "aws:PrincipalServiceName": service,
            **({"aws:SourceArn": source_arn} if source_arn else {}),
            **(keys or {}),
        }
    )
    return bool(iam_evaluator.evaluate_resource_policy(policy, context, service=service).decision == "Allow")


def lowered(keys: dict[str, Any]) -> dict[str, Any]:
    """Condition keys as the evaluator looks them up."""
    return {name.lower(): value for name, value in keys.items()}


def _context(principal: str, kind: str, account: str, action: str, resource: str) -> Any:
    return iam_evaluator.EvalContext(
        principal_arn=principal,
        principal_type=kind,
        principal_account=account,
        action=action,
        resource_arn=resource,
        region=get_region(),
        secure_transport=True,
    )
