"""EventBridge: targets that refuse, dead letters, buses of another region; ``emit`` is how other modules publish.

Deliveries stay inside the process, under the account and region of the rule.
"""

import json
from collections.abc import Callable, Sequence
from typing import Any

from ministack.core.arn import ArnParseError, parse_arn
from ministack.core.responses import get_region, request_scope
from ministack.services import eventbridge, lambda_svc, sns, sqs, stepfunctions

from sandbox.engine import faults, metrics
from sandbox.engine.deliveries import Delivery, Undeliverable, logger, to_dead_letters
from sandbox.engine.patching import replace
from sandbox.engine.permissions import EncryptedResource, NotAllowed


def emit(source: str, detail_type: str, detail: dict[str, Any], resources: Sequence[str] = ()) -> None:
    """Publish on the default bus of the current region, as an AWS service does (``source`` may be ``aws.*``)."""
    entry = {
        "Source": source,
        "DetailType": detail_type,
        "Detail": json.dumps(detail),
        "Resources": list(resources),
    }
    eventbridge._put_events({"Entries": [entry]}, allow_aws_source=True)


def install() -> None:
    """Replace delivery to targets."""
    replace(eventbridge, "_invoke_target", invoke_target, "550e304af080")


def invoke_target(target: dict[str, Any], event: dict[str, Any], rule: dict[str, Any], view: Any = None) -> None:
    """Deliver an event, or put it into the target's dead-letter queue with the reason.

    AWS does so after its retries (https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html);
    MiniStack logged a warning and forgot the event. We do not wait through the retries.
    """
    view = view or eventbridge._pattern_event_view(event)
    payload = transform(target, rule, view)
    whole = json.dumps(view.event_with_detail())
    is_transformed = payload is not None
    delivery = Delivery(target, rule.get("Arn", ""), payload if payload is not None else whole, event, is_transformed)
    try:
        deliver(delivery)
    except (NotAllowed, Undeliverable) as refusal:
        code = refusal.code if isinstance(refusal, Undeliverable) else "NO_PERMISSIONS"
        logger.warning("rule %s: %s not delivered (%s): %s", rule.get("Name"), target.get("Arn"), code, refusal)
        count("FailedInvocations", rule)
        if not to_dead_letters(delivery, whole, code, str(refusal)):
            count("InvocationsFailedToBeSentToDlq", rule)
    else:
        count("Invocations", rule)


def count(metric: str, rule: dict[str, Any]) -> None:
    """Count what became of a delivery.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-monitoring.html: by rule on the default bus, by bus and
    rule on others.
    """
    bus = rule.get("EventBusName") or "default"
    more = {} if bus == "default" else {"EventBusName": bus}
    metrics.record("AWS/Events", metric, 1, "Count", RuleName=rule.get("Name", ""), **more)


def transform(target: dict[str, Any], rule: dict[str, Any], view: Any) -> str | None:
    """What the target's ``InputTransformer``, ``Input`` or ``InputPath`` makes of the event; None when it has none."""
    if target.get("InputTransformer"):
        return str(eventbridge._apply_input_transformer(target["InputTransformer"], rule, view))
    if target.get("Input"):
        return str(target["Input"])
    if target.get("InputPath") in (None, "", "$"):
        return None
    part = stepfunctions._resolve_path(target["InputPath"], view.event_with_detail())
    return json.dumps(part)


def deliver(delivery: Delivery) -> None:
    """Hand a payload to the target.

    Raises:
        NotAllowed: The role or the target's own policy does not permit it.
        Undeliverable: The target does not exist, or does not take it.
    """
    arn = delivery.target.get("Arn", "")
    try:
        spec = parse_arn(arn)
    except ArnParseError as error:
        raise Undeliverable("INVALID_PARAMETER", f"{arn} is not an ARN") from error
    kind = "event-bus" if spec.service == "events" else spec.service
    if kind not in DELIVER:
        raise Undeliverable("INVALID_PARAMETER", f"{arn} is not a target this engine knows")
    if spec.region != get_region() and kind != "event-bus":
        # https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-cross-region.html: only buses
        raise Undeliverable("NO_RESOURCE", f"{arn} is in another region")
    DELIVER[kind](delivery, spec)


def to_bus(delivery: Delivery, spec: Any) -> None:
    """Forward to a bus, also of another region, with ``account`` and ``region`` of the origin kept.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-cross-region.html; MiniStack knew no other region.
    """
    delivery.require_role("events:PutEvents", str(spec))
    if spec.region != get_region() and faults.get("forward_events") == "drop":
        return
    name = spec.resource.partition("/")[2]
    came_by = list(delivery.event.get("_DispatchPath") or [])
    rule_key = f"{get_region()}/{delivery.source_arn}"
    if rule_key in came_by:
        return  # AWS refuses loops too: an event takes each rule once
    forwarded = {**delivery.event, "EventBusName": name, "_DispatchPath": [*came_by, rule_key]}
    forwarded.setdefault("Region", get_region())
    if delivery.is_transformed:
        forwarded["Detail"] = delivery.payload
    with request_scope(spec.account_id, spec.region):
        if name == "default":
            eventbridge._ensure_default_bus()
        if name not in eventbridge._event_buses:
            raise Undeliverable("NO_RESOURCE", f"{spec} does not exist")
        eventbridge._dispatch_event(forwarded)
        eventbridge._archive_event({key: value for key, value in forwarded.items() if key != "_DispatchPath"})


def to_machine(delivery: Delivery, spec: Any) -> None:
    """Start an execution, as the target's role."""
    delivery.require_role("states:StartExecution", str(spec))
    if stepfunctions._resolve_state_machine_arn(str(spec)) is None:
        raise Undeliverable("NO_RESOURCE", f"{spec} does not exist")
    status, _, body = stepfunctions._start_execution({"stateMachineArn": str(spec), "input": delivery.payload})
    if status >= BAD_REQUEST:
        raise Undeliverable("INVALID_PARAMETER", body.decode())


BAD_REQUEST = 400


def to_queue(delivery: Delivery, spec: Any) -> None:
    """Send a message, if the queue's policy and the policy of its key let EventBridge do so."""
    queue = sqs._queue_by_arn(str(spec))
    if queue is None:
        raise Undeliverable("NO_RESOURCE", f"{spec} does not exist")
    attributes = queue["attributes"]
    target = EncryptedResource("sqs", str(spec), attributes.get("KmsMasterKeyId"))
    delivery.require("sqs:SendMessage", target, attributes.get("Policy"))
    eventbridge._dispatch_to_sqs(spec, delivery.payload, delivery.target.get("SqsParameters") or {})


def to_lambda(delivery: Delivery, spec: Any) -> None:
    """Invoke a function asynchronously, if its policy (a rule) or the role (a schedule) permits."""
    function, config, _ = lambda_svc._get_func_record_for_ref(str(spec))
    if not function or not config:
        raise Undeliverable("NO_RESOURCE", f"{spec} does not exist")
    delivery.require("lambda:InvokeFunction", EncryptedResource("lambda", str(spec), None), function["policy"])
    lambda_svc.invoke_async_with_retry(
        lambda_svc._execution_record_for_config(function, config), json.loads(delivery.payload)
    )


def to_topic(delivery: Delivery, spec: Any) -> None:
    """Publish to a topic, if its policy and the policy of its key let EventBridge do so."""
    topic = sns._topic_by_arn_any_scope(str(spec))
    if topic is None:
        raise Undeliverable("NO_RESOURCE", f"{spec} does not exist")
    attributes = topic.get("attributes", {})
    target = EncryptedResource("sns", str(spec), attributes.get("KmsMasterKeyId"))
    delivery.require("sns:Publish", target, attributes.get("Policy"))
    eventbridge._dispatch_to_sns(str(spec), delivery.payload)


DELIVER: dict[str, Callable[[Delivery, Any], None]] = {
    "event-bus": to_bus,
    "states": to_machine,
    "sqs": to_queue,
    "lambda": to_lambda,
    "sns": to_topic,
}
