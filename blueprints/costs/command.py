"""``python build.py cost``: what a deployment costs."""

from __future__ import annotations

import json
import os
import sys
from argparse import ArgumentParser, HelpFormatter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from blueprints.costs import assumptions, model, page, prices, report
from blueprints.request import Request
from blueprints.validation import SettingsError, require

if TYPE_CHECKING:
    from troposphere import Template

    from blueprints.settings import Settings

    Templates = Callable[[Settings], Mapping[str, Template]]  # every stack of one deployment

OPTIONS = ("databases", "gigabytes", "requests", "months")  # assumptions that can be given


def parser() -> ArgumentParser:
    """The command line."""
    made = ArgumentParser(
        prog="build.py cost",
        description="Estimate what a deployment costs: fixed, by backup run, by GB protected, by million requests.",
        formatter_class=lambda prog: HelpFormatter(prog, width=100),
    )
    which = made.add_mutually_exclusive_group()
    which.add_argument("--stage", help="production, staging or sandbox; default: each of them")
    which.add_argument("--settings", type=Path, metavar="FILE", help="a TOML file instead of a stage")
    made.add_argument("--databases", type=int, metavar="N", help="databases protected; default: 1")
    made.add_argument("--gigabytes", type=float, metavar="G", help="data in each; default: half of database.storage")
    made.add_argument("--requests", type=float, metavar="R", help="requests to the API a month; default: 1000000")
    made.add_argument("--months", type=int, metavar="M", help="months of recovery points kept; default: 1")
    how = made.add_mutually_exclusive_group()
    how.add_argument("--json", action="store_true", help="JSON instead of text")
    how.add_argument("--page", action="store_true", help="docs/costs.md instead, for each profile")
    return made


def run(argv: Sequence[str], templates: Templates) -> int:
    """Exit code: 0 estimated, 2 what was asked for can't be.

    Args:
        argv: The command line after ``cost``.
        templates: Emits the stacks of a deployment.
    """
    args = parser().parse_args(argv)
    try:
        given = {name: value for name in OPTIONS if (value := getattr(args, name)) is not None}
        if args.page:
            alone = not (given or args.stage or args.settings)
            require(alone, "--page", "with others", "use it alone; the page has each profile")
            sys.stdout.write(page.page(templates))
            return 0
        estimates = [
            model.estimate(settings, templates(settings), replace(assumptions.usual(settings), **given), prices.load())
            for settings in Request(args.stage, args.settings).deployments()
        ]
    except (SettingsError, prices.PriceError, model.UnpricedError) as error:
        print(f"build.py cost: {error}", file=sys.stderr)  # noqa: T201 (a command line tool prints)
        return 2
    if args.json:
        _print(json.dumps({"deployments": [report.data(each) for each in estimates]}, indent=2))
    else:
        _print("\n\n\n".join(report.text(each) for each in estimates))
    return 0


def _print(text: str) -> None:
    """Print *text* to a reader who may have enough of it before its end (``| head``)."""
    try:
        print(text, flush=True)  # noqa: T201 (a command line tool prints)
    except BrokenPipeError:
        # https://docs.python.org/3/library/signal.html#note-on-sigpipe
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
