"""Which databases a scheduled run protects, a page at a time. First state of ``fleet``."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from handlers import described
from handlers.core import names, points
from handlers.core.errors import DatabaseNotFound, InvalidRequest
from handlers.runtime import Clients, from_environment, log, translated

if TYPE_CHECKING:
    from mypy_boto3_rds import RDSClient

Item = dict[str, Any]


@dataclass(frozen=True)
class Environment:
    """Variables of the function.

    Attributes:
        prefix: Value of the tag ``holdfast:protect`` on databases that are ours to protect.
        page_size: Databases per page, 20 to 100 (DescribeDBInstances' own bounds).
    """

    prefix: str
    page_size: int


@translated()
def handler(event: Item, context: object) -> Item:
    """``{input: {scheduled_at, databases?, marker?}} -> {runs, marker, next_name, next_input}``."""
    return select(Clients().rds, from_environment(Environment), event["input"])


def select(rds: RDSClient, environment: Environment, request: Item) -> Item:
    """One page of runs to start, and what the next ``fleet`` execution is to be given, if there is a next page.

    Raises:
        InvalidRequest: A field can't be what it is.
        DatabaseNotFound: RDS knows no database of a name that was asked for.
    """
    at = names.moment(request.get("scheduled_at"))
    page = _named(rds, environment, request["databases"]) if request.get("databases") else None
    chosen, rest = page or _tagged(rds, environment, request.get("marker"))
    runs = [
        {
            "name": names.execution_name(names.point_id(database, at)),
            "database": database,
            "scheduled_at": names.iso(at),
        }
        for database in chosen
    ]
    marker = str(next(iter(rest.values()))) if rest else None
    following = {"scheduled_at": names.iso(at), **rest} if rest else None
    name = f"fleet-{at:%Y%m%dt%H%Mz}-{hashlib.sha256(repr(rest).encode()).hexdigest()[:16]}" if rest else None
    return {"runs": runs, "marker": marker, "next_name": name, "next_input": following}


def _named(rds: RDSClient, environment: Environment, databases: object) -> tuple[list[str], Item]:
    """The first of *databases*, all known to RDS, and the request for the others."""
    if not isinstance(databases, list):
        raise InvalidRequest("databases", databases, "use a list of ids of RDS instances")
    wanted = list(dict.fromkeys(names.database_id(each) for each in databases))
    page, rest = wanted[: environment.page_size], wanted[environment.page_size :]
    if unknown := [database for database in page if described.instance(rds, database) is None]:
        raise DatabaseNotFound(f"RDS knows no database instance {', '.join(unknown)} in this region")
    return page, {"databases": rest} if rest else {}


def _tagged(rds: RDSClient, environment: Environment, marker: str | None) -> tuple[list[str], Item]:
    """The databases of one page that bear our tag, and the request for the next page."""
    more = {"Marker": marker} if marker else {}
    page = rds.describe_db_instances(MaxRecords=environment.page_size, **more)  # type: ignore[arg-type]
    chosen = []
    for instance in page["DBInstances"]:
        tags = {tag["Key"]: tag.get("Value") for tag in instance.get("TagList", [])}
        if tags.get(names.PROTECT_TAG) != environment.prefix:
            continue
        if points.is_protectable(instance):
            chosen.append(instance["DBInstanceIdentifier"])
        else:
            status = instance.get("DBInstanceStatus")
            log("tagged, but not protected", level="WARNING", database=instance["DBInstanceIdentifier"], status=status)
    return chosen, {"marker": page["Marker"]} if page.get("Marker") else {}
