"""The rules of security.md about what runs: functions, machines, events, logs."""

import pytest
from rendering import OPTIONS, each, found, rendered

YEAR = 365  # days


# ---- functions ---------------------------------------------------------------------------------------------------


@each("AWS::Lambda::Function")
def test_every_function_is_traced_logged_bounded_and_keeps_its_dead_letters(it):
    p = it.properties

    assert p["Runtime"] == "python3.13"
    assert p["Architectures"] == ["arm64"]
    assert p["TracingConfig"] == {"Mode": "Active"}
    assert p["LoggingConfig"]["LogFormat"] == "JSON"
    assert it.template["Resources"][p["LoggingConfig"]["LogGroup"]["Ref"]]["Type"] == "AWS::Logs::LogGroup"
    assert p["DeadLetterConfig"]["TargetArn"]
    assert p["KmsKeyArn"]
    assert p["ReservedConcurrentExecutions"] >= 1
    assert 128 <= p["MemorySize"] <= 10240
    assert 1 <= p["Timeout"] <= 900


@each("AWS::Lambda::Function")
def test_a_functions_variables_are_text(it):
    assert not any(isinstance(value, int) for value in it.properties["Environment"]["Variables"].values())


@each("AWS::Lambda::EventSourceMapping")
def test_a_queues_messages_come_back_one_by_one(it):
    assert it.properties["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


# ---- machines ----------------------------------------------------------------------------------------------------


@each("AWS::StepFunctions::StateMachine")
def test_every_machine_is_logged_without_data_traced_and_under_our_key(it):
    p = it.properties

    assert p["LoggingConfiguration"]["Level"] == "ALL"
    assert p["LoggingConfiguration"]["IncludeExecutionData"] is False
    assert p["LoggingConfiguration"]["Destinations"]
    assert p["TracingConfiguration"]["Enabled"] is True
    assert p["EncryptionConfiguration"]["Type"] == "CUSTOMER_MANAGED_KMS_KEY"
    assert p["EncryptionConfiguration"]["KmsKeyId"]
    assert isinstance(p["Definition"], dict)
    assert isinstance(p["Definition"]["TimeoutSeconds"], int)


# ---- events ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "target",
    [
        pytest.param(target, id=f"{it}.{target['Id']}")
        for it in found("AWS::Events::Rule")
        for target in it.properties["Targets"]
    ]
    + [pytest.param(it.properties["Target"], id=str(it)) for it in found("AWS::Scheduler::Schedule")],
)
def test_what_can_not_be_delivered_is_tried_for_a_while_and_then_kept(target):
    assert target["DeadLetterConfig"]["Arn"]
    assert target["RetryPolicy"]["MaximumRetryAttempts"] > 0
    assert 60 <= target["RetryPolicy"]["MaximumEventAgeInSeconds"] <= 86400


# ---- logs --------------------------------------------------------------------------------------------------------


@each("AWS::Logs::LogGroup")
def test_every_log_group_is_kept_for_a_year_under_our_key_which_serves_its_name(it):
    assert it.properties["RetentionInDays"] == it.settings.log_retention >= YEAR
    assert it.properties["KmsKeyId"]
    name = it.properties["LogGroupName"]
    # API Gateway names this group itself; keys.py lets the key serve it, too.
    assert it.settings.prefix in str(name) or name == {"Fn::Sub": "API-Gateway-Execution-Logs_${Api}/api"}


@each("AWS::CloudWatch::Alarm")
def test_every_alarm_tells_somebody(it):
    assert it.properties["AlarmActions"]


def test_requests_go_one_way_between_the_regions_and_answers_the_other():
    """Or a forwarded event could be forwarded back, for ever."""
    for stack in (templates["backup"] for templates in map(rendered, OPTIONS)):
        rules = {title: r["Properties"] for title, r in stack["Resources"].items() if r["Type"] == "AWS::Events::Rule"}
        assert rules["Forward"]["EventPattern"]["detail-type"] == [
            {"Fn::If": ["IsPrimaryRegion", "Copy Requested", "Copy Concluded"]}
        ]
        assert rules["CopyRequested"]["State"] == {"Fn::If": ["IsPrimaryRegion", "DISABLED", "ENABLED"]}
        assert rules["CopyConcluded"]["State"] == {"Fn::If": ["IsPrimaryRegion", "ENABLED", "DISABLED"]}
