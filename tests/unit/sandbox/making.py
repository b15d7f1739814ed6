"""Short ways to make things in the embedded AWS, for the tests of the plug-in."""

import io
import json
import textwrap
import time
import uuid
import zipfile
from collections.abc import Callable
from typing import Any

from policies import allow, document_text, service, trust

from sandbox.server import Engine

PRIMARY, RECOVERY = "us-east-1", "eu-west-1"


class Maker:
    """Makes the resources that most tests need."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def role(self, by: str, *statements: dict[str, Any]) -> str:
        """A role that a service can assume, with these statements; its ARN."""
        name = f"r{uuid.uuid4().hex[:12]}"
        iam, assumed = self.engine.client("iam"), document_text(trust(service(by)))
        arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=assumed)["Role"]["Arn"]
        if statements:
            iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=document_text(*statements))
        return arn

    def queue(self, region: str = PRIMARY, **attributes: str) -> tuple[str, str]:
        """A queue: URL and ARN."""
        sqs = self.engine.client("sqs", region)
        url = sqs.create_queue(QueueName=f"q{uuid.uuid4().hex[:12]}", Attributes=attributes)["QueueUrl"]
        return url, sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]

    def open_queue(self, region: str = PRIMARY) -> tuple[str, str]:
        """A queue to which EventBridge may send."""
        url, arn = self.queue(region)
        self.let_send(url, arn, "events", region)
        return url, arn

    def let_send(self, url: str, arn: str, by: str, region: str = PRIMARY) -> None:
        """Allow a service to send to a queue."""
        policy = document_text(allow("sqs:SendMessage", arn, Principal=service(by)))
        self.engine.client("sqs", region).set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})

    def receive(self, url: str, region: str = PRIMARY, seconds: int = 5) -> dict[str, Any] | None:
        """The next message of a queue, None when none comes."""
        found = self.engine.client("sqs", region).receive_message(
            QueueUrl=url, WaitTimeSeconds=seconds, MessageAttributeNames=["All"]
        )
        return (found.get("Messages") or [None])[0]

    def function(self, source: str, role: str | None = None, **settings: Any) -> str:
        """A function of that source, whose handler is ``handler``; its ARN."""
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as file:
            file.writestr("app.py", textwrap.dedent(source))
        client = self.engine.client("lambda")
        found = client.create_function(
            FunctionName=f"f{uuid.uuid4().hex[:12]}",
            Runtime="python3.13",
            Role=role or self.role("lambda"),
            Handler="app.handler",
            Code={"ZipFile": archive.getvalue()},
            Timeout=10,
            **settings,
        )
        waiter, often = client.get_waiter("function_active_v2"), {"Delay": 0.02, "MaxAttempts": 500}
        waiter.wait(FunctionName=found["FunctionName"], WaiterConfig=often)
        return found["FunctionArn"]

    def invoke(self, function: str, event: Any = None) -> tuple[Any, str | None]:
        """Invoke a function: its answer, and its error's kind."""
        found = self.engine.client("lambda").invoke(FunctionName=function, Payload=json.dumps(event))
        return json.load(found["Payload"]), found.get("FunctionError")


def eventually(look: Callable[[], Any], seconds: float = 10) -> Any:
    """What ``look`` answers as soon as it is true."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        if time.monotonic() > deadline:
            raise AssertionError(f"still {found!r} after {seconds} s")
        time.sleep(0.02)
    return found
