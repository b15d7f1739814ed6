"""``build.py cost``: what it prints, what it refuses; and docs/costs.md, which it makes."""

import json
from pathlib import Path

import pytest
from emitted_stacks import templates
from troposphere import Template, ec2

import build
from blueprints.costs import command, page, report
from blueprints.settings import PROFILES

PAGE = Path(build.__file__).parent / "docs/costs.md"


def test_docs_costs_is_what_the_code_makes():
    assert page.page(templates) == PAGE.read_text(), "run: python build.py cost --page > docs/costs.md"


def test_the_text_names_the_sum_the_parts_and_what_is_not_sure(capsys):
    assert command.run(["--stage", "production", "--gigabytes", "100"], templates) == 0
    said = capsys.readouterr().out
    assert said.startswith("holdfast-production: about ")
    assert "with 1 database of 100 GB, a run every 6h (121.7 a month), 1 month of recovery points" in said
    for block in report.BLOCKS:
        assert f"\n{block.title}" in said
    assert "730 x 0.372      271.56" in said
    assert "1,460 x 0.017?" in said
    assert "prices are not confirmed: " in said
    assert "stands in" not in said
    assert max(map(len, said.splitlines())) <= 125


@pytest.mark.parametrize(("gigabytes", "more"), [("50", False), ("200", True)])
def test_a_month_beyond_the_budget_is_said_to_be_so(capsys, gigabytes, more):
    assert command.run(["--stage", "production", "--gigabytes", gigabytes], templates) == 0
    budget = PROFILES["PRODUCTION"].alerts.monthly_budget
    told = f"more than alerts.monthly_budget ({budget}): AWS Budgets will tell you"
    assert (told in capsys.readouterr().out) == more


def test_the_json_holds_every_line_and_adds_up(capsys):
    assert command.run(["--json"], templates) == 0
    found = json.loads(capsys.readouterr().out)["deployments"]
    assert [each["deployment"] for each in found] == [f"holdfast-{name.lower()}" for name in PROFILES]
    for each in found:
        fixed, run, gigabyte, requests = each["blocks"]
        for block in each["blocks"]:
            assert block["total"] == pytest.approx(sum(line["usd"] for line in block["lines"]))
            assert all(line["usd"] == pytest.approx(line["quantity"] * line["price"]) for line in block["lines"])
        assumed = each["assumptions"]
        data = gigabyte["total"] * assumed["gigabytes"]
        assert each["month"]["backups"] == pytest.approx(each["runs_a_month"] * run["total"] + data)
        assert each["month"]["api"] == pytest.approx(requests["total"])
        assert each["month"]["total"] == pytest.approx(
            fixed["total"] + sum(each["month"][of] for of in ("backups", "api"))
        )


def test_a_region_without_prices_is_named_with_what_stands_in(capsys, tmp_path):
    file = tmp_path / "far.toml"
    file.write_text('version = 2\nprofile = "SANDBOX"\nstage = "far"\nprimary_region = "sa-east-1"\n')
    assert command.run(["--settings", str(file)], templates) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "~ sa-east-1 has no prices in blueprints/costs/prices.toml: the dearest of us-east-1" in said
    assert "730 x 0.037~" in said


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["--stage", "nope"], '--stage = "nope": use production, staging, sandbox'),
        (["--databases", "-1"], "--databases = -1: use 0 to 1000000"),
        (["--gigabytes", "70000"], "--gigabytes = 70000.0: use 0 to 65536"),
        (["--requests", "nan"], "--requests = nan: use 0 to 1e+12"),
        (["--page", "--months", "2"], '--page = "with others": use it alone'),
        (["--months", "0"], "--months = 0: use 1 to 120"),
    ],
)
def test_a_wrong_option_is_refused_with_the_cure(capsys, argv, said):
    assert command.run(argv, templates) == 2
    assert f"build.py cost: {said}" in capsys.readouterr().err


def test_an_instance_class_without_prices_is_refused_with_the_cure(capsys, tmp_path):
    file = tmp_path / "large.toml"
    file.write_text('version = 2\nprofile = "SANDBOX"\n[database]\ninstance_class = "db.x2g.large"\n')
    assert command.run(["--settings", str(file)], templates) == 2
    assert (
        'database.instance_class = "db.x2g.large": has no price; add it to [instances.classes]'
        in capsys.readouterr().err
    )


def test_a_type_without_a_price_is_refused(capsys):
    template = Template()
    template.add_resource(ec2.NatGateway("Exit", SubnetId="subnet-1"))
    assert command.run(["--stage", "sandbox"], lambda _: {"network": template}) == 2
    assert "network/Exit is an AWS::EC2::NatGateway, which has no price" in capsys.readouterr().err


def test_build_hands_the_command_line_on(capsys):
    assert build.main(["cost", "--stage", "nope"]) == 2
    assert capsys.readouterr().err.startswith("build.py cost: --stage")


def test_the_same_templates_give_the_same_estimate(capsys):
    told = []
    for _ in range(2):
        command.run(["--stage", "staging", "--json"], templates)
        told.append(capsys.readouterr().out)
    assert told[0] == told[1]
