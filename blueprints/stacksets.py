"""StackSets stack: one StackSet for each other stack, in their order; the recovery region first where it must be.

It lies in the primary region and follows from the other templates: a set names its own by a URL that holds its digest,
so that a changed template is a changed set, and CloudFormation updates every stack of it. No set has instances here;
``build.py deploy`` makes those. As part of the resource, an instance whose first creation fails would leave a set that
CloudFormation can neither keep nor make again; and who deletes this stack by mistake would delete databases. So he
can't: CloudFormation deletes no set that has instances.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from troposphere import Sub, Tags, Template, cloudformation

from blueprints import arns, artifacts, order
from blueprints.settings import Settings


def blueprint(settings: Settings, texts: Mapping[str, str]) -> Template:
    """Template of the StackSets stack.

    Args:
        settings: The deployment.
        texts: Every other template by its stack, as it is emitted.
    """
    t = Template(Description=f"{settings.prefix}: the StackSets that deploy every other stack to its regions")
    titles = {name: name.capitalize() for name in order.sets(texts)}
    for name, title in titles.items():
        before = [titles[needed] for needed in order.set_needs(name, titles, settings)]
        t.add_resource(
            cloudformation.StackSet(
                title,
                **({"DependsOn": before} if before else {}),
                StackSetName=settings.name(name),
                Description=f"{settings.prefix}: {name}, in {_and(order.region_order(name, settings))}",
                **_permissions(settings),
                **_capabilities(texts[name]),
                TemplateURL=_address(settings, artifacts.template_key(name, texts[name])),
                OperationPreferences=_preferences(name, settings),
                # What does not conflict runs at the same time, what does waits its turn instead of being refused.
                # https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ManagedExecution.html
                ManagedExecution=cloudformation.ManagedExecution(Active=True),
                # They come to every stack of the set, which StackSets names as it likes: by these it is found.
                # https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateStackSet.html (Tags)
                Tags=Tags({order.DEPLOYMENT_TAG: settings.prefix, order.STACK_TAG: name}),
            )
        )
    return t


def _permissions(settings: Settings) -> dict[str, object]:
    """By which roles StackSets reaches the regions. From one model to the other there is no update, only a new set."""
    if settings.stack_sets.organizational_unit:
        # The account must be a delegated administrator: StackSets never deploys to the management account. That an
        # account joins or leaves the unit is no reason to deploy, or to delete, anything.
        # https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stacksets-orgs-delegated-admin.html
        return {
            "PermissionModel": "SERVICE_MANAGED",
            "CallAs": "DELEGATED_ADMIN",
            "AutoDeployment": cloudformation.AutoDeployment(Enabled=False),
        }
    return {
        "PermissionModel": "SELF_MANAGED",
        "AdministrationRoleARN": arns.administration_role(settings),
        "ExecutionRoleName": arns.execution_role_name(settings),
    }


def _capabilities(text: str) -> dict[str, Sequence[str]]:
    # Roles and policies without names of their own.
    # https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateStackSet.html (Capabilities)
    return {"Capabilities": ["CAPABILITY_IAM"]} if '"AWS::IAM::' in text else {}


def _address(settings: Settings, key: str) -> Sub:
    return Sub(f"https://{arns.bucket_host(settings, arns.ARTIFACTS, settings.primary_region)}/{key}")


def _preferences(name: str, settings: Settings) -> cloudformation.OperationPreferences:
    """The first failure ends an operation: what is not begun yet stays as it is."""
    return cloudformation.OperationPreferences(
        RegionOrder=order.region_order(name, settings),
        RegionConcurrencyType="SEQUENTIAL" if order.in_turn(name, settings) else "PARALLEL",
        FailureToleranceCount=0,
        MaxConcurrentCount=1,
    )


def _and(regions: Sequence[str]) -> str:
    return " and ".join(regions)
