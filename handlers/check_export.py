"""Judge an export, write its manifest, and record level 1 or what keeps it from being whole."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from handlers import objects
from handlers.core import exports, inventory, layout, manifests, names
from handlers.core.inventory import Inventories
from handlers.core.layout import Kind
from handlers.core.parquet import Footer
from handlers.core.proof import StoredObject
from handlers.ledger import Ledger
from handlers.objects import Listed
from handlers.runtime import client, from_environment, log, now, region, translated

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

LEVEL = 1
RECORDED = 20  # problems in the ledger's row, which may hold 400 KiB; the manifest has all of them


@dataclass(frozen=True)
class Environment:
    """Variables that ``blueprints/backup.py`` sets."""

    ledger: str
    staging: str
    backups_key: str


@translated()
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """``{point, export, before, after}`` -> ``{whole, manifest, tables, rows, objects, bytes, problems, …}``."""
    environment = from_environment(Environment)
    return check(objects.client(), Ledger(client("dynamodb"), environment.ledger, region()), environment, event)


def check(s3: S3Client, ledger: Ledger, environment: Environment, event: dict[str, Any]) -> dict[str, Any]:
    """The summary of the manifest, which is stored, and recorded as level 1 if the export is whole.

    Raises:
        AlreadyClaimed: A later run has the point.
    """
    point, export = event["point"], event["export"]
    judge = exports.Check(
        prefix=export["prefix"], kms_key=environment.backups_key, ended_at=_moment(export.get("ended_at"))
    )
    for entry, found, footer in objects.each(
        lambda entry: _inspect(s3, environment.staging, export["prefix"], entry),
        objects.listed(s3, environment.staging, f"{export['prefix']}/"),
    ):
        if entry.deleted:
            judge.add_deleted(entry.key, entry.modified)
        else:
            replaced_at = entry.modified if entry.replaced else None
            columns, rows = (footer.columns, footer.rows) if footer else (None, 0)
            judge.add(found, columns, rows, replaced_at=replaced_at)
    for key in (*judge.infos[Kind.TASK_INFO], *judge.infos[Kind.TABLES_INFO]):
        judge.add_info(key, _document(s3, environment.staging, key))
    tables, problems = judge.conclude(_inventories(s3, environment.staging, event), export.get("warning"))
    document = manifests.manifest(
        point, export, kms_key=environment.backups_key, tables=tables, objects=judge.objects, problems=problems
    )
    key = names.manifest_key(point["id"])
    objects.put_json(s3, environment.staging, key, document)
    answer = manifests.summary(document, key)
    _record(ledger, point, answer, problems[:RECORDED])
    return answer


def _inspect(s3: S3Client, bucket: str, prefix: str, entry: Listed) -> tuple[Listed, StoredObject, Footer | None]:
    """One object: a HEAD for its checksum and key, and one ranged GET for its footer if it holds rows."""
    if entry.deleted:
        return entry, StoredObject(entry.key, 0), None
    found = objects.with_checksum(s3, bucket, objects.look(s3, bucket, entry.key, entry.version))
    if found.trouble or layout.place(prefix, entry.key).kind is not Kind.ROWS:
        return entry, found, None
    return entry, *objects.with_footer(s3, bucket, found)


def _inventories(s3: S3Client, bucket: str, event: dict[str, Any]) -> Inventories:
    found: dict[str, frozenset[str] | None] = {"before": None, "after": None}
    missing: dict[str, str] = {}
    for phase in found:
        if reason := inventory.failure(event[phase]):
            missing[phase] = reason
            continue
        key = names.inventory_key(event["point"]["id"], phase)
        try:
            found[phase] = inventory.names(_document(s3, bucket, key))
        except ValueError as error:
            missing[phase] = f"{key}: {error}"
    return Inventories(found["before"], found["after"], missing)


def _document(s3: S3Client, bucket: str, key: str) -> object:
    """The JSON document under *key*; nothing if it isn't there, can't be read or isn't JSON."""
    try:
        return objects.get_json(s3, bucket, key)
    except ValueError:
        return None
    except ClientError as error:
        if not objects.is_about_the_object(error):
            raise
        return None


def _record(ledger: Ledger, point: dict[str, Any], answer: dict[str, Any], problems: list[Any]) -> None:
    facts = {name: answer[name] for name in ("manifest", "tables", "rows", "objects", "bytes")}
    if answer["whole"]:
        ledger.record_level(point, LEVEL, {"at": names.iso(now()), **facts})
    else:
        ledger.record_problems(point, problems, answer["problems"])
    log("export checked", recovery_point=point["id"], whole=answer["whole"], problems=answer["problems"], **facts)


def _moment(text: object) -> datetime | None:
    return names.moment(text, "export.ended_at") if text else None
