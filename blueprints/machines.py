"""The one way this project declares a state machine."""

from __future__ import annotations

from collections.abc import Mapping

from awacs.aws import Statement
from troposphere import AWSHelperFn, Template, stepfunctions

import workflows
from blueprints import iam, permissions
from blueprints.logs import log_group
from blueprints.outputs import KeysOutputs
from blueprints.settings import Settings

KEY_REUSE = 300  # seconds that a data key serves before Step Functions asks KMS again


def machine(  # noqa: PLR0913 (what a machine is made of)
    t: Template,
    settings: Settings,
    keys: KeysOutputs,
    name: str,
    *statements: Statement,
    numbers: Mapping[str, int],
    substitutions: Mapping[str, AWSHelperFn],
) -> stepfunctions.StateMachine:
    """Add the machine of ``workflows/<name>.asl.yaml``, its role and its log group.

    Args:
        t: Template that it goes into.
        settings: The deployment.
        keys: Customer-managed keys; the machine's data lies under ``data``, its log under ``logs``.
        name: Name of the workflow.
        statements: What the machine's role may do besides writing its log and its traces.
        numbers: Time-outs (seconds) and limits; the definition takes those it asks for.
        substitutions: ARNs by placeholder; the definition takes those it asks for.
    """
    title = f"{name.capitalize()}Machine"
    asked = workflows.placeholders(name)
    # Names under /aws/vendedlogs/ keep the account's log resource policy from growing with each machine.
    # https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html
    group = log_group(t, settings, keys, f"{title}Logs", f"/aws/vendedlogs/states/{settings.name(name)}")
    role = iam.role(
        t,
        settings,
        f"{title}Role",
        "states",
        *statements,
        permissions.deliver_logs(),
        permissions.trace_machines(),
        permissions.use_key_for_machines(keys.data_key),
        permissions.use_key_for_machine_logs(keys.data_key),
    )
    return t.add_resource(
        stepfunctions.StateMachine(
            title,
            StateMachineName=settings.name(name),
            StateMachineType="STANDARD",
            RoleArn=role.get_att("Arn"),
            Definition=workflows.load(name, **{k: v for k, v in numbers.items() if k in asked}),
            DefinitionSubstitutions={k: v for k, v in substitutions.items() if k in asked},
            LoggingConfiguration=stepfunctions.LoggingConfiguration(
                Level="ALL",
                IncludeExecutionData=False,  # task tokens are part of it
                Destinations=[_destination(group.get_att("Arn"))],
            ),
            TracingConfiguration=stepfunctions.TracingConfiguration(Enabled=True),
            EncryptionConfiguration=stepfunctions.EncryptionConfiguration(
                Type="CUSTOMER_MANAGED_KMS_KEY", KmsKeyId=keys.data_key, KmsDataKeyReusePeriodSeconds=KEY_REUSE
            ),
        )
    )


def _destination(group: AWSHelperFn) -> stepfunctions.LogDestination:
    return stepfunctions.LogDestination(CloudWatchLogsLogGroup=stepfunctions.CloudWatchLogsLogGroup(LogGroupArn=group))
