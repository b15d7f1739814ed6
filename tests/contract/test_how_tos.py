"""The worked examples of the how-tos work: what they show is run as it stands, and passes the project's own checks."""

import subprocess
import sys

import pytest
import test_metrics
import test_runbooks
from troposphere import Template

import build
from blueprints import order, settings_file
from blueprints.settings import PRODUCTION
from handlers import migrate_database
from handlers.rest.lean import APIGatewayRestResolver
from tests.papers import DOCS, ROOT, blocks

ALARM, REGION, RESOURCE = DOCS / "add-an-alarm.md", DOCS / "add-a-region.md", DOCS / "add-a-resource.md"


def only(path, language):
    return [content for kind, content in blocks(path) if kind == language]


# ---- a resource ------------------------------------------------------------------------------------------------------


def test_the_resource_has_routes_schemas_and_a_migration_of_its_own():
    (code,) = only(RESOURCE, "python")
    names = {"__name__": "notes"}
    exec(compile(code, "add-a-resource.md", "exec"), names)  # noqa: S102 (our own page)

    app = APIGatewayRestResolver()
    app.include_router(names["router"])
    routes = {(route.method, route.path) for route in (*app._static_routes, *app._dynamic_routes)}
    assert routes == {("POST", "/notes"), ("GET", "/notes/<note_id>")}
    assert names["SCHEMAS"].keys() == {"NewNote", "Note"}
    (migration,) = names["MIGRATIONS"]
    assert migration.version not in {each.version for each in migrate_database.every() if each.name != "notes"}


@pytest.mark.parametrize(
    ("page", "where"), [(RESOURCE, "handlers/resources/notes.py"), (ALARM, "blueprints/observability_exports.py")]
)
@pytest.mark.parametrize("check", [["check"], ["format", "--diff"]], ids=lambda check: check[0])
def test_the_code_passes_the_linter(page, where, check):
    (code,) = only(page, "python")
    code = code.removeprefix(f"# {where}\n") if page == RESOURCE else f'"""An existing module."""\n\n{code}'
    command = [sys.executable, "-m", "ruff", *check, "--no-cache", "--stdin-filename", where, "-"]
    done = subprocess.run(command, cwd=ROOT, input=code, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr


# ---- an alarm --------------------------------------------------------------------------------------------------------


@pytest.fixture
def alarm():
    """The alarm that the page's code declares, as CloudFormation gets it."""
    (code,) = only(ALARM, "python")
    names = {}
    exec(compile(code, "add-an-alarm.md", "exec"), names)  # noqa: S102 (our own page)
    t = Template()
    names["exports_wait"](t, PRODUCTION)
    ((title, made),) = t.to_dict()["Resources"].items()
    return title, made["Properties"]


@pytest.fixture
def page(tmp_path, monkeypatch):
    """The page's runbook, alone in a folder that the tests of runbooks read."""
    (content,) = only(ALARM, "markdown")
    (tmp_path / "exports-wait.md").write_text(content)
    monkeypatch.setattr(test_runbooks, "RUNBOOKS", tmp_path)
    return "exports-wait"


def test_the_alarm_is_declared_with_its_name_and_its_page(alarm, page):
    title, properties = alarm

    assert (title, properties["AlarmName"]) == ("ExportsWait", f"holdfast-production-{page}")
    assert properties["AlarmDescription"].endswith(f" docs/runbooks/{page}.md")
    assert (properties["Statistic"], properties["EvaluationPeriods"], properties["Period"]) == ("Minimum", 12, 300)
    assert properties["AlarmActions"] == properties["OKActions"]


def test_the_alarm_reads_a_metric_that_is_written_under_these_dimensions(alarm):
    _, properties = alarm
    dimensions = frozenset(each["Name"] for each in properties["Dimensions"])
    told = {(name, test_metrics.names(cell)) for name, _, cell, _, _ in test_metrics.rows("Ours")}

    assert (properties["MetricName"], dimensions) in told


def test_the_runbook_is_one(page):
    test_runbooks.test_a_page_says_how_urgent_it_is_what_it_means_where_to_look_how_to_mend_and_when_it_is_over(page)
    test_runbooks.test_every_aws_command_exists_with_its_options(page)
    test_runbooks.test_every_function_machine_and_bucket_that_a_page_names_exists(page)
    assert list(test_runbooks.commands(page))


# ---- a region --------------------------------------------------------------------------------------------------------


def settings_of(content, folder):
    (folder / "acme.toml").write_text(content)
    return settings_file.load(folder / "acme.toml")


@pytest.mark.parametrize("number", [0, 1])
def test_a_deployment_to_other_regions_is_built_and_has_an_order(number, tmp_path):
    settings = settings_of(only(REGION, "toml")[number], tmp_path)
    templates = build.templates(settings)
    first = {order.region_order(name, settings)[0] for name in order.sets(templates) if name != "site"}

    assert templates.keys() == build.STACKS.keys()
    assert first == {settings.recovery_region}
    assert sorted(name for wave in order.set_waves(templates, settings) for name in wave) == sorted(
        order.sets(templates)
    )


def test_nothing_in_the_templates_names_a_region_but_the_settings_and_cloudfronts(tmp_path):
    settings = settings_of(only(REGION, "toml")[0], tmp_path)
    emitted = " ".join(template.to_json() for template in build.templates(settings).values())

    assert not set(PRODUCTION.regions) & set(settings.regions)
    assert [region for region in PRODUCTION.regions if f'"{region}"' in emitted or f".{region}." in emitted] == []


def test_the_two_deployments_of_a_move_share_no_name(tmp_path):
    old = settings_of(only(DOCS / "deploy.md", "toml")[0], tmp_path)
    new = settings_of(only(REGION, "toml")[1], tmp_path)

    assert old.primary_region == new.primary_region
    assert old.recovery_region != new.recovery_region
    assert old.prefix != new.prefix
