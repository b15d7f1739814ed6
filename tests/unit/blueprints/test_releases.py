"""A release: a version that is another one exactly when Lambda would say so, and a canary before it."""

from dataclasses import replace

import pytest
from troposphere import Template

from blueprints import artifacts
from blueprints.functions import function
from blueprints.outputs import KeysOutputs, NetworkOutputs
from blueprints.releases import release
from blueprints.settings import SANDBOX

KEYS = KeysOutputs.imported(SANDBOX)


def released(**options):
    t = Template()
    release(t, SANDBOX, function(t, SANDBOX, KEYS, "serve_catalogue", published=True, **options))
    return t.to_dict()["Resources"]


def of_kind(resources, kind):
    return {title: it["Properties"] for title, it in resources.items() if it["Type"] == kind}


def version(resources):
    (title,) = of_kind(resources, "AWS::Lambda::Version")
    return title


def test_callers_reach_the_version_by_an_alias_that_code_deploy_leads():
    resources = released()
    alias = resources["ServeCatalogueLive"]

    assert alias["Properties"]["Name"] == "live"
    assert alias["Properties"]["FunctionVersion"] == {"Fn::GetAtt": [version(resources), "Version"]}
    assert alias["UpdatePolicy"]["CodeDeployLambdaAliasUpdate"] == {
        "ApplicationName": {"Ref": "Releases"},
        "DeploymentGroupName": {"Ref": "ServeCatalogueRelease"},
    }


def test_a_tenth_of_the_calls_comes_first_and_an_alarm_takes_all_back():
    group = released()["ServeCatalogueRelease"]["Properties"]

    assert group["DeploymentConfigName"] == "CodeDeployDefault.LambdaCanary10Percent5Minutes"
    assert group["AutoRollbackConfiguration"]["Enabled"] is True
    assert {"DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM"} <= set(group["AutoRollbackConfiguration"]["Events"])
    assert group["AlarmConfiguration"]["Enabled"] is True
    assert [each["Name"]["Ref"] for each in group["AlarmConfiguration"]["Alarms"]] == [
        "ServeCatalogueVersionFails",
        "ServeCatalogueVersionFaults",
    ]


def test_the_alarms_watch_the_new_version_alone_and_are_there_before_any_call_reaches_it():
    resources = released()
    number = {"Fn::GetAtt": [version(resources), "Version"]}
    group = resources["ServeCatalogueRelease"]["Properties"]
    for each in group["AlarmConfiguration"]["Alarms"]:
        alarm = resources[each["Name"]["Ref"]]["Properties"]
        assert number in [dimension["Value"] for dimension in alarm["Dimensions"]]
        assert alarm["TreatMissingData"] == "notBreaching", "a version that nobody calls yet must not be in the way"
        assert each["Name"]["Ref"] in resources["ServeCatalogueLive"]["DependsOn"]


@pytest.mark.parametrize(
    "change",
    [
        {"memory": 2048},
        {"ROLE": "other"},
        {"vpc": NetworkOutputs.imported(SANDBOX)},
    ],
    ids=["memory", "variable", "network"],
)
def test_what_lambda_keeps_with_a_version_makes_another_one(change):
    assert version(released(ROLE="one")) != version(released(**{"ROLE": "one", **change}))


def test_other_code_makes_another_version(monkeypatch):
    before = version(released())
    monkeypatch.setattr(artifacts, "key", lambda: "handlers-other.zip")

    assert version(released()) != before


def test_what_lambda_keeps_with_the_function_makes_none():
    """Lambda would publish nothing, and CloudFormation would fail."""
    assert version(released(concurrency=1)) == version(released(concurrency=2))


def test_code_deploy_may_lead_only_the_alias_of_its_own_function():
    statements = released()["ServeCatalogueReleaseRolePolicy"]["Properties"]["PolicyDocument"]["Statement"]
    (shift,) = [statement for statement in statements if "lambda:UpdateAlias" in statement["Action"]]

    assert all("function:holdfast-sandbox-serve-catalogue" in arn["Fn::Sub"] for arn in shift["Resource"])


def test_all_functions_of_a_stack_are_released_by_one_application():
    t = Template()
    for module in ("serve_catalogue", "report_health"):
        release(t, SANDBOX, function(t, SANDBOX, KEYS, module, published=True))
    resources = t.to_dict()["Resources"]

    assert len(of_kind(resources, "AWS::CodeDeploy::Application")) == 1
    assert len(of_kind(resources, "AWS::CodeDeploy::DeploymentGroup")) == 2


def test_a_published_function_starts_from_a_snapshot_and_another_one_does_not():
    t = Template()
    made = function(t, SANDBOX, KEYS, "take_snapshot").to_dict()["Properties"]

    assert released()["ServeCatalogue"]["Properties"]["SnapStart"] == {"ApplyOn": "PublishedVersions"}
    assert "SnapStart" not in made


def test_two_deployments_side_by_side_do_not_share_a_name():
    t = Template()
    settings = replace(SANDBOX, stage="other")
    release(t, settings, function(t, settings, KEYS, "serve_catalogue", published=True))
    names = of_kind(t.to_dict()["Resources"], "AWS::CodeDeploy::Application")

    assert names["Releases"]["ApplicationName"] == "holdfast-other"
