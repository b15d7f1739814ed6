"""RDS for MySQL with real servers: a MySQL-compatible server per instance behind TLS and IAM authentication, snapshots
that hold the data, copies across regions, exports to Parquet, and restores.

``databases`` keeps the servers, ``gate`` their public addresses; ``instances``, ``snapshots``, ``copies``, ``exports``,
``restores`` and ``proxies`` are the API; ``cloudformation`` the resource types that need a server.
"""

from collections.abc import Callable

from ministack.services import rds

from sandbox.engine.patching import SourceChanged, digest, replace
from sandbox.engine.rds import (
    actions,
    certificates,
    cloudformation,
    copies,
    databases,
    exports,
    instances,
    proxies,
    restores,
    snapshots,
)
from sandbox.engine.rds.common import Answer, Parameters, directory
