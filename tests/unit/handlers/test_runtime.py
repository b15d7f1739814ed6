import json
from dataclasses import dataclass

import pytest
from backup_fakes import Bus, States, client_error
from botocore.exceptions import EndpointConnectionError, ParamValidationError, ReadTimeoutError

from handlers import machines, runtime
from handlers.core import errors
from handlers.core.errors import Final, HoldfastError, PermissionMissing, TemporarilyUnavailable, Transient
from handlers.core.operations import Failed, Succeeded
from handlers.events import publish


@dataclass(frozen=True)
class Environment:
    ledger: str
    slots: int


def test_an_environment_is_filled_from_variables_of_its_fields_names():
    found = {"LEDGER": "table", "SLOTS": "5", "OTHER": "x"}
    assert runtime.from_environment(Environment, found) == Environment("table", 5)


def test_all_variables_that_are_missing_or_no_numbers_are_named_at_once():
    with pytest.raises(runtime.ConfigurationError, match="set LEDGER, SLOTS"):
        runtime.from_environment(Environment, {"LEDGER": "", "SLOTS": "five"})


@pytest.mark.parametrize(
    "error",
    [
        client_error("ThrottlingException"),
        client_error("ProvisionedThroughputExceededException"),
        client_error("Whatever", status=503),
        client_error("Whatever", status=429),
        EndpointConnectionError(endpoint_url="x"),
        ReadTimeoutError(endpoint_url="x"),
    ],
)
def test_what_passes_is_temporarily_unavailable(error):
    with pytest.raises(TemporarilyUnavailable) as raised, runtime.translated():
        raise error
    assert raised.value.__cause__ is error


@pytest.mark.parametrize("code", ["AccessDeniedException", "KMSKeyNotAccessibleFault", "KMS.DisabledException"])
def test_a_missing_permission_names_function_operation_and_key(code, monkeypatch):
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "holdfast-test-copy-snapshot")
    with pytest.raises(PermissionMissing) as raised, runtime.translated(key="arn:key/1"):
        raise client_error(code, "CopyDBSnapshot", "no grant")
    assert str(raised.value) == (
        "the role of holdfast-test-copy-snapshot may not CopyDBSnapshot with the key arn:key/1: no grant"
    )


def test_the_inner_translation_wins():
    with (
        pytest.raises(PermissionMissing, match="role/export"),
        runtime.translated(),
        runtime.translated(role="role/export"),
    ):
        raise client_error("AccessDenied")


@pytest.mark.parametrize(
    "error", [client_error("ValidationException"), ParamValidationError(report="x"), ValueError("x")]
)
def test_an_error_that_no_machine_tells_apart_stays_as_it_is(error):
    with pytest.raises(type(error)) as raised, runtime.translated():
        raise error
    assert raised.value is error


def test_it_decorates_a_handler_and_keeps_its_name():
    @runtime.translated()
    def handler(_event, _context):
        raise client_error("SlowDown")

    assert handler.__name__ == "handler"
    for _ in range(2):
        with pytest.raises(TemporarilyUnavailable):
            handler({}, None)


def test_a_log_line_is_one_line_of_json(capsys):
    runtime.log("two\nlines", level="ERROR", point="p")
    (line,) = capsys.readouterr().out.splitlines()
    found = json.loads(line)
    assert (found["message"], found["level"], found["point"]) == ("two\nlines", "ERROR", "p")


def test_a_client_gives_up_soon_and_lets_the_machine_wait(monkeypatch):
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://localhost:4566")
    runtime.client.cache_clear()
    client = runtime.Clients().s3
    assert client.meta.endpoint_url == "http://localhost:4566"
    assert client.meta.config.connect_timeout == runtime.CONNECT_TIMEOUT
    assert client.meta.config.retries == {"mode": "standard", "total_max_attempts": runtime.MAX_ATTEMPTS}
    assert client.meta.config.s3 == {"addressing_style": "path"}
    assert runtime.Clients().s3 is client
    runtime.client.cache_clear()


def test_every_error_is_either_final_or_transient_and_says_which():
    leaves = [leaf for branch in HoldfastError.__subclasses__() for leaf in branch.__subclasses__()]
    assert all(f"x {leaf.__name__} " in errors.__doc__ for leaf in leaves)
    assert all(issubclass(leaf, Final) != issubclass(leaf, Transient) for leaf in leaves)


# ---- the bus and the machines ----------------------------------------------------------------------------------------


def test_an_event_that_the_bus_did_not_take_is_sent_again_later():
    class Full(Bus):
        def put_events(self, **_):
            return {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "InternalFailure", "ErrorMessage": "x"}]}

    with pytest.raises(TemporarilyUnavailable, match="'Copy Requested' did not reach bus: InternalFailure x"):
        publish(Full(), "bus", "Copy Requested", {})


@pytest.mark.parametrize("code", ["TaskTimedOut", "InvalidToken", "TaskDoesNotExist"])
@pytest.mark.parametrize("outcome", [Succeeded({}), Failed("e", "c")])
def test_a_token_that_nobody_waits_with_counts_as_answered(code, outcome):
    class Gone(States):
        def _answer(self, *_):
            raise client_error(code)

    machines.answer(Gone(), "t", outcome)


def test_an_answer_that_may_not_be_sent_is_no_answer():
    class Closed(States):
        def _answer(self, *_):
            raise client_error("AccessDeniedException")

    with pytest.raises(PermissionMissing), runtime.translated():
        machines.answer(Closed(), "t", Succeeded({}))


def test_a_cause_is_cut_to_what_step_functions_takes():
    states = States()
    states.waiting.add("t")
    machines.answer(states, "t", Failed("e" * 300, "c" * 40000))
    assert len(states.answers["t"].caught["Cause"]) == 32768
    assert len(states.answers["t"].caught["Error"]) == 256


@pytest.mark.parametrize("status", ["RUNNING", "PENDING_REDRIVE"])
def test_a_run_that_goes_on_has_no_ending(status):
    states = States()
    states.executions["run"] = {"status": status}
    assert machines.ending(states, "run") is None


def test_a_run_that_nobody_knows_has_ended():
    assert machines.ending(States(), "run")["Cause"] == "run does not exist"
