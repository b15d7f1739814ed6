"""The archive of the Lambda functions: ``handlers/``, its locked dependencies, and bytecode for a fast cold start.

Built twice, byte-identical: fixed order, dates and permissions, and bytecode that names no date either. The bytecode is
that of the Python that builds; another version ignores it and reads the sources.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

from blueprints import artifacts
from blueprints.artifacts import PackagingError

__all__ = ["PackagingError", "package"]

CACHE = artifacts.ROOT / ".sandbox" / "packages"
CERTIFICATES = ("rds.pem", "proxy.pem")  # below handlers/certificates
DATE = (1980, 1, 1, 0, 0, 0)  # the first that a zip archive can hold
PERMISSIONS = 0o100644  # a file that everybody may read: Lambda runs functions as another user

# Left out of the dependencies: what only people and tools read, and parts of Powertools that can't work, since they
# need pydantic (the parser, Swagger's pages), fastjsonschema or a Kafka client, which we don't ship.
UNREAD = (".pyi", ".typed", ".pyc", ".md", ".txt", ".rst", ".js", ".css")
UNREAD_FOLDERS = ("bin", "tests", "__pycache__")
UNUSABLE = tuple(f"aws_lambda_powertools/utilities/{part}" for part in ("parser", "validation", "kafka"))
NATIVE = (".so", ".pyd", ".dylib")


def package(directory: Path, certificates: bytes | None = None, cache: Path | None = None) -> Path:
    """Path of the archive in *directory*, under the name that the templates expect.

    Args:
        directory: Where it goes; made if need be.
        certificates: Certificate authorities to trust instead of Amazon's (the local run has its own).
        cache: Keeps what was built before, so that an unchanged archive is only copied; default: ``.sandbox/packages``.

    Raises:
        PackagingError: pip can't install what the lock names, or that isn't pure Python.
    """
    cache = cache or CACHE
    rules = Path(__file__).read_bytes() + sys.version.encode()
    kept = cache / f"handlers-{_digest(artifacts.digest().encode(), certificates or b'', rules)}.zip"
    if not kept.exists():
        dependencies = cache / f"dependencies-{_digest(artifacts.LOCK.read_bytes(), rules)}.zip"
        if not dependencies.exists():
            _make(dependencies, _install)
        _make(kept, lambda folder: _copy_handlers(folder, certificates), dependencies)
    directory.mkdir(parents=True, exist_ok=True)
    archive = directory / artifacts.key()
    shutil.copyfile(kept, archive)
    return archive


def _make(archive: Path, fill: Callable[[Path], None], base: Path | None = None) -> None:
    """Write *archive*: what *base* holds, then what *fill* puts into a folder, with bytecode."""
    archive.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=archive.parent) as name:
        fresh, folder = Path(name) / "fresh.zip", Path(name) / "content"
        folder.mkdir()
        fill(folder)
        _compile(folder)
        if base:
            shutil.copyfile(base, fresh)
        with zipfile.ZipFile(fresh, "a", zipfile.ZIP_DEFLATED, compresslevel=9) as zipped:
            for path in sorted(path for path in folder.rglob("*") if path.is_file()):
                entry = zipfile.ZipInfo(path.relative_to(folder).as_posix(), DATE)
                entry.external_attr, entry.create_system = PERMISSIONS << 16, 3  # Unix
                zipped.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED, 9)
        fresh.replace(archive)  # at once, so that a run beside this one sees all or nothing


def _install(folder: Path) -> None:
    """Fill *folder* with the dependencies of the functions."""
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "install", "--no-compile"]
    options = ["--require-hashes", "--no-deps", "--only-binary", ":all:", "--requirement", str(artifacts.LOCK)]
    done = subprocess.run([*pip, *options, "--target", str(folder)], capture_output=True, text=True, check=False)
    if done.returncode:
        reason = (done.stderr.strip() or "no reason given").splitlines()[-1]
        raise PackagingError(f"pip can't install {artifacts.LOCK.name}: {reason}; check the network and pip's settings")
    for path in _unneeded(folder):
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    native = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.suffix in NATIVE]
    if native:
        raise PackagingError(f"{native[0]} is compiled for one machine; choose a dependency in pure Python")


def _unneeded(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*"), reverse=True):
        inside = path.relative_to(folder).as_posix()
        folders = path.is_dir() and (path.name in UNREAD_FOLDERS or path.suffix == ".dist-info")
        if folders or inside in UNUSABLE or (path.is_file() and path.suffix in UNREAD):
            yield path


def _copy_handlers(folder: Path, certificates: bytes | None) -> None:
    for source in artifacts.sources():
        target = folder / source.relative_to(artifacts.ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
    if certificates is not None:
        for name in CERTIFICATES:
            (folder / "handlers" / "certificates" / name).write_bytes(certificates)


def _compile(folder: Path) -> None:
    """Put bytecode beside each source; it is believed unread (unchecked hash), since the sources can't change.

    A process of its own, with fixed hashes: bytecode depends on which strings the compiling process knows already.
    https://docs.python.org/3/reference/import.html#pyc-invalidation
    """
    command = [sys.executable, "-S", "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    subprocess.run([*command, "-s", str(folder), str(folder)], check=True, env={**environment, "PYTHONHASHSEED": "0"})


def _digest(*parts: bytes) -> str:
    return hashlib.sha256(b"\0".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()[:16]
