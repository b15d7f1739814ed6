"""An AWS account that remembers stacks, StackSets, their operations and objects; time passes when somebody pauses.

Every request is held against botocore's model of the API. The account lives on when whoever deploys to it dies.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import boto3
from botocore.exceptions import ClientError
from botocore.validate import ParamValidator
from fake_sets import Sets
from fake_stacks import Stacks

from deployment.progress import Progress, Stopped

ACCOUNT = "111122223333"
READS = ("describe_", "get_", "head_", "list_")
SESSION = boto3.session.Session(aws_access_key_id="none", aws_secret_access_key="none", region_name="eu-west-1")
REAL = {name: SESSION.client(name) for name in ("cloudformation", "s3")}


class Killed(BaseException):
    """Whoever deployed is dead: none of its calls reaches AWS any more."""


class Account:
    """The account.

    Attributes:
        writes: Operation and region of each call that may have changed something.
        down: Regions that don't answer.
    """

    account = ACCOUNT

    def __init__(self) -> None:
        self.writes, self.down = list[tuple[str, str]](), set[str]()
        self.dies_after, self.dead = 0, False
        self.objects: dict[str, dict[str, bytes]] = {}
        self.stacks = Stacks(self.error, self.objects)
        self.sets = Sets(self.stacks, self.error)
        self.stacks.sets = self.sets
        self._lock = threading.RLock()

    def client(self, service: str, region: str = "us-east-1") -> Client:
        return Client(self, service, region)

    def die_after(self, at: int) -> None:
        """Let the deployer die after its *at*-th write: AWS does it, and the deployer never hears of it."""
        self.dies_after = at

    def revive(self) -> None:
        self.dies_after, self.dead = 0, False

    def call(self, service: str, region: str, method: str, arguments: dict[str, Any]) -> Any:
        with self._lock:
            if self.dead:
                raise Killed
            answer = self._do(service, region, method, arguments)
            self.dead = bool(self.dies_after) and len(self.writes) >= self.dies_after
            if self.dead:
                raise Killed(method)
            return answer

    def tick(self) -> None:
        """Let some time pass."""
        with self._lock:
            self.sets.tick()
            self.stacks.tick()

    def rest(self) -> None:
        """Let time pass until nothing is under way."""
        while self.stacks.pending or self.sets.busy():
            self.tick()

    def error(self, code: str, message: str = "", service: str = "cloudformation") -> ClientError:
        response = {"Error": {"Code": code, "Message": message or code}}
        return REAL[service].exceptions.from_code(code)(response, "Operation")

    def _do(self, service: str, region: str, method: str, arguments: dict[str, Any]) -> Any:
        model = REAL[service].meta.service_model
        operation = model.operation_model(REAL[service].meta.method_to_api_mapping[method])
        report = ParamValidator().validate(arguments, operation.input_shape)
        assert not report.has_errors(), report.generate_report()
        if region in self.down:
            raise AssertionError(f"{method} asks {region}, which is down")
        if not method.startswith(READS):
            self.writes.append((method, region))
        for room in (self, self.stacks, self.sets):
            if hasattr(room, method):
                return getattr(room, method)(region, **arguments)
        raise NotImplementedError(method)

    # ---- S3

    def head_bucket(self, region: str, Bucket: str, ExpectedBucketOwner: str) -> Any:  # noqa: N803
        del region
        assert ExpectedBucketOwner == ACCOUNT
        if Bucket not in self.objects:
            raise self.error("404", service="s3")

    def head_object(self, region: str, Bucket: str, Key: str, **_: Any) -> Any:  # noqa: N803
        del region
        if Key not in self.objects[Bucket]:
            raise self.error("404", service="s3")

    def put_object(self, region: str, Bucket: str, Key: str, Body: bytes, **_: Any) -> Any:  # noqa: N803
        del region
        self.objects[Bucket][Key] = Body


class Client:
    """One service in one region."""

    def __init__(self, account: Account, service: str, region: str) -> None:
        self._account, self._service, self._region = account, service, region
        self.exceptions = REAL[service].exceptions

    def __getattr__(self, method: str) -> Callable[..., Any]:
        return lambda **arguments: self._account.call(self._service, self._region, method, arguments)

    def get_paginator(self, method: str) -> Pages:
        assert REAL[self._service].can_paginate(method)
        return Pages(getattr(self, method))


class Pages:
    def __init__(self, call: Callable[..., Any]) -> None:
        self._call = call

    def paginate(self, **arguments: Any) -> Iterator[Any]:
        yield self._call(**arguments)


class Watching(Progress):
    """Progress of somebody who never waits long: while he does, time passes in the account."""

    def __init__(self, account: Account, *, live: bool = True) -> None:
        super().__init__(Silent(), live=live)  # type: ignore[arg-type]  # it takes text
        self._account = account
        self.lines: list[str] = []

    def pause(self, seconds: float) -> None:
        if self._stopped.is_set() or self._account.dead:
            raise Stopped
        self.lines.append(f"{seconds:g}")
        self._account.tick()


class Silent:
    def write(self, _: str) -> None: ...

    def flush(self) -> None: ...
