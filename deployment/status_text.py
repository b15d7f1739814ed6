"""The status as a page for people: a table of stacks and regions, and below it what is amiss, with the cure."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, TextIO

from deployment.show import BOLD, DIM, GREEN, RED, YELLOW, Paint, colours

if TYPE_CHECKING:
    from deployment.condition import Report, State
    from deployment.drift import Drifted

WIDTH = 80
NAME = 16  # columns of a stack's name and what stands before it
VALUE = 60  # characters of a property's value
STYLES = {"current": GREEN, "older": YELLOW, "under way": YELLOW, "missing": RED, "failed": RED, "unknown": RED}


def page(report: Report, stream: TextIO, now: datetime | None = None) -> str:
    """The status as text of at most 80 columns; coloured if *stream* shows colours."""
    paint, at = Paint(colours(stream)), now or datetime.now(UTC)
    if not report.deployed and not report.silent:
        return f"\n  Nothing of {report.deployment} is deployed in account {report.account}.\n"
    lines = ["", f"  {paint(report.deployment, BOLD)} in account {report.account}", ""]
    lines += _table(report, paint, at)
    lines += _wrongs(report, paint)
    lines += _operations(report, at)
    return "\n".join([*lines, "", f"  {_drift(report, at)}", f"  {_sum(report, paint)}", ""])


def _table(report: Report, paint: Paint, now: datetime) -> Iterator[str]:
    width = (WIDTH - NAME) // len(report.regions)
    yield " " * NAME + "".join(f"{region:{width}}" for region in report.regions).rstrip()
    cells = {state.stack: state for state in report.states}
    for name in dict.fromkeys(state.stack.name for state in report.states):
        row = f"  {name:{NAME - 2}}"
        for region in report.regions:
            found = [state for stack, state in cells.items() if stack.name == name and stack.region == region]
            row += _cell(found[0], width, paint, now) if found else " " * width
        yield row.rstrip()


def _cell(state: State, width: int, paint: Paint, now: datetime) -> str:
    word = _word(state)
    rest = f" · {age(state.changed_at, now)}" if state.changed_at else ""
    mark = " !" if state.amiss and word == "current" else ""
    empty = " " * (width - len(word) - len(rest) - len(mark))
    return paint(word, STYLES[word]) + paint(rest, DIM) + paint(mark, YELLOW) + empty


def _word(state: State) -> str:
    if not state.status:
        return "missing"
    if state.under_way:
        return "under way"
    if not state.status.endswith("_COMPLETE") or state.status in ("ROLLBACK_COMPLETE", "DELETE_COMPLETE"):
        return "failed"
    return state.code or "unknown"


def _wrongs(report: Report, paint: Paint) -> Iterator[str]:
    for region, reason in report.silent.items():
        yield from ["", f"  {paint(region, BOLD)} does not answer", *_wrapped(reason)]
    # The same words for several regions or stacks are said once.
    said: dict[tuple[str, ...], list[State]] = {}
    for state in report.states:
        if state.amiss or state.note:
            said.setdefault((*state.amiss, *([state.note] if state.note else [])), []).append(state)
    for words, states in said.items():
        yield ""
        names = ", ".join(f"{state.stack.name} in {state.stack.region}" for state in states)
        bold = [paint(line.strip(), BOLD) for line in _wrapped(names, "  ")]
        yield from (f"  {line}" for line in bold)
        for each in words:
            yield from _wrapped(each)
    for one in report.drifted:
        yield from ["", *_drifted(one, paint)]


def _drifted(one: Drifted, paint: Paint) -> Iterator[str]:
    yield f"  {paint(one.logical_id, BOLD)} ({one.type}) of {one.stack.name} in {one.stack.region}"
    yield f"      {one.id}" + (" is gone" if one.deleted else "")
    for each in one.differences:
        yield f"      {each.path}"
        yield f"          should be {_short(each.expected)}"
        yield f"          is        {_short(each.actual)}"


def _operations(report: Report, now: datetime) -> Iterator[str]:
    if report.operations:
        yield ""
    for each in report.operations:
        since = f" for {age(each.since, now)}" if each.since else ""
        yield f"  StackSets: {each.action} of {each.set} is {each.status}{since}"


def _drift(report: Report, now: datetime) -> str:
    looks = [state.looked_at for state in report.states if state.status]
    known = [look for look in looks if look]
    if len(known) < len(looks) or not known:
        return "Drift: nobody has looked at every stack yet; `build.py status --drift` does."
    return f"Drift: looked for {age(min(known), now)} ago; `build.py status --drift` looks now."


def _sum(report: Report, paint: Paint) -> str:
    if not report.amiss:
        return paint("All is as it should be.", BOLD)
    wrong, silent = sum(1 for state in report.states if state.amiss), len(report.silent)
    told = [f"{wrong} stack{' is' if wrong == 1 else 's are'} not as {'it' if wrong == 1 else 'they'} should be"]
    asked = [f"{silent} region{' does' if silent == 1 else 's do'} not answer"]
    return paint(", ".join([*(told if wrong else []), *(asked if silent else [])]) + ".", BOLD)


def age(since: datetime | None, now: datetime) -> str:
    """How long ago that was, in one unit: ``5 min``, ``2 h``, ``3 d``."""
    if since is None:
        return "?"
    passed = max(now - since, timedelta())
    for unit, length in (("d", timedelta(days=1)), ("h", timedelta(hours=1)), ("min", timedelta(minutes=1))):
        if passed >= length:
            return f"{passed // length} {unit}"
    return f"{passed // timedelta(seconds=1)} s"


def _short(value: str) -> str:
    return value if len(value) <= VALUE else f"{value[: VALUE - 1]}…"


def _wrapped(words: str, margin: str = "      ") -> list[str]:
    return textwrap.wrap(
        words, WIDTH, initial_indent=margin, subsequent_indent=margin, break_long_words=False, break_on_hyphens=False
    )
