"""What every module of this package needs: answers in RDS's XML, keys, background work, and the directory for data.

An error of RDS is raised as `Refused` anywhere below an action, and `answering` turns it into the error document.
"""

import contextvars
import functools
import json
import logging
import os
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from ministack.core.responses import get_account_id, get_region
from ministack.services import kms, rds

Parameters = Mapping[str, Any]
Answer = tuple[int, dict[str, str], bytes]
Record = dict[str, Any]

logger = logging.getLogger("holdfast.rds")
NOT_FOUND = 404
BAD_REQUEST = 400
PAGE = 100  # records; RDS's MaxRecords is 20 to 100: https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/
MASTER_KEY = "alias/aws/rds"


class Refused(Exception):
    """RDS refuses a request with this error code, message and HTTP status."""

    def __init__(self, code: str, message: str, status: int = BAD_REQUEST) -> None:
        super().__init__(message)
        self.code, self.status = code, status


def answering(action: Callable[[Parameters], Answer]) -> Callable[[Parameters], Answer]:
    """An action whose `Refused` becomes RDS's error document."""

    @functools.wraps(action)
    def answered(parameters: Parameters) -> Answer:
        try:
            return action(parameters)
        except Refused as refusal:
            answer: Answer = rds._error(refusal.code, escape(str(refusal)), refusal.status)
            return answer

    return answered


def answer(action: str, inner: str) -> Answer:
    """A successful answer of ``action`` around ``inner`` XML."""
    found: Answer = rds._xml(200, f"{action}Response", f"<{action}Result>{inner}</{action}Result>")
    return found


def elements(record: Mapping[str, Any], names: Iterable[str]) -> str:
    """XML elements of those fields that the record has."""
    return "".join(
        f"<{name}>{escape(text(record[name]))}</{name}>" for name in names if record.get(name) not in (None, "")
    )


def text(value: object) -> str:
    """A value as RDS writes it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def value(parameters: Parameters, name: str) -> str:
    """One parameter of a request, empty when absent."""
    return str(rds._p(parameters, name))


def true(parameters: Parameters, name: str) -> bool:
    """Whether a parameter says true."""
    return value(parameters, name).lower() == "true"


def with_values(parameters: Parameters, **changes: str) -> dict[str, Any]:
    """The same request with some parameters set, in the form MiniStack's own functions read."""
    return {**parameters, **{name: [new] for name, new in changes.items()}}


def page(parameters: Parameters, records: list[Record], key: str) -> tuple[list[Record], str]:
    """One page of the records, and the ``<Marker>`` element for the next.

    Raises:
        Refused: ``MaxRecords`` is out of bounds.
    """
    size = int(value(parameters, "MaxRecords") or PAGE)
    if not 20 <= size <= PAGE:  # noqa: PLR2004
        raise Refused("InvalidParameterValue", f"Invalid value {size} for MaxRecords. Must be between 20 and 100")
    after = value(parameters, "Marker")
    left = [record for record in sorted(records, key=lambda found: str(found[key])) if record[key] > after]
    marker = f"<Marker>{escape(left[size - 1][key])}</Marker>" if len(left) > size else ""
    return left[:size], marker


def now() -> str:
    """The time as RDS writes it."""
    return str(rds._format_time(time.time()))


def arn(kind: str, name: str) -> str:
    """The ARN of a thing of the region and account of the request."""
    return f"arn:aws:rds:{get_region()}:{get_account_id()}:{kind}:{name}"


def usable_key(key: str) -> str | None:
    """The ARN of an enabled encryption key of this region by id, ARN, alias or alias ARN; None if there is none."""
    record = kms._resolve_key(key)
    if record and record.get("KeyState") == "Enabled" and record.get("KeyUsage") == "ENCRYPT_DECRYPT":
        return str(record["Arn"])
    return None


def require_key(key: str, role: str = "") -> str:
    """The ARN of the key.

    Raises:
        Refused: As RDS words it: https://github.com/awslabs/rds-snapshot-tool/issues/70
    """
    found = usable_key(key)
    if found is None:
        raise Refused(
            "KMSKeyNotAccessibleFault",
            f"The {role}KMS key [{key or None}] does not exist, is not enabled or you do not have permissions to "
            "access it.",
        )
    return found


def default_key() -> str:
    """The ARN of the account's ``aws/rds`` key of this region, made at first use as AWS does."""
    with _key_lock:
        found = usable_key(MASTER_KEY)
        if found is None:
            _, _, body = kms._create_key({"Description": "Default key that protects my RDS database volumes"})
            kms._aliases[kms._alias_arn(MASTER_KEY)] = json.loads(body)["KeyMetadata"]["KeyId"]
            found = require_key(MASTER_KEY)
        return found


_key_lock = threading.Lock()
admission = threading.Lock()  # whoever checks a quota and then takes a place holds it: requests come on many threads


def operation_seconds() -> float:
    """How long a snapshot, copy, export or start takes at least; on AWS minutes to hours."""
    return float(os.environ.get("HOLDFAST_RDS_SECONDS", "0.3"))


def background(work: Callable[..., object], *arguments: object) -> None:
    """Run ``work`` on a thread of its own, in the account and region of this request."""
    context = contextvars.copy_context()
    threading.Thread(target=context.run, args=(work, *arguments), daemon=True, name="rds-work").start()


@functools.cache
def directory() -> Path:
    """Where servers and snapshots keep their data; its parent, the engine's directory, has the certificate."""
    given = os.environ.get("HOLDFAST_DATABASES")
    base = Path(given) if given else Path(tempfile.mkdtemp(prefix="holdfast-rds-")) / "databases"
    base.mkdir(parents=True, exist_ok=True)
    return base.resolve()


def fresh_directory(kind: str) -> Path:
    """A path for new data of that kind; its parent exists, it doesn't."""
    parent = directory() / kind
    parent.mkdir(parents=True, exist_ok=True)
    return parent / uuid.uuid4().hex[:12]
