"""Requests as API Gateway hands them to a function, and what is read of the answers."""

import json

ONE = {"/items/": "{item_id}", "/recovery-points/": "{point_id}"}


def request(method, path, body=None, *, key=None, query=None, who="somebody", **headers):  # noqa: PLR0913
    """An event as API Gateway sends it."""
    sent = {name.replace("_", "-"): value for name, value in headers.items() if value is not None}
    if key is not None:
        sent["Idempotency-Key"] = key
    if body is not None:
        sent.setdefault("Content-Type", "application/json")
    return {
        "resource": _resource(path),
        "path": path,
        "httpMethod": method,
        "headers": sent,
        "multiValueHeaders": {name: [value] for name, value in sent.items()},
        "queryStringParameters": query,
        "multiValueQueryStringParameters": {name: [value] for name, value in query.items()} if query else None,
        "pathParameters": None,
        "stageVariables": None,
        "requestContext": {
            "requestId": "c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
            "path": f"/api{path}",
            "stage": "api",
            "httpMethod": method,
            "authorizer": {"claims": {"sub": who}},
        },
        "body": body if body is None or isinstance(body, str) else json.dumps(body),
        "isBase64Encoded": False,
    }


def _resource(path):
    """The path as the routes of the API write it."""
    for collection, one in ONE.items():
        if path.startswith(collection):
            return collection + one
    return path


def body(answer):
    return json.loads(answer["body"])


def header(answer, name):
    return answer["multiValueHeaders"].get(name, [None])[0]
