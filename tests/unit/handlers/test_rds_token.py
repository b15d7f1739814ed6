import datetime as dt
from urllib.parse import parse_qs, urlsplit

import boto3
import botocore.auth
import pytest

from handlers import rds_token
from handlers.rds_token import Credentials, CredentialsMissing

NOON = dt.datetime(2026, 10, 6, 12, 0, 5, tzinfo=dt.UTC)
HOST = "orders.cabc.eu-west-1.rds.amazonaws.com"


@pytest.mark.parametrize("session_token", ["", "IQoJb3JpZ2lu/+=="])
@pytest.mark.parametrize("user", ["holdfast_inventory", "a b+c/ü"])
def test_the_token_equals_botos(monkeypatch, session_token, user):
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda: NOON.replace(tzinfo=None))
    rds = boto3.client(
        "rds",
        region_name="eu-west-1",
        aws_access_key_id="AKIDEXAMPLE",
        aws_secret_access_key="wJalr/secret",
        aws_session_token=session_token or None,
    )
    theirs = rds.generate_db_auth_token(DBHostname=HOST, Port=3307, DBUsername=user, Region="eu-west-1")
    holder = Credentials("AKIDEXAMPLE", "wJalr/secret", session_token)

    ours = rds_token.token(HOST, 3307, user, region="eu-west-1", holder=holder, at=NOON)

    assert parse_qs(urlsplit(f"https://{ours}").query) == parse_qs(urlsplit(f"https://{theirs}").query)
    if user.isidentifier():  # beyond that botocore encodes a space as + and signs it as %20, which RDS decodes alike
        assert ours == theirs


def test_the_credentials_are_lambdas_own():
    found = rds_token.credentials({
        "AWS_ACCESS_KEY_ID": "A", "AWS_SECRET_ACCESS_KEY": "hidden", "AWS_SESSION_TOKEN": "hidden too"
    })  # fmt: skip

    assert found == Credentials("A", "hidden", "hidden too")
    assert "hidden" not in repr(found)


def test_missing_credentials_are_named():
    with pytest.raises(CredentialsMissing, match="AWS_SECRET_ACCESS_KEY is not set"):
        rds_token.credentials({"AWS_ACCESS_KEY_ID": "A"})
