"""``build.py`` and what follows from everything else it emits: the sets, by the digests of the other templates."""

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest
from troposphere import Template

import build
from blueprints import emit
from blueprints.rebuild import Memory
from blueprints.request import Request

REPOSITORY = Path(build.__file__).parent
REQUEST = Request("sandbox")


class Bench:
    """A repository with one stack and its sets, that counts how often each was built."""

    def __init__(self, root: Path) -> None:
        self.root, self.outputs = root, root / "outputs"
        self.says = "first"
        self.built: list[str] = []
        for folder in ("blueprints", "workflows", "handlers", "requirements"):
            (root / folder).mkdir()
        for name in ("build.py", "requirements/handlers.txt", "blueprints/one.py", "blueprints/stacksets.py"):
            (root / name).touch()
        self.stacks = {"one": self.one, "stacksets": self.sets}

    def one(self, _settings) -> Template:
        self.built.append("one")
        return Template(Description=self.says)

    def sets(self, _settings, texts) -> Template:
        self.built.append("stacksets")
        digests = [f"{stack} {hashlib.sha256(text.encode()).hexdigest()[:8]}" for stack, text in texts.items()]
        return Template(Description=", ".join(digests))

    def emit(self) -> list[str]:
        memory = Memory(self.root / "memory.json", self.outputs)
        return emit.emit(self.outputs, self.stacks, REQUEST, memory, self.root)

    def change(self, name: str, says: str) -> None:
        self.says = says
        (self.root / "blueprints" / f"{name}.py").write_text(says)


@pytest.fixture
def bench(tmp_path):
    return Bench(tmp_path)


def digest(bench):
    return hashlib.sha256((bench.outputs / "sandbox/one.json").read_bytes()).hexdigest()[:8]


def test_the_sets_hold_the_digests_of_the_files_that_were_written(bench):
    assert bench.emit() == ["wrote: sandbox/one.json", "wrote: sandbox/stacksets.json"]
    assert f'"one {digest(bench)}"' in (bench.outputs / "sandbox/stacksets.json").read_text()


def test_a_changed_stack_changes_the_sets(bench):
    bench.emit()
    bench.change("one", "second")

    assert bench.emit() == ["wrote: sandbox/one.json", "wrote: sandbox/stacksets.json"]
    assert f'"one {digest(bench)}"' in (bench.outputs / "sandbox/stacksets.json").read_text()
    assert bench.emit() == []
    assert bench.built == ["one", "stacksets", "one", "stacksets"]


def test_the_sets_of_a_stack_that_was_not_built_again_still_hold_its_digest(bench):
    bench.emit()
    bench.change("stacksets", "first")

    assert bench.emit() == []
    assert bench.built == ["one", "stacksets", "stacksets"]


def test_check_compares_the_sets_with_what_it_built_itself(bench):
    bench.emit()
    bench.says = "second"  # although no source changed

    assert emit.check(bench.outputs, bench.stacks, REQUEST) == [
        "stale: sandbox/one.json",
        "stale: sandbox/stacksets.json",
    ]


def test_all_templates_together_are_those_that_are_emitted(bench):
    bench.emit()
    found = emit.templates(REQUEST.deployments()[0], bench.stacks)

    assert list(found) == ["one", "stacksets"]
    assert found["stacksets"].to_dict()["Description"] == f"one {digest(bench)}"


# ---- what has to do with AWS -------------------------------------------------------------------------------------


def run(*arguments):
    return subprocess.run(
        [sys.executable, "build.py", *arguments], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )


def test_the_help_names_what_else_there_is():
    done = run("--help")

    assert done.returncode == 0
    assert {"deploy,", "status", "destroy;", "cost."} <= set(done.stdout.split())


@pytest.mark.parametrize("command", ["deploy", "status", "destroy", "cost"])
def test_each_command_has_a_help_of_its_own_and_an_exit_code(command):
    assert run(command, "--help").stdout.startswith(f"usage: build.py {command}")
    assert run(command, "--no-such-option").returncode == 2


def test_building_knows_nothing_of_aws_and_of_prices(tmp_path):
    """*Exact*: what is not imported takes no time."""
    code = (
        "import build, pathlib, sys; build.OUTPUTS = pathlib.Path(sys.argv[1]) / 'outputs'; "
        "build.main(['--stage', 'sandbox']); "
        "print(sorted({'boto3', 'deployment', 'blueprints.costs'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )

    assert done.stdout.splitlines()[-1] == "[]"


def test_build_py_stays_a_table_of_contents():
    assert len((REPOSITORY / "build.py").read_text().splitlines()) < 100
