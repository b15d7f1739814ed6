"""What one run of ``build.py`` is asked for: every profile, one of them, or the deployment of a settings file."""

from __future__ import annotations

from argparse import ArgumentParser, HelpFormatter, Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from blueprints.validation import SettingsError

if TYPE_CHECKING:
    from blueprints.settings import Settings


class Request(NamedTuple):
    """Deployments to emit.

    Attributes:
        stage: Name of a profile, in either case; nothing for all of them.
        file: A settings file, instead of a profile.
    """

    stage: str | None = None
    file: Path | None = None

    @property
    def name(self) -> str:
        """What tells this request from others."""
        return str(self.file.resolve()) if self.file else (self.stage or "").lower()

    def content(self) -> bytes:
        """The settings file's bytes, as far as they can be read; :meth:`deployments` says why they can't."""
        try:
            return self.file.read_bytes() if self.file else b""
        except OSError:
            return b""

    def deployments(self) -> list[Settings]:
        """Settings of each deployment asked for.

        Raises:
            SettingsError: there is no such profile, or the file can't be used.
        """
        if self.file:
            from blueprints import settings_file  # noqa: PLC0415 (a run that changes nothing needs no settings)

            return [settings_file.load(self.file)]
        from blueprints.settings import PROFILES  # noqa: PLC0415

        if self.stage is None:
            return list(PROFILES.values())
        if self.stage.upper() not in PROFILES:
            known = ", ".join(name.lower() for name in PROFILES)
            raise SettingsError(f'--stage = "{self.stage}": use {known}, or name a file of your own with --settings')
        return [PROFILES[self.stage.upper()]]


def arguments(argv: Sequence[str] | None) -> Namespace:
    """The command line of ``build.py``, parsed."""
    return parser().parse_args(argv)


def parser() -> ArgumentParser:
    """What ``build.py`` takes when it is not told to do something with AWS."""
    found = ArgumentParser(
        prog="build.py",
        description="Emit every template and state machine to outputs/.",
        epilog="With AWS: build.py deploy, status or destroy; each has its own --help. Its price: build.py cost.",
        formatter_class=lambda prog: HelpFormatter(prog, width=100),  # else shutil is imported to ask the terminal
    )
    which = found.add_mutually_exclusive_group()
    which.add_argument("--stage", help="production, staging or sandbox; default: all of them")
    which.add_argument("--settings", type=Path, metavar="FILE", help="a TOML file instead of a stage")
    found.add_argument("--check", action="store_true", help="write nothing; exit 1 if outputs/ differs")
    found.add_argument("--package", type=Path, metavar="DIRECTORY", help="only make the functions' archive, there")
    return found
