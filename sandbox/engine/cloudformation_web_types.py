"""The rows of ``cloudformation_types`` for the web application: edge, sign-in, vended logs, topics.

What the services' own APIs make is here; types that are only remembered are in ``recorded``.
"""

import json
from typing import Any

from sandbox.engine import firewalls, recorded
from sandbox.engine.cloudformation import Properties, Type


def tag_map(properties: Properties) -> Properties:
    """The properties with tags as an API's map, where CloudFormation has a list of pairs."""
    if "Tags" not in properties:
        return properties
    return {**properties, "Tags": {tag["Key"]: tag["Value"] for tag in properties["Tags"]}}


def delivery_destination(properties: Properties) -> Properties:
    """Parameters of ``PutDeliveryDestination``."""
    arn = properties.pop("DestinationResourceArn", None)
    where = {"DeliveryDestinationConfiguration": {"destinationResourceArn": arn}} if arn else {}
    return tag_map({**properties, **where})


def delivery(properties: Properties) -> Properties:
    """Parameters of ``CreateDelivery``."""
    names = {"S3SuffixPath": "suffixPath", "S3EnableHiveCompatiblePath": "enableHiveCompatiblePath"}
    folder = {name: properties.pop(key) for key, name in names.items() if key in properties}
    return tag_map({**properties, **({"S3DeliveryConfiguration": folder} if folder else {})})


def topic_policy(properties: Properties) -> Properties:
    """Parameters of ``SetTopicAttributes``."""
    policy = json.dumps(properties["PolicyDocument"])
    return {"TopicArn": properties["TopicArn"], "AttributeName": "Policy", "AttributeValue": policy}


def queue_policy(properties: Properties) -> Properties:
    """Parameters of ``SetQueueAttributes``."""
    return {"QueueUrl": properties["Queue"], "Attributes": {"Policy": json.dumps(properties["PolicyDocument"])}}


WEB_TYPES: dict[str, Any] = {
    **recorded.TYPES,
    **firewalls.TYPES,
    "AWS::CloudFront::MonitoringSubscription": Type(
        "cloudfront",
        "create_monitoring_subscription",
        lambda _, parameters: parameters["DistributionId"],
        delete=("delete_monitoring_subscription", lambda identifier, _: {"DistributionId": identifier}),
        idempotent=True,
    ),
    "AWS::Cognito::UserPoolIdentityProvider": Type(  # the metadata's address is kept, and fetched only at sign-in
        "cognito-idp",
        "create_identity_provider",
        "IdentityProvider.ProviderName",
        delete=(
            "delete_identity_provider",
            lambda name, properties: {"UserPoolId": properties["UserPoolId"], "ProviderName": name},
        ),
        update="update_identity_provider",
        name="ProviderName",
    ),
    "AWS::Cognito::UserPoolUser": Type(
        "cognito-idp",
        "admin_create_user",
        "User.Username",
        delete=(
            "admin_delete_user",
            lambda name, properties: {"UserPoolId": properties["UserPoolId"], "Username": name},
        ),
    ),
    "AWS::Cognito::UserPoolUICustomizationAttachment": Type(
        "cognito-idp",
        "set_ui_customization",
        lambda _, parameters: f"{parameters['UserPoolId']}|{parameters['ClientId']}",
        idempotent=True,
    ),
    "AWS::Logs::Delivery": Type(
        "logs",
        "create_delivery",
        "delivery.id",
        {
            "Arn": "delivery.arn",
            "DeliveryId": "delivery.id",
            "DeliveryDestinationType": "delivery.deliveryDestinationType",
        },
        delete=("delete_delivery", lambda identifier, _: {"id": identifier}),
        prepare=delivery,
    ),
    "AWS::Logs::DeliveryDestination": Type(
        "logs",
        "put_delivery_destination",
        "deliveryDestination.name",
        {"Arn": "deliveryDestination.arn", "DeliveryDestinationType": "deliveryDestination.deliveryDestinationType"},
        delete=("delete_delivery_destination", lambda name, _: {"name": name}),
        idempotent=True,
        prepare=delivery_destination,
        name="Name",
    ),
    "AWS::Logs::DeliverySource": Type(
        "logs",
        "put_delivery_source",
        "deliverySource.name",
        {
            "Arn": "deliverySource.arn",
            "ResourceArns": "deliverySource.resourceArns",
            "Service": "deliverySource.service",
        },
        delete=("delete_delivery_source", lambda name, _: {"name": name}),
        idempotent=True,
        prepare=tag_map,
        name="Name",
    ),
    "AWS::SNS::TopicInlinePolicy": Type(
        "sns",
        "set_topic_attributes",
        lambda _, parameters: parameters["TopicArn"],
        idempotent=True,
        prepare=topic_policy,
    ),
    "AWS::SQS::QueueInlinePolicy": Type(
        "sqs",
        "set_queue_attributes",
        lambda _, parameters: parameters["QueueUrl"],
        idempotent=True,
        prepare=queue_policy,
    ),
}
