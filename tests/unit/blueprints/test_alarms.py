"""The one way to declare an alarm refuses what CloudWatch would, and says things as people do."""

from datetime import timedelta

import pytest
from troposphere import Template

from blueprints.alarms import (
    DAY,
    HOUR,
    MINUTE,
    Formula,
    Metric,
    above,
    alarm,
    at_least,
    below,
    held,
    kebab,
    total,
    words,
)
from blueprints.settings import PRODUCTION

ERRORS = Metric("AWS/Lambda", "Errors", "Sum", {"FunctionName": "f"})


def declared(measured=ERRORS, when=None, **options):
    made = alarm(
        Template(), PRODUCTION, "ThingBroke", "It broke.", measured, when=when or at_least(1, MINUTE), **options
    )
    return made.to_dict()["Properties"]


@pytest.mark.parametrize(
    ("duration", "said"),
    [
        (12 * HOUR, "12 hours"),
        (HOUR, "1 hour"),
        (90 * MINUTE, "90 minutes"),
        (timedelta(seconds=1), "1 second"),
        (timedelta(seconds=1.5), "1.5 seconds"),
        (2 * DAY, "48 hours"),
    ],
)
def test_durations_are_said_in_the_largest_unit_that_leaves_no_fraction(duration, said):
    assert words(duration) == said


def test_titles_become_names():
    assert kebab("NoRecentRecoveryPoint") == "no-recent-recovery-point"
    assert declared()["AlarmName"] == "holdfast-production-thing-broke"
    assert declared()["AlarmDescription"] == "It broke. docs/runbooks/thing-broke.md"
    assert declared(runbook="things")["AlarmDescription"] == "It broke. docs/runbooks/things.md"


def test_comparisons_say_when():
    assert declared(when=above(5, MINUTE))["ComparisonOperator"] == "GreaterThanThreshold"
    assert declared(when=at_least(5, MINUTE))["ComparisonOperator"] == "GreaterThanOrEqualToThreshold"
    assert declared(when=below(5, MINUTE, 2, 3))["ComparisonOperator"] == "LessThanThreshold"
    assert declared(when=below(5, MINUTE, 2, 3))["DatapointsToAlarm"] == 2
    assert declared(when=below(5, MINUTE, 2, 3))["EvaluationPeriods"] == 3


def test_good_news_bad_news_and_no_news():
    assert declared()["TreatMissingData"] == "notBreaching"
    assert "InsufficientDataActions" not in declared()
    assert declared(silence_is_failure=True)["TreatMissingData"] == "breaching"
    assert declared(silence_is_failure=True)["InsufficientDataActions"] == declared()["AlarmActions"]
    assert declared(sticky=True)["TreatMissingData"] == "ignore"


def test_a_percentile_of_a_handful_of_requests_changes_nothing():
    p99 = declared(Metric("AWS/ApiGateway", "Latency", "p99", {"ApiName": "a"}))

    assert p99["ExtendedStatistic"] == "p99"
    assert p99["EvaluateLowSampleCountPercentile"] == "ignore"
    assert "Statistic" not in p99


def test_a_sum_counts_silence_as_nothing():
    result, *parts = declared(total(errors=ERRORS, throttles=ERRORS))["Metrics"]

    assert result == {"Id": "result", "Expression": "FILL(errors, 0) + FILL(throttles, 0)", "ReturnData": True}
    assert [part["Id"] for part in parts] == ["errors", "throttles"]
    assert {part["MetricStat"]["Period"] for part in parts} == {60}


@pytest.mark.parametrize("duration", [MINUTE, HOUR, 6 * HOUR, DAY, 2 * DAY])
def test_what_happened_once_stays_in_sight_for_a_while(duration):
    when = held(1, duration)

    assert when.breaches == 1
    assert when.period * when.of == max(duration, 5 * MINUTE)


@pytest.mark.parametrize(
    ("when", "reason"),
    [
        (at_least(1, timedelta(seconds=90)), "whole minutes"),
        (at_least(1, timedelta(0)), "whole minutes"),
        (at_least(1, 5 * MINUTE, 1, 289), "at most 1 day"),
        (at_least(1, HOUR, 1, 169), "at most 7 days"),
        (at_least(1, MINUTE, 3, 2), "at least one and at most all"),
    ],
)
def test_periods_that_cloudwatch_would_refuse_are_refused_by_name(when, reason):
    with pytest.raises(ValueError, match=f"ThingBroke.*{reason}"):
        declared(when=when)


def test_a_formula_takes_ten_metrics_and_no_more():
    ten = {f"m{number}": ERRORS for number in range(10)}
    declared(Formula("m0", ten))

    with pytest.raises(ValueError, match="10 metrics, not 11"):
        declared(Formula("m0", {**ten, "m10": ERRORS}))
