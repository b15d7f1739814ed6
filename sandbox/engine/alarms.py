"""CloudWatch alarms: on expressions, by their dimensions, and with a mind about data that is missing.

MiniStack looked at every data point of a metric's name, whatever its dimensions, and at nothing while none came. An
alarm is looked at every few seconds here, over periods that end now; AWS looks once a minute.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html
"""

import contextlib
import operator
import threading
import time
from collections.abc import Callable
from typing import Any

from ministack.core.responses import request_scope
from ministack.services import cloudwatch, sns, sqs
from ministack.services.cloudformation import provisioners

from sandbox.engine.alarm_expressions import Series, Unsupported, evaluate
from sandbox.engine.metrics import record as record_metric
from sandbox.engine.patching import replace
from sandbox.engine.permissions import EncryptedResource, NotAllowed, require_service, require_service_key

Properties = dict[str, Any]

LOOK = 2.0  # seconds between two looks
SERVICE = "cloudwatch.amazonaws.com"
ACTIONS = ("AlarmActions", "OKActions", "InsufficientDataActions")
OF_ONE_METRIC = ("MetricName", "Namespace", "Statistic", "ExtendedStatistic", "Period", "Dimensions", "Unit")
COMPARE: dict[str, Callable[[float, float], bool]] = {
    "GreaterThanOrEqualToThreshold": operator.ge,
    "GreaterThanThreshold": operator.gt,
    "LessThanOrEqualToThreshold": operator.le,
    "LessThanThreshold": operator.lt,
}

_original: dict[str, Any] = {}


def install() -> None:
    """Wrap the making of an alarm, replace its evaluation, and begin to look."""
    _original["record"] = replace(provisioners, "_cw_metric_alarm_record", record, "4565fcede1eb")
    replace(cloudwatch, "_evaluate_alarm", look_at, "a0b0acd3d432")
    threading.Thread(target=watch, daemon=True, name="holdfast-alarms").start()


def record(name: str, properties: Properties) -> Properties:
    """MiniStack's record of an alarm; one on an expression has ``Metrics`` in the place of a metric.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html

    Raises:
        ValueError: It has both, or more than one expression that decides.
    """
    metrics = properties.get("Metrics")
    if not metrics:
        found: Properties = _original["record"](name, properties)
        return found
    if any(properties.get(key) for key in OF_ONE_METRIC):
        raise ValueError("Metrics list cannot be used together with MetricName, Namespace, Statistic or Dimensions")
    if len([one for one in metrics if one.get("ReturnData", True)]) != 1:
        raise ValueError("Exactly one element of the metrics list should return data")
    stand_in = {**properties, "Metrics": None, "MetricName": "-", "Namespace": "-"}
    made: Properties = _original["record"](name, stand_in)
    return {**{key: value for key, value in made.items() if key not in OF_ONE_METRIC}, "Metrics": metrics}


def watch() -> None:
    """Look at every alarm, for ever."""
    took = 0.0
    while True:
        time.sleep(max(LOOK, took * 10))  # a tenth of a processor at most
        began = time.monotonic()
        count_messages()
        for (account, region, _), alarm in list(cloudwatch._alarms._data.items()):
            with request_scope(account, region), contextlib.suppress(Unsupported):
                look_at(alarm)
        took = time.monotonic() - began


def count_messages() -> None:
    """Count what lies in the queues (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html)."""
    now = time.time()
    for (account, region, _), queue in list(sqs._queues._data.items()):
        name = queue["name"]
        waiting = [message for message in list(queue["messages"]) if message.get("visible_at", 0) <= now]
        with request_scope(account, region):
            visible = "ApproximateNumberOfMessagesVisible"
            if waiting or cloudwatch._metrics.get(("AWS/SQS", visible, f"QueueName={name}")):
                record_metric("AWS/SQS", visible, len(waiting), "Count", QueueName=name)
                oldest = max((now - message.get("sent_at", now) for message in waiting), default=0)
                record_metric("AWS/SQS", "ApproximateAgeOfOldestMessage", oldest, "Seconds", QueueName=name)


def look_at(alarm: Properties) -> None:
    """Set an alarm's state by its data, and tell its actions when that changes it."""
    series = data(alarm)
    state, reason = judge(alarm, series)
    old = alarm["StateValue"]
    if state == old:
        return
    alarm.update(StateValue=state, StateReason=reason, StateUpdatedTimestamp=int(time.time()))
    cloudwatch._record_history(alarm["AlarmName"], old, state, reason)
    cloudwatch._dispatch_alarm_actions({**alarm, **permitted(alarm)}, old, state, reason)
    cloudwatch._evaluate_parent_alarms(alarm)


def permitted(alarm: Properties) -> dict[str, list[str]]:
    """The actions of an alarm, without topics whose policy, or whose key's policy, does not let CloudWatch publish.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Notify_Users_Alarm_Changes.html
    """
    return {kind: [arn for arn in alarm.get(kind) or [] if may_publish(arn, alarm["AlarmArn"])] for kind in ACTIONS}


def may_publish(arn: str, alarm_arn: str) -> bool:
    """Whether CloudWatch may publish to a topic for an alarm; other actions are not carried out here."""
    topic = sns._topic_by_arn_any_scope(arn) if ":sns:" in arn else None
    if topic is None:
        return False
    attributes = topic.get("attributes", {})
    try:
        require_service(SERVICE, attributes.get("Policy"), "sns:Publish", arn, alarm_arn)
        require_service_key(SERVICE, EncryptedResource("sns", arn, attributes.get("KmsMasterKeyId")), alarm_arn)
    except NotAllowed as refusal:
        cloudwatch.logger.warning("alarm %s: action failed: %s", alarm_arn, refusal)
        return False
    return True


def judge(alarm: Properties, series: Series) -> tuple[str, str]:
    """The state that the data say, and why; the newest point comes first."""
    wanted = int(alarm.get("DatapointsToAlarm") or len(series))
    compare = COMPARE.get(alarm["ComparisonOperator"], operator.gt)
    missing = alarm.get("TreatMissingData", "missing")
    present = [point for point in series if point is not None]
    breaching = [point for point in present if compare(point, float(alarm["Threshold"]))]
    absent = len(series) - len(present)
    if not present and missing in {"missing", "ignore"}:
        kept = alarm["StateValue"] if missing == "ignore" else "INSUFFICIENT_DATA"
        return kept, f"Insufficient Data: {absent} datapoints were unknown."
    count = len(breaching) + (absent if missing == "breaching" else 0)
    said = (
        f"{len(breaching)} of {len(present)} datapoints crossed {alarm['Threshold']}, {absent} were missing ({missing})"
    )
    return ("ALARM" if count >= wanted else "OK"), f"Threshold Crossed: {said}"


def data(alarm: Properties) -> Series:
    """An alarm's data points, of one metric or of an expression, the newest first."""
    count = int(alarm.get("EvaluationPeriods", 1))
    queries = alarm.get("Metrics")
    if not queries:
        stat = alarm.get("ExtendedStatistic") or alarm.get("Statistic", "Average")
        return points(alarm, int(alarm["Period"]), stat, count)
    found = {
        query["Id"]: points(
            query["MetricStat"]["Metric"], int(query["MetricStat"]["Period"]), query["MetricStat"]["Stat"], count
        )
        for query in queries
        if "MetricStat" in query
    }
    (deciding,) = [query for query in queries if str(query.get("ReturnData", True)).lower() == "true"]
    return evaluate(deciding["Expression"], found, count) if "Expression" in deciding else found[deciding["Id"]]


def points(metric: Properties, period: int, stat: str, count: int) -> Series:
    """A metric's data points of the last periods."""
    dimensions = cloudwatch._dims_from_list(metric.get("Dimensions") or [])
    key = (metric["Namespace"], metric["MetricName"], cloudwatch._dims_key(dimensions))
    now = time.time()
    buckets: list[list[Properties]] = [[] for _ in range(count)]
    for point in reversed(cloudwatch._metrics.get(key) or []):  # in the order of their time, but for those put later
        index = int((now - point["Timestamp"]) // period)
        if index > count:
            break
        if 0 <= index < count:
            buckets[index].append(point)
    return [
        float(cloudwatch._stat_value(cloudwatch._calc_stats(bucket), stat, bucket)) if bucket else None
        for bucket in buckets
    ]
