"""What a caller must be allowed besides the call itself: to pass a role, to use the key of an object or a queue.

Read by ``audit`` for every call of a role. MiniStack checks the call's own action only.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from ministack.core.responses import get_account_id, get_region
from ministack.services import s3, secretsmanager, sns, sqs

from sandbox.engine.keys import arn_of, conditions
from sandbox.engine.resources import of_rds
from sandbox.engine.storage import SSE_KEY, region_of, s3_conditions

Parameters = dict[str, list[str]]


@dataclass(frozen=True)
class Call:
    """A call as it arrived."""

    action: str
    resource: str
    method: str
    headers: dict[str, str]
    parameters: Parameters

    def parameter(self, name: str) -> str:
        """A parameter of a call in the query protocol, empty when absent."""
        return (self.parameters.get(name) or [""])[0]


@dataclass(frozen=True)
class Need:
    """A further permission, with the condition keys that AWS sets for it."""

    action: str
    resource: str
    keys: dict[str, Any]


def needs(call: Call) -> list[Need]:
    """Everything that a call needs beside its own action on the first of its resources."""
    more = [Need(call.action, resource, {}) for resource in further_resources(call)]
    return more + [need for rule in RULES.get(call.action, ()) for need in rule(call)]


def further_resources(call: Call) -> list[str]:
    """The resources of a call after the first."""
    service, _, action = call.action.partition(":")
    return of_rds(action, call.parameters, get_region(), get_account_id())[1:] if service == "rds" else []


def passes(parameter: str, service: str) -> Callable[[Call], Iterator[Need]]:
    """A role given to a service (https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html)."""

    def rule(call: Call) -> Iterator[Need]:
        if role := call.parameter(parameter):
            yield Need("iam:PassRole", role, {"iam:PassedToService": service})

    return rule


def grants(parameter: str) -> Callable[[Call], Iterator[Need]]:
    """A key given to RDS, which makes grants on it in the caller's name.

    https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Overview.Encryption.Keys.html
    """

    def rule(call: Call) -> Iterator[Need]:
        arn = arn_of(call.parameter(parameter), get_region())
        if arn:
            keys = {**conditions(arn, "rds"), "kms:GrantIsForAWSResource": "true"}
            yield Need("kms:CreateGrant", arn, keys)
            yield Need("kms:DescribeKey", arn, keys)

    return rule


def reads_object(call: Call) -> Iterator[Need]:
    """The key of an object: to read it, or to be told its checksum.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html: a plain HEAD needs no key.
    """
    if call.method == "HEAD" and call.headers.get("x-amz-checksum-mode", "").upper() != "ENABLED":
        return
    bucket, _, name = call.resource.rpartition(":")[2].partition("/")
    record = (s3._buckets.get(bucket) or {"objects": {}})["objects"].get(name) or {}
    key = record.get("preserved_headers", {}).get(SSE_KEY)
    if key:
        yield Need("kms:Decrypt", key, s3_conditions(key, bucket, name))


def writes_object(call: Call) -> Iterator[Need]:
    """The key under which an object is written, named or the bucket's."""
    bucket, _, name = call.resource.rpartition(":")[2].partition("/")
    named = call.headers.get(SSE_KEY) or s3._bucket_default_sse_headers(bucket).get(SSE_KEY)
    arn = arn_of(named or "", region_of(bucket))
    if arn:
        yield Need("kms:GenerateDataKey", arn, s3_conditions(arn, bucket, name))


def uses_queue(*actions: str) -> Callable[[Call], Iterator[Need]]:
    """The key of a queue.

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html
    """

    def rule(call: Call) -> Iterator[Need]:
        queue = sqs._queue_by_arn(call.resource) or {"attributes": {}}
        arn = arn_of(queue["attributes"].get("KmsMasterKeyId", ""), get_region())
        for action in actions if arn else ():
            yield Need(action, str(arn), conditions(str(arn), "sqs", call.resource))

    return rule


def publishes(call: Call) -> Iterator[Need]:
    """The key of a topic (https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html)."""
    topic = sns._topic_by_arn_any_scope(call.resource) or {}
    arn = arn_of(topic.get("attributes", {}).get("KmsMasterKeyId", ""), get_region())
    for action in ("kms:GenerateDataKey", "kms:Decrypt") if arn else ():
        yield Need(action, str(arn), conditions(str(arn), "sns", call.resource))


def reads_secret(call: Call) -> Iterator[Need]:
    """The key of a secret (https://docs.aws.amazon.com/secretsmanager/latest/userguide/security-encryption.html)."""
    for secret in secretsmanager._secrets.values():
        if secret.get("ARN") == call.resource:
            arn = arn_of(secret.get("KmsKeyId") or "", get_region())
            if arn:
                yield Need("kms:Decrypt", arn, conditions(arn, "secretsmanager", call.resource))


RULES: dict[str, tuple[Callable[[Call], Iterator[Need]], ...]] = {
    "rds:StartExportTask": (passes("IamRoleArn", "export.rds.amazonaws.com"), grants("KmsKeyId")),
    "rds:CopyDBSnapshot": (grants("KmsKeyId"),),
    "s3:GetObject": (reads_object,),
    "s3:GetObjectVersion": (reads_object,),
    "s3:PutObject": (writes_object,),
    "secretsmanager:GetSecretValue": (reads_secret,),
    "sns:Publish": (publishes,),
    "sqs:ReceiveMessage": (uses_queue("kms:Decrypt"),),
    "sqs:SendMessage": (uses_queue("kms:GenerateDataKey", "kms:Decrypt"),),
}
