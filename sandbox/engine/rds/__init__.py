"""RDS for MySQL with real servers, snapshots that hold the data, copies, exports to Parquet, and restores.

``databases`` keeps one server per instance and ``gate`` gives it TLS and IAM authentication; ``instances``,
``snapshots``, ``copies``, ``restores``, ``deletions``, ``exports``, ``proxies``, ``tags`` and ``subscriptions`` are the
API, ``offers`` what can be ordered; ``export_run``, ``parquet`` and ``columns`` write an export. Clusters and other
engines stay MiniStack's.
"""

from collections.abc import Callable

from ministack.services import rds

from sandbox.engine.patching import SourceChanged, digest, replace
from sandbox.engine.rds import (
    certificates,
    copies,
    databases,
    deletions,
    exports,
    instances,
    offers,
    proxies,
    restores,
    snapshots,
    subscriptions,
    tags,
)
from sandbox.engine.rds.common import Answer, Parameters, directory

# An action, what takes its place, and the source of MiniStack's own that it was written against (none: it has none).
ACTIONS: dict[str, tuple[Callable[[Parameters], Answer], str | None]] = {
    "CreateDBInstance": (instances.create, "5edfd4666b24"),
    "ModifyDBInstance": (instances.modify, "05a4f3f74e13"),
    "StartDBInstance": (instances.start, "733e41920b76"),
    "StopDBInstance": (instances.stop, "805e4e533656"),
    "DeleteDBInstance": (deletions.delete, "a08b42eacbd8"),
    "RestoreDBInstanceFromDBSnapshot": (restores.restore, "7a2234de0cf5"),
    "CreateDBSnapshot": (snapshots.create, "0dd595a1e795"),
    "DescribeDBSnapshots": (snapshots.describe, "b2457edb05e7"),
    "DeleteDBSnapshot": (snapshots.delete, "3b57144d5ed3"),
    "CopyDBSnapshot": (copies.copy, None),
    "DescribeAccountAttributes": (snapshots.describe_account, None),
    "DescribeOrderableDBInstanceOptions": (offers.orderable, "b6b44f1c2728"),
    "StartExportTask": (exports.start, None),
    "DescribeExportTasks": (exports.describe, None),
    "CancelExportTask": (exports.cancel, None),
    "CreateDBProxy": (proxies.create, "e67de6a61d99"),
    "DeleteDBProxy": (proxies.delete, "8598c7eb2eb2"),
    "AddTagsToResource": (tags.add, "bf4b3ffaa34f"),
    "ListTagsForResource": (tags.list_tags, "8118cedd0645"),
    "CreateEventSubscription": (subscriptions.create, None),
    "DeleteEventSubscription": (subscriptions.delete, None),
    "DescribeEventSubscriptions": (subscriptions.describe, None),
}


def install() -> None:
    """Take over the actions, and write the certificate authority that clients of databases trust."""
    replace(rds, "_instance_xml", instances.xml, "97bb74e4c17b")
    replace(rds, "_snapshot_xml", snapshots.xml, "09adda685678")
    for name, (action, source) in ACTIONS.items():
        _take_over(name, action, source)
    _original_reset.append(replace(rds, "reset", reset, "d582f5a2bc43"))
    certificates.context_of(directory().parent)


_original_reset: list[Callable[[], None]] = []


def reset() -> None:
    """Forget everything, servers and snapshots included."""
    proxies.close_all()
    databases.forget_all()
    _original_reset[0]()


def _take_over(name: str, action: Callable[[Parameters], Answer], source: str | None) -> None:
    """Put ``action`` into MiniStack's table of actions.

    Raises:
        SourceChanged: What stands there is not what we saw.
    """
    old = rds._ACTION_MAP.get(name)
    found = digest(old) if old is not None else None
    if (source is None) != (found is None) or (source and found and not found.startswith(source)):
        raise SourceChanged(f"ministack.services.rds: {name} was {source}, is {found}; read the new one, adapt ours")
    rds._ACTION_MAP[name] = action
