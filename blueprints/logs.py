"""The one way this project declares a log group."""

from __future__ import annotations

from troposphere import Template, logs

from blueprints.outputs import KeysOutputs
from blueprints.settings import Settings


def log_group(  # noqa: PLR0913 (what differs between log groups)
    t: Template, settings: Settings, keys: KeysOutputs, title: str, name: str, *, condition: str | None = None
) -> logs.LogGroup:
    """Add log group *name*, kept as long as the settings say, under our key.

    *name* holds the deployment's prefix: the key serves no other group.
    """
    only = {"Condition": condition} if condition else {}
    return t.add_resource(
        logs.LogGroup(
            title,
            LogGroupName=name,
            DeletionPolicy="Delete",  # its name is fixed: what stays behind would be in the way of the next deployment
            UpdateReplacePolicy="Delete",
            RetentionInDays=settings.log_retention,
            KmsKeyId=keys.logs_key,
            **only,
        )
    )
