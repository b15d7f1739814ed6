"""One event on its way from a rule or a schedule to one target, and its end when the target does not take it."""

import logging
from dataclasses import dataclass, field
from typing import Any

from ministack.core.arn import parse_arn
from ministack.services import eventbridge, sqs

from sandbox.engine.permissions import (
    EncryptedResource,
    NotAllowed,
    require_role,
    require_role_key,
    require_service,
    require_service_key,
)

SERVICE = "events.amazonaws.com"
logger = logging.getLogger("holdfast.events")


class Undeliverable(Exception):
    """A target did not take an event; ``code`` is what EventBridge writes beside a dead letter."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Delivery:
    """One event on its way to one target.

    Args:
        target: The target, as the rule or the schedule has it.
        source_arn: What policies see as ``aws:SourceArn``.
        payload: What the target receives.
        event: The event behind it; empty for a schedule.
        is_transformed: Whether the payload is no longer the event itself.
        principal: The service that delivers.
    """

    target: dict[str, Any]
    source_arn: str
    payload: str
    event: dict[str, Any] = field(default_factory=dict)
    is_transformed: bool = True
    principal: str = SERVICE

    def require(self, action: str, target: EncryptedResource, policy: object) -> None:
        """Check that the delivery is permitted: to a rule by the target's own policy, to a schedule by its role.

        Raises:
            NotAllowed: It is not.
        """
        if self.principal == SERVICE:
            require_service(SERVICE, policy, action, target.arn, self.source_arn)
            require_service_key(SERVICE, target, self.source_arn)
        else:
            self.require_role(action, target.arn)
            require_role_key(self.target.get("RoleArn"), self.principal, target, self.source_arn)

    def require_role(self, action: str, resource: str) -> None:
        """Check that the target's role permits the delivery.

        Raises:
            NotAllowed: It does not.
        """
        require_role(self.target.get("RoleArn"), self.principal, action, resource, self.source_arn)


def to_dead_letters(delivery: Delivery, body: str, code: str, message: str) -> bool:
    """Keep an undeliverable event in the target's dead-letter queue, with the attributes AWS adds.

    False when there is one and it does not take the event.
    """
    arn = (delivery.target.get("DeadLetterConfig") or {}).get("Arn")
    if not arn:
        return True
    queue = sqs._queue_by_arn(arn)
    if queue is None:
        logger.error("%s: its dead-letter queue %s does not exist either", delivery.source_arn, arn)
        return False
    attributes = queue["attributes"]
    try:
        target = EncryptedResource("sqs", arn, attributes.get("KmsMasterKeyId"))
        delivery.require("sqs:SendMessage", target, attributes.get("Policy"))
    except NotAllowed as refusal:
        logger.error("%s: dead letter lost: %s", delivery.source_arn, refusal)  # noqa: TRY400
        return False
    eventbridge._dispatch_to_sqs(parse_arn(arn), body)
    about = {
        "ERROR_CODE": code,
        "ERROR_MESSAGE": message,
        "RULE_ARN": delivery.source_arn,
        "TARGET_ARN": delivery.target.get("Arn", ""),
    }
    queue["messages"][-1]["message_attributes"] = {
        name: {"DataType": "String", "StringValue": value} for name, value in about.items()
    }
    return True
