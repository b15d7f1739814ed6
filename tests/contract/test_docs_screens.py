"""The screens of docs/deploy.md show what its settings lead to: stacks, regions, numbers of resources."""

import re

import pytest

import build
from blueprints import settings_file
from deployment import plan, show
from deployment.target import Target
from tests.papers import DOCS, blocks

DEPLOY = DOCS / "deploy.md"


class Nowhere:
    """An account that nobody may ask anything: where nothing is, nothing has to be asked."""

    account = "000000000000"


def screen(beginning):
    """Lines of the screen that has *beginning* in it."""
    (found,) = [text for language, text in blocks(DEPLOY) if language == "text" and beginning in text]
    return [line.strip() for line in found.splitlines()]


@pytest.fixture(scope="module")
def foretold(tmp_path_factory):
    """What a person sees of the plan before anything is there."""
    folder = tmp_path_factory.mktemp("emitted")
    (folder / "acme.toml").write_text(next(text for language, text in blocks(DEPLOY) if language == "toml"))
    settings = settings_file.load(folder / "acme.toml")
    for name, template in build.templates(settings).items():
        (folder / f"{name}.json").write_text(template.to_json())
    target = Target(Nowhere(), settings, folder, tuple(build.STACKS))
    return [line.strip() for line in show.plan(plan.make(target, {}), target).strip().splitlines()]


def test_the_dry_run_shows_the_plan(foretold):
    lines = screen("stacks to create")

    assert lines[lines.index(foretold[0]) :] == foretold


def test_the_deployment_makes_what_was_foretold(foretold):
    regions = foretold[0].split()
    told = {}
    for line in foretold[2:]:
        if found := re.match(r"(\w+) +(?=create)", line):
            numbers = re.findall(r"create (\d+) resources", line)
            where = regions[-1:] if found[1] == "site" else regions
            told |= {(found[1], region): number for region, number in zip(where, numbers, strict=False)}
    made = re.findall(r"(\w+) stack in ([\w-]+): (\d+) resources", "\n".join(screen("files of the console brought")))

    assert {(stack, region): number for stack, region, number in made}.items() <= told.items()
    assert len(made) > 5


def test_the_status_has_a_line_for_each_stack():
    lines = screen("All is as it should be.")

    assert [line.split()[0] for line in lines if "current" in line] == list(build.STACKS)
