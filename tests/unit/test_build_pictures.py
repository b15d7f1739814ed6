"""``build.py`` and its pictures: drawn beside the templates, kept, and checked as they are."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import build

REPOSITORY = Path(build.__file__).parent
PICTURES = [f"sandbox/{name}.svg" for name in ("architecture", "backup", "copy", "dependencies", "fleet")]
RUN = (
    "import build, pathlib, sys; build.OUTPUTS = pathlib.Path(sys.argv[1]) / 'outputs'; "
    "code = build.main([*sys.argv[2:], '--stage', 'sandbox']); "
    "print(sorted(name for name in sys.modules if name.startswith('blueprints.pictures.'))); sys.exit(code)"
)


def run(folder, *arguments):
    """What the run says, line by line; at last the modules that it drew with."""
    done = subprocess.run(
        [sys.executable, "-c", RUN, folder, *arguments], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert not done.stderr
    return done.stdout.splitlines()


@pytest.fixture(scope="module")
def emitted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("emitted")
    run(folder)
    return folder


@pytest.fixture
def folder(emitted, tmp_path):
    shutil.copytree(emitted, tmp_path, dirs_exist_ok=True)
    return tmp_path


def test_pictures_stand_beside_the_templates(folder):
    assert sorted(f"sandbox/{path.name}" for path in (folder / "outputs/sandbox").glob("*.svg")) == PICTURES
    assert run(folder, "--check")[:-1] == ["nothing to do: outputs/ holds what the code emits"]


def test_a_run_that_changes_nothing_draws_nothing(folder):
    assert run(folder) == ["nothing to do: outputs/ holds what the code emits", "[]"]


def test_what_was_drawn_before_is_not_drawn_again_even_if_everything_else_is_built(folder):
    """*Exact*, as goal G1 rests on it."""
    shutil.rmtree(folder / "outputs")
    (folder / ".cache/build.json").unlink()

    *wrote, modules = run(folder)

    assert {f"wrote: {name}" for name in PICTURES} < set(wrote)
    assert modules == "[]"


def test_a_picture_edited_by_hand_is_stale_and_is_written_again(folder):
    path = folder / "outputs/sandbox/copy.svg"
    drawn = path.read_bytes()
    path.write_bytes(drawn.replace(b"ClaimCopy", b"Mine"))

    assert run(folder, "--check")[:-1] == ["stale: sandbox/copy.svg"]
    assert run(folder)[:-1] == ["wrote: sandbox/copy.svg"]
    assert path.read_bytes() == drawn


def test_a_picture_of_nothing_is_superfluous_and_is_removed(folder):
    path = folder / "outputs/sandbox/old.svg"
    path.write_text("<svg/>")

    assert run(folder, "--check")[:-1] == ["superfluous: sandbox/old.svg"]
    assert run(folder)[:-1] == ["removed: sandbox/old.svg"]
    assert not path.exists()


def test_check_believes_no_kept_picture(folder):
    kept = folder / ".cache/pictures.json"
    kept.write_text(kept.read_text().replace("ClaimCopy", "Mine"))

    assert run(folder, "--check")[:-1] == ["nothing to do: outputs/ holds what the code emits"]
