"""EventBridge Scheduler: context attributes, the target's role, and ``fire`` in place of waiting for the clock."""

import json
import re
import time
import uuid
from typing import Any

from ministack.core.responses import get_region, request_scope
from ministack.services import eventbridge, scheduler

from sandbox.engine import admin, events
from sandbox.engine.clients import client
from sandbox.engine.deliveries import Delivery, Undeliverable, logger, to_dead_letters
from sandbox.engine.patching import replace
from sandbox.engine.permissions import NotAllowed, session_of

SERVICE = "scheduler.amazonaws.com"
ISO = "%Y-%m-%dT%H:%M:%SZ"
UNIVERSAL = re.compile(r"arn:aws:scheduler:::aws-sdk:(\w+):(\w+)")


def install() -> None:
    """Replace the sweep over due schedules, and add the endpoint that fires one."""
    replace(scheduler, "_tick_schedules", tick, "0ece514e9120")
    admin.route("POST", "/schedules/fire", fire_by_name)


class NoSuchSchedule(LookupError):
    """No schedule of that name in that group and region."""


def fire_by_name(request: dict[str, Any]) -> dict[str, Any]:
    """``{"name", "group", "at"} -> {"payload"}`` whatever the schedule's state and expression say."""
    key = f"{request.get('group', 'default')}/{request['name']}"
    schedule = scheduler._schedules.get(key)
    if schedule is None:
        known = ", ".join(sorted(scheduler._schedules.keys())) or "none"
        raise NoSuchSchedule(f"{key} does not exist in {get_region()}; there are: {known}")
    return {"payload": fire(schedule, request.get("at") or time.strftime(ISO, time.gmtime()))}


def fire(schedule: dict[str, Any], at: str) -> str:
    """Deliver a schedule's input to its target as its role, or to its dead-letter queue; returns what was delivered.

    Scheduler sends the input as it is, with context attributes replaced
    (https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html); MiniStack sent
    an event's envelope when there was no input, left the attributes, and asked no role.
    """
    target = schedule["Target"]
    payload = substitute(target.get("Input") or "{}", schedule["Arn"], at)
    delivery = Delivery(target, group_arn(schedule["Arn"]), payload, principal=SERVICE)
    try:
        universal = UNIVERSAL.fullmatch(target["Arn"])
        if universal:
            call(universal[1], universal[2], target, payload)
        elif ":event-bus/" in target["Arn"]:
            put_event(target, payload)
        else:
            events.deliver(delivery)
    except (NotAllowed, Undeliverable) as refusal:
        code = refusal.code if isinstance(refusal, Undeliverable) else "AccessDeniedException"
        logger.warning("schedule %s: not delivered: %s", schedule["Name"], refusal)
        to_dead_letters(delivery, payload, code, str(refusal))
    return payload


def group_arn(arn: str) -> str:
    """The ARN of a schedule's group, the narrowest that a role's trust policy can name.

    https://docs.aws.amazon.com/scheduler/latest/UserGuide/cross-service-confused-deputy-prevention.html
    """
    return arn.replace(":schedule/", ":schedule-group/").rpartition("/")[0]


def substitute(text: str, arn: str, at: str) -> str:
    """Replace the context attributes."""
    attributes = {
        "aws.scheduler.schedule-arn": arn,
        "aws.scheduler.scheduled-time": at,
        "aws.scheduler.execution-id": str(uuid.uuid4()),
        "aws.scheduler.attempt-number": "1",
    }
    for name, value in attributes.items():
        text = text.replace(f"<{name}>", value)
    return text


def call(service: str, operation: str, target: dict[str, Any], payload: str) -> None:
    """A universal target: any call of the SDK, as the target's role."""
    from sandbox.engine.stepfunctions_sdk import call as call_sdk  # noqa: PLC0415  # loaded when a schedule has one

    call_sdk(service, operation, json.loads(payload), session_of(target["RoleArn"], "scheduler"))


def put_event(target: dict[str, Any], payload: str) -> None:
    """An event bus as target, with the detail type and source that the target names."""
    names = target.get("EventBridgeParameters") or {}
    entry = {"EventBusName": target["Arn"], "Detail": payload, **names}
    client("events", credentials=session_of(target["RoleArn"], "scheduler")).put_events(Entries=[entry])


def tick() -> None:
    """Fire what is due, each under its own account and region."""
    now = time.time()
    for (account, region, key), schedule in list(scheduler._schedules._data.items()):
        with request_scope(account, region):
            due = due_time((account, region, key), schedule, now)
            if due is None:
                continue
            scheduler._schedule_last_fired[account, region, key] = now
            fire(schedule, time.strftime(ISO, time.gmtime(due)))
            if schedule["ScheduleExpression"].startswith("at(") and schedule.get("ActionAfterCompletion") == "DELETE":
                scheduler._schedules.pop(key, None)


def due_time(state: tuple[str, str, str], schedule: dict[str, Any], now: float) -> float | None:
    """The time for which a schedule must fire now, None when it need not."""
    starts, ends = scheduler._to_epoch(schedule.get("StartDate")), scheduler._to_epoch(schedule.get("EndDate"))
    if schedule.get("State") != "ENABLED" or now < (starts or now) or now > (ends or now):
        return None
    expression = schedule["ScheduleExpression"]
    last: float | None = scheduler._schedule_last_fired.get(state)
    once: float | None = scheduler._at_time_epoch(expression)
    if once is not None:
        return once if last is None and now >= once else None
    seconds = eventbridge._parse_rate_seconds(expression)
    if seconds is not None:
        next_time = (last or schedule.get("CreationDate", now)) + seconds
        return next_time if now >= next_time else None
    return None  # cron: a run is not long enough to reach the hour; tests fire those by name
