"""What roles may do: one function per permission, read as a table of contents where a role is declared.

Which action knows which resource and condition: https://docs.aws.amazon.com/service-authorization/latest/reference/
"""

from __future__ import annotations

from collections.abc import Sequence

import awacs.awslambda
import awacs.dynamodb
import awacs.events
import awacs.iam
import awacs.kms
import awacs.logs
import awacs.rds
import awacs.rds_db
import awacs.s3
import awacs.sqs
import awacs.states
import awacs.xray
from awacs.aws import (
    Action,
    ArnEquals,
    ArnLike,
    ForAllValuesStringLike,
    ForAnyValueStringEquals,
    Statement,
    StringEquals,
    StringLike,
)
from troposphere import AWSHelperFn, Sub

from blueprints import arns
from blueprints.actions import ENCRYPT_AND_DECRYPT, USE_LEDGER
from blueprints.iam import Unscoped, allow, unscoped
from blueprints.settings import Settings

# ---- Lambda, logs, traces -------------------------------------------------------------------------------------------


def write_logs(group: AWSHelperFn) -> Statement:
    """Write to log group *group*, which the template made; no group is ever made at run time."""
    return allow("WriteOwnLogs", [awacs.logs.CreateLogStream, awacs.logs.PutLogEvents], [group])


def write_traces() -> Unscoped:
    """Send X-Ray segments."""
    return unscoped(
        "WriteTraces",
        [awacs.xray.PutTraceSegments, awacs.xray.PutTelemetryRecords],
        "X-Ray has no resource to name when a segment is sent",
    )


def trace_machines() -> Unscoped:
    """Send X-Ray segments of executions, sampled as the account's rules say."""
    # https://docs.aws.amazon.com/step-functions/latest/dg/concepts-xray-tracing.html#concepts-xray-tracing-iam
    return unscoped(
        "WriteTraces",
        [
            awacs.xray.PutTraceSegments,
            awacs.xray.PutTelemetryRecords,
            awacs.xray.GetSamplingRules,
            awacs.xray.GetSamplingTargets,
        ],
        "X-Ray has no resource to name when a segment is sent or a sampling rule is read",
    )


def invoke(*functions: AWSHelperFn) -> Statement:
    """Invoke *functions* (ARNs)."""
    return allow("InvokeOwnFunctions", [awacs.awslambda.InvokeFunction], functions)


# ---- keys -----------------------------------------------------------------------------------------------------------


def use_key(sid: str, key: AWSHelperFn, *services: str) -> Statement:
    """Encrypt and decrypt under *key*, but only through *services* (``s3``, ``sqs``, …) of this region."""
    return allow(
        sid,
        [awacs.kms.Decrypt, awacs.kms.GenerateDataKey],
        [key],
        StringEquals("kms:ViaService", [Sub(f"{service}.{arns.HERE}.amazonaws.com") for service in services]),
    )


def read_own_variables(key: AWSHelperFn, *itself: AWSHelperFn) -> Statement:
    """Decrypt under *key* the environment of a function, given by the ARNs it may go by, and nothing else."""
    # Lambda makes a grant when the function is made, which a role made anew does not have: then no function starts.
    # https://registry.terraform.io/providers/hashicorp/aws/latest/docs/resources/lambda_function (KMSAccessDenied…)
    return allow(
        "ReadOwnVariables",
        [awacs.kms.Decrypt],
        [key],
        ArnEquals("kms:EncryptionContext:aws:lambda:FunctionArn", list(itself)),
    )


def use_key_for_machines(key: AWSHelperFn) -> Statement:
    """Encrypt and decrypt the definition and the history of our machines, and nothing else, under *key*."""
    # https://docs.aws.amazon.com/step-functions/latest/dg/encryption-at-rest.html (encryption context)
    return allow(
        "UseDataKey",
        [awacs.kms.Decrypt, awacs.kms.GenerateDataKey],
        [key],
        StringLike("kms:EncryptionContext:aws:states:stateMachineArn", arns.arn("states", "stateMachine:*")),
    )


def use_key_for_machine_logs(key: AWSHelperFn) -> Statement:
    """Encrypt under *key* what our machines send to their logs; CloudWatch Logs decrypts it when it delivers."""
    # Without it a machine under a key of ours writes no log, and says nothing. The context ends in a literal "*".
    # https://docs.aws.amazon.com/step-functions/latest/dg/encryption-at-rest.html (step 3)
    return allow(
        "EncryptMachineLogs",
        [awacs.kms.GenerateDataKey],
        [key],
        StringEquals("kms:EncryptionContext:SourceArn", arns.arn("logs", "*")),
    )


def use_key_for_schedules(settings: Settings, key: AWSHelperFn) -> Statement:
    """Decrypt under *key* what our schedules hand to their targets."""
    # Scheduler does this as the role itself, so kms:ViaService, which is of calls that a service makes for somebody
    # else, would lock it out; AWS's own policies name the encryption context alone.
    # https://docs.aws.amazon.com/scheduler/latest/UserGuide/encryption-rest.html
    # https://docs.aws.amazon.com/aws-managed-policy/latest/reference/SageMakerStudioProjectUserRolePolicy.html
    return allow(
        "DecryptSchedules",
        [awacs.kms.Decrypt],
        [key],
        ArnLike("kms:EncryptionContext:aws:scheduler:schedule:arn", arns.schedules(settings)),
    )


def lend_key_to_rds(sid: str, *keys: AWSHelperFn) -> Statement:
    """Have RDS use *keys* for a snapshot, an export or a copy that outlasts our call."""
    # https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Overview.Encryption.Keys.html
    # https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_StartExportTask.html (KmsKeyId: RetireGrant, too)
    return allow(
        sid,
        [awacs.kms.CreateGrant, awacs.kms.RetireGrant, awacs.kms.DescribeKey, *ENCRYPT_AND_DECRYPT],
        keys,
        StringEquals("kms:ViaService", Sub(f"rds.{arns.HERE}.amazonaws.com")),
    )


def lend_foreign_key_to_rds(sid: str, settings: Settings, purpose: str, region: str) -> Statement:
    """Have RDS read, in *region*, what lies there under the key of *purpose*; by alias, its id being unknown here."""
    # https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-resource-aliases
    return allow(
        sid,
        [awacs.kms.CreateGrant, awacs.kms.DescribeKey, awacs.kms.Decrypt],
        [arns.keys(region=region)],
        ForAnyValueStringEquals("kms:ResourceAliases", settings.alias(purpose)),
        StringLike("kms:ViaService", "rds.*.amazonaws.com"),
    )


def describe_keys(*keys: AWSHelperFn) -> Statement:
    """Ask whether a key is enabled."""
    return allow("DescribeKeys", [awacs.kms.DescribeKey], keys)


# ---- RDS ------------------------------------------------------------------------------------------------------------


def describe_databases() -> Statement:
    """List the account's instances with their tags; a point is made for those that ask for protection."""
    return allow("DescribeDatabases", [awacs.rds.DescribeDBInstances, awacs.rds.ListTagsForResource], [arns.database()])


def describe_snapshots(settings: Settings) -> Statement:
    """Read the state and the tags of the pipeline's own snapshots, and of no others."""
    return allow(
        "DescribeSnapshots",
        [awacs.rds.DescribeDBSnapshots, awacs.rds.ListTagsForResource],
        [arns.snapshots(settings), arns.database()],
    )


def describe_exports() -> Unscoped:
    """Read the state of export tasks."""
    return unscoped(
        "DescribeExports", [awacs.rds.DescribeExportTasks], "RDS has no resource level for DescribeExportTasks"
    )


def read_quotas() -> Unscoped:
    """Read how much of its quotas the account uses."""
    return unscoped(
        "ReadQuotas",
        [awacs.rds.DescribeAccountAttributes],
        "RDS has no resource level for DescribeAccountAttributes",
    )


def take_snapshots(settings: Settings) -> Statement:
    """Take the pipeline's snapshots of any database, tagged."""
    return allow(
        "TakeSnapshots",
        [awacs.rds.CreateDBSnapshot, awacs.rds.AddTagsToResource],
        [arns.database(), arns.snapshots(settings)],
    )


def delete_snapshots(settings: Settings) -> Statement:
    """Delete the pipeline's snapshots, and no others."""
    return allow("DeleteSnapshots", [awacs.rds.DeleteDBSnapshot], [arns.snapshots(settings)])


def start_exports(settings: Settings) -> Statement:
    """Export the pipeline's snapshots."""
    return allow("StartExports", [awacs.rds.StartExportTask], [arns.snapshots(settings)])


def cancel_exports() -> Unscoped:
    """Cancel an export that nobody waits for any more."""
    return unscoped("CancelExports", [awacs.rds.CancelExportTask], "RDS has no resource level for CancelExportTask")


def copy_snapshots(settings: Settings) -> Statement:
    """Copy the primary region's snapshots into this region, tagged."""
    return allow(
        "CopySnapshots",
        [awacs.rds.CopyDBSnapshot, awacs.rds.AddTagsToResource],
        [arns.snapshots(settings), arns.snapshots(settings, region=settings.primary_region)],
    )


def connect_to_databases(user: str) -> Statement:
    """Log in as database user *user* with a token that IAM signs."""
    return allow("ConnectToDatabases", [awacs.rds_db.connect], [arns.database_user(user)])


# ---- S3 -------------------------------------------------------------------------------------------------------------


def list_objects(bucket: AWSHelperFn, *prefixes: str) -> Statement:
    """List the keys of *bucket* (ARN) that begin with one of *prefixes*."""
    conditions = [StringLike("s3:prefix", [f"{prefix}*" for prefix in prefixes])] if prefixes else []
    return allow("ListObjects", [awacs.s3.ListBucket], [bucket], *conditions)


def list_versions(bucket: AWSHelperFn, *prefixes: str) -> Statement:
    """List the keys of *bucket* (ARN) that begin with one of *prefixes*, with their versions and delete markers."""
    return allow(
        "ListVersions",
        [awacs.s3.ListBucket, awacs.s3.ListBucketVersions],
        [bucket],
        StringLike("s3:prefix", [f"{prefix}*" for prefix in prefixes]),
    )


def export_to(objects: AWSHelperFn) -> Statement:
    """Write an export to *objects* (ARN pattern), as RDS wants it for its own role."""
    # https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_ExportSnapshot.Setup.html
    return allow("WriteExports", [awacs.s3.PutObject, awacs.s3.GetObject, awacs.s3.DeleteObject], [objects])


def find_bucket(bucket: AWSHelperFn) -> Statement:
    """List *bucket* (ARN) and ask for its region, as RDS does before an export; it lists without a prefix, too."""
    return allow("FindBucket", [awacs.s3.ListBucket, awacs.s3.GetBucketLocation], [bucket])


def read_objects(*objects: AWSHelperFn) -> Statement:
    """Read *objects* (ARN patterns), their attributes and versions."""
    return allow(
        "ReadObjects",
        [
            awacs.s3.GetObject,
            awacs.s3.GetObjectAttributes,
            awacs.s3.GetObjectVersion,
            awacs.s3.GetObjectVersionAttributes,
        ],
        objects,
    )


def read_locks(objects: AWSHelperFn) -> Statement:
    """Read until when *objects* (ARN pattern) are locked."""
    return allow("ReadLocks", [awacs.s3.GetObjectRetention, awacs.s3.GetObjectLegalHold], [objects])


def write_objects(*objects: AWSHelperFn) -> Statement:
    """Write *objects* (ARN patterns)."""
    return allow("WriteObjects", [awacs.s3.PutObject], objects)


def delete_objects(*objects: AWSHelperFn) -> Statement:
    """Delete *objects* (ARN patterns); never given for the vault."""
    return allow("DeleteObjects", [awacs.s3.DeleteObject], objects)


# ---- DynamoDB, queues, events, state machines -----------------------------------------------------------------------


def use_ledger(settings: Settings, actions: Sequence[Action] = USE_LEDGER) -> Statement:
    """Do *actions* in the ledger; nothing ever scans it or drops it."""
    return allow("UseLedger", actions, [arns.ledger(settings)])


def read_ledger(settings: Settings) -> Statement:
    """Read the ledger's items, also by its indexes, and change none."""
    return allow(
        "ReadLedger",
        [awacs.dynamodb.GetItem, awacs.dynamodb.BatchGetItem, awacs.dynamodb.Query],
        [arns.ledger(settings), arns.ledger_indexes(settings)],
    )


def note_requests(settings: Settings) -> Statement:
    """Keep in the ledger what a client has asked for under its idempotency key, and nothing else."""
    # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/specifying-conditions.html
    return allow(
        "NoteRequests",
        [awacs.dynamodb.PutItem],
        [arns.ledger(settings)],
        ForAllValuesStringLike("dynamodb:LeadingKeys", ["REQUEST#*"]),
    )


def find_unfinished(settings: Settings) -> Statement:
    """Ask the ledger's indexes for what is unfinished, and for points by their time."""
    return allow("FindUnfinished", [awacs.dynamodb.Query], [arns.ledger_indexes(settings)])


def send_messages(*queues: AWSHelperFn) -> Statement:
    """Send messages to *queues* (ARNs)."""
    return allow("SendMessages", [awacs.sqs.SendMessage], queues)


def receive_messages(queue: AWSHelperFn) -> Statement:
    """Take messages from *queue* (ARN), as Lambda's poller does."""
    # https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
    return allow(
        "ReceiveMessages", [awacs.sqs.ReceiveMessage, awacs.sqs.DeleteMessage, awacs.sqs.GetQueueAttributes], [queue]
    )


def publish_events(*buses: AWSHelperFn) -> Statement:
    """Put events on *buses* (ARNs)."""
    return allow("PublishEvents", [awacs.events.PutEvents], buses)


def start_executions(*machines: AWSHelperFn) -> Statement:
    """Start executions of *machines* (ARNs)."""
    return allow("StartExecutions", [awacs.states.StartExecution], machines)


def describe_executions(*executions: AWSHelperFn) -> Statement:
    """Ask whether an execution (ARN patterns) still runs."""
    return allow("DescribeExecutions", [awacs.states.DescribeExecution], executions)


def answer_tasks(*machines: AWSHelperFn) -> Statement:
    """Answer the task tokens of *machines* (ARNs)."""
    return allow("AnswerTasks", [awacs.states.SendTaskSuccess, awacs.states.SendTaskFailure], machines)


def pass_role(role: AWSHelperFn, service: str) -> Statement:
    """Hand *role* to *service*, and to no other."""
    return allow(
        "PassRole", [awacs.iam.PassRole], [role], StringEquals("iam:PassedToService", f"{service}.amazonaws.com")
    )


def deliver_logs(sid: str = "ManageLogDelivery") -> Unscoped:
    """Let Step Functions set up its own log delivery."""
    # https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html
    deliveries = ("CreateLogDelivery", "GetLogDelivery", "UpdateLogDelivery", "DeleteLogDelivery", "ListLogDeliveries")
    policies = ("PutResourcePolicy", "DescribeResourcePolicies", "DescribeLogGroups")
    return unscoped(
        sid,
        [Action("logs", action) for action in (*deliveries, *policies)],
        "CloudWatch Logs has no resource level for log deliveries and resource policies",
    )
