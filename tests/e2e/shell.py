"""A shell in which ``aws`` speaks to the embedded AWS: as much of the AWS CLI as the papers use, and quick.

Words become calls by botocore's models, as the CLI does it; ``aws`` itself is a script that hands its words to this
process.
"""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import jmespath
from botocore import xform_name

from sandbox.server import Engine

SCRIPT = """#!{python} -SE
import json, socket, sys
with socket.socket(socket.AF_UNIX) as line:
    line.connect({address!r})
    line.sendall(json.dumps(sys.argv[1:]).encode() + b"\\n")
    said, told, code = json.loads(line.makefile().read())
sys.stdout.write(said)
sys.stderr.write(told)
sys.exit(code)
"""


class Shell:
    """Runs pieces of shell; variables and functions of one piece are known to the next."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self._engine, self._folder = engine, folder
        self._known: list[str] = []
        address = str(folder / "line")
        script = folder / "aws"
        script.write_text(SCRIPT.format(python=sys.executable, address=address))
        script.chmod(0o700)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(address)
        self._listener.listen()
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def know(self, definitions: str) -> None:
        """Have *definitions* at the beginning of each piece."""
        self._known.append(definitions)

    def run(self, piece: str) -> str:
        """What it prints; the first command that fails ends it."""
        path = f"{self._folder}:{os.environ['PATH']}"
        text = "\n".join(["set -euo pipefail", *self._known, piece])
        done = subprocess.run(["bash"], input=text, env={"PATH": path}, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{piece}\n{done.stdout}{done.stderr}"
        return done.stdout.strip()

    def _serve(self) -> None:
        while True:
            try:
                line, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(line,), daemon=True).start()

    def _answer(self, line: socket.socket) -> None:
        with line:
            try:
                answer = [self._call(json.loads(line.makefile().readline())), "", 0]
            except Exception as error:  # noqa: BLE001 (whatever it is, the shell is told)
                answer = ["", f"{type(error).__name__}: {error}\n", 255]
            line.sendall(json.dumps(answer).encode())

    def _call(self, words: list[str]) -> str:
        service, operation, *rest = words
        given = _options(rest)
        region = (given.pop("region", None) or ["eu-west-1"])[0]
        query, form = given.pop("query", [""])[0], given.pop("output", ["json"])[0]
        limit = given.pop("max-items", None)
        client = self._engine.client({"s3api": "s3"}.get(service, service), region)
        if service == "s3":  # cp s3://bucket/key -
            bucket, _, key = rest[0].removeprefix("s3://").partition("/")
            return str(client.get_object(Bucket=bucket, Key=key)["Body"].read().decode())
        if operation == "wait":
            waiter = client.get_waiter(rest[0].replace("-", "_"))
            shape = client.meta.service_model.operation_model(waiter.config.operation).input_shape
            waiter.wait(**_arguments(shape, given), WaiterConfig={"Delay": 0.2, "MaxAttempts": 300})
            return ""
        names = {xform_name(each, "-"): each for each in client.meta.service_model.operation_names}
        arguments = _arguments(client.meta.service_model.operation_model(names[operation]).input_shape, given)
        method = operation.replace("-", "_")
        if client.can_paginate(method):
            pages = client.get_paginator(method).paginate(
                **arguments, **({"PaginationConfig": {"MaxItems": int(limit[0])}} if limit else {})
            )
            answer = pages.build_full_result()
        else:
            answer = getattr(client, method)(**arguments)
        answer.pop("ResponseMetadata", None)
        return _shown(jmespath.search(query, answer) if query else answer, form)


def _options(words: list[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    values: list[str] = []
    for word in words:
        if re.fullmatch(r"--[a-z][a-z0-9-]*", word):
            values = found.setdefault(word[2:], [])
        else:
            values.append(word)
    return found


def _arguments(shape: Any, given: dict[str, list[str]]) -> dict[str, Any]:
    """What an operation is called with."""
    members = {xform_name(name, "-"): name for name in shape.members}
    found = {}
    for option, values in given.items():
        name = members.get(option) or members[option.removeprefix("no-")]
        if shape.members[name].type_name == "boolean":
            found[name] = option in members
        else:
            found[name] = _value(shape.members[name], values)
    return found


def _value(shape: Any, values: list[str]) -> Any:
    kind, first = shape.type_name, values[0]
    if kind in ("list", "structure", "map") and first[0] in "{[":
        return json.loads(first)
    if kind == "list":
        return [_value(shape.member, [value]) for value in values]
    if kind == "structure":  # Key=a,Value=b
        pairs = (pair.partition("=") for pair in re.split(r",(?=\w+=)", first))
        return {name: _value(shape.members[name], [value]) for name, _, value in pairs}
    return {"integer": int, "long": int, "double": float}.get(kind, str)(first)


def _shown(answer: Any, form: str) -> str:
    if form == "json":
        return json.dumps(answer, default=str) + "\n"
    rows = answer if isinstance(answer, list) else [answer]
    lines = rows if any(isinstance(row, list) for row in rows) else [rows]
    return "".join("\t".join(map(str, row if isinstance(row, list) else [row])) + "\n" for row in lines)
