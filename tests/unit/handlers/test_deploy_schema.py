"""What CloudFormation hears: always an answer, and never a password."""

import io
import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import boto3
import pytest
from botocore.exceptions import ClientError
from gated_database import PASSWORD, REGION
from moto import mock_aws

from handlers import custom_resource, deploy_schema, migrate_database, runtime
from handlers.core.errors import PermissionMissing, TemporarilyUnavailable
from handlers.core.migrations import MigrationsBroken

SECRET = {"username": "owner", "password": PASSWORD}


class Mailbox(HTTPServer):
    """Where CloudFormation looks for the answer."""

    def __init__(self):
        self.answers, self.refusals, self.types = [], 0, []

        class Slot(BaseHTTPRequestHandler):
            def do_PUT(self):
                content = self.rfile.read(int(self.headers["Content-Length"]))
                self.server.types.append(self.headers["Content-Type"])
                if self.server.refusals:
                    self.server.refusals -= 1
                    self.send_response(503)
                else:
                    self.server.answers.append(json.loads(content))
                    self.send_response(200)
                self.end_headers()

            def log_message(self, *_):
                pass

        super().__init__(("127.0.0.1", 0), Slot)
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/answer?X-Amz-Signature=presigned"


class Lambda:
    """Calls the function in this process as Lambda would, errors turned into its words."""

    def __init__(self):
        self.payloads, self.errors, self.refusals = [], [], 0

    def invoke(self, *, FunctionName, Payload):  # noqa: N803  # AWS's spelling
        if self.refusals:
            self.refusals -= 1
            raise ClientError({"Error": {"Code": "TooManyRequestsException", "Message": "Rate"}}, "Invoke")
        self.payloads.append((FunctionName, json.loads(Payload)))
        try:
            if self.errors:
                raise self.errors.pop(0)  # noqa: TRY301  # in place of the function's own
            found = migrate_database.handler(json.loads(Payload), None)
        except Exception as error:  # noqa: BLE001  # as Lambda does
            answer = {"errorType": type(error).__name__, "errorMessage": str(error)}
            return {"FunctionError": "Unhandled", "Payload": io.BytesIO(json.dumps(answer).encode())}
        return {"Payload": io.BytesIO(json.dumps(found).encode())}


class Context:
    def get_remaining_time_in_millis(self):
        return 300_000


@pytest.fixture
def mailbox():
    made = Mailbox()
    yield made
    made.shutdown()
    made.server_close()


@pytest.fixture
def lambdas(monkeypatch):
    made = Lambda()
    monkeypatch.setattr(deploy_schema, "_lambda_client", lambda _longest: made)
    monkeypatch.setattr(custom_resource.time, "sleep", lambda _seconds: None)
    return made


@pytest.fixture
def ask(tables, mailbox, lambdas, monkeypatch):  # noqa: ARG001
    """Send CloudFormation's request; the answer that it got."""
    for name, value in tables.migration_variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("MIGRATE_FUNCTION", "holdfast-test-migrate-database")
    monkeypatch.setattr(custom_resource, "_is_secure", lambda address: address == mailbox.url)
    runtime.client.cache_clear()
    with mock_aws():
        secrets = boto3.client("secretsmanager", region_name=REGION)
        arn = secrets.create_secret(Name="rds!db-1", SecretString=json.dumps(SECRET))["ARN"]

        def send(kind="Create", **changes):
            properties = {"Secret": arn, "Host": "127.0.0.1", "Port": str(tables.line.port), "Code": "handlers-1.zip"}
            request = {
                "RequestType": kind,
                "ResponseURL": mailbox.url,
                "StackId": "stack",
                "RequestId": "request",
                "LogicalResourceId": "Schema",
                "ResourceProperties": {**properties, **changes},
            } | ({} if kind == "Create" else {"PhysicalResourceId": "schema"})
            deploy_schema.handler(request, Context())
            return mailbox.answers[-1]

        yield send
    runtime.client.cache_clear()


def test_create_migrates_and_answers(ask, lambdas, mailbox):
    answer = ask()
    assert answer == {
        "Status": "SUCCESS", "Reason": "as asked", "PhysicalResourceId": "schema", "StackId": "stack",
        "RequestId": "request", "LogicalResourceId": "Schema",
        "Data": {"Version": max(it.version for it in migrate_database.every()), "Applied": "none"},
    }  # fmt: skip
    assert lambdas.payloads[0][0] == "holdfast-test-migrate-database"
    assert lambdas.payloads[0][1]["username"] == "owner"
    assert mailbox.types == [""]  # the address was signed for no type


def test_update_migrates_again_and_keeps_its_identity(ask, lambdas):
    assert ask("Update")["PhysicalResourceId"] == "schema"
    assert len(lambdas.payloads) == 1


def test_delete_touches_nothing(ask, lambdas):
    assert ask("Delete", Secret="no such secret")["Status"] == "SUCCESS"
    assert lambdas.payloads == []


def test_a_failed_migration_is_told_with_its_reason(ask, lambdas, capsys):
    lambdas.errors = [MigrationsBroken(f"migration 1 … {PASSWORD}")]
    answer = ask()
    assert answer["Status"] == "FAILED"
    assert answer["Reason"] == ("MigrationFailed: holdfast-test-migrate-database: MigrationsBroken: migration 1 … …")
    assert PASSWORD not in capsys.readouterr().out


def test_a_password_rotated_meanwhile_is_read_again(ask, lambdas):
    lambdas.errors = [PermissionMissing("was its password just rotated?")]
    assert ask()["Status"] == "SUCCESS"
    assert len(lambdas.payloads) == 2


def test_a_database_that_never_answers_is_given_up(ask, lambdas):
    lambdas.errors = [TemporarilyUnavailable("not yet")] * custom_resource.ATTEMPTS
    answer = ask()
    assert (answer["Status"], len(lambdas.payloads)) == ("FAILED", custom_resource.ATTEMPTS)
    assert "TemporarilyUnavailable: not yet" in answer["Reason"]


def test_another_deployment_that_uses_the_function_is_waited_for(ask, lambdas):
    """The function runs once at a time; Lambda refuses a second caller."""
    lambdas.refusals = 2
    assert ask()["Status"] == "SUCCESS"
    assert lambdas.refusals == 0


def test_nothing_is_begun_that_could_not_be_answered_any_more(ask, lambdas, monkeypatch):
    monkeypatch.setattr(Context, "get_remaining_time_in_millis", lambda _self: 35_000)
    lambdas.errors = [TemporarilyUnavailable("not yet")] * 2
    assert ask()["Status"] == "FAILED"
    assert len(lambdas.payloads) == 1


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"Secret": "nothing"}, "ResourceNotFoundException: Secrets Manager can't find the specified secret."),
        ({"Port": "x"}, "MigrationFailed: holdfast-test-migrate-database: InvalidRequest: port is 'x': give a number"),
    ],
)
def test_whatever_goes_wrong_is_answered(ask, changes, reason):
    answer = ask(**changes)
    assert (answer["Status"], answer["Reason"]) == ("FAILED", reason)


def test_an_error_that_is_not_ours_tells_its_kind_only(ask, monkeypatch):
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "deploy-schema")
    monkeypatch.setattr(deploy_schema, "_master", lambda _secret: {}[PASSWORD])
    assert ask()["Reason"] == "KeyError; the log of deploy-schema knows where"
    monkeypatch.delenv("MIGRATE_FUNCTION")
    assert ask()["Reason"] == "ConfigurationError: handlers.deploy_schema: set MIGRATE_FUNCTION"


def test_a_long_reason_is_cut_to_what_cloudformation_takes(ask, lambdas):
    lambdas.errors = [ValueError("x" * 10_000)]
    assert len(ask()["Reason"]) == custom_resource.REASON


def test_an_answer_is_sent_again_until_it_arrives(ask, mailbox):
    mailbox.refusals = 2
    assert ask()["Status"] == "SUCCESS"
    mailbox.refusals = 3
    with pytest.raises(OSError, match="503"):
        ask()


def test_an_address_without_tls_is_not_cloudformations(mailbox, monkeypatch):
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with pytest.raises(runtime.ConfigurationError, match="not https"):
        custom_resource._send(mailbox.url, b"{}")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1")
    custom_resource._send(mailbox.url, b"{}")
    assert mailbox.answers == [{}]


def test_the_client_waits_as_long_as_the_function_may_and_asks_once(monkeypatch):
    monkeypatch.setenv("AWS_REGION", REGION)
    config = deploy_schema._lambda_client(270.0).meta.config
    assert (config.read_timeout, config.retries["total_max_attempts"]) == (270.0, 1)
