"""Metrics out of functions' logs, counts of the services, and alarms that read them and tell a topic."""

import json
import time

import pytest
from deploying import att, deploy, ref, resource, role
from making import PRIMARY, eventually
from policies import ROOT, allow, document, document_text, service

from sandbox.engine.alarm_expressions import Unsupported, evaluate

EMBEDDED = """
import json
def handler(event, context):
    print("a line that is no metric")
    print('{"_aws": "broken"}')
    print(json.dumps({
        "_aws": {"Timestamp": 1, "CloudWatchMetrics": [{
            "Namespace": "Holdfast",
            "Dimensions": [["Deployment"], ["Deployment", "Database"], ["Deployment", "Absent"]],
            "Metrics": [{"Name": "RecoveryPointAgeSeconds", "Unit": "Seconds"}, {"Name": "Faults"}],
        }]},
        "Deployment": event["deployment"], "Database": "orders",
        "RecoveryPointAgeSeconds": [10, 30], "Faults": event.get("faults", 0),
    }))
    if event.get("fail"):
        raise ValueError("no")
"""


def statistics(aws, namespace, name, **dimensions):
    found = aws.client("cloudwatch").get_metric_statistics(
        Namespace=namespace,
        MetricName=name,
        Dimensions=[{"Name": key, "Value": value} for key, value in dimensions.items()],
        StartTime=time.time() - 600,
        EndTime=time.time() + 60,
        Period=3600,
        Statistics=["Sum", "Maximum", "SampleCount"],
    )["Datapoints"]
    return {key: sum(point[key] for point in found) for key in ("Sum", "SampleCount")} if found else None


def test_lines_in_the_embedded_format_become_metrics_by_each_set_of_dimensions(aws, make, name):
    make.invoke(make.function(EMBEDDED), {"deployment": name})
    age = "RecoveryPointAgeSeconds"
    assert statistics(aws, "Holdfast", age, Deployment=name) == {"Sum": 40, "SampleCount": 2}
    assert statistics(aws, "Holdfast", age, Deployment=name, Database="orders") == {"Sum": 40, "SampleCount": 2}
    listed = aws.client("cloudwatch").list_metrics(
        Namespace="Holdfast", MetricName=age, Dimensions=[{"Name": "Deployment", "Value": name}]
    )["Metrics"]
    assert len(listed) == 2
    data = aws.client("cloudwatch").get_metric_data(
        MetricDataQueries=[
            {
                "Id": "age",
                "MetricStat": {
                    "Metric": {
                        "Namespace": "Holdfast",
                        "MetricName": age,
                        "Dimensions": [{"Name": "Deployment", "Value": name}],
                    },
                    "Period": 3600,
                    "Stat": "Maximum",
                },
            }
        ],
        StartTime=time.time() - 600,
        EndTime=time.time() + 60,
    )
    assert max(data["MetricDataResults"][0]["Values"]) == 30


def test_every_invocation_counts_whoever_made_it(aws, make):
    function = make.function(EMBEDDED)
    make.invoke(function, {"deployment": "x"})
    make.invoke(function, {"deployment": "x", "fail": True})
    name = function.rpartition(":")[2]
    assert statistics(aws, "AWS/Lambda", "Invocations", FunctionName=name) == {"Sum": 2, "SampleCount": 2}
    assert statistics(aws, "AWS/Lambda", "Errors", FunctionName=name) == {"Sum": 1, "SampleCount": 2}


def test_executions_count_and_a_machine_under_a_customer_key_tells_no_data(aws, name):
    pattern = {"source": ["aws.states"], "detail": {"stateMachineArn": [ref("Machine")]}}
    send = allow("sqs:SendMessage", Principal=service("events"))
    found = deploy(
        aws,
        name,
        {
            "Key": resource("KMS::Key", KeyPolicy=document(allow("kms:*", Principal=ROOT))),
            "Role": role("states", allow("kms:*")),
            "Machine": resource(
                "StepFunctions::StateMachine",
                RoleArn=att("Role"),
                Definition={"StartAt": "End", "States": {"End": {"Type": "Fail", "Error": "No", "Cause": "secret"}}},
                EncryptionConfiguration={"Type": "CUSTOMER_MANAGED_KMS_KEY", "KmsKeyId": att("Key")},
            ),
            "Queue": resource("SQS::Queue"),
            "Policy": resource("SQS::QueuePolicy", Queues=[ref("Queue")], PolicyDocument=document(send)),
            "Rule": resource("Events::Rule", EventPattern=pattern, Targets=[{"Id": "q", "Arn": att("Queue")}]),
        },
        outputs={"Machine": ref("Machine"), "Queue": ref("Queue")},
    )
    machine = found["Machine"]
    aws.client("stepfunctions").start_execution(stateMachineArn=machine, input='{"card": "4111"}')
    bodies = []
    while len(bodies) < 2:
        (message,) = aws.client("sqs").receive_message(QueueUrl=found["Queue"], WaitTimeSeconds=5)["Messages"]
        bodies.append(json.loads(message["Body"])["detail"])
    assert {one["status"] for one in bodies} == {"RUNNING", "FAILED"}
    assert "4111" not in json.dumps(bodies)
    assert "secret" not in json.dumps(bodies)
    assert bodies[0]["inputDetails"] == {"included": False}
    eventually(lambda: statistics(aws, "AWS/States", "ExecutionsFailed", StateMachineArn=machine))
    assert statistics(aws, "AWS/States", "ExecutionsStarted", StateMachineArn=machine)["Sum"] == 1


ALARM = {
    "ComparisonOperator": "GreaterThanOrEqualToThreshold",
    "Threshold": 1,
    "EvaluationPeriods": 1,
    "TreatMissingData": "notBreaching",
}


def alarm(name, **more):
    return {
        **ALARM,
        "AlarmName": name,
        "Namespace": "Holdfast",
        "MetricName": "Faults",
        "Statistic": "Sum",
        "Period": 60,
        "Dimensions": [{"Name": "Deployment", "Value": name}],
        **more,
    }


def state(aws, name):
    return aws.client("cloudwatch").describe_alarms(AlarmNames=[name])["MetricAlarms"][0]["StateValue"]


def put(aws, name, value):
    aws.client("cloudwatch").put_metric_data(
        Namespace="Holdfast",
        MetricData=[{"MetricName": "Faults", "Value": value, "Dimensions": [{"Name": "Deployment", "Value": name}]}],
    )


def test_an_alarm_heeds_its_dimensions(aws, name):
    aws.client("cloudwatch").put_metric_alarm(**alarm(name))
    put(aws, "another", 5)
    eventually(lambda: state(aws, name) == "OK")
    put(aws, name, 5)
    assert eventually(lambda: state(aws, name) == "ALARM")


@pytest.mark.parametrize(
    ("treatment", "expected"), [("breaching", "ALARM"), ("notBreaching", "OK"), ("missing", "INSUFFICIENT_DATA")]
)
def test_silence_means_what_the_alarm_says(aws, name, treatment, expected):
    aws.client("cloudwatch").put_metric_alarm(**alarm(name, TreatMissingData=treatment))
    assert eventually(lambda: state(aws, name) == expected)


def test_an_alarm_on_an_expression_adds_up_what_is_there(aws, name):
    def query(identifier, metric):
        dimensions = [{"Name": "Deployment", "Value": name}]
        of = {"Namespace": "Holdfast", "MetricName": metric, "Dimensions": dimensions}
        return {"Id": identifier, "MetricStat": {"Metric": of, "Period": 60, "Stat": "Sum"}, "ReturnData": False}

    metrics = [
        {"Id": "result", "Expression": "FILL(faults, 0) + FILL(others, 0)", "ReturnData": True},
        query("faults", "Faults"),
        query("others", "Others"),
    ]
    deploy(aws, name, {"Alarm": resource("CloudWatch::Alarm", **ALARM, AlarmName=name, Metrics=metrics)})
    assert eventually(lambda: state(aws, name) == "OK")
    put(aws, name, 1)
    assert eventually(lambda: state(aws, name) == "ALARM")
    found = aws.client("cloudwatch").describe_alarms(AlarmNames=[name])["MetricAlarms"][0]
    assert found["Metrics"][0]["Expression"] == "FILL(faults, 0) + FILL(others, 0)"


def topic(aws, name, *, allowed):
    sns = aws.client("sns")
    arn = sns.create_topic(Name=name)["TopicArn"]
    policy = document_text(allow("sns:Publish", arn, Principal=service("cloudwatch" if allowed else "events")))
    sns.set_topic_attributes(TopicArn=arn, AttributeName="Policy", AttributeValue=policy)
    return arn


@pytest.mark.parametrize("allowed", [True, False])
def test_an_alarm_tells_a_topic_whose_policy_lets_cloudwatch_publish(aws, make, name, allowed):
    arn = topic(aws, name, allowed=allowed)
    url, queue = make.queue()
    make.let_send(url, queue, "sns")
    aws.client("sns").subscribe(TopicArn=arn, Protocol="sqs", Endpoint=queue)
    aws.client("cloudwatch").put_metric_alarm(**alarm(name, AlarmActions=[arn], TreatMissingData="breaching"))
    eventually(lambda: state(aws, name) == "ALARM")
    message = make.receive(url, PRIMARY, seconds=5 if allowed else 1)
    assert (message is not None) is allowed
    if allowed:
        assert json.loads(json.loads(message["Body"])["Message"])["AlarmName"] == name


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("FILL(a, 0) + b", [3.0, 2.0, None]),
        ("IF(a >= 1, 100 * a / b, 0)", [50.0, None, None]),
        ("-a / zero", [None, None, None]),
        ("MAX(b)", [2.0, 2.0, 2.0]),
    ],
)
def test_metric_math_keeps_missing_what_is_missing(expression, expected):
    series = {"a": [1.0, None, 4.0], "b": [2.0, 2.0, None], "zero": [0.0, 0.0, 0.0]}
    assert evaluate(expression, series, 3) == expected


@pytest.mark.parametrize("expression", ["ANOMALY_DETECTION_BAND(a)", "a +", "open('x')", "unknown + 1"])
def test_metric_math_that_is_not_known_is_refused(expression):
    with pytest.raises(Unsupported):
        evaluate(expression, {"a": [1.0]}, 1)
