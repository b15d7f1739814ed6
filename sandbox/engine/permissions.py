"""Who may do what when AWS's own services act for us: role sessions, and policies that name a service.

MiniStack enforces what arrives over HTTP. Deliveries inside the server (a rule's target, a schedule) skip that check,
so they ask here. Without enforcement (``AUTH=false``) everything is allowed, as in MiniStack.
"""

import hashlib
from typing import Any

from ministack import app
from ministack.core import iam_evaluator
from ministack.core.responses import get_account_id, get_region
from ministack.services import iam, kms, sts

from sandbox.engine.clients import Credentials


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
        },
    )
    return credentials


def require_role(role_arn: str | None, service: str, action: str, resource: str, source_arn: str = "") -> None:
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
    policies = iam_evaluator._gather_role_policies(name, get_account_id())
    if iam_evaluator.evaluate(context, policies).decision != "Allow":
        raise NotAllowed(f"{role_arn} may not perform {action} on {resource}")


def require_service(service: str, policy: object, action: str, resource: str, source_arn: str) -> None:
    """Check that a resource's own policy lets ``service`` do ``action`` on behalf of ``source_arn``.

    Raises:
        NotAllowed: It does not, and permissions are enforced.
    """
    if app.AUTH and not _service_may(service, policy, action, resource, source_arn):
        raise NotAllowed(f"the policy of {resource} does not let {service} perform {action} for {source_arn}")


def require_service_key(service: str, key: str | None, source_arn: str) -> None:
    """Check that the policy of the key that encrypts a queue or topic lets ``service`` use it.

    Raises:
        NotAllowed: It does not, and permissions are enforced.
    """
    if not app.AUTH or not key:
        return
    record = kms._resolve_key(key)
    if record is None:
        raise NotAllowed(f"the key {key} does not exist")
    require_service(service, record.get("Policy"), "kms:GenerateDataKey", record["Arn"], source_arn)
    require_service(service, record.get("Policy"), "kms:Decrypt", record["Arn"], source_arn)


def require_role_key(role_arn: str | None, service: str, key: str | None, source_arn: str) -> None:
    """Check that the role may use the key that encrypts a queue or topic.

    Raises:
        NotAllowed: It may not, and permissions are enforced.
    """
    record = kms._resolve_key(key) if key else None
    if record is not None:
        require_role(role_arn, service, "kms:GenerateDataKey", record["Arn"], source_arn)
        require_role(role_arn, service, "kms:Decrypt", record["Arn"], source_arn)


def require_trust(role_arn: str, service: str, source_arn: str) -> None:
    """Check that the role lets ``service`` assume it for ``source_arn``.

    Raises:
        NotAllowed: It does not, and permissions are enforced.
    """
    role = iam._roles.get(role_arn.rsplit("/", 1)[-1]) or {}
    if app.AUTH and not _service_may(service, role.get("AssumeRolePolicyDocument"), "sts:AssumeRole", "*", source_arn):
        raise NotAllowed(f"{role_arn} does not trust {service} for {source_arn}")


def _service_may(service: str, policy: object, action: str, resource: str, source_arn: str) -> bool:
    context = _context("*", "Service", "", action, resource)
    context.service_context = {
        "aws:sourceaccount": get_account_id(),
        "aws:principalisawsservice": "true",
        "aws:principalservicename": service,
        **({"aws:sourcearn": source_arn} if source_arn else {}),
    }
    return iam_evaluator.evaluate_resource_policy(policy, context, service=service).decision == "Allow"


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
