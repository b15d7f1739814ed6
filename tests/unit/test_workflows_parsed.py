"""Parsed workflows: kept from run to run, and parsed again as soon as anything may differ."""

import json

import pytest

import workflows
from workflows import parsed
from workflows.parsed import Parsed


@pytest.fixture
def parses(monkeypatch):
    """Contents that were parsed, in order."""
    done = []
    parse = parsed._parse

    def counting(content):
        done.append(content)
        return parse(content)

    monkeypatch.setattr(parsed, "_parse", counting)
    return done


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "copy.asl.yaml"
    path.write_text("StartAt: Begin")
    return path


def test_an_unchanged_workflow_is_parsed_once(parses, source, tmp_path):
    for _ in range(2):
        assert Parsed(tmp_path / "kept.json").definition(source) == {"StartAt": "Begin"}

    assert len(parses) == 1


def test_a_changed_workflow_is_parsed_again_and_its_old_self_forgotten(parses, source, tmp_path):
    kept = tmp_path / "kept.json"
    Parsed(kept).definition(source)
    source.write_text("StartAt: Other")

    assert Parsed(kept).definition(source) == {"StartAt": "Other"}
    assert len(parses) == 2
    assert list(json.loads(kept.read_bytes()).values()) == [{"StartAt": "Other"}]


def test_another_release_of_yaml_parses_again(parses, source, tmp_path, monkeypatch):
    Parsed(tmp_path / "kept.json").definition(source)
    monkeypatch.setattr(parsed, "_parser", lambda: b"another")
    Parsed(tmp_path / "kept.json").definition(source)

    assert len(parses) == 2


@pytest.mark.parametrize("text", ["", "[]", "{"])
def test_what_was_kept_and_damaged_is_not_used(source, tmp_path, text):
    (tmp_path / "kept.json").write_text(text)

    assert Parsed(tmp_path / "kept.json").definition(source) == {"StartAt": "Begin"}


def test_nothing_is_kept_unless_asked_for(parses, source, tmp_path):
    for _ in range(2):
        Parsed().definition(source)

    assert len(parses) == 2
    assert list(tmp_path.iterdir()) == [source]


@pytest.mark.parametrize("name", workflows.names())
def test_every_workflow_comes_back_from_json_as_it_was(name):
    definition = Parsed().definition(workflows.HERE / f"{name}.asl.yaml")

    assert json.loads(json.dumps(definition)) == definition
