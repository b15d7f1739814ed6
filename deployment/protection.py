"""Deletion protection of databases, lifted where their stack goes for good reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deployment.waiting import pauses

if TYPE_CHECKING:
    from deployment.progress import Progress
    from deployment.survey import Found
    from deployment.target import Target

INSTANCE = "AWS::RDS::DBInstance"


def lift(target: Target, region: str, identifier: str, progress: Progress) -> None:
    """Let the database instance *identifier* be deleted; one that is gone is as good."""
    client = target.aws.client("rds", region)
    asked = False
    for pause in pauses():
        try:
            (instance,) = client.describe_db_instances(DBInstanceIdentifier=identifier)["DBInstances"]
        except client.exceptions.DBInstanceNotFoundFault:
            return
        if not instance.get("DeletionProtection"):
            return
        if not asked:  # RDS refuses a second request while the first is at work
            client.modify_db_instance(DBInstanceIdentifier=identifier, DeletionProtection=False, ApplyImmediately=True)
            asked = True
        progress.pause(pause)


def lift_in(target: Target, found: Found, progress: Progress) -> None:
    """Let the database instances of a stack be deleted whose first creation failed: nobody has ever used them.

    CloudFormation could not remove them when it rolled back, and so can't remove the stack.
    """
    client = target.aws.client("cloudformation", found.stack.region)
    for page in client.get_paginator("list_stack_resources").paginate(StackName=found.id):
        for each in page["StackResourceSummaries"]:
            there = each["ResourceStatus"] != "DELETE_COMPLETE" and each.get("PhysicalResourceId")
            if each["ResourceType"] == INSTANCE and there:
                lift(target, found.stack.region, each["PhysicalResourceId"], progress)
