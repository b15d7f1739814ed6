import datetime as dt
import json
import re
import ssl
from pathlib import Path

import boto3
import pymysql
import pytest
from moto import mock_aws

from handlers import take_inventory, trust
from handlers.core import inventory
from handlers.core.errors import DatabaseUnsuitable, InvalidRequest, PermissionMissing, TemporarilyUnavailable

BUNDLE = "handlers/certificates/rds.pem"
ENVIRONMENT = take_inventory.Environment(staging="staging", inventory_user="holdfast_inventory", ca_bundle=BUNDLE)
POINT = {
    "id": "orders-20261006t1200z",
    "database": "orders",
    "address": "orders.cabc.eu-west-1.rds.amazonaws.com",
    "port": 3307,
    "resource_id": "db-ABC",
}
NOON = dt.datetime(2026, 10, 6, 12, tzinfo=dt.UTC)


@pytest.fixture
def s3():
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket="staging")
        yield client


class Server:
    """A database that remembers how it was called."""

    def __init__(self, rows=(), error=None):
        self.rows, self.error, self.arguments, self.queries = rows, error, {}, []

    def connect(self, **arguments):
        self.arguments = arguments
        if self.error:
            raise self.error
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def cursor(self):
        return self

    def execute(self, query):
        self.queries.append(query)

    def fetchall(self):
        return self.rows


@pytest.fixture
def server(monkeypatch):
    def install(**behaviour):
        made = Server(**behaviour)
        monkeypatch.setattr(pymysql, "connect", made.connect)
        return made

    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setattr(take_inventory, "now", lambda: NOON)
    return install


def test_the_inventory_holds_the_users_tables_sorted(s3, monkeypatch):
    monkeypatch.setattr(take_inventory, "now", lambda: NOON)
    found = [("shop", "orders"), ("mysql", "user"), ("shop", "a.b"), ("sys", "x"), ("crm", "people")]

    answer = take_inventory.take(s3, lambda _: found, ENVIRONMENT, {"point": POINT, "phase": "before"})

    assert answer == {"tables": 3}
    body = s3.get_object(Bucket="staging", Key="inventories/orders-20261006t1200z/before.json")["Body"].read()
    assert json.loads(body) == {
        "version": 1,
        "taken_at": "2026-10-06T12:00:00+00:00",
        "tables": ["crm.people", "shop.a.b", "shop.orders"],
    }


def test_a_phase_that_does_not_exist_is_refused(s3):
    with pytest.raises(InvalidRequest, match="use before or after"):
        take_inventory.take(s3, lambda _: [], ENVIRONMENT, {"point": POINT, "phase": "during"})


def test_the_database_is_asked_once_over_verified_tls_with_a_token(server):
    database = server(rows=[("shop", "orders")])

    assert take_inventory.list_tables(POINT, ENVIRONMENT) == [("shop", "orders")]

    assert len(database.queries) == 1
    assert "information_schema.tables" in database.queries[0]
    context = database.arguments["ssl"]
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert database.arguments["host"] == POINT["address"]
    assert database.arguments["user"] == "holdfast_inventory"
    assert database.arguments["password"].startswith(f"{POINT['address']}:3307/?Action=connect")
    assert {"connect_timeout", "read_timeout", "write_timeout"} < database.arguments.keys()


def test_the_tls_context_is_made_once():
    assert take_inventory.tls(BUNDLE) is take_inventory.tls(BUNDLE)


def test_a_refused_user_is_explained_with_the_cure(server):
    server(error=pymysql.err.OperationalError(1045, "Access denied for user 'holdfast_inventory'"))
    with pytest.raises(PermissionMissing, match=r"AWSAuthenticationPlugin.*rds-db:connect on dbuser:db-ABC"):
        take_inventory.list_tables(POINT, ENVIRONMENT)


def test_an_unknown_certificate_is_not_asked_again(server):
    error = pymysql.err.OperationalError(2003, "Can't connect: certificate verify failed")
    error.original_exception = ssl.SSLCertVerificationError()
    server(error=error)
    with pytest.raises(DatabaseUnsuitable, match=r"rds\.pem does not vouch for: refresh the bundle"):
        take_inventory.list_tables(POINT, ENVIRONMENT)


@pytest.mark.parametrize("number", [2003, 2013, 1040])
def test_a_database_that_does_not_answer_may_be_asked_again(server, number):
    server(error=pymysql.err.OperationalError(number, "Can't connect"))
    with pytest.raises(TemporarilyUnavailable, match="orders at orders"):
        take_inventory.list_tables(POINT, ENVIRONMENT)


def test_a_server_without_tls_gets_no_token():
    """The token travels in clear text, so pymysql's refusal is what we rely on."""
    connection = pymysql.connect(ssl=take_inventory.tls(BUNDLE), defer_connect=True, user="u", password="secret")
    connection.server_version, connection.server_capabilities = "8.4.3", 0

    with pytest.raises(pymysql.err.OperationalError, match="SSL is required"):
        connection._request_authentication()


def test_every_certificate_of_the_bundle_is_a_valid_root():
    text = (Path(trust.ROOT) / BUNDLE).read_text()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=re.sub(r"^#.*$", "", text, flags=re.MULTILINE))
    loaded = context.get_ca_certs()

    assert len(loaded) == text.count("BEGIN CERTIFICATE") > 80
    assert all(found["subject"] == found["issuer"] for found in loaded)
    assert all(
        dt.datetime.strptime(found["notAfter"], "%b %d %H:%M:%S %Y %Z") > dt.datetime(2026, 11, 21)  # noqa: DTZ001, DTZ007
        for found in loaded
    )
    assert {"eu-west-1", "eu-central-1", "us-east-1"} <= set(re.findall(r"Amazon RDS (\S+) Root CA", text))


def test_a_failed_state_says_why():
    cause = json.dumps({"errorMessage": "orders does not\nanswer", "errorType": "TemporarilyUnavailable"})

    assert inventory.failure({"tables": 3}) is None
    assert (
        inventory.failure({"Error": "TemporarilyUnavailable", "Cause": cause})
        == "TemporarilyUnavailable: orders does not answer"
    )
    assert inventory.failure({"Error": "States.Timeout", "Cause": ""}) == "States.Timeout"


@pytest.mark.parametrize("stored", [None, [], {}, {"version": 2, "tables": []}, {"version": 1, "tables": [3]}])
def test_what_is_no_inventory_is_not_read_as_one(stored):
    with pytest.raises(ValueError, match="no list of tables"):
        inventory.names(stored)
