"""The one way this project declares an alarm: what it watches, whom it tells, and the page that says what to do."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import NamedTuple

from troposphere import AWSHelperFn, Template, cloudwatch

from blueprints import arns
from blueprints.settings import Settings

RUNBOOKS = "docs/runbooks"
STATISTICS = ("Average", "Maximum", "Minimum", "SampleCount", "Sum")
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
FORMULA_METRICS = 10  # https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_limits.html


class Metric(NamedTuple):
    """One metric as CloudWatch keeps it; *statistic* is ``Sum``, ``Maximum``, … or a percentile such as ``p99``."""

    namespace: str
    name: str
    statistic: str
    dimensions: Mapping[str, AWSHelperFn | str]


class Formula(NamedTuple):
    """What is computed from *metrics*, which *expression* names by their keys (lower case first)."""

    # https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html
    expression: str
    metrics: Mapping[str, Metric]


class When(NamedTuple):
    """From when on it is alarming: *breaches* of the last *of* periods beyond *threshold*."""

    comparison: str
    threshold: float
    period: timedelta
    breaches: int
    of: int


def above(threshold: float, period: timedelta, breaches: int = 1, of: int | None = None) -> When:
    """More than *threshold* in *breaches* of the last *of* periods."""
    return When("GreaterThanThreshold", threshold, period, breaches, of or breaches)


def at_least(threshold: float, period: timedelta, breaches: int = 1, of: int | None = None) -> When:
    """*threshold* or more in *breaches* of the last *of* periods."""
    return When("GreaterThanOrEqualToThreshold", threshold, period, breaches, of or breaches)


def below(threshold: float, period: timedelta, breaches: int = 1, of: int | None = None) -> When:
    """Less than *threshold* in *breaches* of the last *of* periods."""
    return When("LessThanThreshold", threshold, period, breaches, of or breaches)


def alarm(  # noqa: PLR0913 (what differs between alarms)
    t: Template,
    settings: Settings,
    title: str,
    meaning: str,
    measured: Metric | Formula,
    *,
    when: When,
    silence_is_failure: bool = False,
    sticky: bool = False,
    condition: str | None = None,
    runbook: str | None = None,
    name: AWSHelperFn | None = None,
) -> cloudwatch.Alarm:
    """Add the alarm *title*, which tells the deployment's topic when it begins and when it is over.

    Args:
        t: Template that it goes into.
        settings: The deployment.
        title: What is wrong, in PascalCase; the name is ``<prefix>-<what-is-wrong>``, and so is the runbook's page.
        meaning: One sentence for whoever is woken by it.
        measured: What is watched.
        when: From when on it is alarming; see :func:`above`, :func:`at_least` and :func:`below`.
        silence_is_failure: No data is as bad as bad data; otherwise it is good news.
        sticky: Without news the alarm stays as it is.
        condition: Condition under which the alarm exists.
        runbook: Page, where several alarms share one.
        name: Name, where it follows from a resource's.

    Raises:
        ValueError: CloudWatch would refuse the periods, or evaluate them otherwise than they read.
    """
    _check(title, measured, when)
    topic = arns.alerts(settings)
    page = runbook or kebab(title)
    only = {"Condition": condition} if condition else {}
    missing = "breaching" if silence_is_failure else "ignore" if sticky else "notBreaching"
    return t.add_resource(
        cloudwatch.Alarm(
            title,
            AlarmName=name or settings.name(kebab(title)),
            AlarmDescription=f"{meaning} {RUNBOOKS}/{page}.md",
            ComparisonOperator=when.comparison,
            Threshold=when.threshold,
            EvaluationPeriods=when.of,
            TreatMissingData=missing,
            AlarmActions=[topic],
            OKActions=[topic],
            # Left out where it says nothing: Route 53 copies an alarm that it reads, and knows no "m out of n".
            # https://docs.aws.amazon.com/Route53/latest/APIReference/API_CloudWatchAlarmConfiguration.html
            **({"DatapointsToAlarm": when.breaches} if when.breaches != when.of else {}),
            **_measured(measured, when.period),
            **({"InsufficientDataActions": [topic]} if silence_is_failure else {}),
            **only,
        )
    )


def total(**metrics: Metric) -> Formula:
    """Sum of *metrics*, of which those that say nothing count as nothing."""
    # https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html (FILL)
    return Formula(" + ".join(f"FILL({key}, 0)" for key in metrics), metrics)


def held(threshold: float, duration: timedelta) -> When:
    """*threshold* or more once; it stays alarming until *duration* has passed without, so that nobody overlooks it."""
    period = 5 * MINUTE if duration <= DAY else HOUR
    return at_least(threshold, period, 1, max(1, duration // period))


def kebab(title: str) -> str:
    """``NoRecentRecoveryPoint`` -> ``no-recent-recovery-point``."""
    return re.sub(r"(?<!^)(?=[A-Z])", "-", title).lower()


def words(duration: timedelta) -> str:
    """``36 hours``, ``90 minutes``, ``1.5 seconds``: in the largest unit that leaves no fraction."""
    units = ((HOUR, "hour"), (MINUTE, "minute"))
    unit, name = next((each for each in units if not duration % each[0]), (timedelta(seconds=1), "second"))
    number = duration / unit
    return f"{number:g} {name}{'' if number == 1 else 's'}"


def _check(title: str, measured: Metric | Formula, when: When) -> None:
    # https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html (Period)
    longest = 7 * DAY if when.period >= HOUR else DAY
    if when.period % MINUTE or not MINUTE <= when.period <= when.period * when.of <= longest:
        raise ValueError(
            f"{title}: {when.of} periods of {when.period}: use whole minutes, and at most {longest} in all"
        )
    if not 1 <= when.breaches <= when.of:
        raise ValueError(f"{title}: {when.breaches} of {when.of} periods: use at least one and at most all")
    if isinstance(measured, Formula) and len(measured.metrics) > FORMULA_METRICS:
        raise ValueError(f"{title}: a formula takes {FORMULA_METRICS} metrics, not {len(measured.metrics)}")


def _measured(measured: Metric | Formula, period: timedelta) -> dict[str, object]:
    seconds = int(period.total_seconds())
    if isinstance(measured, Formula):
        queries = [
            cloudwatch.MetricDataQuery(
                Id=key,
                MetricStat=cloudwatch.MetricStat(
                    Metric=cloudwatch.Metric(
                        Namespace=metric.namespace, MetricName=metric.name, Dimensions=_dimensions(metric)
                    ),
                    Period=seconds,
                    Stat=metric.statistic,
                ),
                ReturnData=False,
            )
            for key, metric in measured.metrics.items()
        ]
        result = cloudwatch.MetricDataQuery(Id="result", Expression=measured.expression, ReturnData=True)
        return {"Metrics": [result, *queries]}
    # No unit: CloudWatch would take one that nobody writes, and the alarm would never hear anything; a test compares.
    plain = measured.statistic in STATISTICS
    return {
        "Namespace": measured.namespace,
        "MetricName": measured.name,
        "Dimensions": _dimensions(measured),
        "Period": seconds,
        **({"Statistic": measured.statistic} if plain else {"ExtendedStatistic": measured.statistic}),
        # Of a handful of requests the slowest is no percentile; CloudWatch then waits for more.
        **({} if plain else {"EvaluateLowSampleCountPercentile": "ignore"}),
    }


def _dimensions(metric: Metric) -> list[cloudwatch.MetricDimension]:
    return [cloudwatch.MetricDimension(Name=name, Value=value) for name, value in metric.dimensions.items()]
