"""G6: rows and columns of 1,000 Parquet files by our footer reader, by pyarrow and, if installed, by duckdb.

Exact: all agree on every file; one GET per file, counted by a local stand-in for S3 that is asked over HTTP.
The last lines say how many objects CheckExport gets through in Lambda's 15 minutes with one CPU, latency left out.
"""

from __future__ import annotations

import io
import multiprocessing
import resource
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection
from pathlib import Path

import boto3
import pyarrow as pa
import pyarrow.parquet as pq
from botocore.config import Config

from benchmarks.measure import Report, interleaved
from handlers import objects
from handlers.core.parquet import read_footer

FILES = 1000
OBJECTS = 2000  # asked for over HTTP
ROUNDS = 15
LIMIT = 0.5  # our time over pyarrow's
LAMBDA = 900  # seconds
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


def by_duckdb(folder: Path, files: Sequence[bytes]) -> Callable[[], list[int]] | None:
    """Counts rows per file by duckdb, from *folder*; nothing if it isn't installed."""
    try:
        import duckdb  # type: ignore[import-not-found,unused-ignore]  # noqa: PLC0415
    except ImportError:
        return None
    for n, content in enumerate(files):
        (folder / f"{n:06}.parquet").write_bytes(content)
    query = f"SELECT num_rows FROM parquet_file_metadata('{folder}/*.parquet') ORDER BY file_name"  # noqa: S608
    return lambda: [row for (row,) in duckdb.sql(query).fetchall()]


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
    threading.Thread(target=server.serve_forever, daemon=True).start()
    ready.send(server.server_port)
    while ready.recv():
        ready.send(dict(seen))


def requests(files: list[bytes], number: int) -> tuple[dict[str, int], float]:
    """Requests by method, and our CPU seconds, for *number* objects looked at as CheckExport does."""
    spawn = multiprocessing.get_context("spawn")
    here, there = spawn.Pipe()
    process = spawn.Process(target=_serve, args=(files[:100], there), daemon=True)
    process.start()
    s3 = boto3.client(
        "s3",
        endpoint_url=f"http://127.0.0.1:{here.recv()}",
        region_name="eu-west-1",
        aws_access_key_id="x",
        aws_secret_access_key="x",  # noqa: S106  # nobody checks it
        config=Config(max_pool_connections=objects.THREADS, s3={"addressing_style": "path"}),
    )

    def look(n: int) -> bool:
        found, footer = objects.with_footer(s3, "bucket", objects.look(s3, "bucket", str(n), "v"))
        return footer is not None and not found.trouble

    begun = time.process_time()
    assert all(objects.each(look, range(number)))
    spent = time.process_time() - begun
    here.send(obj=True)
    seen: dict[str, int] = here.recv()
    here.send(obj=False)
    process.join(5)
    return seen, spent


def main() -> None:
    """Print and keep the results."""
    report = Report("footers")
    files = corpus(FILES)
    tails = [content[-objects.TAIL :] for content in files]
    right = by_pyarrow(tails)
    with tempfile.TemporaryDirectory() as folder:
        sides: dict[str, Callable[[], object]] = {"ours": lambda: ours(tails), "pyarrow": lambda: by_pyarrow(tails)}
        duckdb = by_duckdb(Path(folder), files)
        if duckdb:
            assert duckdb() == [rows for rows, _ in right], "duckdb counts other rows than pyarrow"
            sides["duckdb, rows only"] = duckdb
        timed = interleaved(sides, ROUNDS)
    report.times(timed, "pyarrow")
    report.goal("G6 time over pyarrow's", timed.ratio("ours", "pyarrow"), LIMIT)
    wrong = sum(a != b for a, b in zip(ours(tails), right, strict=True))
    report.goal(f"G6 files of {FILES} that differ from pyarrow", wrong, 0, "")
    seen, spent = requests(files, OBJECTS)
    report.goal("G6 GETs per file", seen["GET"] / OBJECTS, 1, "")
    report.goal("HEADs per file", seen["HEAD"] / OBJECTS, 1, "")
    report.note(f"{spent / OBJECTS * 1000:.2f} ms of CPU per object over HTTP, {objects.THREADS} threads")
    report.note(f"{int(LAMBDA / (spent / OBJECTS)):,} objects in Lambda's 15 minutes with one such CPU")
    report.note(f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MiB at most, pyarrow included")
    report.keep()


if __name__ == "__main__":
    main()
