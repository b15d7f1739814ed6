"""What a test asks to go wrong, shared by every module of the plug-in that can make it so.

Set over HTTP (``PUT /_holdfast/faults``, see ``admin``). The keys, each read by the module named:

==================  ===================================================================================  ============
``rds_events``      ``{"RDS-EVENT-0042": "drop" | "double" | "late"}``                                    ``rds``
``export``          left to the database engine to interpret                                             ``rds``
``replication``     ``{"delay_seconds": 2.0, "skip": ["*/part-00001*"], "table_delay_seconds": 1.0}``     ``storage``
``forward_events``  ``"drop"``: events for a bus of another region are lost                              ``events``
``timeouts``        ``{"AwaitSnapshot": 1.5}``: real seconds after which that state times out            (workflows)
``calls``           ``[{"service": "rds", "operation": "StartExportTask", "times": 2, "error": "…"}]``    ``audit``
==================  ===================================================================================  ============

A call's fault with ``"after_success": true`` instead of ``"error"`` lets the call do its work and then loses the
answer. ``"region"`` and ``"principal"`` (a shell pattern) narrow it; without ``"times"`` it strikes once.
"""

import threading
from fnmatch import fnmatchcase
from typing import Any

KEYS = frozenset({"rds_events", "export", "replication", "forward_events", "timeouts", "calls"})

_lock = threading.Lock()
_faults: dict[str, Any] = {}


class UnknownFault(ValueError):
    """A test asked for a fault that nobody reads."""


def put(faults: dict[str, Any]) -> None:
    """Replace all faults.

    Raises:
        UnknownFault: A key is not one of ``KEYS``.
    """
    if unknown := sorted(faults.keys() - KEYS):
        raise UnknownFault(f"nobody reads the fault {unknown[0]!r}; known are {', '.join(sorted(KEYS))}")
    with _lock:
        _faults.clear()
        _faults.update(faults)


def get(key: str) -> Any:
    """The fault of that name, an empty dictionary when there is none."""
    with _lock:
        return _faults.get(key) or {}


def take_call(service: str, operation: str, region: str, principal: str) -> dict[str, Any] | None:
    """The fault that this call meets, counted down; None when it meets none."""
    with _lock:
        for fault in _faults.get("calls") or []:
            left = fault.setdefault("times", 1)
            if left > 0 and _strikes(fault, service, operation, region, principal):
                fault["times"] = left - 1
                return dict(fault)
    return None


def _strikes(fault: dict[str, Any], service: str, operation: str, region: str, principal: str) -> bool:
    return (
        fault["service"] == service
        and fault["operation"].lower() == operation.lower()
        and fault.get("region", region) == region
        and fnmatchcase(principal, fault.get("principal", "*"))
    )
