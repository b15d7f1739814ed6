"""The README says what is so."""

import re
import subprocess
from pathlib import Path

from rendering import rendered

import build
from blueprints import settings_file
from deployment import plan, show
from deployment.target import Target
from sandbox import cli

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def table(heading):
    """First cell of every row of the table that follows *heading* next."""
    first, *lines = README.split(heading, 1)[1].split("\n| ", 1)[1].splitlines()
    rows = [first, *(line.removeprefix("| ") for line in lines[: lines.index("")])]
    return [row.split("|")[0].strip().strip("`") for row in rows if row.startswith("`")]


def test_the_folder_map_holds_every_folder_of_the_repository():
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    folders = {f"{path.split('/')[0]}/" for path in listed if "/" in path and not path.startswith(".")}

    assert set(table("## The house")) - {"build.py"} == folders


def test_every_option_of_the_local_run_is_explained():
    known = set(re.findall(r"--[a-z]+", cli.parser().format_help())) - {"--help"}
    told = {cell.split()[0].strip("`") for cell in table("| option, after")}

    assert known == told


class Nowhere:
    """An account that nobody may ask anything: where nothing is, nothing has to be asked."""

    account = "000000000000"


def block(language):
    """The first block of that language, as deep as it is in the list."""
    return re.search(rf"```{language}\n(.*?)```", README.split("## Using it on AWS")[1], re.DOTALL)[1].replace(
        "\n   ", "\n"
    )


def example(directory):
    path = directory / "acme.toml"
    path.write_text(block("toml"))
    return settings_file.load(path)


def test_the_settings_file_of_the_example_is_valid(tmp_path):
    settings = example(tmp_path)

    assert settings.prefix == "acme-production"
    assert build.templates(settings).keys() == build.STACKS.keys()


def test_the_plan_of_the_example_is_what_a_person_sees(tmp_path):
    settings = example(tmp_path)
    for name, template in build.templates(settings).items():
        (tmp_path / f"{name}.json").write_text(template.to_json())
    target = Target(Nowhere(), settings, tmp_path, tuple(build.STACKS))

    shown = f"{settings.prefix} in account {Nowhere.account}\n\n{show.plan(plan.make(target, {}), target).strip()}"
    squeezed = [line.strip() for line in shown.splitlines()]
    assert [line.strip() for line in block("text").strip().splitlines()] == squeezed


def test_the_reserved_concurrency_is_as_high_as_it_says():
    reserved = sum(
        resource["Properties"]["ReservedConcurrentExecutions"]
        for template in rendered("PRODUCTION").values()
        for resource in template["Resources"].values()
        if resource["Type"] == "AWS::Lambda::Function"
    )

    # https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html (100 stay unreserved)
    assert f"{reserved} in sum, so the account's limit must be at least {reserved + 100}" in README
