"""What can end a local run early, each with one line that says what to do; ``cli`` turns them into exit codes.

LocalRunError
├── InputRefused    an argument or a file that we were given can't be used; nothing was started
│   └── DumpRefused     the user's SQL file can't be loaded; names the file and the line
├── DeploymentFailed    a stack was not created; names the resource and CloudFormation's reason
├── StoryFailed         the run did not come to a verdict: an execution failed early or never started
└── Stopped             somebody pressed Ctrl-C or sent SIGTERM
"""

from __future__ import annotations

from pathlib import Path

LAST_LOG = Path(__file__).resolve().parent.parent / ".sandbox" / "engine.log"  # of the latest run that has ended


class LocalRunError(Exception):
    """The local run ends; the message is one line for the person who started it."""

    exit_code = 1


class InputRefused(LocalRunError):
    """An argument or a file that we were given can't be used."""

    exit_code = 2


class DumpRefused(InputRefused):
    """The user's SQL file can't be loaded; the message begins ``file:line:``."""


class DeploymentFailed(LocalRunError):
    """A stack was not created; the message names the resource that failed and why."""


class StoryFailed(LocalRunError):
    """No verdict came: an execution failed before it could record one, or never started."""


class Stopped(LocalRunError):
    """The run was asked to end by a signal."""

    def __init__(self, signal_number: int) -> None:
        super().__init__("stopped; everything this run started is gone")
        self.exit_code = 128 + signal_number
