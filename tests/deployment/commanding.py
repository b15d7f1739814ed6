"""``python build.py …`` as a person runs it, on a copy of the repository and against the embedded AWS."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from shapes import Request, recorded

from deployment import changes
from sandbox.server import ACCOUNT, Engine

ROOT = Path(__file__).parents[2]
SOURCES = ("blueprints", "deployment", "handlers", "requirements", "web", "workflows")
HOME, OTHER = "eu-west-1", "eu-central-1"
PREFIX = "holdfast-quick"
# Whatever isn't named costs seconds: a database, CloudFront.
SETTINGS = """\
version = 2
profile = "SANDBOX"
stage = "quick"
database = false

[site]
cloudfront = false
"""
EMITTED = f".cache/deployments/{PREFIX}/quick"
READING = ("Describe", "Detect", "Get", "Head", "List", "Query")
TIMEOUT = 60  # seconds


@dataclass(frozen=True)
class Answer:
    """What a command said."""

    code: int
    out: str
    err: str
    requests: Sequence[Request]

    @property
    def text(self) -> str:
        return self.out + self.err

    @property
    def writes(self) -> set[str]:
        """Requests that change something."""
        return {each.name for each in self.requests if not each.operation.startswith(READING)}


@dataclass
class Checkout:
    """A copy of the repository, and the account that it deploys to.

    Attributes:
        folder: Where it is.
        engine: The account.
        requests: Every request to AWS so far.
    """

    folder: Path
    engine: Engine
    requests: list[Request] = field(default_factory=list)

    @classmethod
    def made(cls, folder: Path, engine: Engine) -> Checkout:
        folder.mkdir()
        for name in SOURCES:
            shutil.copytree(ROOT / name, folder / name)
        shutil.copyfile(ROOT / "build.py", folder / "build.py")
        if (ROOT / ".cache").exists():  # parsed workflows, the OpenAPI document: only faster
            shutil.copytree(ROOT / ".cache", folder / ".cache", ignore=lambda *_: ["deployments", "deployments.json"])
        (ROOT / ".sandbox").mkdir(exist_ok=True)
        (folder / ".sandbox").symlink_to(ROOT / ".sandbox")  # the functions' dependencies, installed once
        (folder / "quick.toml").write_text(SETTINGS)
        return cls(folder, engine)

    def run(self, *arguments: str, env: dict[str, str] | None = None) -> Answer:
        """``build.py`` with *arguments*, to its end."""
        return self._finished(self.start(*arguments, env=env))

    def interrupted(self, *arguments: str, after: float) -> Answer:
        """``build.py`` with *arguments*, ended by Ctrl-C *after* so many seconds, unless it has ended before."""
        process = self.start(*arguments)
        try:
            process.wait(after)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGINT)
        return self._finished(process)

    def start(self, *arguments: str, env: dict[str, str] | None = None) -> subprocess.Popen[str]:
        """``build.py`` with *arguments*, under way."""
        verb, *others = arguments
        self._log = self.folder / f"requests-{time.monotonic_ns()}"
        self._log.touch()
        environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(self.folder),
            "LANG": "C.UTF-8",
            "AWS_ENDPOINT_URL": self.engine.endpoint,
            "AWS_ACCESS_KEY_ID": ACCOUNT,
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_EC2_METADATA_DISABLED": "true",
            "PYTHONPATH": str(Path(__file__).with_name("recording")),
            "HOLDFAST_REQUESTS": str(self._log),
            **(env or {}),
        }
        return subprocess.Popen(
            [sys.executable, "build.py", verb, "--settings", "quick.toml", *others],
            cwd=self.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def _finished(self, process: subprocess.Popen[str]) -> Answer:
        try:
            out, err = process.communicate(timeout=TIMEOUT)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
        requests = recorded(self._log)
        self.requests += requests
        return Answer(process.returncode, out, err, requests)


def stacks(engine: Engine, prefix: str = PREFIX) -> dict[tuple[str, str], dict[str, Any]]:
    """Every stack of the deployment by name and region."""
    found = {}
    for region in (HOME, OTHER):
        pages = engine.client("cloudformation", region).get_paginator("describe_stacks").paginate()
        for stack in (each for page in pages for each in page["Stacks"]):
            tags = {tag["Key"]: tag["Value"] for tag in stack.get("Tags", [])}
            if tags.get("holdfast:deployment") == prefix:
                found[tags["holdfast:stack"], region] = stack
    return found


def whole(checkout: Checkout) -> None:
    """Every stack is complete, and has the resources that its template asks for in its region, and no others."""
    for (name, region), stack in stacks(checkout.engine).items():
        assert stack["StackStatus"] in ("CREATE_COMPLETE", "UPDATE_COMPLETE"), (name, region, stack["StackStatus"])
        template = json.loads((checkout.folder / EMITTED / f"{name}.json").read_text())
        client = checkout.engine.client("cloudformation", region)
        pages = client.get_paginator("list_stack_resources").paginate(StackName=stack["StackId"])
        found = {one["LogicalResourceId"]: one for page in pages for one in page["StackResourceSummaries"]}
        assert found.keys() == changes.resources(template, region).keys(), (name, region)
        assert all(each["ResourceStatus"].endswith("_COMPLETE") for each in found.values()), (name, region)


def named(text: str) -> set[str]:
    """Names of resources in a list for people; API Gateway's account is in no list of its service."""
    found = re.findall(rf"^      (?:{HOME}|{OTHER}) +(\S+)$", text, re.MULTILINE)
    return set(found) - {"Account"}
