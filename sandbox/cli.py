"""The command line of the local run: arguments in, a report out, one clear line when something can't be done.

Exit codes: 0 every recovery point is verified · 1 it is not, or the run failed · 2 what was given can't be used ·
128 + n ended by signal n.
"""

from __future__ import annotations

import shlex
import signal
import sys
import threading
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import FrameType

from botocore.exceptions import BotoCoreError, ClientError

from blueprints.packaging import PackagingError
from blueprints.request import Request
from blueprints.validation import SettingsError
from deployment.progress import Progress
from sandbox import dump, mysql_processes, run, server
from sandbox.errors import InputRefused, LocalRunError, Stopped
from sandbox.people import Person
from sandbox.report import Report
from sandbox.run import Story

MOST_DATABASES = 50  # each is a server of its own, with 64 MiB of buffers
LAST_PORT = 65535
LONGEST_LINE = 1000  # characters of an error


def main(argv: Sequence[str] | None = None) -> int:
    """Run the story; the answer is the exit code."""
    arguments = parse(argv)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)
    try:
        return _run(arguments)
    except (SettingsError, mysql_processes.ServerMissing) as error:
        return _fail(error, InputRefused.exit_code)
    except (server.EngineError, PackagingError, mysql_processes.ServerFailed) as error:
        return _fail(error, LocalRunError.exit_code)
    except LocalRunError as error:
        return _fail(error, error.exit_code)
    except (BotoCoreError, ClientError) as error:
        return _fail(f"the embedded AWS refused a call: {error}", LocalRunError.exit_code)


def parse(argv: Sequence[str] | None) -> Namespace:
    """The arguments; argparse itself exits with 2 after one line for what it refuses."""
    return parser().parse_args(argv)


def parser() -> ArgumentParser:
    """What may be given."""
    known = ArgumentParser(
        prog="python -m sandbox",
        description="Build, deploy to two embedded regions, seed a database, back it up and prove it, on this machine.",
    )
    known.add_argument("--sql", type=Path, metavar="FILE", help="load this dump instead of the sample data")
    known.add_argument("--databases", type=_count, default=1, metavar="N", help="protect so many databases")
    which = known.add_mutually_exclusive_group()
    which.add_argument("--stage", help="a profile of blueprints/settings.py (default: sandbox)")
    which.add_argument("--settings", type=Path, metavar="FILE", help="a TOML file instead of a stage")
    known.add_argument("--port", type=_port, metavar="P", help="where the embedded AWS listens (default: a free port)")
    known.add_argument("--json", action="store_true", help="print the report as JSON")
    known.add_argument("--exit", action="store_true", help="end after the report instead of staying up")
    return known


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= MOST_DATABASES:
        raise ArgumentTypeError(f"use a number from 1 to {MOST_DATABASES}, not {text!r}")
    return int(text)


def _port(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= LAST_PORT:
        raise ArgumentTypeError(f"use a number from 1 to {LAST_PORT}, not {text!r}")
    return int(text)


def _run(arguments: Namespace) -> int:
    request = Request(None if arguments.settings else arguments.stage or "sandbox", arguments.settings)
    request.deployments()  # refuse wrong settings before anything else
    if arguments.sql:
        for _ in dump.statements(arguments.sql):  # refuse a file that is no SQL before anything starts
            pass
    if arguments.port and not server.is_free(arguments.port):
        raise InputRefused(
            f"--port {arguments.port}: something else listens there; choose another, or leave --port out"
        )
    with Progress() as progress, run.story(request, progress, arguments.port) as story:
        story.deploy()
        person = story.open()
        story.fill(arguments.databases, arguments.sql)
        report = story.back_up()
        sys.stdout.write(f"{report.as_json()}\n" if arguments.json else report.as_text())
        sys.stdout.flush()
        if not arguments.exit:
            progress.say("still up; press Ctrl-C to end")
            sys.stderr.write(look_around(story, report, person))
            sys.stderr.flush()
            with suppress(Stopped):  # the way in which this is meant to end
                threading.Event().wait()
    return 0 if report.verified else 1


def look_around(story: Story, report: Report, person: Person) -> str:
    """What a person may type while everything is still up."""
    primary, recovery = story.settings.regions
    endpoint = story.engine.endpoint
    certificates = shlex.quote(str(story.engine.directory / "rds-ca.pem"))
    prefix = story.settings.prefix
    vault = story.settings.name("vault", recovery, story.engine.account)
    point = report.points[0]
    logins = "".join(f"    {login.command()}\n" for login in story.logins)
    ask = "".join(f"    {line}\n" for line in story.api.commands().splitlines())
    return f"""
  The console, in a browser: {report.console}
    log in as {person.name} with the password {person.password}

  The API: {report.api}; for a program, in another terminal:

{ask}
  The embedded AWS answers at {endpoint} (regions {primary} and {recovery}):

    export AWS_ENDPOINT_URL={endpoint} AWS_ACCESS_KEY_ID={story.engine.account} AWS_SECRET_ACCESS_KEY=test \\
      AWS_DEFAULT_REGION={primary}
    aws --region {primary} stepfunctions list-executions \\
      --state-machine-arn arn:aws:states:{primary}:{story.engine.account}:stateMachine:{prefix}-backup
    aws --region {recovery} s3 ls --recursive s3://{vault}/
    aws --region {recovery} rds describe-db-snapshots
    aws --region {primary} dynamodb query --table-name {prefix}-ledger --key-condition-expression 'pk = :pk' \\
      --expression-attribute-values '{{":pk": {{"S": "POINT#{point.recovery_point}"}}}}'

  another project beside this one, from this checkout, after that export (docs/deploy.md says what goes into the file):

    python build.py deploy --settings acme.toml --certificates {certificates}

  or, in Python:

    boto3.client("rds", region_name="{recovery}", endpoint_url="{endpoint}",
                 aws_access_key_id="{story.engine.account}", aws_secret_access_key="test").describe_db_snapshots()

  The database{"s" if len(story.logins) > 1 else ""}, as master user:

{logins}
"""


def _stop(number: int, _frame: FrameType | None) -> None:
    """End in order: everything that is under way is closed on the way out. A second signal changes nothing."""
    for every in (signal.SIGINT, signal.SIGTERM):
        signal.signal(every, signal.SIG_IGN)
    raise Stopped(number)


def _fail(error: Exception | str, code: int) -> int:
    line = " ".join(str(error).split())
    sys.stderr.write(f"sandbox: {line[:LONGEST_LINE]}{'…' if len(line) > LONGEST_LINE else ''}\n")
    return code
