"""The ledger as the code needs it, seen to with each deployment that changes its version (handlers/migrate_ledger.py).

Two resources ask the same function, and their places in the template are what matters:

* ``Ledger`` comes *before* every function of the stack that uses the ledger. CloudFormation updates those only once it
  has succeeded, so new code never runs here on an old ledger, nor old code on one that is too new for it: a refusal
  fails the update before any function has changed. Machines and schedules call these functions, so they follow.
* ``LedgerSettled`` comes *after* all of them. While the first was at work and until each function had its new code, the
  old code went on and wrote as it knew; what that left out is caught up with here. A run of an old function that was
  going on at that moment and ends later can still leave out its point, until the database's next one.

Both regions have both: the recovery region's only ask whether its code can work with the ledger. Its functions, and the
API's, are updated without waiting for the primary's ``Ledger``, so each must get by with the version before, too.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from troposphere import Template, awslambda
from troposphere.cloudformation import AWSCustomObject

from blueprints import permissions as may
from blueprints.actions import MIGRATE_LEDGER
from blueprints.functions import function
from blueprints.outputs import KeysOutputs, StorageOutputs
from blueprints.settings import Settings

VERSION = 2  # as handlers/core/ledger_versions.py has it; a test compares
# Lambda's longest is 15 minutes; the function stops in good order before it ends, and CloudFormation gives up last.
TIMEOUT = timedelta(minutes=14)
PATIENCE = timedelta(minutes=15)


class LedgerVersion(AWSCustomObject):  # type: ignore[misc]  # troposphere is untyped
    """The ledger's version as a resource."""

    resource_type = "Custom::Ledger"

    props: dict[str, Any] = {  # noqa: RUF012 (as troposphere wants it)
        "ServiceToken": (str, True),
        "ServiceTimeout": (int, False),
        "Version": (str, True),
    }


def keep_up(
    t: Template,
    settings: Settings,
    keys: KeysOutputs,
    storage: StorageOutputs,
    functions: Iterable[awslambda.Function],
) -> None:
    """Put the version of the ledger before and behind those of *functions* that use it."""
    migrate = _migrate(t, settings, keys, storage)
    users = [each for each in functions if "LEDGER" in each.Environment.Variables]
    _version(t, "Ledger", migrate)
    for each in users:
        each.DependsOn = ["Ledger"]
    _version(t, "LedgerSettled", migrate, DependsOn=sorted(each.title for each in users))


def _version(t: Template, title: str, migrate: awslambda.Function, **more: object) -> None:
    t.add_resource(
        LedgerVersion(
            title,
            ServiceToken=migrate.get_att("Arn"),
            # https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-cloudformation-customresource.html
            ServiceTimeout=int(PATIENCE.total_seconds()),
            Version=str(VERSION),
            **more,
        )
    )


def _migrate(t: Template, settings: Settings, keys: KeysOutputs, storage: StorageOutputs) -> awslambda.Function:
    return function(
        t,
        settings,
        keys,
        "migrate_ledger",
        may.use_ledger(settings, MIGRATE_LEDGER),
        may.find_unfinished(settings),
        may.use_key("UseDataKey", keys.data_key, "dynamodb"),
        timeout=TIMEOUT,
        concurrency=1,
        LEDGER=storage.ledger,
        PRIMARY_REGION=settings.primary_region,
    )
