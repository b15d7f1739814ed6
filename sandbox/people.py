"""The one person who may log in to the local run's console."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from sandbox.api import Api

NAME = "operator@example.com"


@dataclass(frozen=True)
class Person:
    """Somebody with a password."""

    name: str
    password: str


def invite(api: Api) -> Person:
    """A new person in the region's user pool, whose password need not be changed."""
    person = Person(NAME, f"Aa1-{secrets.token_urlsafe(12)}")  # the pool wants one of each kind of character
    pools, pool = api.engine.client("cognito-idp", api.region), api.outputs["UserPool"]
    mail = [{"Name": "email", "Value": person.name}, {"Name": "email_verified", "Value": "true"}]
    # On AWS a second factor is asked for; whoever can reach this pool sits at this machine.
    pools.set_user_pool_mfa_config(UserPoolId=pool, MfaConfiguration="OFF")
    pools.admin_create_user(
        UserPoolId=pool,
        Username=person.name,
        UserAttributes=mail,
        TemporaryPassword=person.password,
        MessageAction="SUPPRESS",
    )
    pools.admin_set_user_password(UserPoolId=pool, Username=person.name, Password=person.password, Permanent=True)
    return person
