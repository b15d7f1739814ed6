"""The command line of deploy, status and destroy: one clear message, the right exit code, and the command to go on."""

from __future__ import annotations

import io
import json
import os
import signal
import sys
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError
from planning import ACCOUNT, HOME, RECOVERY, World, refusal
from troposphere import Template

from blueprints.artifacts import PackagingError
from blueprints.order import Stack
from blueprints.validation import SettingsError
from deployment import command, conversation
from deployment.deploy import Done
from deployment.errors import DeploymentError, NoAccess, NotReady, Refused, StackFailed
from deployment.plan import Change, Entry, Plan
from deployment.survey import Found

DEPLOY = ["deploy", "--settings", "my files/acme.toml", "--accept-loss", "storage/Old"]
AGAIN = "Continue with: python build.py deploy --settings 'my files/acme.toml' --accept-loss storage/Old\n"
STORAGE = Stack("storage", RECOVERY)


@pytest.fixture
def ended(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    """Run the command with something that happens meanwhile; the answer is its exit code and what it says."""

    def run(meanwhile: Callable[[], int], argv: list[str] = DEPLOY) -> tuple[int, str]:
        def do(_: Namespace, cache: Path, stacks: dict[str, Any]) -> int:
            assert (cache, stacks) == (Path("cache"), {})
            return meanwhile()

        monkeypatch.setattr(command, "_do", do)
        code = command.run(argv, Path("cache"), {})
        out, err = capsys.readouterr()
        assert out == ""
        return code, err

    return run


def raises(error: BaseException) -> Callable[[], int]:
    def happens() -> int:
        raise error

    return happens


def test_what_is_done_says_nothing_more(ended: Callable[..., tuple[int, str]]) -> None:
    assert ended(lambda: 0) == (0, "")
    assert ended(lambda: 1, ["status", "--stage", "sandbox"]) == (1, "")


@pytest.mark.parametrize(
    "error",
    [
        SettingsError('stage = "X": use lower case'),
        PackagingError("pip can't install"),
        NoAccess("AWS does not know us"),
        Refused("nothing was changed: nobody agreed"),
        NotReady("eu-west-1: all 5 VPCs are used"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_nothing_is_to_be_continued(
    ended: Callable[..., tuple[int, str]], error: Exception
) -> None:
    assert ended(raises(error)) == (2, f"build.py deploy: {error}\n")


def test_all_that_is_in_the_way_is_a_list(ended: Callable[..., tuple[int, str]]) -> None:
    assert ended(raises(NotReady("one\nand  another"))) == (
        2,
        "build.py deploy: 2 things are in the way\n  - one\n  - and another\n",
    )


def test_a_refusal_keeps_its_lines(ended: Callable[..., tuple[int, str]]) -> None:
    text = (
        "acme is in use:\n  database orders: a final snapshot is taken\nIf it must go all the same, add: --despite data"
    )
    assert ended(raises(Refused(text))) == (2, f"build.py deploy: {text}\n")


def test_a_failed_stack_is_told_with_its_cause_and_the_command_to_go_on(
    ended: Callable[..., tuple[int, str]],
) -> None:
    failed = StackFailed(STORAGE, "ROLLBACK_COMPLETE", "Vault (AWS::S3::Bucket): it exists\n  already")
    code, text = ended(raises(failed))
    assert code == 1
    first, second = text.splitlines(keepends=True)
    assert first.startswith(f"build.py deploy: the storage stack in {RECOVERY} is ROLLBACK_COMPLETE: ")
    assert first.endswith("Vault (AWS::S3::Bucket): it exists already\n")
    assert second == AGAIN


def test_a_call_that_aws_refuses_is_told_without_a_traceback(ended: Callable[..., tuple[int, str]]) -> None:
    code, text = ended(raises(refusal("AccessDenied", "you may not", "CreateStack")))
    assert (code, text) == (1, f"build.py deploy: AWS refused CreateStack: AccessDenied: you may not\n{AGAIN}")
    code, text = ended(raises(EndpointConnectionError(endpoint_url="https://nowhere")))
    assert code == 1
    assert text.startswith("build.py deploy: AWS can't be reached: Could not connect to the endpoint URL")
    assert text.endswith(AGAIN)


def test_a_status_that_cannot_be_had_has_nothing_to_continue(ended: Callable[..., tuple[int, str]]) -> None:
    code, text = ended(raises(refusal("Throttling", operation="DescribeStacks")), ["status", "--stage", "sandbox"])
    assert code == 1
    assert "Continue" not in text


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_in_order_and_says_how_to_go_on(
    ended: Callable[..., tuple[int, str]], number: signal.Signals
) -> None:
    cleaned = []

    def interrupted() -> int:
        try:
            os.kill(os.getpid(), number)
            signal.pause()  # never: the signal has come
        finally:
            os.kill(os.getpid(), number)  # a second one changes nothing
            cleaned.append(True)
        return 0

    before = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)]
    code, text = ended(interrupted)
    assert code == 128 + number
    assert text == f"interrupted: what AWS was already told to do goes on there, and nothing new begins\n{AGAIN}"
    assert cleaned == [True]
    assert [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)] == before


def test_a_very_long_reason_is_cut(ended: Callable[..., tuple[int, str]]) -> None:
    _, text = ended(raises(Refused("x" * 10_000)))
    assert len(text) < command.LONGEST_LINE + 100
    assert text.endswith("…\n")


def test_every_error_of_ours_has_an_exit_code_that_says_whether_anything_was_begun() -> None:
    codes = {each.__name__: each.exit_code for each in DeploymentError.__subclasses__()}
    assert codes == {"NoAccess": 2, "NotReady": 2, "Refused": 2, "StackFailed": 1}


@pytest.mark.parametrize(
    ("argv", "reason"),
    [
        (["deploy"], "one of the arguments --stage --settings is required"),
        (["deploy", "--stage", "sandbox", "--settings", "f"], "not allowed with argument --stage"),
        (["destroy", "--stage", "sandbox", "--yes"], "argument --yes: expected one argument"),
        (["destroy", "--stage", "sandbox", "--despite", "everything"], "invalid choice: 'everything'"),
        (["status", "--stage", "sandbox", "--dry-run"], "unrecognized arguments: --dry-run"),
        ([], "the following arguments are required"),
    ],
)
def test_wrong_arguments_are_refused_by_name(capsys: pytest.CaptureFixture[str], argv: list[str], reason: str) -> None:
    with pytest.raises(SystemExit) as refused:
        command.run(argv, Path("cache"), {})
    assert refused.value.code == 2
    assert reason in capsys.readouterr().err


def test_an_unknown_stage_is_refused_before_anything_is_emitted_or_asked(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert command.run(["deploy", "--stage", "moon"], tmp_path, {}) == 2
    assert '--stage = "moon": use production, staging, sandbox' in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_profile_is_refused_with_the_command_that_lists_them(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    assert command.run(["status", "--stage", "sandbox", "--profile", "nobody"], tmp_path / "cache", {}) == 2
    assert "--profile nobody: " in (told := capsys.readouterr().err)
    assert "aws configure list-profiles" in told


@pytest.fixture
def pem(tmp_path: Path) -> Path:
    file = tmp_path / "authorities.pem"
    file.write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    return file


def asked(*argv: str) -> Namespace:
    return command.parser().parse_args(argv)


def test_what_is_deployed_lies_beside_the_memory_and_outputs_are_left_alone(tmp_path: Path, pem: Path) -> None:
    cache = tmp_path / ".cache"
    stacks = {"keys": lambda _: template}
    template = Template(Description="the keys")
    made = command._target(asked("deploy", "--stage", "staging", "--certificates", str(pem)), cache, stacks)
    assert made.outputs == cache / "deployments" / "holdfast-staging" / "staging"
    assert json.loads(made.text("keys"))["Description"] == "the keys"
    assert made.certificates == pem.read_bytes()
    assert {path.name for path in tmp_path.iterdir()} == {".cache", pem.name}
    assert command._target(asked("status", "--stage", "staging"), cache, stacks).certificates is None


@pytest.mark.parametrize(
    ("content", "reason"), [(None, "No such file or directory"), ("{}", "there is no certificate in it")]
)
def test_certificates_that_cannot_be_used_are_refused(
    capsys: pytest.CaptureFixture[str], pem: Path, content: str | None, reason: str
) -> None:
    pem.unlink()
    if content:
        pem.write_text(content)
    argv = ["deploy", "--stage", "staging", "--certificates", str(pem)]
    assert command.run(argv, pem.with_name(".cache"), {}) == 2
    assert f"build.py deploy: --certificates {pem}: {reason}" in capsys.readouterr().err


PLAN = Plan({STORAGE: Entry(STORAGE, "create", (Change("add", "Vault", "AWS::S3::Bucket"),))})
LOSS = Plan({STORAGE: Entry(STORAGE, "update", (Change("delete", "Vault", "AWS::S3::Bucket"),))})


class Person(io.StringIO):
    """Somebody at a terminal who types something."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.mark.parametrize("typed", ["yes\n", "  YES \n"])
def test_whoever_types_yes_has_seen_the_plan_and_agrees(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], typed: str
) -> None:
    monkeypatch.setattr(sys, "stdin", Person(typed))
    assert conversation._ask(world.target, PLAN, conversation.Agreed())
    out, err = capsys.readouterr()
    assert "1 stack to create" in out
    assert "Go on?" in err


@pytest.mark.parametrize("typed", ["y\n", "\n", "no\n", "yes please\n", ""])
def test_any_other_answer_changes_nothing(world: World, monkeypatch: pytest.MonkeyPatch, typed: str) -> None:
    monkeypatch.setattr(sys, "stdin", Person(typed))
    with pytest.raises(Refused, match="nothing was changed: nobody agreed"):
        conversation._ask(world.target, PLAN, conversation.Agreed())


def test_without_a_terminal_nobody_is_asked_and_nothing_changed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("yes\n"))
    with pytest.raises(Refused, match="add --yes"):
        conversation._ask(world.target, PLAN, conversation.Agreed())
    assert conversation._ask(world.target, PLAN, conversation.Agreed(assumed=True))


def test_agreement_beforehand_covers_no_loss_that_was_not_named(world: World) -> None:
    with pytest.raises(Refused, match="--accept-loss storage/Vault"):
        conversation._ask(world.target, LOSS, conversation.Agreed(assumed=True))
    assert conversation._ask(world.target, LOSS, conversation.Agreed(assumed=True, accepted=("storage/Vault",)))


def test_a_region_that_is_none_of_the_deployments_is_refused(world: World) -> None:
    with pytest.raises(Refused, match=rf"--directly eu-north-1: this deployment lies in {HOME}, {RECOVERY}"):
        conversation.deploy(world.target, None, conversation.Agreed(), "eu-north-1")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("made", "changed", "files", "told"),
    [
        (2, 1, 0, "2 stacks made, 1 stack changed (1:05)"),
        (0, 3, 1, "3 stacks changed, 1 file of the console brought up to date (1:05)"),
        (0, 0, 2, "2 files of the console brought up to date (1:05)"),
        (0, 0, 0, "nothing to do: AWS is as the code emits it (1:05)"),
    ],
)
def test_the_outcome_is_one_line(made: int, changed: int, files: int, told: str) -> None:
    stacks = [Stack(f"s{number}", HOME) for number in range(9)]
    done = Done(not (made or changed), tuple(stacks[:made]), tuple(stacks[:changed]), {}, {})
    assert conversation._outcome(done, files, 65.4) == told


def test_addresses_of_both_apis_are_told() -> None:
    found = {
        Stack("api", region): Found(
            Stack("api", region), "api", "arn", "CREATE_COMPLETE", outputs={"ApiUrl": f"https://{region}/api"}
        )
        for region in (HOME, RECOVERY)
    }
    text = conversation._addresses(Done(True, (), (), {}, found), f"https://{ACCOUNT}/index.html")  # noqa: FBT003
    assert text.splitlines() == [
        f"  console  https://{ACCOUNT}/index.html",
        f"  API      https://{RECOVERY}/api",
        f"  API      https://{HOME}/api",
    ]
