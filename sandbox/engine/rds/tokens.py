"""Whether a database token is good: its signature, and the permission ``rds-db:connect``.

A token is a presigned query for one host, port and user, valid for 15 minutes:
https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.Connecting.html
"""

from dataclasses import dataclass

from ministack import app
from ministack.core import iam_evaluator, rds_iam
from ministack.core.responses import request_scope

HOSTS = ("127.0.0.1", "localhost")


@dataclass(frozen=True)
class Target:
    """A database that tokens open: an instance by its ``DbiResourceId``, a proxy by its ``prx-`` id."""

    account: str
    region: str
    resource: str


def refusal(target: Target, user: str, token: str, port: int) -> str | None:
    """Why the token does not open the target to this database user; None when it does.

    Args:
        target: The database.
        user: The database user who logs in.
        token: What the client gave as password.
        port: The port the client came to; tokens are made for host and port.
    """
    host = next((name for name in HOSTS if token.startswith(f"{name}:")), HOSTS[0])
    account, region = target.account, target.region
    checked = rds_iam.verify_rds_iam_token(
        token, hostname=host, port=port, db_user=user, region=region, account_id=account
    )
    if isinstance(checked, rds_iam.RdsIamTokenError):
        return str(checked.code)
    if not app.AUTH:
        return None
    with request_scope(account, region):
        return _not_permitted(checked, f"arn:aws:rds-db:{region}:{account}:dbuser:{target.resource}/{user}")


def _not_permitted(identity: rds_iam.VerifiedRdsToken, database_user: str) -> str | None:
    """Why this identity may not connect as that database user.

    https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.IAMPolicy.html
    """
    principal = iam_evaluator.resolve_principal(identity.access_key_id, identity.account_id)
    if isinstance(principal, iam_evaluator.AuthError):
        return str(principal.message)
    if principal.policies is None:  # the account's root
        return None
    region = database_user.split(":")[3]
    context = iam_evaluator.EvalContext(
        principal_arn=principal.arn,
        principal_type=principal.type,
        principal_account=identity.account_id,
        action="rds-db:connect",
        resource_arn=database_user,
        region=region,
        principal_keys=principal.keys,
        secure_transport=True,
    )
    if iam_evaluator.evaluate(context, principal.policies, *principal.limits).decision == "Allow":
        return None
    return f"{principal.arn} may not perform rds-db:connect on {database_user}"
