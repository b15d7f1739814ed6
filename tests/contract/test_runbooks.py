"""For every alarm a page that an operator can follow at night, and no page without an alarm."""

import re
import shlex
from functools import cache
from pathlib import Path

import botocore.session
import jmespath
import pytest
from botocore import xform_name
from rendering import OPTIONS, rendered
from watching import alarms, page

RUNBOOKS = Path(__file__).parents[2] / "docs" / "runbooks"
PAGES = sorted(path.stem for path in RUNBOOKS.glob("*.md") if path.stem != "README")
BUDGET = "over-budget"  # AWS Budgets' messages can't name a page
# Of the AWS CLI itself, https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-options.html
ANYWHERE = {"region", "query", "output", "max-items"}
SERVICES = {"s3api": "s3", "deploy": "codedeploy"}
# Where the command is the CLI's own, or has options beside the API's.
# https://docs.aws.amazon.com/cli/latest/reference/logs/tail.html
# https://docs.aws.amazon.com/cli/latest/reference/cloudwatch/put-metric-data.html
OWN = {
    ("logs", "tail"): {"since", "filter-pattern", "follow"},
    ("cloudwatch", "put-metric-data"): {"namespace", "metric-name", "dimensions", "value", "unit"},
}


def text(name):
    return (RUNBOOKS / f"{name}.md").read_text()


def test_there_is_a_page_for_every_alarm_and_the_budget_and_none_without():
    assert set(PAGES) == {page(it) for it in alarms()} | {BUDGET}
    assert all("MonthlyBudget" in rendered(option)["observability"]["Resources"] for option in OPTIONS)


def test_an_alarms_page_bears_its_name_unless_several_share_it():
    shared = {"canary-fails", "dead-letters", "events-undelivered", "function-failing", "queue-stuck"}
    shared |= {"replication-failing", "replication-late"}
    for it in alarms():
        if page(it) not in shared:
            assert it.properties["AlarmName"] == it.settings.name(page(it))


@pytest.mark.parametrize("name", PAGES)
def test_a_page_says_how_urgent_it_is_what_it_means_where_to_look_how_to_mend_and_when_it_is_over(name):
    parts = re.split(r"^## (.+)$", text(name), flags=re.MULTILINE)

    assert re.match(r"# .+\n\n\*\*(Now, at any hour|Today|This week)\*\* · .+\n", parts[0])
    assert parts[1::2] == ["What it means", "Look first", "Mend", "Over when"]
    assert all(part.strip() for part in parts[2::2])
    assert len(text(name).splitlines()) <= 60, "nobody reads more at night"


@pytest.mark.parametrize("name", [*PAGES, "README"])
def test_every_link_leads_somewhere(name):
    for target in re.findall(r"\]\(([^)#]+)\)", text(name)):
        assert (RUNBOOKS / target).resolve().is_file(), target


def test_the_index_lists_every_page_with_its_title_and_urgency():
    listed = dict(re.findall(r"^\| \[.+\]\((.+)\.md\) \| (.+) \|$", text("README"), flags=re.MULTILINE))
    titles = dict(re.findall(r"^\| \[(.+)\]\((.+)\.md\) \|", text("README"), flags=re.MULTILINE))

    assert sorted(listed) == PAGES
    for title, name in titles.items():
        assert text(name).startswith(f"# {title}\n\n**{listed[name].capitalize()}**")


# ---- commands --------------------------------------------------------------------------------------------------------


def commands(name):
    """Words of every ``aws`` command of a page, those inside other commands included."""
    joined = text(name).replace("\\\n", " ")
    shell = re.findall(r"```sh\n(.*?)```", joined, flags=re.DOTALL)
    quoted = re.findall(r"`(aws [^`]+)`", re.sub(r"```sh\n.*?```", "", joined, flags=re.DOTALL))
    for line in [*(line for block in shell for line in block.splitlines()), *(" ".join(q.split()) for q in quoted)]:
        for start in re.finditer(r"\baws (?=[a-z0-9]+ [a-z])", line):
            rest = line[start.start() :]
            yield shlex.split(re.sub(r"\$\([^)]*\)+|`", "x", _until_closed(rest)), comments=True)


def _until_closed(rest):
    """*rest* up to the bracket that closes the command substitution it stands in."""
    depth, quote = 0, ""
    for at, char in enumerate(rest):
        if quote:
            quote = "" if char == quote else quote
        elif char == "'":
            quote = char
        elif char == "(":
            depth += 1
        elif char == ")":
            depth -= 1
            if depth < 0:
                return rest[:at]
    return rest


@cache
def model_of(service):
    """AWS's own description of a service."""
    return botocore.session.get_session().get_service_model(SERVICES.get(service, service))


@cache
def options(service, operation):
    """Options of a command of the AWS CLI, from the service's own model."""
    if (service, operation) in OWN:
        return OWN[service, operation] | ANYWHERE
    model = model_of(service)
    known = {xform_name(each, "-"): each for each in model.operation_names}
    assert operation in known, f"aws {service} {operation}"
    shape = model.operation_model(known[operation]).input_shape
    found = {xform_name(member, "-") for member in shape.members} | ANYWHERE
    return found | {f"no-{member}" for member in found}


@pytest.mark.parametrize("name", PAGES)
def test_every_aws_command_exists_with_its_options(name):
    for words in commands(name):
        service, operation = words[1:3]
        for word in words[3:]:
            if word.startswith("--"):
                assert word.removeprefix("--") in options(service, operation), " ".join(words)
        if "--query" in words:
            jmespath.compile(words[words.index("--query") + 1])


def test_most_pages_have_a_command_to_begin_with():
    without = {name for name in PAGES if not list(commands(name))}

    assert without <= {"api-slow", "database-crowded", "key-in-danger"}


@pytest.mark.parametrize("name", PAGES)
def test_every_function_machine_and_bucket_that_a_page_names_exists(name):
    deployed = [stack["Resources"] for stack in rendered("PRODUCTION").values()]
    found = {
        value.removeprefix("holdfast-production-")
        for resources in deployed
        for resource in resources.values()
        for key in ("FunctionName", "StateMachineName", "Name", "DBInstanceIdentifier", "DBProxyName", "TableName")
        if isinstance(value := resource.get("Properties", {}).get(key), str)
    }
    found |= {"staging", "vault", "site", "alerts", "service", "backups", "cost", "data", "promoted", "logs"}

    for named in re.findall(r"\$P-([a-z-]*[a-z])(?![a-z$-])", text(name)):
        assert named in found, f"$P-{named}"
