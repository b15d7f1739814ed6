# Each way imports what it needs, and no more.
# ruff: noqa: D102, D103, PLC0415
"""Warm requests for one item and for a new one, served in this process in several ways: ``request.py PORT ROUNDS``.

Prints JSON: for each method and each way the microseconds of a request, round by round. A way whose packages are not
here is left out. Every way does the statements that it would do; the database is on this machine, without TLS.
"""

from __future__ import annotations

import importlib.util
import io
import json
import sys
from collections.abc import Callable
from typing import Any

import pymysql

from benchmarks.measure import interleaved
from handlers import database, serve_resources
from handlers.resources import items

BATCH = 50  # requests between two looks at the clock
SELECT = "SELECT id, title, note, quantity, version, created_at, updated_at FROM items WHERE id = %s"
INSERT = (
    "INSERT INTO items (id, title, note, quantity, version, created_at, updated_at) VALUES (%s, %s, %s, %s, %s, %s, %s)"
)
NEW = {"title": "widget", "note": "n" * 60, "quantity": 12}
TIME = "2026-01-01 00:00:00"
HEADERS = {
    "Accept": "application/json", "Accept-Encoding": "gzip, deflate, br", "Authorization": f"Bearer {'x' * 900}",
    "CloudFront-Forwarded-Proto": "https", "CloudFront-Is-Desktop-Viewer": "true", "CloudFront-Viewer-Country": "DE",
    "Content-Type": "application/json", "Host": "abcdefghij.execute-api.eu-west-1.amazonaws.com",
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64)", "Via": "2.0 abc.cloudfront.net (CloudFront)",
    "X-Amz-Cf-Id": "abcdefghijklmnopqrstuvwxyz==", "X-Amzn-Trace-Id": "Root=1-1-1",
    "X-Forwarded-For": "1.2.3.4, 5.6.7.8",
    "X-Forwarded-Port": "443", "X-Forwarded-Proto": "https",
}  # fmt: skip
Answering = Callable[[dict[str, Any], Any], Any]


class Context:
    """Lambda's, as far as Powertools' Logger reads it."""

    function_name = "holdfast-serve-resources"
    memory_limit_in_mb = 512
    invoked_function_arn = "arn:aws:lambda:eu-west-1:123456789012:function:holdfast-serve-resources"
    aws_request_id = "52fdfc07-2182-154f-163f-5f0f9a621d72"


def event(method: str, path: str, body: object = None) -> dict[str, Any]:
    """As API Gateway sends it."""
    return {
        "resource": "/items/{item_id}" if method == "GET" else "/items",
        "path": path,
        "httpMethod": method,
        "headers": HEADERS,
        "multiValueHeaders": {name: [value] for name, value in HEADERS.items()},
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "pathParameters": None,
        "stageVariables": None,
        "requestContext": {
            "requestId": "c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
            "path": f"/api{path}",
            "stage": "api",
            "httpMethod": method,
            "identity": {"sourceIp": "1.2.3.4"},
            "authorizer": {"claims": {"sub": "somebody"}},
        },
        "body": json.dumps(body) if body else None,
        "isBase64Encoded": False,
    }


class Store:
    """The statements alone."""

    def __init__(self, port: int) -> None:
        self.connection, self.made = connect(port), 0

    def get(self, item_id: str) -> dict[str, Any]:
        with self.connection.cursor() as cursor:
            cursor.execute(SELECT, (item_id,))
            row = cursor.fetchone()
        names = ("id", "title", "note", "quantity", "version", "created_at", "updated_at")
        return dict(zip(names, map(str, row), strict=True))

    def put(self, new: dict[str, Any]) -> dict[str, Any]:
        self.made += 1
        row = (f"S{id(self) % 10**6:06d}{self.made:019d}", new["title"], new["note"], new["quantity"], 1, TIME, TIME)
        with self.connection.cursor() as cursor:
            cursor.execute(INSERT, row)
        return {"id": row[0]}

    def put_in_a_transaction(self, new: dict[str, Any]) -> dict[str, Any]:
        self.connection.begin()
        made = self.put(new)
        self.connection.commit()
        return made


def connect(port: int) -> Any:
    return pymysql.connect(
        host="127.0.0.1", port=port, user="bench", password="bench", database="holdfast",  # noqa: S106
        charset="utf8mb4", autocommit=True, ssl_disabled=True, read_timeout=5, write_timeout=5,
    )  # fmt: skip


class Stub:
    """A database that answers at once with the same row."""

    def __init__(self, row: tuple[Any, ...]) -> None:
        self.row = row

    def read(self, work: Callable[[Any], Any]) -> Any:
        return work(self)

    write = read

    def execute(self, *_: object) -> None:
        pass

    def fetchone(self) -> tuple[Any, ...]:
        return self.row


def powertools(store: Store) -> Answering:
    """As its documentation shows: Logger with the context and one line, Metrics with one metric."""
    from aws_lambda_powertools import Logger, Metrics
    from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
    from aws_lambda_powertools.metrics import MetricUnit

    logger, metrics = Logger(service="items", stream=sys.stdout), Metrics(namespace="Holdfast", service="items")
    app = APIGatewayRestResolver()

    @app.get("/items/<item_id>")
    def get(item_id: str) -> dict[str, Any]:
        return store.get(item_id)

    @app.post("/items")
    def post() -> Response[str]:
        return Response(201, "application/json", json.dumps(store.put_in_a_transaction(app.current_event.json_body)))

    @metrics.log_metrics
    @logger.inject_lambda_context(correlation_id_path="requestContext.requestId")
    def handler(found: dict[str, Any], context: Any) -> Any:
        metrics.add_metric(name="Requests", unit=MetricUnit.Count, value=1)
        logger.info("request")
        return app.resolve(found, context)

    return handler


def flask(store: Store) -> Answering:
    """Without log and metric."""
    from apig_wsgi import make_lambda_handler
    from flask import Flask, jsonify, request

    app = Flask("items")
    app.get("/items/<item_id>", endpoint="get")(lambda item_id: jsonify(store.get(item_id)))
    app.post("/items", endpoint="post")(lambda: (jsonify(store.put_in_a_transaction(request.get_json())), 201))
    return make_lambda_handler(app)  # type: ignore[no-any-return]


def main() -> None:
    """Print the figures."""
    port, rounds = int(sys.argv[1]), int(sys.argv[2])
    out, sys.stdout = sys.stdout, io.StringIO()
    ours = database.Database(database.Environment("p", "127.0.0.1", port, "holdfast", "bench", "none"))
    ours._connection = connect(port)  # noqa: SLF001  # without TLS, like everybody's here
    kept = {"database": ours}
    database.shared = lambda: kept["database"]  # type: ignore[assignment]
    made = serve_resources.handler(event("POST", "/items", NEW), Context())
    item_id = json.loads(made["body"])["id"]
    events = {"GET": event("GET", f"/items/{item_id}"), "POST": event("POST", "/items", NEW)}
    ways: dict[str, Answering] = {"Holdfast": serve_resources.handler, "Powertools standard": powertools(Store(port))}
    if importlib.util.find_spec("flask"):
        ways["Flask, pymysql"] = flask(Store(port))
    if importlib.util.find_spec("fastapi"):
        from benchmarks.peers import fastapi_items

        ways["FastAPI, SQLAlchemy, Mangum"] = fastapi_items.answering(port)
    for name, way in ways.items():
        for method, status in (("GET", 200), ("POST", 201)):
            found = way(events[method], Context())
            assert found["statusCode"] == status, (name, method, found)
    store = Store(port)
    bare = {"GET": {"pymysql alone": lambda: store.get(item_id)}, "POST": {
        "pymysql alone": lambda: store.put_in_a_transaction(NEW), "pymysql alone, one INSERT": lambda: store.put(NEW),
    }}  # fmt: skip
    figures = {}
    for method in ("GET", "POST"):
        sides = {name: lambda way=way, method=method: way(events[method], Context()) for name, way in ways.items()}
        figures[method] = _timed({**sides, **bare[method]}, rounds)
    kept["database"] = Stub((item_id, "widget", "n" * 60, 12, 1, *[items.now().replace(tzinfo=None)] * 2))  # type: ignore[assignment]
    stubbed = {
        f"{method} over a stub": lambda method=method: ways["Holdfast"](events[method], Context()) for method in events
    }
    figures["stub"] = _timed(stubbed, rounds)
    out.write(json.dumps(figures))


def _timed(sides: dict[str, Callable[[], Any]], rounds: int) -> dict[str, list[float]]:
    """Microseconds of one request, round by round."""

    def batch(side: Callable[[], Any]) -> Callable[[], None]:
        def run() -> None:
            sys.stdout.seek(0)  # of the log, so that it doesn't grow
            for _ in range(BATCH):
                side()

        return run

    timed = interleaved({name: batch(side) for name, side in sides.items()}, rounds)
    return {name: [second * 1e6 / BATCH for second in seconds] for name, seconds in timed.seconds.items()}


if __name__ == "__main__":
    main()
