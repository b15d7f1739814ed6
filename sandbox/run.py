"""The story that a stranger sees first: two regions, a database, one scheduled backup, a proved recovery point."""

from __future__ import annotations

import fcntl
import os
import shutil
import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from blueprints.request import Request
from deployment import console
from deployment.progress import Progress
from sandbox import databases, deploy, mysql_processes, people
from sandbox.api import Api
from sandbox.databases import Databases, Login
from sandbox.errors import LAST_LOG, InputRefused
from sandbox.follow import Follower, Step
from sandbox.report import Report, Reporter
from sandbox.server import Engine

if TYPE_CHECKING:
    from blueprints.settings import Settings

HOME = LAST_LOG.parent
PACKAGES_KEPT = 24 * 3600  # seconds; each run's archive has the certificate authority of that run


@dataclass
class Story:
    """One local run, act by act; each act may be called by itself, as the end-to-end tests do."""

    engine: Engine
    settings: Settings
    outputs: Path
    progress: Progress
    steps: list[Step] = field(default_factory=list)
    logins: list[Login] = field(default_factory=list)

    @cached_property
    def api(self) -> Api:
        """The primary region's API."""
        return Api(self.engine, self.settings, self.settings.primary_region)

    def deploy(self) -> None:
        """Every stack in both regions.

        Raises:
            DeploymentFailed: A stack could not be created.
        """
        with self.timed("deploy"):
            deploy.deploy(self.engine, deploy.target(self.engine, self.settings, self.outputs), self.progress)

    def fill(self, count: int = 1, sql: Path | None = None) -> None:
        """*count* protected databases with the user's dump or the sample data in them.

        Raises:
            InputRefused: The dump or the sample data can't be loaded.
            DeploymentFailed: A database did not become available.
        """
        found = Databases(self.engine, self.settings)
        with self.timed("seed"):
            names = found.create(count)
            pool = ThreadPoolExecutor(os.cpu_count() or 1, "seed")
            try:
                self.logins = list(pool.map(lambda name: self._fill(found, name, sql), names))
            finally:  # the engine's end ends a load that is under way
                pool.shutdown(wait=False, cancel_futures=True)
            # What measures every few minutes also lists the databases, and a person would wait for it.
            self.engine.fire_schedule(self.settings.name("measure"), self.settings.primary_region)

    def open(self) -> people.Person:
        """The console in its bucket, its login page that leads back there, and somebody who may log in."""
        with self.timed("console"):
            configurations = {
                region: Api(self.engine, self.settings, region).configuration for region in self.settings.regions
            }
            console.publish(deploy.target(self.engine, self.settings, self.outputs), configurations)
            console.let_in(self.engine, self.api.region, self.api.outputs, self.api.console)
            return people.invite(self.api)

    def _fill(self, found: Databases, name: str, sql: Path | None) -> Login:
        with self.progress.step(f"database {name}", f"MySQL loads {sql.name if sql else 'the sample data'}"):
            login = found.login(name)
            databases.fill(login, sql)
            return login

    def back_up(self, at: datetime | None = None) -> Report:
        """Send the schedule's event, follow what it starts to the end, and report.

        Raises:
            StoryFailed: There is no verdict to report.
        """
        with self.timed("backup"):
            follower = self.send(at)
            runs = follower.follow(len(self.logins))
        reporter = Reporter(self.engine, self.settings, follower)
        points = [reporter.of(run) for run in sorted(runs, key=lambda run: run.name)]
        seconds = round(sum(step.seconds for step in self.steps), 3)
        return Report(points, tuple(self.steps), seconds, self.api.url, self.api.console)

    def send(self, at: datetime | None = None) -> Follower:
        """Send the schedule's event as if its time *at* had come; the follower knows which runs are older."""
        follower = Follower(self.engine, self.settings, self.progress)
        self.progress.say("the schedule's event goes to fleet")
        name, region = self.settings.name("fleet"), self.settings.primary_region
        self.engine.fire_schedule(name, region, at or datetime.now(UTC))
        return follower

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """Note how long the block took."""
        begun = time.monotonic()
        yield
        self.steps.append(Step(name, round(time.monotonic() - begun, 3)))


@contextmanager
def story(request: Request, progress: Progress, port: int | None = None) -> Iterator[Story]:
    """A story whose embedded AWS runs; afterwards nothing of it is left.

    Raises:
        SettingsError: The request names no settings, or wrong ones.
        ServerMissing: There is no database server, and none can be installed.
        EngineError: The embedded AWS did not start.
    """
    with directory() as own:
        begun = time.monotonic()
        outputs = deploy.emitted(request, own / "outputs")
        (settings,) = request.deployments()
        mysql_processes.find()
        built = Step("build", round(time.monotonic() - begun, 3))
        begun = time.monotonic()
        with progress.step("embedded AWS"):
            engine = Engine(own / "engine", port=port).start()
        try:
            yield Story(
                engine,
                settings,
                outputs,
                progress,
                [built, Step("engine", round(time.monotonic() - begun, 3))],
            )
        finally:
            engine.stop()
            with suppress(OSError):
                shutil.copyfile(engine.log, LAST_LOG)


@contextmanager
def directory(home: Path = HOME) -> Iterator[Path]:
    """A directory for this run alone, removed afterwards; what dead runs left behind is removed first.

    A run holds a lock on its directory, which the kernel drops however the run ends.

    Raises:
        InputRefused: Nothing can be written there.
    """
    try:
        runs = home / "runs"
        runs.mkdir(parents=True, exist_ok=True)
        remove_leftovers(home)
        own = runs / f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{os.getpid()}"
        own.mkdir()
        lock = (own / "lock").open("w")
    except OSError as error:
        raise InputRefused(f"{home}: {error.strerror}; the local run keeps its files there") from None
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            yield own
        finally:
            shutil.rmtree(own, ignore_errors=True)


def remove_leftovers(home: Path) -> threading.Thread:
    """Remove the directories of runs that were killed, and archives that nobody will ask for again.

    The databases of a run are some hundred megabytes, so a thread removes them while this run goes on.
    """
    dead = [run for run in (home / "runs").iterdir() if _is_dead(run)]
    for archive in (home / "packages").glob("handlers-*.zip"):
        with suppress(OSError):
            if time.time() - archive.stat().st_mtime > PACKAGES_KEPT:
                archive.unlink()
    remover = threading.Thread(target=_remove, args=(dead,), daemon=True)
    remover.start()
    return remover


def _remove(directories: Iterable[Path]) -> None:
    for each in directories:
        shutil.rmtree(each, ignore_errors=True)


def _is_dead(run: Path) -> bool:
    """Whether nobody holds the lock of a run's directory."""
    try:
        with (run / "lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
