"""The command line of ``build.py deploy``, ``status`` and ``destroy``: arguments in, one clear line if it fails.

Exit codes: 0 done, or nothing to do · 1 a stack failed, or AWS refused a call · 2 what was asked for can't be done, and
nothing was changed · 128 + n ended by signal n. What is asked for goes to standard output, what happens meanwhile to
standard error.
"""

from __future__ import annotations

import shlex
import signal
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Never

from botocore.exceptions import BotoCoreError, ClientError

from blueprints.artifacts import PackagingError
from blueprints.validation import SettingsError
from deployment.errors import DeploymentError, NotReady, Refused

if TYPE_CHECKING:
    from blueprints.emit import Stacks
    from deployment.target import Target

FAILED = 1  # exit code
LONGEST_LINE = 2000  # characters of an error
DESPITE = ("recovery-points", "locks", "data")


class Ended(KeyboardInterrupt):
    """A signal asks us to end."""

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__(signal.Signals(number).name)


def parser() -> ArgumentParser:
    """What may be given."""
    known = ArgumentParser(prog="build.py", description="Deploy to AWS, look at what is there, remove it again.")
    verbs = known.add_subparsers(dest="verb", required=True, metavar="{deploy,status,destroy}")

    deploy = verbs.add_parser(
        "deploy",
        help="make AWS as the code emits it",
        description="Emit, check the account, show what would change, ask, and make it so. It may be interrupted and "
        "run again at any time. AWS's usual environment variables and profiles say who you are.",
    )
    _selection(deploy)
    deploy.add_argument(
        "--dry-run",
        action="store_true",
        help="only show what would change. Templates are uploaded if the artifact buckets are there, and change sets "
        "are made, read and deleted, since that is how CloudFormation tells; no resource changes",
    )
    deploy.add_argument("--yes", action="store_true", help="don't ask")
    deploy.add_argument(
        "--accept-loss",
        action="append",
        default=[],
        metavar="STACK/RESOURCE",
        help="go on although this resource's data is lost, as shown in red; once for each",
    )
    deploy.add_argument(
        "--directly",
        metavar="REGION",
        help="only this region, without StackSets: when the region that runs them can't be reached",
    )
    deploy.add_argument(
        "--certificates",
        type=Path,
        metavar="FILE",
        help="certificate authorities that the functions trust for databases instead of Amazon's; for the embedded AWS "
        "of the local run",
    )

    status = verbs.add_parser(
        "status",
        help="show what is deployed where",
        description="Show each stack's state in each region. Exit code 1 if something is amiss.",
    )
    _selection(status)
    status.add_argument("--drift", action="store_true", help="let CloudFormation look now for changes made by hand")
    status.add_argument("--json", action="store_true", help="for programs")

    destroy = verbs.add_parser(
        "destroy",
        help="remove a deployment; what templates retain stays",
        description="Say what would go and what would stay, ask for the deployment's name, and remove it.",
    )
    _selection(destroy)
    destroy.add_argument("--yes", metavar="NAME", help="don't ask; NAME is the deployment's, such as holdfast-sandbox")
    destroy.add_argument(
        "--despite",
        action="append",
        default=[],
        choices=DESPITE,
        help="go on although there are verified recovery points, locked objects, or data; once for each",
    )
    return known


def run(argv: Sequence[str], cache: Path, stacks: Stacks) -> int:
    """Do what *argv* asks for; the answer is the exit code.

    Args:
        argv: What follows ``build.py``; the first is deploy, status or destroy.
        cache: Folder for what is emitted, and for what makes the next run quicker; ``outputs/`` is left alone.
        stacks: What is emitted, in the order of deployment.
    """
    arguments = parser().parse_args(argv)
    before = {number: signal.signal(number, _stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        return _do(arguments, cache, stacks)
    except Ended as ended:
        return _interrupted(argv, ended.number)
    except (SettingsError, PackagingError) as error:
        return _fail(argv, error, Refused.exit_code)
    except DeploymentError as error:
        return _fail(argv, error, error.exit_code)
    except ClientError as error:
        return _fail(argv, _refusal(error), FAILED)
    except BotoCoreError as error:
        return _fail(argv, f"AWS can't be reached: {error}", FAILED)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _selection(known: ArgumentParser) -> None:
    which = known.add_mutually_exclusive_group(required=True)
    which.add_argument("--stage", help="a profile of blueprints/settings.py: production, staging or sandbox")
    which.add_argument("--settings", type=Path, metavar="FILE", help="a TOML file instead of a stage")
    known.add_argument("--profile", metavar="P", help="a profile of the AWS CLI (default: as the AWS CLI finds it)")


def _do(arguments: Namespace, cache: Path, stacks: Stacks) -> int:
    from deployment.progress import Progress  # noqa: PLC0415 (--help needs none of this)

    target = _target(arguments, cache, stacks)
    with Progress() as progress:
        if arguments.verb == "status":
            from deployment import status  # noqa: PLC0415

            return status.run(target, progress, drift=arguments.drift, as_json=arguments.json)
        if arguments.verb == "destroy":
            from deployment import destroy  # noqa: PLC0415

            return destroy.run(target, progress, confirmed=arguments.yes, despite=arguments.despite)
        from deployment import conversation  # noqa: PLC0415

        if arguments.dry_run:
            conversation.preview(target, progress, arguments.directly)
        else:
            agreed = conversation.Agreed(assumed=arguments.yes, accepted=tuple(arguments.accept_loss))
            conversation.deploy(target, progress, agreed, arguments.directly)
        return 0


def _target(arguments: Namespace, cache: Path, stacks: Stacks) -> Target:
    """Emit what *arguments* ask for, and say where it goes.

    Raises:
        SettingsError: the arguments name no settings, or wrong ones.
        NoAccess: there is no such profile.
        Refused: the certificates can't be read.
    """
    from blueprints import emit  # noqa: PLC0415
    from blueprints.rebuild import Memory  # noqa: PLC0415
    from blueprints.regions import GLOBAL  # noqa: PLC0415
    from blueprints.request import Request  # noqa: PLC0415
    from deployment.aws import Session  # noqa: PLC0415
    from deployment.target import Target  # noqa: PLC0415

    request = Request(arguments.stage, arguments.settings)
    (settings,) = request.deployments()
    aws = Session(arguments.profile, getattr(arguments, "directly", None) or GLOBAL)
    certificates = _certificates(getattr(arguments, "certificates", None))
    outputs = cache / "deployments" / settings.prefix
    emit.defer("cfn_flip")
    emit.emit(outputs, stacks, request, Memory(cache / "deployments.json", outputs))
    return Target(aws, settings, outputs / settings.stage, tuple(stacks), certificates)


def _certificates(file: Path | None) -> bytes | None:
    """Certificate authorities, if a *file* with some was named.

    Raises:
        Refused: It can't be read, or holds none.
    """
    if file is None:
        return None
    try:
        found = file.read_bytes()
    except OSError as error:
        raise Refused(f"--certificates {file}: {error.strerror}") from None
    if b"-----BEGIN CERTIFICATE-----" not in found:
        raise Refused(f"--certificates {file}: there is no certificate in it (a PEM file has some)")
    return found


def _stop(number: int, _frame: FrameType | None) -> Never:
    """End in order: what is under way here is closed on the way out. A second signal changes nothing."""
    for every in (signal.SIGINT, signal.SIGTERM):
        signal.signal(every, signal.SIG_IGN)
    raise Ended(number)


def _interrupted(argv: Sequence[str], number: int) -> int:
    if sys.stderr.isatty():
        _tell("")  # the terminal has written ^C into the line
    _tell("interrupted: what AWS was already told to do goes on there, and nothing new begins")
    if argv[0] != "status":
        _tell(f"Continue with: {_again(argv)}")
    return 128 + number


def _refusal(error: ClientError) -> str:
    about = error.response.get("Error", {})
    return f"AWS refused {error.operation_name}: {about.get('Code', 'unknown')}: {about.get('Message', '')}"


def _fail(argv: Sequence[str], error: Exception | str, code: int) -> int:
    """Say what went wrong, and how to go on if anything was begun; the answer is *code*."""
    whole = str(error)
    if isinstance(error, Refused):  # its lines are ours: a list, a command to be copied
        lines = [line.rstrip() for line in whole.splitlines()]
    else:
        lines = [" ".join(line.split()) for line in (whole.splitlines() if isinstance(error, NotReady) else [whole])]
        if len(lines) > 1:
            lines = [f"{len(lines)} things are in the way", *(f"  - {line}" for line in lines)]
    lines = [line if len(line) <= LONGEST_LINE else f"{line[:LONGEST_LINE]}…" for line in lines]
    _tell(f"build.py {argv[0]}: " + "\n".join(lines))
    if code == FAILED and argv[0] != "status":
        _tell(f"Continue with: {_again(argv)}")
    return code


def _again(argv: Sequence[str]) -> str:
    return f"python build.py {shlex.join(argv)}"


def _tell(text: str) -> None:
    sys.stdout.flush()
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
