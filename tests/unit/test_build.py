"""``build.py``: what it writes, what it leaves, what it says."""

import importlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from troposphere import Template, apigateway, sqs, stepfunctions

import build
from blueprints import emit
from blueprints.api_body import Body
from blueprints.rebuild import Memory, fingerprints
from blueprints.request import Request
from blueprints.settings import PROFILES, SANDBOX

REPOSITORY = Path(build.__file__).parent
STACKS = ("one", "two")


class Blueprint:
    """A stack with one queue, that counts how often it was built."""

    def __init__(self) -> None:
        self.built = 0
        self.delay = 1  # second

    def __call__(self, _settings) -> Template:
        self.built += 1
        t = Template()
        t.add_resource(sqs.Queue("Queue", DelaySeconds=self.delay))
        return t


class Bench:
    """A repository with two stacks, and its outputs."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.outputs = root / "outputs"
        self.stacks = {stack: Blueprint() for stack in STACKS}
        for folder in ("blueprints", "workflows", "handlers", "requirements"):
            (root / folder).mkdir()
        for stack in STACKS:
            self.change(stack)
        (root / "build.py").touch()
        (root / "requirements" / "handlers.txt").touch()

    def change(self, name: str, text: str = "") -> None:
        (self.root / "blueprints" / f"{name}.py").write_text(text)

    def emit(self, request: Request = Request("sandbox")) -> list[str]:  # noqa: B008 (frozen)
        return emit.emit(self.outputs, self.stacks, request, Memory(self.root / "memory.json", self.outputs), self.root)

    def check(self, request: Request = Request("sandbox")) -> list[str]:  # noqa: B008 (frozen)
        return emit.check(self.outputs, self.stacks, request)

    def built(self) -> list[int]:
        return [self.stacks[stack].built for stack in STACKS]


@pytest.fixture
def bench(tmp_path):
    return Bench(tmp_path)


def test_a_deferred_module_is_there_when_it_is_asked():
    code = (
        "import sys; from blueprints import emit; emit.defer('cfn_flip'); import troposphere; "
        "assert 'cfn_flip.yaml_dumper' not in sys.modules; "
        "print(troposphere.Template(Description='x').to_yaml())"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)

    assert "Description: x" in done.stdout


def test_awacs_still_finds_wrong_types_although_what_it_finds_them_with_is_deferred():
    code = (
        "import sys; from blueprints import emit; emit.defer('inspect'); import awacs.aws; "
        "assert '__file__' not in vars(sys.modules['inspect']); "
        "awacs.aws.Statement(Sid=1)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=False)

    assert "TypeError: Sid is <class 'int'>, expected" in done.stderr


def test_a_definition_is_emitted_beside_its_template():
    t = Template()
    definition = {"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}
    t.add_resource(
        stepfunctions.StateMachine("M", StateMachineName="holdfast-sandbox-copy", RoleArn="r", Definition=definition)
    )

    files = emit.texts(SANDBOX, "backup", t)

    assert json.loads(files["sandbox/copy.asl.json"]) == definition
    assert set(files) == {"sandbox/backup.json", "sandbox/copy.asl.json"}


def test_what_clients_read_of_the_api_is_emitted_beside_its_template():
    body = Body(openapi="3.0.1", paths={"/health": {"x-amazon-apigateway-integration": {}}})
    body.public = {"openapi": "3.0.1", "paths": {"/health": {}}}
    t = Template()
    t.add_resource(apigateway.RestApi("Api", Name="holdfast-sandbox", Body=body))

    files = emit.texts(SANDBOX, "api", t)

    assert set(files) == {"sandbox/api.json", "sandbox/openapi.json"}
    assert json.loads(files["sandbox/openapi.json"]) == body.public
    assert json.loads(files["sandbox/api.json"])["Resources"]["Api"]["Properties"]["Body"] == body


def test_a_second_build_from_the_start_imports_no_handler(tmp_path):
    """*Exact*, as goal G1 rests on it: the routes are read again only if a handler has changed."""
    code = (
        "import build, pathlib, sys; build.OUTPUTS = pathlib.Path(sys.argv[1]) / 'outputs'; "
        "build.main(['--stage', 'sandbox']); "
        "print(sorted({'aws_lambda_powertools', 'handlers', 'pymysql'} & set(sys.modules)))"
    )
    for imported in ("['aws_lambda_powertools', 'handlers', 'pymysql']", "[]"):
        done = subprocess.run(
            [sys.executable, "-c", code, tmp_path], cwd=REPOSITORY, capture_output=True, text=True, check=True
        )
        assert done.stdout.splitlines()[-1] == imported
        shutil.rmtree(tmp_path / "outputs")
        (tmp_path / ".cache/build.json").unlink()


def test_a_second_run_builds_nothing(bench):
    assert bench.emit() == ["wrote: sandbox/one.json", "wrote: sandbox/two.json"]
    assert bench.emit() == []
    assert bench.built() == [1, 1]


def test_a_changed_stack_is_the_only_one_built_again(bench):
    bench.emit()
    bench.stacks["two"].delay = 2
    bench.change("two", "changed")

    assert bench.emit() == ["wrote: sandbox/two.json"]
    assert bench.built() == [1, 2]
    assert bench.emit() == []


def test_a_change_of_what_stacks_share_builds_them_all(bench):
    bench.emit()
    bench.change("functions", "changed")

    assert bench.emit() == []
    assert bench.built() == [2, 2]


@pytest.mark.parametrize("name", ["handlers/new.py", "workflows/new.asl.yaml", "requirements/handlers.txt", "build.py"])
def test_every_source_counts(bench, name):
    before = fingerprints(STACKS, root=bench.root)
    (bench.root / name).write_text("changed")

    after = fingerprints(STACKS, root=bench.root)

    assert all(before[stack] != after[stack] for stack in STACKS)


def test_a_file_edited_by_hand_is_written_again(bench):
    bench.emit()
    (bench.outputs / "sandbox/one.json").write_text("{}")

    assert bench.emit() == ["wrote: sandbox/one.json"]


def test_a_file_taken_away_is_written_again(bench):
    bench.emit()
    (bench.outputs / "sandbox/one.json").unlink()

    assert bench.emit() == ["wrote: sandbox/one.json"]


def test_a_folder_taken_away_is_written_again(bench):
    bench.emit()
    shutil.rmtree(bench.outputs)

    assert bench.emit() == ["wrote: sandbox/one.json", "wrote: sandbox/two.json"]


def test_a_file_that_no_stack_emits_is_removed(bench):
    bench.emit()
    (bench.outputs / "sandbox/old.json").write_text("{}")

    assert bench.emit() == ["removed: sandbox/old.json"]
    assert not (bench.outputs / "sandbox/old.json").exists()


def test_a_stack_that_a_deployment_does_without_is_not_emitted(bench):
    bench.stacks["two"] = lambda _settings: None

    assert bench.emit() == ["wrote: sandbox/one.json"]
    assert bench.emit() == []
    assert bench.check() == []


def test_two_settings_files_of_one_stage_never_take_each_others_word(bench):
    for name in ("a", "b"):
        (bench.root / f"{name}.toml").write_text(f'profile = "SANDBOX"\nstage = "x"\nproject = "{name}"')
    bench.stacks["one"] = lambda settings: Template(Description=settings.project)
    first, second = (Request(file=bench.root / f"{name}.toml") for name in ("a", "b"))

    bench.emit(first)
    assert "wrote: x/one.json" in bench.emit(second)
    assert "wrote: x/one.json" in bench.emit(first)


def test_a_changed_settings_file_is_read_again(bench):
    request = Request(file=bench.root / "a.toml")
    request.file.write_text('profile = "SANDBOX"\nstage = "x"')
    bench.emit(request)
    request.file.write_text('profile = "SANDBOX"\nstage = "y"')

    assert bench.emit(request) == ["wrote: y/one.json", "wrote: y/two.json"]


@pytest.mark.parametrize("text", ["", "[]", "{", '{"sandbox": []}', '{"sandbox": {"sandbox/one": {}}}'])
def test_a_damaged_memory_is_no_memory(bench, text):
    bench.emit()
    (bench.root / "memory.json").write_text(text)

    assert bench.emit() == []
    assert bench.built() == [2, 2]


def test_check_names_what_is_stale_missing_and_superfluous_and_writes_nothing(bench):
    bench.emit()
    (bench.outputs / "sandbox/one.json").write_text("{}")
    (bench.outputs / "sandbox/two.json").unlink()
    (bench.outputs / "sandbox/old.asl.json").write_text("{}")

    expected = ["stale: sandbox/one.json", "missing: sandbox/two.json", "superfluous: sandbox/old.asl.json"]
    assert bench.check() == expected
    assert bench.check() == expected


def test_check_believes_no_memory(bench):
    bench.emit()
    bench.stacks["one"].delay = 2  # although no source changed

    assert bench.emit() == []
    assert bench.check() == ["stale: sandbox/one.json"]


def test_check_believes_no_parsed_workflow(tmp_path):
    def run(*arguments: str) -> None:
        code = (
            "import build, pathlib, sys; build.OUTPUTS = pathlib.Path(sys.argv[1]) / 'outputs'; "
            "sys.exit(build.main([*sys.argv[2:], '--stage', 'sandbox']))"
        )
        subprocess.run([sys.executable, "-c", code, tmp_path, *arguments], cwd=REPOSITORY, check=True)

    run()
    kept = tmp_path / ".cache/workflows.json"
    kept.write_text(json.dumps({key: {"StartAt": "Wrong"} for key in json.loads(kept.read_bytes())}))

    run("--check")


def test_without_a_stage_every_profile_is_emitted(bench):
    done = bench.emit(Request())

    assert done == [f"wrote: {s.stage}/{stack}.json" for s in PROFILES.values() for stack in STACKS]


def test_an_unknown_stage_is_one_line_that_names_the_known_ones(capsys):
    assert build.main(["--stage", "prod"]) == 2

    assert capsys.readouterr().err == (
        'build.py: --stage = "prod": use production, staging, sandbox, or name a file of your own with --settings\n'
    )


def test_a_wrong_settings_file_is_one_line(capsys, tmp_path):
    path = tmp_path / "acme.toml"
    path.write_text('profile = "SANDBOX"\n[network]\nzones = 4')

    assert build.main(["--settings", str(path)]) == 2
    assert capsys.readouterr().err == f"build.py: {path}: network.zones = 4: use 2 or 3\n"


@pytest.mark.parametrize("verb", [[], ["deploy", "--stage", "sandbox"], ["cost", "--stage", "sandbox"]])
def test_without_its_packages_it_says_how_to_get_them_and_nothing_else(verb, tmp_path):
    bare = [sys.executable, "-S", REPOSITORY / "build.py", *verb]  # -S: nothing that was installed

    done = subprocess.run(bare, cwd=tmp_path, env={}, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(
        "build.py needs its packages: pip install --no-deps --require-hashes -r requirements/"
    )
    assert done.stderr.count("\n") == 1


def test_a_missing_module_of_our_own_is_no_missing_package(monkeypatch):
    monkeypatch.setattr(build, "_run", lambda _: importlib.import_module("blueprints.lost"))

    with pytest.raises(ModuleNotFoundError, match=r"blueprints\.lost"):
        build.main([])


def test_every_template_is_built_twice_the_same():
    first, second = ({n: emit.texts(SANDBOX, n, t) for n, t in build.templates(SANDBOX).items()} for _ in range(2))

    assert first == second


def test_a_run_that_changes_nothing_imports_no_generator(tmp_path):
    """*Exact*, as goal G1b rests on it."""
    code = (
        "import build, pathlib, sys; build.OUTPUTS = pathlib.Path(sys.argv[1]) / 'outputs'; "
        "build.main(['--stage', 'sandbox']); "
        "print(sorted({'troposphere', 'awacs', 'yaml', 'blueprints.settings'} & set(sys.modules)))"
    )
    first, second = (
        subprocess.run(
            [sys.executable, "-c", code, tmp_path], cwd=REPOSITORY, capture_output=True, text=True, check=True
        )
        for _ in range(2)
    )

    assert first.stdout.splitlines()[-1] == "['awacs', 'blueprints.settings', 'troposphere', 'yaml']"
    assert second.stdout.splitlines()[-1] == "[]"
