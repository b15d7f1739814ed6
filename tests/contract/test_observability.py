"""Every alarm tells somebody, in time, what it should; every dashboard shows what there is."""

from collections import Counter
from dataclasses import replace

import pytest
from rendering import OPTIONS, each, found, rendered, resolved, walk
from watching import alarms, bodies, of_alarm, of_dashboard, page

from blueprints.regions import regions_of
from blueprints.settings import DAY, PRODUCTION, Backup


def topic(settings):
    return {"Fn::Sub": f"arn:${{AWS::Partition}}:sns:${{AWS::Region}}:${{AWS::AccountId}}:{settings.prefix}-alerts"}


# ---- every alarm -----------------------------------------------------------------------------------------------------


@each("AWS::CloudWatch::Alarm")
def test_every_alarm_tells_the_topic_when_it_begins_and_when_it_is_over(it):
    p = it.properties

    assert p["AlarmActions"] == p["OKActions"] == [topic(it.settings)]
    assert "ActionsEnabled" not in p


@each("AWS::CloudWatch::Alarm")
def test_where_silence_is_failure_no_data_is_bad_data_and_told(it):
    p = it.properties

    assert (p["TreatMissingData"] == "breaching") == ("InsufficientDataActions" in p)
    assert p.get("InsufficientDataActions", [topic(it.settings)]) == [topic(it.settings)]
    assert p["TreatMissingData"] in {"breaching", "notBreaching"} or it.title == "Promoted"


def test_silence_is_failure_where_the_absence_of_a_backup_would_be_silent():
    silent = {it.title for it in alarms() if it.properties["TreatMissingData"] == "breaching"}

    assert silent == {"NoRecentRecoveryPoint", "NoBackupStarted"}


def test_the_absence_of_a_backup_is_noticed_in_either_region():
    for option, settings in OPTIONS.items():
        alarm = rendered(option)["observability"]["Resources"]["NoRecentRecoveryPoint"]

        assert "Condition" not in alarm
        assert alarm["Properties"]["Threshold"] == settings.backup.recovery_point_objective.total_seconds()


def test_promotion_holds_without_further_news():
    for it in alarms():
        if it.title == "Promoted":
            assert it.properties["AlarmName"] == f"{it.settings.prefix}-promoted"
            assert it.properties["TreatMissingData"] == "ignore"
            assert "Condition" not in it.resource
            # https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/health-checks-creating-values.html
            assert it.properties["Statistic"] in {"Average", "Minimum", "Maximum", "Sum", "SampleCount"}
            assert it.properties["Period"] >= 60


@pytest.mark.parametrize("option", OPTIONS)
def test_no_two_alarms_of_a_region_share_a_name_and_none_is_too_long(option):
    settings = OPTIONS[option]
    for region in {*settings.regions, *regions_of("site", settings)}:
        names = Counter()
        for it in alarms():
            if it.option == option and region in regions_of(it.stack, settings):
                # Queues bear the names of their stacks, of which CloudFormation keeps to 80 characters.
                name = resolved(it.properties["AlarmName"], region)
                names[name.replace(".QueueName", f".{it.stack}")] += 1
                assert len(name) + 80 <= 255
                assert name.startswith(f"{settings.prefix}-")

        assert not [name for name, times in names.items() if times > 1]


@each("AWS::CloudWatch::Alarm")
def test_an_alarm_keeps_within_what_cloudwatch_evaluates(it):
    # https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
    p = it.properties
    periods = [p["Period"]] if "Period" in p else [m["MetricStat"]["Period"] for m in p["Metrics"] if "MetricStat" in m]

    assert len(set(periods)) == 1
    assert periods[0] % 60 == 0
    assert periods[0] * p["EvaluationPeriods"] <= (7 * 86400 if periods[0] >= 3600 else 86400)
    assert 1 <= p.get("DatapointsToAlarm", p["EvaluationPeriods"]) <= p["EvaluationPeriods"]
    assert len(p["AlarmDescription"]) <= 1024
    if "Metrics" in p:
        results = [m for m in p["Metrics"] if m["ReturnData"]]
        assert len(results) == 1
        assert len(p["Metrics"]) - 1 <= 10
        assert all(m["Id"] in results[0]["Expression"] for m in p["Metrics"] if not m["ReturnData"])


@pytest.mark.parametrize("minutes", [1, 2, 5, 7, 61, 720, 1441, 7 * 1440])
def test_every_sweep_interval_gives_alarms_that_cloudwatch_takes(minutes):
    import build  # noqa: PLC0415

    sweep = replace(Backup(), sweep_interval=minutes * DAY / 1440)
    t = build.STACKS["observability"](replace(PRODUCTION, backup=sweep))
    alarm = t.resources["NoRecentRecoveryPoint"]

    assert alarm.Period >= min(60 * minutes, 86400)
    assert alarm.Period * alarm.EvaluationPeriods <= (7 * 86400 if alarm.Period >= 3600 else 86400)


# ---- topic, budget ---------------------------------------------------------------------------------------------


@each("AWS::SNS::Topic")
def test_only_the_services_that_publish_may_and_only_for_this_account_if_they_say_for_whom(it):
    if it.title != "Alerts":
        return
    allowed = {
        statement["Principal"]["Service"][0]: statement.get("Condition", {})
        for statement in it.template["Resources"]["AlertsAccess"]["Properties"]["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Allow"
    }

    assert set(allowed) == {"cloudwatch.amazonaws.com", "events.amazonaws.com", "budgets.amazonaws.com"}
    for service, condition in allowed.items():
        if service != "events.amazonaws.com":  # says nothing, and a condition would stop it
            assert ":${AWS::AccountId}:" in condition["ArnLike"]["aws:SourceArn"]["Fn::Sub"]


def test_somebody_gets_mail_if_the_settings_name_somebody():
    for it in found("AWS::SNS::Topic"):
        mails = [r["Properties"] for r in it.template["Resources"].values() if r["Type"] == "AWS::SNS::Subscription"]

        assert [mail["Endpoint"] for mail in mails] == [mail for mail in [it.settings.alerts.email] if mail]
    assert any(settings.alerts.email for settings in OPTIONS.values())


@each("AWS::Budgets::Budget")
def test_the_budget_is_told_of_at_four_fifths_and_when_it_will_not_last(it):
    notices = [
        (n["Notification"]["NotificationType"], n["Notification"]["Threshold"], n["Subscribers"][0]["Address"])
        for n in it.properties["NotificationsWithSubscribers"]
    ]

    assert it.resource["Condition"] == "IsPrimaryRegion", "a budget is the account's, and its name is taken once"
    assert it.properties["Budget"]["BudgetLimit"] == {"Amount": it.settings.alerts.monthly_budget, "Unit": "USD"}
    assert notices == [("ACTUAL", 80, {"Ref": "Alerts"}), ("FORECASTED", 100, {"Ref": "Alerts"})]


# ---- dashboards ------------------------------------------------------------------------------------------------------


def test_there_is_a_dashboard_for_each_audience_made_once():
    for it, body in bodies():
        assert it.resource["Condition"] == "IsPrimaryRegion", "dashboards are the account's"
        assert body["widgets"]
    assert {it.title for it, _ in bodies()} == {"ServiceDashboard", "BackupsDashboard", "CostDashboard"}


def test_every_widget_fits_and_names_its_region():
    for it, body in bodies():
        assert (
            len(body["widgets"]) <= 500
        )  # https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_limits.html
        for widget in body["widgets"]:
            assert 1 <= widget["width"] <= 24
            if widget["type"] == "metric":
                assert widget["properties"]["region"] in {*it.settings.regions, "us-east-1"}
                assert widget["properties"]["metrics"], widget["properties"]["title"]
                assert len(widget["properties"]["metrics"]) <= 500


def test_every_alarm_on_a_dashboard_exists():
    for it, body in bodies():
        names = {resolved(a.properties["AlarmName"], "") for a in alarms() if a.option == it.option}
        shown = {
            arn.rpartition(":")[2]
            for widget in body["widgets"]
            if widget["type"] == "alarm"
            for arn in widget["properties"]["alarms"]
        }

        assert shown <= names


def test_a_dashboard_leaves_nothing_unresolved_but_what_cloudformation_fills_in():
    for _, body in bodies():
        for node in walk(body):
            assert not isinstance(node, str) or "${" not in node


def test_what_dashboards_and_alarms_both_read_they_call_alike():
    drawn = {(read.namespace, read.name, read.dimensions) for _, body in bodies() for read in of_dashboard(body)}

    for it in alarms():
        for read in of_alarm(it):
            if page(it) in {"api-failing", "no-recent-recovery-point", "proxy-saturated", "replication-late"}:
                assert (read.namespace, read.name, read.dimensions) in drawn
