import json
from datetime import UTC, datetime

import pytest
from policies import allow

from sandbox.server import EngineError

PASS = json.dumps({"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}})


@pytest.fixture
def schedule(aws, make, name):
    """A schedule that starts a machine, given the role's statements; the machine's ARN."""

    def create(*statements, **target):
        role = make.role("states")
        machine = aws.client("stepfunctions").create_state_machine(name=name, definition=PASS, roleArn=role)[
            "stateMachineArn"
        ]
        aws.client("scheduler").create_schedule(
            Name=name,
            ScheduleExpression="cron(0 3 * * ? *)",
            ScheduleExpressionTimezone="Europe/Berlin",
            FlexibleTimeWindow={"Mode": "OFF"},
            Target={"Arn": machine, "RoleArn": make.role("scheduler", *statements), **target},
        )
        return machine

    return create


def test_a_fired_schedule_starts_its_machine_with_the_time_it_was_due(aws, name, schedule):
    machine = schedule(allow("states:StartExecution"), Input='{"scheduled_at": "<aws.scheduler.scheduled-time>"}')
    aws.fire_schedule(name, at=datetime(2026, 11, 21, 3, tzinfo=UTC))
    states = aws.client("stepfunctions")
    execution = states.list_executions(stateMachineArn=machine)["executions"][0]["executionArn"]
    assert json.loads(states.describe_execution(executionArn=execution)["input"]) == {
        "scheduled_at": "2026-11-21T03:00:00Z"
    }


def test_a_schedule_whose_role_may_not_start_the_machine_leaves_a_dead_letter(aws, make, name, schedule):
    url, arn = make.queue()
    schedule(allow("sqs:SendMessage", arn), Input="{}", DeadLetterConfig={"Arn": arn})
    aws.fire_schedule(name)
    assert make.receive(url)["MessageAttributes"]["ERROR_CODE"]["StringValue"] == "AccessDeniedException"


def test_firing_an_unknown_schedule_says_which_there_are(aws, name, schedule):
    schedule()
    with pytest.raises(EngineError, match=f"default/unknown does not exist.*default/{name}"):
        aws.fire_schedule("unknown")
