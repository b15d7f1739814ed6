"""What the cards of the backup pipeline and of its watch say, from one region's resources; no resource, no card."""

from __future__ import annotations

import re

from blueprints.pictures.model import Found, Part, Region, Resource, count, mentions, references


def schedules(region: Region) -> Found:
    """What starts by the clock."""
    found = [each for each in region.all("Scheduler::Schedule") if each["State"] != "DISABLED"]
    lines = [f"{region.short(str(each['Name']))}: {often(str(each['ScheduleExpression']))}" for each in found]
    return Part("event", "Schedules", lines) if lines else None


def often(expression: str) -> str:
    """``rate(5 minutes)`` and ``cron(30 0,12 * * ? *)`` as a person says them."""
    rate = re.fullmatch(r"rate\((\d+) (\w+?)s?\)", expression)
    if rate:
        return f"every {rate[1]} {'min' if rate[2] == 'minute' else rate[2]}"
    minutes, hours = expression.removeprefix("cron(").split(" ")[:2]
    times = len(minutes.split(",")) * (24 if hours == "*" else len(hours.split(",")))
    return "once a day" if times == 1 else f"{times} times a day"


def machines(region: Region) -> Found:
    """State machines: which something starts here, and which wait for the day."""
    known = region.all("StepFunctions::StateMachine")
    running = _started(region, known)
    active, resting = (
        ", ".join(region.short(str(each["StateMachineName"])) for each in known if (each in running) is wanted)
        for wanted in (True, False)
    )
    lines = [*filter(None, [active]), *(f"at rest: {names}" for names in filter(None, [resting]))]
    return Part("watch", "State machines", lines) if known else None


def _started(region: Region, machines: list[Resource]) -> list[Resource]:
    """Machines that a schedule or a rule of this region starts, or a machine that is itself started."""
    starters = [
        each["Target"] or each["Targets"]
        for each in (*region.all("Scheduler::Schedule"), *region.all("Events::Rule"))
        if each["State"] != "DISABLED"
    ]
    started = {title for starter in starters for title in references(starter)}
    found: list[Resource] = []
    while fresh := [
        each
        for each in machines
        if each not in found
        and (
            each.title in started
            or any(mentions(other["DefinitionSubstitutions"], f":{each['StateMachineName']}") for other in found)
        )
    ]:
        found += fresh
    return [each for each in machines if each in found]


def targets(region: Region, kind: str) -> list[str]:
    """Cards that the schedules or rules of *region* start: machines, or functions, be it by a queue."""
    titles = {
        title
        for each in region.all(kind, "backup")
        if each["State"] != "DISABLED"
        for title in references([target["Arn"] for target in each["Targets"] or [each["Target"]]])
    }
    kinds = {each.kind for each in region.resources if each.stack == "backup" and each.title in titles}
    found = ["machines"] if "AWS::StepFunctions::StateMachine" in kinds else []
    return found + (["functions"] if kinds & {"AWS::SQS::Queue", "AWS::Lambda::Function"} else [])


def functions(region: Region) -> Found:
    """Functions of the pipeline."""
    number = len(region.all("Lambda::Function", "backup"))
    dead = sum("DeadLetters" in each.title for each in region.all("SQS::Queue", "backup"))
    fed = count(len(region.all("Lambda::EventSourceMapping", "backup")), "queue")
    lines = [f"{number}, fed by {fed}", count(dead, "dead-letter queue")]
    return Part("compute", "Pipeline functions", lines) if number else None


def bus(region: Region) -> Found:
    """The event bus."""
    if not region.first("Events::EventBus"):
        return None
    rules = [each for each in region.all("Events::Rule", "backup") if each["State"] != "DISABLED"]
    away = [
        kind
        for each in rules
        if mentions(each["Targets"], ":event-bus/")
        for kind in each["EventPattern"]["detail-type"]
    ]
    return Part("event", "Event bus", [count(len(rules), "rule"), *(f"sends {kind}" for kind in away)])


def ledger(region: Region) -> Found:
    """The ledger."""
    found = region.first("DynamoDB::GlobalTable")
    if not found:
        return None
    recovery = mentions(found["Replicas"], '"PointInTimeRecoveryEnabled": true')
    return Part("storage", "Ledger", ["DynamoDB global table", *(["point-in-time recovery"] if recovery else [])])


def bucket(purpose: str, title: str, region: Region) -> Found:
    """The bucket of *purpose*."""
    found = region.bucket(purpose)
    if not found:
        return None
    lines = []
    if lock := found["ObjectLockConfiguration"]:
        kept = lock["Rule"]["DefaultRetention"]
        lines.append(f"locked {kept['Days']} days, {kept['Mode'].lower()}")
    else:
        rules = found["LifecycleConfiguration"]["Rules"]
        lines += [f"kept {count(r['ExpirationInDays'], 'day')}" for r in rules if "ExpirationInDays" in r]
    if (found["VersioningConfiguration"] or {}).get("Status") == "Enabled":
        lines.append("versioned")
    return Part("storage", title, ["S3, " + ", ".join(lines)])


def keys(region: Region) -> Found:
    """Customer-managed keys."""
    aliases = region.all("KMS::Alias", "keys")
    names = [region.short(str(each["AliasName"]).removeprefix("alias/")) for each in aliases]
    turned = all(each["EnableKeyRotation"] for each in region.all("KMS::Key", "keys"))
    lines = [", ".join(names), "customer-managed" + (", rotated" if turned else "")]
    return Part("guard", "KMS keys", lines) if names else None


def watch(region: Region) -> Found:
    """Alarms, and whom they tell."""
    number = len(region.all("CloudWatch::Alarm"))
    mail = any(each["Protocol"] == "email" for each in region.all("SNS::Subscription"))
    lines = ["told by e-mail" if mail else "told to a topic"]
    screens = len(region.all("CloudWatch::Dashboard"))
    more = [count(screens, "dashboard")] * bool(screens) + ["a budget"] * bool(region.all("Budgets::Budget"))
    return Part("watch", count(number, "alarm"), [*lines, *filter(None, [", ".join(more)])]) if number else None
