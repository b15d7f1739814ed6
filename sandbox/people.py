"""The one person who may log in to the local run's console."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

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


def let_in(api: Api, page: str) -> None:
    """Have the login page lead back to the console's *page*, whose address nobody knew when the client was made.

    An update forgets whatever it is not told again.
    https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_UpdateUserPoolClient.html
    """
    pools, pool = api.engine.client("cognito-idp", api.region), api.outputs["UserPool"]
    name = api.outputs["ConsoleClient"]
    known = pools.describe_user_pool_client(UserPoolId=pool, ClientId=name)["UserPoolClient"]
    members = pools.meta.service_model.operation_model("UpdateUserPoolClient").input_shape.members
    kept: dict[str, Any] = {member: value for member, value in known.items() if member in members and value != ""}
    for member in ("CallbackURLs", "LogoutURLs"):
        kept[member] = sorted({*kept.get(member, []), page})
    pools.update_user_pool_client(**kept)
