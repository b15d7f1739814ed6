"""The linters really look: a template with one fault of each kind, and a memory that only holds what is clean."""

import json

import pytest

from blueprints.settings import SANDBOX
from tests.templates import lint

QUEUE = {"Type": "AWS::SQS::Queue", "Properties": {"RedrivePolicy": {"deadLetterTargetArn": "arn:aws:sqs:x:1:q"}}}
MACHINE = {"StartAt": "Nowhere", "States": {"Done": {"Type": "Succeed"}}}


@pytest.fixture
def outputs(tmp_path):
    (tmp_path / "outputs" / SANDBOX.stage).mkdir(parents=True)
    return tmp_path / "outputs"


def run(outputs, name, content, capsys):
    (outputs / SANDBOX.stage / name).write_text(json.dumps(content))
    code = lint.main(outputs, outputs.parent / "memory.json")
    return code, capsys.readouterr().out


def test_a_property_that_does_not_exist_is_found_by_both_linters_of_templates(outputs, capsys):
    code, out = run(outputs, "a.json", {"Resources": {"Q": {**QUEUE, "Properties": {"Colour": "red"}}}}, capsys)

    assert code == 1
    assert "E3002" in out  # cfn-lint
    assert "'Colour'" in out
    assert "ES6000" in out  # cfn-lint-serverless
    assert len({line.split(": ")[2].split()[0] for line in out.splitlines() if ".json" in line}) >= 3


def test_a_type_that_one_region_lacks_is_found(outputs, capsys, monkeypatch):
    monkeypatch.setattr(type(SANDBOX), "regions", ("eu-west-1", "ca-west-1"))

    code, out = run(outputs, "a.json", {"Resources": {"Bot": {"Type": "AWS::Lex::Bot"}}}, capsys)

    assert (code, "does not exist in 'ca-west-1'" in out) == (1, True)


def test_a_machine_that_starts_nowhere_is_found(outputs, capsys):
    code, out = run(outputs, "a.asl.json", MACHINE, capsys)

    assert (code, "Nowhere" in out) == (1, True)


def test_what_was_clean_is_not_linted_again_and_what_was_not_is(outputs, capsys, monkeypatch):
    run(outputs, "clean.asl.json", {**MACHINE, "StartAt": "Done"}, capsys)
    assert run(outputs, "bad.asl.json", MACHINE, capsys)[0] == 1
    linted = []
    monkeypatch.setattr(lint, "lint", lambda files: linted.extend(path.name for path in files) or [])

    assert lint.main(outputs, outputs.parent / "memory.json") == 0

    assert linted == ["bad.asl.json"]


def test_no_file_at_all_is_a_failure(outputs):
    assert lint.main(outputs, outputs.parent / "memory.json") == 1
