"""What everything is called. Equal input gives equal names, so a retry finds what it began."""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime

from handlers.core.errors import InvalidRequest

POINT_TAG = "holdfast:recovery-point"
DEPLOYMENT_TAG = "holdfast:deployment"
PROTECT_TAG = "holdfast:protect"

# https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBInstance.html (1 to 63 letters, digits, hyphens)
_DATABASE = re.compile(r"[a-z](?!.*--)[a-z0-9-]{0,61}[a-z0-9]|[a-z]")
_POINT = re.compile(r"(?P<database>[a-z](?!.*--)[a-z0-9-]*)-(?P<day>[0-9]{8})t(?P<minute>[0-9]{4})z")
# https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_StartExportTask.html
EXPORT_TASK_LENGTH = 60  # characters
# https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html
EXECUTION_LENGTH = 80  # characters
_TAIL_LENGTH = 8  # hex digits of the hash that keeps a cut name unique


def database_id(value: object) -> str:
    """*value*, if RDS could call a database instance so.

    Raises:
        InvalidRequest: It could not.
    """
    if isinstance(value, str) and _DATABASE.fullmatch(value):
        return value
    raise InvalidRequest("database", value, "use the id of an RDS instance: 1 to 63 of a-z, 0-9 and single hyphens")


def moment(value: object, field: str = "scheduled_at") -> datetime:
    """The UTC time that the ISO 8601 text *value* names.

    Raises:
        InvalidRequest: It names none, or no time zone.
    """
    try:
        at = datetime.fromisoformat(str(value))
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise InvalidRequest(field, value, "use ISO 8601 with a time zone, such as 2026-10-06T12:00:00Z")
    return at.astimezone(UTC)


def iso(at: datetime) -> str:
    """*at* as the ledger writes it: UTC, whole seconds, sorts by time."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def point_id(database: str, scheduled_at: datetime) -> str:
    """``orders`` at noon -> ``orders-20261006t1200z``."""
    return f"{database}-{scheduled_at.astimezone(UTC):%Y%m%dt%H%Mz}"


def parsed_point(point: str) -> tuple[str, datetime] | None:
    """Database and minute that the id *point* names; nothing if no point can be called so."""
    found = _POINT.fullmatch(point)
    if not found or not _DATABASE.fullmatch(found["database"]):
        return None
    try:
        at = datetime.strptime(f"{found['day']}{found['minute']}", "%Y%m%d%H%M").replace(tzinfo=UTC)
    except ValueError:
        return None
    return found["database"], at


def snapshot_id(prefix: str, point: str) -> str:
    """Id of the snapshot of *point*, in both regions."""
    return f"{prefix}-{point}"


def point_of_snapshot(prefix: str, snapshot: str) -> str | None:
    """The point that *snapshot* belongs to; nothing if it is none of this deployment's."""
    own = snapshot.startswith(f"{prefix}-")
    point = snapshot.removeprefix(f"{prefix}-")
    return point if own and _POINT.fullmatch(point) else None


def export_task_id(prefix: str, point: str, attempt: int = 1) -> str:
    """Id of the export task of *point*: RDS keeps the ids of failed tasks, so a later attempt needs its own."""
    name = snapshot_id(prefix, point) if attempt == 1 else f"{snapshot_id(prefix, point)}-{attempt}"
    return _cut(name, EXPORT_TASK_LENGTH)


def execution_name(point: str, number: int = 1) -> str:
    """Name of the *number*-th execution for *point*; names stay taken for 90 days."""
    return point if number == 1 else _cut(f"{point}-{number}", EXECUTION_LENGTH)


def tags(prefix: str, point: str) -> list[dict[str, str]]:
    """Tags of all that the deployment *prefix* makes for *point*."""
    return [{"Key": POINT_TAG, "Value": point}, {"Key": DEPLOYMENT_TAG, "Value": prefix}]


def _cut(name: str, length: int) -> str:
    """*name*, or its beginning and a hash of all of it, in at most *length* characters."""
    if len(name) <= length:
        return name
    tail = hashlib.sha256(name.encode()).hexdigest()[:_TAIL_LENGTH]
    return f"{name[: length - _TAIL_LENGTH - 1].rstrip('-')}-{tail}"


def export_folder(database: str) -> str:
    """``S3Prefix`` of the exports of *database* in staging and vault; RDS adds the task id below it."""
    return f"exports/{database}"


def export_prefix(database: str, task: str) -> str:
    """Where one export lies, without a slash at the end."""
    return f"{export_folder(database)}/{task}"


def inventory_key(point: str, phase: str) -> str:
    """Where the list of tables lies; *phase* is ``before`` or ``after`` the snapshot."""
    return f"inventories/{point}/{phase}.json"


def manifest_key(point: str) -> str:
    """Where the list of the export's objects lies, written last."""
    return f"manifests/{point}.json"
