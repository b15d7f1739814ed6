"""Map states: iterations inside the execution, or child executions of a map run, for ``stepfunctions_states``."""

import itertools
import json
import uuid
from functools import partial
from typing import Any

from botocore.exceptions import ClientError
from ministack.services import stepfunctions

from sandbox.engine import stepfunctions_states
from sandbox.engine.clients import client
from sandbox.engine.stepfunctions_paths import fill, find
from sandbox.engine.stepfunctions_runs import Run, Stopped

StatesError: Any = stepfunctions._ExecutionError
Json = Any
Context = dict[str, Any]

MOST_CHILDREN = 64  # at once; AWS runs 10,000, two cores do not
COUNTERS = ("pending", "running", "succeeded", "failed", "timedOut", "aborted", "total", "resultsWritten")


def inline(state: dict[str, Any], processor: dict[str, Any], data: Json, run: Run, context: Context) -> list[Json]:
    """Run the iterations of an inline Map; one that fails, and is not caught inside, fails the state."""
    items = items_of(state, data, run, context)
    name = context["State"]["Name"]
    run.note("MapStateStarted", context, mapStateStartedEventDetails={"length": len(items)})

    def iterate(index: int, item: Json) -> Json:
        inner = {**context, "Map": {"Item": {"Index": index, "Value": item}}}
        details = {"mapIterationStartedEventDetails": {"name": name, "index": index}}
        run.note("MapIterationStarted", inner, **details)
        output = stepfunctions_states.run_states(processor, item_input(state, item, data, inner), run, inner)
        details = {"mapIterationSucceededEventDetails": {"name": name, "index": index}}
        run.note("MapIterationSucceeded", inner, **details)
        return output

    jobs = [partial(iterate, index, item) for index, item in enumerate(items)]
    results = stepfunctions_states.together(jobs, int(setting(state, "MaxConcurrency", data, context) or 0))
    run.note("MapStateSucceeded", context)
    return results


def distributed(state: dict[str, Any], processor: dict[str, Any], data: Json, run: Run, context: Context) -> Json:
    """Run the items of a distributed Map as child executions, and tolerate as many failures as the state does.

    https://docs.aws.amazon.com/step-functions/latest/dg/state-map-distributed.html

    Raises:
        StatesError: ``States.ExceedToleratedFailureThreshold``.
    """
    found = [
        item_input(state, item, data, {**context, "Map": {"Item": {"Index": index, "Value": item}}})
        for index, item in enumerate(items_of(state, data, run, context))
    ]
    items = batched(state, found, data, context)
    label = state.get("Label") or uuid.uuid4().hex
    record = new_map_run(run, label, len(items), state)
    run.note("MapRunStarted", context, mapRunStartedEventDetails={"mapRunArn": record["mapRunArn"]})
    jobs = [partial(run_child, processor, item, run, context, record) for item in items]
    at_once = int(setting(state, "MaxConcurrency", data, context) or 0)
    outcomes = stepfunctions_states.together(jobs, min(at_once or MOST_CHILDREN, MOST_CHILDREN))
    failed = sum(1 for outcome in outcomes if outcome["Status"] != "SUCCEEDED")
    counts = (
        setting(state, "ToleratedFailureCount", data, context),
        setting(state, "ToleratedFailurePercentage", data, context),
    )
    is_too_many = exceeds(failed, len(items), *counts)
    record.update(status="FAILED" if is_too_many else "SUCCEEDED", stopDate=stepfunctions.now_iso())
    if is_too_many:
        details = {"error": "States.ExceedToleratedFailureThreshold", "cause": f"{failed} of {len(items)} items failed"}
        run.note("MapRunFailed", context, mapRunFailedEventDetails=details)
        raise StatesError(details["error"], "The specified tolerated failure threshold was exceeded")
    run.note("MapRunSucceeded", context)
    if "ResultWriter" in state:
        return write_results(state["ResultWriter"], outcomes, data, run, context, record)
    return [json.loads(outcome["Output"]) for outcome in outcomes if outcome["Status"] == "SUCCEEDED"]


def items_of(state: dict[str, Any], data: Json, run: Run, context: Context) -> list[Json]:
    """What a Map iterates over: a list in its input, or what its ``ItemReader`` reads as the machine's role.

    Raises:
        StatesError: It is no list, or cannot be read.
    """
    if "ItemReader" not in state:
        found = find(state.get("ItemsPath", "$"), data, context)
        if not isinstance(found, list):
            raise StatesError("States.Runtime", f"{state.get('ItemsPath', '$')} is not a list to iterate over")
        return found
    reader = state["ItemReader"]
    parameters, config = fill(reader["Parameters"], data, context), reader.get("ReaderConfig") or {}
    s3 = client("s3", credentials=run.role)
    try:
        if reader["Resource"].endswith(":listObjectsV2"):
            pages = s3.get_paginator("list_objects_v2").paginate(**parameters)
            names = ("Key", "Size", "Etag")
            items = [
                {name: one["ETag" if name == "Etag" else name] for name in names}
                for page in pages
                for one in page.get("Contents", [])
            ]
        else:
            text = s3.get_object(**parameters)["Body"].read().decode()
            items = stepfunctions._parse_reader_items(text, config)
    except ClientError as error:
        raise StatesError("States.ItemReaderFailed", str(error)) from error
    return items[: int(config.get("MaxItems") or len(items))]


def item_input(state: dict[str, Any], item: Json, data: Json, context: Context) -> Json:
    """The input of an iteration: the item, or what ``ItemSelector`` makes of it and of the state's input."""
    selector = state.get("ItemSelector") or state.get("Parameters")
    return fill(selector, data, context) if selector else item


def batched(state: dict[str, Any], items: list[Json], data: Json, context: Context) -> list[Json]:
    """Items gathered by ``ItemBatcher``, each batch with the ``BatchInput`` that all share."""
    batcher = state.get("ItemBatcher")
    if not batcher:
        return items
    shared = {"BatchInput": fill(batcher["BatchInput"], data, context)} if "BatchInput" in batcher else {}
    size = batcher["MaxItemsPerBatch"]
    starts = itertools.takewhile(lambda start: start < len(items), itertools.count(0, size))
    return [{"Items": items[start : start + size], **shared} for start in starts]


def setting(state: dict[str, Any], name: str, data: Json, context: Context) -> Json:
    """A number of the state, given or found by its path; None when it has neither."""
    path = state.get(f"{name}Path")
    return find(path, data, context) if path else state.get(name)


def exceeds(failed: int, total: int, count: int | None, percentage: float | None) -> bool:
    """Whether more items failed than one of the thresholds tolerates; without a threshold none may fail."""
    if count is None and percentage is None:
        return failed > 0
    over_count = count is not None and failed > count
    return over_count or (percentage is not None and failed * 100 > percentage * total)


def new_map_run(run: Run, label: str, total: int, state: dict[str, Any]) -> dict[str, Any]:
    """The record that ListMapRuns and DescribeMapRun answer."""
    _, _, _, region, account, _, name = run.machine["stateMachineArn"].split(":", 6)
    arn = f"arn:aws:states:{region}:{account}:mapRun:{name}/{label}:{uuid.uuid4()}"
    counts = dict.fromkeys(COUNTERS, 0) | {"total": total, "pending": total}
    record = {
        "mapRunArn": arn,
        "executionArn": run.record["executionArn"],
        "status": "RUNNING",
        "startDate": stepfunctions.now_iso(),
        "maxConcurrency": int(state.get("MaxConcurrency") or 0),
        "toleratedFailurePercentage": float(state.get("ToleratedFailurePercentage") or 0),
        "toleratedFailureCount": int(state.get("ToleratedFailureCount") or 0),
        "itemCounts": dict(counts),
        "executionCounts": dict(counts),
        "redriveCount": 0,
        "_stateMachineArn": f"arn:aws:states:{region}:{account}:stateMachine:{name}/{label}",
    }
    stepfunctions._map_runs[arn] = record
    return record


def run_child(processor: dict[str, Any], item: Json, run: Run, context: Context, map_run: dict[str, Any]) -> Json:
    """Run one child execution to its end; ``{Status, Output | Error, Cause, …}``."""
    name = str(uuid.uuid4())
    child_of = map_run["_stateMachineArn"]
    record = {
        "executionArn": f"{child_of.replace(':stateMachine:', ':execution:')}:{name}",
        "stateMachineArn": child_of,
        "mapRunArn": map_run["mapRunArn"],
        "name": name,
        "status": "RUNNING",
        "startDate": stepfunctions.now_iso(),
        "stopDate": None,
        "input": json.dumps(item),
        "output": None,
        "events": [],
        "testCase": run.record.get("testCase"),
    }
    stepfunctions._executions[record["executionArn"]] = record
    child = run.child(record)
    count(map_run, "pending", "running")
    try:
        own = {"Id": record["executionArn"], "Name": name, "Input": item, "StartTime": record["startDate"]}
        inner = {**context, "Execution": {**context["Execution"], **own}, "_previous": 0}
        output = stepfunctions_states.run_states(processor, item, child, inner)
        child.end("SUCCEEDED", output=json.dumps(output))
    except StatesError as error:
        child.end("FAILED", error=error.error, cause=error.cause)
    except Stopped:
        record["status"] = "ABORTED"
    count(map_run, "running", "succeeded" if record["status"] == "SUCCEEDED" else "failed")
    names = {
        "Status": "status",
        "Output": "output",
        "Input": "input",
        "ExecutionArn": "executionArn",
        "Error": "error",
        "Cause": "cause",
    }
    return {key: record[value] for key, value in names.items() if record.get(value) is not None}


def count(map_run: dict[str, Any], leaves: str, enters: str) -> None:
    """Move one item from one counter of a map run to another."""
    for counts in (map_run["itemCounts"], map_run["executionCounts"]):
        counts[leaves] -= 1
        counts[enters] += 1


def write_results(  # noqa: PLR0913, PLR0917
    writer: dict[str, Any], outcomes: list[Json], data: Json, run: Run, context: Context, map_run: dict[str, Any]
) -> Json:
    """Write the outcomes and their manifest to S3 as the machine's role; returns where they are.

    https://docs.aws.amazon.com/step-functions/latest/dg/input-output-resultwriter.html
    """
    target = fill(writer["Parameters"], data, context)
    folder = "/".join(filter(None, (target.get("Prefix", "").strip("/"), map_run["mapRunArn"].rpartition(":")[2])))
    s3 = client("s3", credentials=run.role)
    files: dict[str, list[Json]] = {"SUCCEEDED": [], "FAILED": [], "PENDING": []}
    for status, entries in files.items():
        body = json.dumps([outcome for outcome in outcomes if outcome["Status"] == status]).encode()
        if body != b"[]":
            key = f"{folder}/{status}_0.json"
            s3.put_object(Bucket=target["Bucket"], Key=key, Body=body)
            entries.append({"Key": key, "Size": len(body)})
    manifest = {"DestinationBucket": target["Bucket"], "MapRunArn": map_run["mapRunArn"], "ResultFiles": files}
    s3.put_object(Bucket=target["Bucket"], Key=f"{folder}/manifest.json", Body=json.dumps(manifest).encode())
    details = {"Bucket": target["Bucket"], "Key": f"{folder}/manifest.json"}
    return {"MapRunArn": map_run["mapRunArn"], "ResultWriterDetails": details}
