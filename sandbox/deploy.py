"""Deploy the emitted templates to both regions of the embedded AWS, each stack as soon as what it needs is there."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import build
from blueprints import emit, order, packaging
from blueprints.order import Stack
from blueprints.rebuild import Memory
from blueprints.request import Request
from sandbox.errors import LAST_LOG, DeploymentFailed
from sandbox.progress import Progress

if TYPE_CHECKING:
    from blueprints.settings import Settings
    from sandbox.server import Engine

POLL = 0.1  # seconds between two looks at a stack
STACK_TIMEOUT = 120  # seconds; the database's server is the slowest, and takes 3
CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"]


@dataclass(frozen=True)
class Deployment:
    """What goes where.

    Attributes:
        engine: The embedded AWS.
        settings: What is deployed.
        outputs: Folder of this deployment's emitted templates.
    """

    engine: Engine
    settings: Settings
    outputs: Path

    def artifacts(self, region: str) -> str:
        """The bucket that holds the functions' archive."""
        return self.settings.name("artifacts", region, self.engine.account)

    def stack_name(self, stack: Stack) -> str:
        """Differs between the regions, as a StackSet's instances do: roles are global and bear their stack's name."""
        return self.settings.name(stack.name, stack.region)

    def stacks(self) -> list[str]:
        """The stacks of this deployment, in the order of ``build.STACKS``."""
        return [name for name in build.STACKS if (self.outputs / f"{name}.json").exists()]

    def needs(self, stack: Stack) -> set[Stack]:
        """What must be there before *stack*."""
        return order.needs(stack, self.stacks(), self.settings)

    def everything(self) -> set[Stack]:
        """Every stack in each region that it is deployed to."""
        return order.everything(self.stacks(), self.settings)

    def text(self, stack: Stack) -> str:
        """The template."""
        return (self.outputs / f"{stack.name}.json").read_text()


def emitted(request: Request, directory: Path) -> Path:
    """Emit the templates that *request* asks for below *directory*, and return the folder that holds them.

    What takes long to make is kept from run to run, beside the latest log: parsed workflows, the OpenAPI document.

    Raises:
        SettingsError: The request names no settings, or wrong ones.
    """
    (settings,) = request.deployments()
    emit.emit(directory, build.STACKS, request, Memory(LAST_LOG.with_name("build.json"), directory))
    return directory / settings.stage


def deploy(deployment: Deployment, progress: Progress) -> dict[Stack, float]:
    """Create every stack in its regions; the answer is how many seconds each took.

    Raises:
        DeploymentFailed: A stack could not be created; the message names the resource and the reason.
        PackagingError: The functions' archive can't be made.
    """
    _make_zone(deployment)
    waiting = deployment.everything()
    done: dict[Stack, float] = {}
    with ThreadPoolExecutor(8, "deploy") as pool:
        archive = pool.submit(_archive, deployment)
        _make_buckets(deployment, {stack.region for stack in waiting})
        running: dict[Future[float], Stack] = {}
        while waiting or running:
            for stack in sorted(stack for stack in waiting if deployment.needs(stack) <= done.keys()):
                running[pool.submit(_create, deployment, stack, archive, progress)] = stack
                waiting.discard(stack)
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                done[running.pop(future)] = future.result()
    return done


def _make_zone(deployment: Deployment) -> None:
    """Make the hosted zone of the deployment's domain; the templates name the id that Route 53 gives it."""
    domain = deployment.settings.domain
    if domain:
        route53 = deployment.engine.client("route53")
        made = route53.create_hosted_zone(Name=domain.name, CallerReference=deployment.settings.prefix)
        zone = made["HostedZone"]["Id"].rpartition("/")[2]
        for path in deployment.outputs.glob("*.json"):
            path.write_text(path.read_text().replace(f'"{domain.zone_id}"', f'"{zone}"'))


def _make_buckets(deployment: Deployment, where: Iterable[str]) -> None:
    for region in sorted(where):
        client = deployment.engine.client("s3", region)
        place = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
        client.create_bucket(Bucket=deployment.artifacts(region), **place)


def _archive(deployment: Deployment) -> Path:
    """The functions' archive, with the certificate authority of the embedded RDS in it.

    Raises:
        PackagingError: The archive can't be made.
    """
    directory = deployment.engine.directory
    return packaging.package(directory / "packages", (directory / "rds-ca.pem").read_bytes())


def _create(deployment: Deployment, stack: Stack, archive: Future[Path], progress: Progress) -> float:
    """Create one stack and wait until it is complete; its template goes by the bucket, a call holds 50 KiB.

    Raises:
        DeploymentFailed: It did not become complete.
    """
    text = deployment.text(stack)
    resources = json.loads(text)["Resources"]
    if any(resource["Type"] == "AWS::Lambda::Function" for resource in resources.values()):
        _upload(deployment, stack.region, archive.result())
    total = len(resources)
    client = deployment.engine.client("cloudformation", stack.region)
    name = deployment.stack_name(stack)
    what = f"{stack.name} stack in {stack.region}"
    progress.begin(what, what, f"CloudFormation creates {total} resources")
    begun = time.monotonic()
    key = f"templates/{stack.name}.json"
    bucket = deployment.artifacts(stack.region)
    deployment.engine.client("s3", stack.region).put_object(Bucket=bucket, Key=key, Body=text.encode())
    url = f"https://s3.{stack.region}.amazonaws.com/{bucket}/{key}"
    client.create_stack(StackName=name, TemplateURL=url, Capabilities=CAPABILITIES, OnFailure="DO_NOTHING")
    while (status := _status(client, name)).endswith("_IN_PROGRESS"):
        if time.monotonic() - begun > STACK_TIMEOUT:
            progress.end(what, "still not complete")
            raise DeploymentFailed(f"the {what} is {status} after {STACK_TIMEOUT} s")
        time.sleep(POLL)
    if status != "CREATE_COMPLETE":
        progress.end(what, "failed")
        raise DeploymentFailed(f"the {what} is {status}: {cause(client, name)}")
    progress.end(what, f"{total} resources")
    return time.monotonic() - begun


def _status(client: Any, name: str) -> str:
    return str(client.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"])


def cause(client: Any, name: str) -> str:
    """The first failure of a stack's resources: the others follow from it."""
    pages = client.get_paginator("describe_stack_events").paginate(StackName=name)
    return first_failure([event for page in pages for event in page["StackEvents"]])


def first_failure(events: Iterable[Mapping[str, Any]]) -> str:
    """Resource, type and reason of the oldest failed event; CloudFormation lists the newest first."""
    failed = [event for event in events if event.get("ResourceStatus", "").endswith("_FAILED")]
    own = [event for event in failed if event.get("ResourceType") != "AWS::CloudFormation::Stack"]
    if not (own or failed):
        return "CloudFormation named no reason"
    event = (own or failed)[-1]
    reason = " ".join(event.get("ResourceStatusReason", "no reason given").split())
    return f"{event['LogicalResourceId']} ({event.get('ResourceType', 'unknown type')}): {reason}"


def _upload(deployment: Deployment, region: str, archive: Path) -> None:
    """Put the functions' archive where the region's templates expect it; again, if another stack has done so before."""
    bucket = deployment.artifacts(region)
    deployment.engine.client("s3", region).upload_file(str(archive), bucket, archive.name)
