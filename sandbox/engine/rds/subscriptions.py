"""Event subscriptions: RDS's events to an SNS topic, in the older form.

https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_Events.overview.html
"""

from ministack.core.responses import AccountRegionScopedDict, get_account_id
from ministack.services import rds

from sandbox.engine.rds.common import (
    NOT_FOUND,
    Answer,
    Parameters,
    Record,
    Refused,
    answer,
    answering,
    arn,
    elements,
    now,
    page,
    value,
)

_subscriptions = AccountRegionScopedDict()
FIELDS = (
    "CustomerAwsId",
    "CustSubscriptionId",
    "SnsTopicArn",
    "Status",
    "SubscriptionCreationTime",
    "SourceType",
    "Enabled",
    "EventSubscriptionArn",
)


def topics_for(kind: str, name: str, category: str) -> list[str]:
    """The topics that want an event of this source type, source and category."""
    return [
        str(found["SnsTopicArn"])
        for found in _subscriptions.values()
        if found["Enabled"]
        and found["SourceType"] in ("", kind)
        and (not found["SourceIds"] or name in found["SourceIds"])
        and (not found["EventCategories"] or category in found["EventCategories"])
    ]


@answering
def create(parameters: Parameters) -> Answer:
    """A new subscription; MiniStack has no such action."""
    name = value(parameters, "SubscriptionName")
    if name in _subscriptions:
        raise Refused("SubscriptionAlreadyExist", f"Subscription {name} already exists.")
    _subscriptions[name] = {
        "CustomerAwsId": get_account_id(),
        "CustSubscriptionId": name,
        "SnsTopicArn": value(parameters, "SnsTopicArn"),
        "Status": "active",
        "SubscriptionCreationTime": now(),
        "SourceType": value(parameters, "SourceType"),
        "SourceIds": rds._parse_member_list(parameters, "SourceIds"),
        "EventCategories": rds._parse_member_list(parameters, "EventCategories"),
        "Enabled": value(parameters, "Enabled") != "false",
        "EventSubscriptionArn": arn("es", name),
    }
    return answer("CreateEventSubscription", _xml(_subscriptions[name]))


@answering
def delete(parameters: Parameters) -> Answer:
    """The subscription is gone."""
    found = _subscriptions.pop(value(parameters, "SubscriptionName"), None)
    if found is None:
        raise Refused("SubscriptionNotFound", "The subscription name does not exist.", NOT_FOUND)
    return answer("DeleteEventSubscription", _xml({**found, "Status": "deleting"}))


@answering
def describe(parameters: Parameters) -> Answer:
    """The subscriptions of this region."""
    name = value(parameters, "SubscriptionName")
    if name and name not in _subscriptions:
        raise Refused("SubscriptionNotFound", f"Subscription {name} not found.", NOT_FOUND)
    shown, marker = page(
        parameters, [_subscriptions[name]] if name else list(_subscriptions.values()), "CustSubscriptionId"
    )
    inner = "".join(_xml(found) for found in shown)
    return answer("DescribeEventSubscriptions", f"<EventSubscriptionsList>{inner}</EventSubscriptionsList>{marker}")


def _xml(found: Record) -> str:
    ids = "".join(f"<SourceId>{name}</SourceId>" for name in found["SourceIds"])
    categories = "".join(f"<EventCategory>{name}</EventCategory>" for name in found["EventCategories"])
    return (
        f"<EventSubscription>{elements(found, FIELDS)}<SourceIdsList>{ids}</SourceIdsList>"
        f"<EventCategoriesList>{categories}</EventCategoriesList></EventSubscription>"
    )
