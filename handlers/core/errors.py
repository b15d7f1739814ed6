"""Every error that leaves a handler by name. The state machines catch and retry by these names, so they are API.

* HoldfastError
  * Final                    - trying again cannot help
    x InvalidRequest         - a field of the request can't be what it is; names the cure
    x AlreadyClaimed         - another run has this recovery point, or it is finished
    x DatabaseNotFound       - RDS knows no database instance of that name
    x DatabaseUnsuitable     - wrong engine, not encrypted, or under a key that is not ours
    x SnapshotRefused        - RDS will not take the snapshot, or the one of that name is not ours
    x SnapshotFailed         - the snapshot began and did not become available
    x ExportRefused          - RDS will not export, or the task of that name is not ours
    x ExportFailed           - the export began and did not complete
    x CopyRefused            - RDS will not copy, or the copy of that name is not ours
    x CopyFailed             - the copy began and did not become available
    x PermissionMissing      - a role may not do something or use a key; names both
  * Transient                - trying again later can help; the machines do
    x TemporarilyUnavailable - throttled, a server-side error, no connection, or a state that passes
    x QuotaReached           - somebody uses the last slot of an AWS quota; waits long and raises no alarm
    x ReplicationPending     - the vault does not hold every object yet
"""

from __future__ import annotations


class HoldfastError(Exception):
    """Base of all errors below; never raised itself."""


class Final(HoldfastError):
    """Trying again cannot help; never raised itself."""


class Transient(HoldfastError):
    """Trying again later can help; never raised itself."""


class InvalidRequest(Final):
    """A field of the request can't be what it is."""

    def __init__(self, field: str, value: object, cure: str) -> None:
        super().__init__(f"{field} is {value!r}: {cure}")
        self.field = field
        self.value = value
        self.cure = cure


class AlreadyClaimed(Final):
    """Another run has this recovery point, or it is finished."""


class DatabaseNotFound(Final):
    """RDS knows no database instance of that name."""


class DatabaseUnsuitable(Final):
    """The database has the wrong engine, no encryption, or a key that is not ours."""


class SnapshotRefused(Final):
    """RDS will not take the snapshot, or the one of that name is not ours."""


class SnapshotFailed(Final):
    """The snapshot began and did not become available."""


class ExportRefused(Final):
    """RDS will not export the snapshot, or the task of that name is not ours."""


class ExportFailed(Final):
    """The export began and did not complete."""


class CopyRefused(Final):
    """RDS will not copy the snapshot, or the copy of that name is not ours."""


class CopyFailed(Final):
    """The copy began and did not become available."""


class PermissionMissing(Final):
    """A role may not do something, or may not use a key; the message names both."""


class TemporarilyUnavailable(Transient):
    """AWS throttled us, failed on its side or could not be reached, or what we need is in a state that passes."""


class QuotaReached(Transient):
    """Somebody uses the last slot of an AWS quota."""


class ReplicationPending(Transient):
    """The vault does not hold every object of the export yet."""
