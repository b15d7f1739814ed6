"""The local run's deployment: what ``build.py deploy`` does on AWS, done by the same code on the embedded AWS."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import build
from blueprints import emit, packaging
from blueprints.rebuild import Memory
from blueprints.request import Request
from deployment import deploy as deployment
from deployment.errors import DeploymentError
from deployment.target import Target
from sandbox.errors import LAST_LOG, DeploymentFailed

if TYPE_CHECKING:
    from blueprints.order import Stack
    from blueprints.settings import Settings
    from deployment.progress import Progress
    from sandbox.server import Engine


def emitted(request: Request, directory: Path) -> Path:
    """Emit the templates that *request* asks for below *directory*, and return the folder that holds them.

    What takes long to make is kept from run to run, beside the latest log: parsed workflows, the OpenAPI document.

    Raises:
        SettingsError: The request names no settings, or wrong ones.
    """
    (settings,) = request.deployments()
    emit.emit(directory, build.STACKS, request, Memory(LAST_LOG.with_name("build.json"), directory))
    return directory / settings.stage


def target(engine: Engine, settings: Settings, outputs: Path) -> Target:
    """The embedded AWS as something that can be deployed to."""
    return Target(engine, settings, outputs, tuple(build.STACKS))


def deploy(engine: Engine, target: Target, progress: Progress) -> dict[Stack, float]:
    """Create every stack in its regions; the answer is how many seconds each took.

    Raises:
        DeploymentFailed: A stack could not be created; the message names the resource and the reason.
        PackagingError: The functions' archive can't be made.
    """

    def archive() -> Path:
        # Functions trust the certificate authority of the embedded RDS, and no other.
        certificates = (engine.directory / "rds-ca.pem").read_bytes()
        return packaging.package(engine.directory / "packages", certificates)

    domain = target.settings.domain
    if domain:
        engine.make_hosted_zone(domain.name, domain.zone_id)
    try:
        return dict(deployment.deploy(target, archive, progress, consent=lambda _: True).seconds)
    except DeploymentError as error:
        raise DeploymentFailed(str(error)) from error
