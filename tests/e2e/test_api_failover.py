"""The database's server dies while clients write: what was acknowledged is there afterwards, and nothing twice."""

from __future__ import annotations

import os
import signal
import threading
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path

from world import World, eventually

from tests.calling import Caller

WRITERS = 4
BEFORE, DEAD, PATIENCE = (
    1.5,
    2.0,
    60.0,
)  # seconds of load before the crash, without a server, until a write must succeed


@dataclass
class Writer(threading.Thread):
    """Makes items, one after the other; repeats with the same key whatever was not acknowledged."""

    call: Caller
    mark: str
    ended: threading.Event
    acknowledged: dict[str, str] = field(default_factory=dict)  # title -> id
    refusals: list[int] = field(default_factory=list)  # statuses
    stuck: str = ""

    def __post_init__(self) -> None:
        super().__init__(daemon=True)

    def __hash__(self) -> int:
        return id(self)

    def run(self) -> None:
        while not self.ended.is_set():
            title, key, begun = f"{self.mark} {uuid.uuid4().hex}", uuid.uuid4().hex, time.monotonic()
            while True:
                answer = self.call("POST", "/items", {"title": title}, idempotency_key=key)
                if answer.status == 201:
                    self.acknowledged[title] = answer.body["id"]
                    break
                self.refusals.append(answer.status)
                if time.monotonic() - begun > PATIENCE:
                    self.stuck = str(answer)
                    return
                time.sleep(0.1)


def server(world: World) -> int:
    """The process of the only database server of this engine."""
    folder = f"--datadir={world.engine.directory / 'databases'}"
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            arguments = path.read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue  # it has ended meanwhile
        if any(argument.startswith(folder) for argument in arguments):
            found.append(int(path.parent.name))
    (pid,) = found
    return pid


def test_a_crash_of_the_database_loses_no_acknowledged_write(world: World, call: Caller) -> None:
    mark, ended = f"crash-{uuid.uuid4().hex[:8]}", threading.Event()
    writers = [Writer(call, mark, ended) for _ in range(WRITERS)]
    for writer in writers:
        writer.start()
    time.sleep(BEFORE)
    rds = world.client("rds")
    identifier = rds.describe_db_instances()["DBInstances"][0]["DBInstanceIdentifier"]

    def status() -> str:
        return str(rds.describe_db_instances(DBInstanceIdentifier=identifier)["DBInstances"][0]["DBInstanceStatus"])

    os.kill(server(world), signal.SIGKILL)
    before = sum(len(writer.acknowledged) for writer in writers)
    time.sleep(DEAD)
    rds.stop_db_instance(DBInstanceIdentifier=identifier)
    eventually(lambda: status() == "stopped", what="the end of what was left of it")
    rds.start_db_instance(DBInstanceIdentifier=identifier)
    eventually(lambda: status() == "available", what="a new server on the same data")

    eventually(
        lambda: (
            all(writer.stuck or len(writer.acknowledged) for writer in writers)
            and sum(len(writer.acknowledged) for writer in writers) > before + 2 * WRITERS
        ),
        PATIENCE,
        "writing again",
    )
    ended.set()
    for writer in writers:
        writer.join(PATIENCE)

    assert not [writer.stuck for writer in writers if writer.stuck]
    refused = {status for writer in writers for status in writer.refusals}
    assert 503 in refused, "the crash was not felt"
    assert refused <= {429, 503}, "only these say: the same request again, later"
    acknowledged = {title: item for writer in writers for title, item in writer.acknowledged.items()}
    with world.login.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT title, id FROM holdfast.items WHERE title LIKE %s", (f"{mark}%",))
        rows = cursor.fetchall()
    assert dict(rows) == acknowledged
    assert len(rows) == len(acknowledged), "an item was made twice"
