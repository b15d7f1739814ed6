"""New code meets the ledger only as it needs it, and what old code did until then is caught up with."""

import json
from itertools import chain

import pytest

from blueprints import backup, ledger_version
from blueprints.outputs import KeysOutputs, NetworkOutputs, StorageOutputs
from blueprints.settings import PRODUCTION
from handlers.core import ledger_versions


@pytest.fixture(scope="module")
def resources():
    told = (made.imported(PRODUCTION) for made in (KeysOutputs, NetworkOutputs, StorageOutputs))
    return json.loads(backup.blueprint(PRODUCTION, *told).to_json())["Resources"]


def users(resources):
    """Functions that are told of the ledger, but the one that migrates it."""
    functions = {title: r for title, r in resources.items() if r["Type"] == "AWS::Lambda::Function"}
    return {
        title
        for title, function in functions.items()
        if "LEDGER" in function["Properties"]["Environment"]["Variables"] and title != "MigrateLedger"
    }


def test_the_template_asks_for_the_version_that_the_code_knows(resources):
    assert ledger_version.VERSION == ledger_versions.CURRENT
    for title in ("Ledger", "LedgerSettled"):
        properties = resources[title]["Properties"]
        assert properties["Version"] == str(ledger_versions.CURRENT)
        assert properties["ServiceToken"] == {"Fn::GetAtt": ["MigrateLedger", "Arn"]}


def test_every_function_that_uses_the_ledger_waits_for_its_version_and_is_waited_for(resources):
    assert {"ConcludeRecoveryPoint", "RecordFailure", "SweepOperations", "SettleOperation"} < users(resources)
    assert {title for title, r in resources.items() if r.get("DependsOn") == ["Ledger"]} == users(resources)
    assert set(resources["LedgerSettled"]["DependsOn"]) == users(resources)


def test_whoever_calls_such_a_function_waits_through_it(resources):
    """Machines, schedules and the queue's reader name the functions that they call."""

    def named(node):
        if isinstance(node, dict):
            found = node.get("Fn::GetAtt", [node.get("Ref")])[:1]
            return chain(found, *map(named, node.values()))
        return chain(*map(named, node)) if isinstance(node, list) else ()

    for caller in ("BackupMachine", "CopyMachine", "SweepSchedule", "MeasureSchedule", "SettleMessages"):
        assert users(resources) & set(named(resources[caller]["Properties"])), caller


def test_both_regions_have_it_so_that_nothing_depends_on_what_is_not_there(resources):
    """cfn-lint E3005: a resource can't depend on one whose condition is false."""
    assert not {"Condition"} & (resources["Ledger"].keys() | resources["LedgerSettled"].keys())
    variables = resources["MigrateLedger"]["Properties"]["Environment"]["Variables"]
    assert variables["PRIMARY_REGION"] == PRODUCTION.primary_region


def test_it_may_read_points_and_write_rows_and_nothing_else(resources):
    statements = resources["MigrateLedgerRolePolicy"]["Properties"]["PolicyDocument"]["Statement"]
    actions = {action for each in statements for action in each["Action"] if action.startswith("dynamodb:")}

    assert actions == {"dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:PutItem", "dynamodb:Query"}


def test_it_runs_once_at_a_time_and_cloudformation_gives_up_last(resources):
    function = resources["MigrateLedger"]["Properties"]

    assert function["ReservedConcurrentExecutions"] == 1
    assert function["Timeout"] < resources["Ledger"]["Properties"]["ServiceTimeout"]
