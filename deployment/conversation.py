"""A deployment as a person follows it: what is in the way, what would change, whether to go on, what came of it."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from blueprints import packaging
from deployment import checks, console, plan, show
from deployment import deploy as deployment
from deployment.errors import Refused
from deployment.progress import clock

if TYPE_CHECKING:
    from deployment.checks import Note
    from deployment.deploy import Done
    from deployment.plan import Plan
    from deployment.progress import Progress
    from deployment.target import Target

AGREED = "yes"


@dataclass(frozen=True)
class Agreed:
    """What a person has agreed to beforehand.

    Attributes:
        assumed: To all that loses no data; nobody is asked.
        accepted: To the loss of these, each as ``stack/LogicalId``.
    """

    assumed: bool = False
    accepted: tuple[str, ...] = ()


def preview(target: Target, progress: Progress, region: str | None = None) -> None:
    """Show what a deployment would change, in all regions or directly in one.

    Raises:
        NotReady: something is in the way.
    """
    notes = _look_around(target, region)
    _, planned = deployment.look(target, progress, region)
    _tell(notes)
    _say(show.plan(planned, target, colour=show.colours(sys.stdout)))


def deploy(target: Target, progress: Progress, agreed: Agreed, region: str | None = None) -> None:
    """Show what would change, ask, and make it so, in all regions or directly in one.

    Raises:
        NotReady: something is in the way.
        Refused: nobody agreed, or data would be lost that nobody named.
        StackFailed: a stack is not as it should be.
    """
    begun = time.monotonic()
    notes = _look_around(target, region)

    def consent(planned: Plan) -> bool:
        _tell(notes)
        return _ask(target, planned, agreed)

    with tempfile.TemporaryDirectory(prefix="holdfast-") as folder:

        def archive() -> Path:
            return packaging.package(Path(folder), target.certificates)

        if region:
            done = deployment.directly(target, region, archive, progress, consent, agreed.accepted)
        else:
            done = deployment.deploy(target, archive, progress, consent, agreed.accepted)
    delivered = console.deliver(target, done.found, region)
    left = plan.superfluous(target, done.found)
    _tell(f"{entry.stack.name} in {entry.stack.region}: {entry.note}" for entry in left)
    _say(f"\n  {_outcome(done, len(delivered.written), time.monotonic() - begun)}")
    _say(f"\n{_addresses(done, delivered.page)}")


def _look_around(target: Target, region: str | None) -> list[Note]:
    """Say where it goes, and end here if anything is in the way; the answer is what else is to be known."""
    if region and region not in target.regions:
        raise Refused(f"--directly {region}: this deployment lies in {', '.join(target.regions)}; name one of them")
    _say(f"{target.settings.prefix} in account {target.aws.account}")
    return checks.check(target, [region] if region else None)


def _ask(target: Target, planned: Plan, agreed: Agreed) -> bool:
    """Show the plan and ask for agreement.

    Raises:
        Refused: it would lose data that was not named; or there is nobody to ask, or nobody agreed.
    """
    _say(show.plan(planned, target, colour=show.colours(sys.stdout)))
    plan.refuse_loss(planned, agreed.accepted)
    if agreed.assumed:
        return True
    if not sys.stdin.isatty():
        raise Refused("nothing was changed: there is no terminal to ask whether to go on; add --yes")
    sys.stderr.write(f"  Go on? Only {AGREED!r} is taken for an answer: ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() != AGREED:
        raise Refused("nothing was changed: nobody agreed")
    sys.stderr.write("\n")
    return True


def _outcome(done: Done, files: int, seconds: float) -> str:
    """What was done, in a line."""
    parts = [
        f"{len(stacks)} stack{'' if len(stacks) == 1 else 's'} {what}"
        for stacks, what in ((done.made, "made"), (done.changed, "changed"))
        if stacks
    ]
    if files:
        parts.append(f"{files} file{'' if files == 1 else 's'} of the console brought up to date")
    if not parts:
        parts = [
            "nothing to do: AWS is as the code emits it" if done.nothing else "all stacks are as the code emits them"
        ]
    return f"{', '.join(parts)} ({clock(seconds).strip()})"


def _addresses(done: Done, page: str) -> str:
    apis = [each for stack, each in sorted(done.found.items()) if stack.name == "api" and "ApiUrl" in each.outputs]
    lines = [f"  console  {page}", *(f"  API      {each.outputs['ApiUrl']}" for each in apis)]
    return "\n".join(lines)


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _tell(notes: Iterable[str]) -> None:
    """Notes, on standard error: what is asked for goes to standard output."""
    for note in notes:
        sys.stderr.write("\n".join(show.wrapped(f"note: {note}", "      ")) + "\n")
    sys.stderr.flush()
