"""What a search for drift says of a whole set."""

from ministack.core.responses import now_iso

from sandbox.engine.stacksets.store import Json, Operation, StackSet


def drift_details(stack_set: StackSet, operation: Operation, status: str | None = None) -> Json:
    """What a search for drift has found: so far, or with the status in which it ended."""
    states = [result.status for result in operation.results.values()]
    drifts = [
        stack_set.instances[key].drift
        for key, result in operation.results.items()
        if result.status == "SUCCEEDED" and key in stack_set.instances
    ]
    ended = {"SUCCEEDED": "PARTIAL_SUCCESS" if "FAILED" in states else "COMPLETED"}
    checked = {"LastDriftCheckTimestamp": now_iso()} if status else {}
    return {
        "DriftStatus": "DRIFTED" if "DRIFTED" in drifts else "IN_SYNC" if drifts else "NOT_CHECKED",
        "DriftDetectionStatus": ended.get(status, status) if status else "IN_PROGRESS",
        **checked,
        "TotalStackInstancesCount": len(states),
        "DriftedStackInstancesCount": drifts.count("DRIFTED"),
        "InSyncStackInstancesCount": drifts.count("IN_SYNC"),
        "InProgressStackInstancesCount": states.count("RUNNING") + states.count("PENDING"),
        "FailedStackInstancesCount": states.count("FAILED"),
    }
