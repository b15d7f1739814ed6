"""The archive of the Lambda functions."""

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import build
from blueprints import artifacts, packaging

LIMIT = 2.4 * 10**6  # bytes, goal G3b


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def archive(cache, tmp_path_factory):
    return packaging.package(tmp_path_factory.mktemp("built"), cache=cache)


@pytest.fixture(scope="module")
def names(archive):
    return zipfile.ZipFile(archive).namelist()


def test_two_builds_are_the_same_bytes_and_small_enough(archive, tmp_path):
    again = packaging.package(tmp_path / "again", cache=tmp_path / "another-cache")

    assert again.read_bytes() == archive.read_bytes()
    assert archive.stat().st_size <= LIMIT


def test_the_archive_bears_the_name_that_the_templates_expect(archive):
    assert archive.name == artifacts.key()


def test_every_handler_is_inside_with_its_bytecode(names):
    sources = [path.relative_to(artifacts.ROOT) for path in artifacts.sources()]
    tag = sys.implementation.cache_tag
    bytecode = [p.parent / "__pycache__" / f"{p.stem}.{tag}.pyc" for p in sources if p.suffix == ".py"]

    assert {path.as_posix() for path in [*sources, *bytecode]} <= set(names)


def test_nothing_is_inside_twice(names):
    assert len(names) == len(set(names))


def test_neither_tests_nor_type_stubs_nor_compiled_code_are_inside(names):
    assert not [name for name in names if re.search(r"\.(so|pyi|pyd|md|js)$|dist-info|(^|/)tests?/|^boto", name)]


def test_bytecode_is_never_compared_with_its_source(archive):
    """PEP 552: flags 1, hash-based and unchecked."""
    with zipfile.ZipFile(archive) as zipped:
        flags = {zipped.read(name)[4:8] for name in zipped.namelist() if name.endswith(".pyc")}

    assert flags == {b"\x01\x00\x00\x00"}


def test_entries_bear_no_date_and_may_be_read_by_everybody(archive):
    entries = zipfile.ZipFile(archive).infolist()

    assert {(e.date_time, e.external_attr >> 16) for e in entries} == {((1980, 1, 1, 0, 0, 0), 0o100644)}


def test_every_module_can_be_imported_from_the_archive_alone(archive, tmp_path):
    """Only boto3 comes from elsewhere, as in the Lambda runtime."""
    with zipfile.ZipFile(archive) as zipped:
        zipped.extractall(tmp_path)
    modules = [
        ".".join(path.relative_to(artifacts.ROOT).with_suffix("").parts)
        for path in artifacts.sources()
        if path.suffix == ".py" and path.stem != "__init__"
    ]
    code = (
        "import importlib, sys; sys.path.insert(0, sys.argv[1])\n"
        "for name in sys.argv[2:]: importlib.import_module(name)\n"
        "for name in ('aws_lambda_powertools', 'pymysql', 'jmespath', 'typing_extensions'):\n"
        "    found = importlib.import_module(name).__file__\n"
        "    assert found.startswith(sys.argv[1]), found\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path, *modules], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr


def test_other_certificates_take_the_place_of_amazons_and_nothing_else_changes(archive, cache, tmp_path):
    own = packaging.package(tmp_path, b"a certificate of the local run", cache)

    with zipfile.ZipFile(archive) as plain, zipfile.ZipFile(own) as changed:
        assert plain.namelist() == changed.namelist()
        differing = [name for name in plain.namelist() if plain.read(name) != changed.read(name)]
        assert differing == ["handlers/certificates/proxy.pem", "handlers/certificates/rds.pem"]
        assert {changed.read(name) for name in differing} == {b"a certificate of the local run"}
    assert own.name == archive.name


def test_a_warm_build_asks_pip_for_nothing(archive, cache, tmp_path, monkeypatch):
    monkeypatch.setattr(packaging, "_install", None)

    assert packaging.package(tmp_path, cache=cache).read_bytes() == archive.read_bytes()


def test_a_changed_handler_asks_pip_for_nothing(archive, cache, tmp_path, monkeypatch):
    monkeypatch.setattr(packaging, "_install", None)
    monkeypatch.setattr(artifacts, "digest", lambda: "0123456789abcdef")

    assert packaging.package(tmp_path, cache=cache).read_bytes() == archive.read_bytes()


def test_a_dependency_compiled_for_one_machine_is_refused(tmp_path, monkeypatch):
    def install(command, **_options):
        (Path(command[-1]) / "fast").mkdir()
        (Path(command[-1]) / "fast" / "speed.so").touch()
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(packaging.subprocess, "run", install)

    with pytest.raises(artifacts.PackagingError, match=r"fast/speed\.so is compiled for one machine"):
        packaging.package(tmp_path, cache=tmp_path / "cache")
    assert not list((tmp_path / "cache").glob("*.zip"))


def test_pips_reason_is_told_in_one_line(tmp_path, monkeypatch, capsys):
    def install(command, **_options):
        return subprocess.CompletedProcess(command, 1, "", "WARNING: retrying\nERROR: no such version\n")

    monkeypatch.setattr(packaging.subprocess, "run", install)
    monkeypatch.setattr(packaging, "CACHE", tmp_path)

    assert build.main(["--package", str(tmp_path)]) == 2
    assert capsys.readouterr().err == (
        "build.py: pip can't install handlers.txt: ERROR: no such version; check the network and pip's settings\n"
    )


def test_the_digest_follows_every_source_and_the_lock(tmp_path, monkeypatch):
    monkeypatch.setattr(artifacts, "ROOT", tmp_path)
    monkeypatch.setattr(artifacts, "SOURCES", tmp_path / "handlers")
    monkeypatch.setattr(artifacts, "LOCK", tmp_path / "lock.txt")
    (tmp_path / "handlers").mkdir()
    seen = set()
    for name in ("lock.txt", "handlers/a.py", "handlers/b.json", "handlers/a.py"):
        (tmp_path / name).write_text(f"{len(seen)}")
        seen.add(artifacts.digest())

    assert len(seen) == 4
    assert all(re.fullmatch(r"[0-9a-f]{16}", digest) for digest in seen)


def test_the_archive_and_this_environment_have_the_same_dependencies():
    """What tests run is what Lambda runs."""
    pins = [line.split()[0] for line in artifacts.LOCK.read_text().splitlines() if "==" in line]
    environment = (artifacts.ROOT / "requirements" / "dev.txt").read_text().splitlines()

    assert len(pins) == 4
    assert set(pins) <= {line.split()[0] for line in environment if "==" in line}
