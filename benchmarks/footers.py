"""G6: rows and columns of 1,000 Parquet files by our footer reader, by pyarrow and, if installed, by duckdb.

Exact: all agree on every file; one GET per file. Ratio: our CPU over pyarrow's, median of interleaved pairs.
Run: ``python -m benchmarks.footers [--files 1000] [--rounds 9] [--objects 2000]``. The last part sends requests to a
local stand-in for S3 and says how many objects CheckExport gets through in Lambda's 15 minutes.
"""

from __future__ import annotations

import argparse
import io
import json
import multiprocessing
import platform
import resource
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import boto3
import pyarrow as pa
import pyarrow.parquet as pq
from botocore.config import Config

from handlers import objects
from handlers.core.parquet import read_footer

LAMBDA = 900  # seconds
GOAL = 0.5  # our CPU over pyarrow's
RESULTS = Path(__file__).parent / "results"
Answer = tuple[int, tuple[tuple[str, str], ...]]
TYPES = (pa.int64(), pa.string(), pa.float64(), pa.timestamp("us"), pa.binary(), pa.decimal128(18, 4), pa.bool_())


def corpus(number: int) -> list[bytes]:
    """*number* files as RDS writes them: gzip, 1 to 24 flat columns with statistics; every tenth has nested columns."""
    files = []
    for n in range(number):
        rows, width = (n * 37) % 400, 1 + n % 24
        columns = {f"column_{c}": pa.array(_values(TYPES[(n + c) % len(TYPES)], rows)) for c in range(width)}
        if n % 10 == 0:
            columns["tags"] = pa.array([[{"a": r, "b": ["x"]}] for r in range(rows)])
        sink = io.BytesIO()
        pq.write_table(pa.table(columns), sink, compression="gzip", row_group_size=100 if n % 7 == 0 else None)
        files.append(sink.getvalue())
    return files


def _values(kind: pa.DataType, rows: int) -> pa.Array:
    numbers = pa.array(range(rows), pa.int64())
    if kind == pa.binary():
        return numbers.cast(pa.string()).cast(kind)
    if kind == pa.bool_():
        return pa.array([r % 2 == 0 for r in range(rows)], kind)
    return (
        numbers.cast(pa.decimal128(19, 0)).cast(pa.decimal128(23, 4))
        if pa.types.is_decimal(kind)
        else numbers.cast(kind)
    )


def ours(tails: Sequence[bytes]) -> list[Answer]:
    """Rows and columns by our reader."""
    found = [read_footer(tail) for tail in tails]
    return [(footer.rows, footer.columns) for footer in found]


def by_pyarrow(tails: Sequence[bytes]) -> list[Answer]:
    """Rows and columns by pyarrow."""
    answers = []
    for tail in tails:
        found = pq.read_metadata(pa.BufferReader(tail))
        columns = [found.schema.column(n) for n in range(found.num_columns)]
        answers.append((found.num_rows, tuple((column.path, column.physical_type) for column in columns)))
    return answers


def duckdb_rows(files: Sequence[bytes]) -> tuple[list[int], float] | None:
    """Rows per file by duckdb and the CPU seconds it took; nothing if it isn't installed."""
    try:
        import duckdb  # type: ignore[import-not-found,unused-ignore]  # noqa: PLC0415
    except ImportError:
        return None
    with tempfile.TemporaryDirectory() as folder:
        for n, content in enumerate(files):
            (Path(folder) / f"{n:06}.parquet").write_bytes(content)
        begin = time.process_time()
        query = f"SELECT num_rows FROM parquet_file_metadata('{folder}/*.parquet') ORDER BY file_name"  # noqa: S608
        rows = [row for (row,) in duckdb.sql(query).fetchall()]
        return rows, time.process_time() - begin


def pairs(first: Callable[[], Any], second: Callable[[], Any], rounds: int) -> tuple[float, float, float]:
    """Median CPU seconds of each side, and the median of their ratios; the sides take turns."""
    times = []
    for _ in range(rounds):
        a = time.process_time()
        first()
        b = time.process_time()
        second()
        times.append((b - a, time.process_time() - b))
    ratios = [x / y for x, y in times]
    return statistics.median(x for x, _ in times), statistics.median(y for _, y in times), statistics.median(ratios)


def _serve(files: list[bytes], ready: Connection) -> None:
    """Answer HEAD and ranged GET like S3, count both, and tell the counts when asked."""
    seen: Counter[str] = Counter()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:  # the name is http.server's
            seen["HEAD"] += 1
            self._answer(200, len(self._file()), b"")

        def do_GET(self) -> None:
            seen["GET"] += 1
            tail = self._file()[-int(self.headers["Range"].removeprefix("bytes=-")) :]
            self._answer(206, len(tail), tail)

        def _file(self) -> bytes:
            return files[int(self.path.partition("?")[0].rpartition("/")[2]) % len(files)]

        def _answer(self, status: int, length: int, body: bytes) -> None:
            head = {
                "Content-Length": str(length),
                "Last-Modified": "Tue, 06 Oct 2026 12:00:00 GMT",
                "ETag": '"e"',
                "x-amz-version-id": "v",
                "x-amz-checksum-crc64nvme": "AAAAAAAAAAA=",
                "x-amz-server-side-encryption-aws-kms-key-id": "arn:aws:kms:eu-west-1:123456789012:key/backups",
            }
            lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
            self.wfile.write(f"HTTP/1.1 {status} OK\r\n{lines}\r\n".encode() + body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    import threading  # noqa: PLC0415

    threading.Thread(target=server.serve_forever, daemon=True).start()
    ready.send(server.server_port)
    while ready.recv():
        ready.send(dict(seen))


def requests(files: list[bytes], number: int) -> dict[str, Any]:
    """Look at *number* objects as CheckExport does, over HTTP."""
    here, there = multiprocessing.get_context("spawn").Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(files[:100], there), daemon=True)
    process.start()
    port = here.recv()
    s3 = boto3.client(
        "s3",
        endpoint_url=f"http://127.0.0.1:{port}",
        region_name="eu-west-1",
        aws_access_key_id="x",
        aws_secret_access_key="x",  # noqa: S106  # nobody checks it
        config=Config(max_pool_connections=objects.THREADS, s3={"addressing_style": "path"}),
    )

    def look(n: int) -> int:
        found, footer = objects.with_footer(s3, "bucket", objects.look(s3, "bucket", str(n), "v"))
        assert footer is not None, found.trouble
        return footer.rows

    cpu, wall = time.process_time(), time.perf_counter()
    rows = sum(objects.each(look, range(number)))
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    here.send(obj=True)
    seen = here.recv()
    here.send(obj=False)
    process.join(5)
    assert seen == {"HEAD": number, "GET": number}, seen
    return {
        "objects": number,
        "rows": rows,
        "gets_per_file": seen["GET"] / number,
        "heads_per_file": seen["HEAD"] / number,
        "cpu_ms_per_object": round(cpu / number * 1000, 3),
        "wall_seconds": round(wall, 2),
        "objects_in_lambdas_15_minutes_at_one_cpu": int(LAMBDA / (cpu / number)),
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


def main() -> None:
    """Measure, print, keep."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--objects", type=int, default=2000)
    parser.add_argument("--keep", action="store_true", help="write the result into benchmarks/results/")
    options = parser.parse_args()
    files = corpus(options.files)
    tails = [content[-objects.TAIL :] for content in files]
    mismatches = sum(a != b for a, b in zip(ours(tails), by_pyarrow(tails), strict=True))
    assert mismatches == 0, f"{mismatches} files differ from pyarrow"
    mine, theirs, ratio = pairs(lambda: ours(tails), lambda: by_pyarrow(tails), options.rounds)
    result = {
        "goal": "G6",
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "machine": f"{platform.machine()}, {multiprocessing.cpu_count()} CPUs",
        "files": options.files,
        "mismatches": mismatches,
        "ours_cpu_ms": round(mine * 1000, 1),
        "pyarrow_cpu_ms": round(theirs * 1000, 1),
        "ratio": round(ratio, 3),
        "ratio_goal": GOAL,
        "reached": ratio <= GOAL,
    }
    if (peer := duckdb_rows(files)) is not None:
        assert peer[0] == [rows for rows, _ in ours(tails)], "duckdb counts other rows"
        result["duckdb_cpu_ms"] = round(peer[1] * 1000, 1)
    result["over_http"] = requests(files, options.objects)
    print(json.dumps(result, indent=2))
    if options.keep:
        RESULTS.mkdir(exist_ok=True)
        target = RESULTS / f"{result['at'][:10]}-footers.json"
        target.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
