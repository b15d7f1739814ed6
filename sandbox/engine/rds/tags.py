"""Tags on snapshots and instances.

https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_AddTagsToResource.html
"""

from ministack.services import rds

from sandbox.engine.rds import snapshots
from sandbox.engine.rds.common import NOT_FOUND, Answer, Parameters, Refused, answering, value

STORES = {
    "snapshot": (rds._snapshots, "DBSnapshotNotFound", "DBSnapshot"),
    "db": (rds._instances, "DBInstanceNotFound", "DBInstance"),
}


def _checked(parameters: Parameters) -> None:
    """Refuse a resource that is not there.

    Raises:
        Refused: So.
    """
    parts = value(parameters, "ResourceName").split(":", 6)
    if len(parts) == 7 and parts[5] in STORES:  # noqa: PLR2004
        store, fault, word = STORES[parts[5]]
        if store.get_scoped(parts[4], parts[3], parts[6]) is None:
            raise Refused(fault, f"{word} {parts[6]} not found.", NOT_FOUND)


@answering
def add(parameters: Parameters) -> Answer:
    """AWS refuses its own prefix and resources that are not there; MiniStack tags anything."""
    _checked(parameters)
    snapshots.tags_of(parameters)
    found: Answer = rds._add_tags(parameters)
    return found


@answering
def list_tags(parameters: Parameters) -> Answer:
    """AWS refuses a resource that is not there; MiniStack finds no tags."""
    _checked(parameters)
    found: Answer = rds._list_tags(parameters)
    return found
