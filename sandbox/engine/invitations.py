"""A person who is invited without a password: Cognito makes one up that the pool's policy takes."""

import secrets
import string
from typing import Any

from ministack.services import cognito

from sandbox.engine.patching import replace

SYMBOLS = "^$*.[]{}()?-!@#%&/,><:;|_~+="  # those of Cognito's that need no escape anywhere
KINDS = (string.ascii_uppercase, string.ascii_lowercase, string.digits, SYMBOLS)
SHORTEST = 8  # characters, where the pool doesn't say

_original: dict[str, Any] = {}


def install() -> None:
    """Replace Cognito's call, whose own invention has twelve characters whatever the pool asks for."""
    _original["invite"] = replace(cognito, "_admin_create_user", admin_create_user, "b6be9f9333ac")


def admin_create_user(request: dict[str, Any]) -> Any:
    """Invite somebody."""
    # https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_AdminCreateUser.html: "If you
    # don't specify a value, Amazon Cognito generates one for you", and it must conform to the pool's policy.
    if not request.get("TemporaryPassword"):
        pool = cognito._user_pools.get(request.get("UserPoolId")) or {}
        policy = pool.get("Policies", {}).get("PasswordPolicy", {})
        request = {**request, "TemporaryPassword": invented(int(policy.get("MinimumLength", SHORTEST)))}
    return _original["invite"](request)


def invented(length: int) -> str:
    """A password of so many characters, at least one of each kind, in any order."""
    one_of_each = [secrets.choice(kind) for kind in KINDS]
    every = "".join(KINDS)
    rest = [secrets.choice(every) for _ in range(max(SHORTEST, length) - len(KINDS))]
    password = one_of_each + rest
    secrets.SystemRandom().shuffle(password)
    return "".join(password)
