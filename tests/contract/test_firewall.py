"""The firewalls before the API and the site: what they stop, what they tell, what they keep to themselves."""

import json
from dataclasses import replace

import pytest
from rendering import resolved
from troposphere import Template

from blueprints.firewall import BODY_LIMIT, web_acl
from blueprints.outputs import KeysOutputs
from blueprints.settings import PRODUCTION, Api
from handlers.rest import bodies

SCOPES = {"REGIONAL": "api", "CLOUDFRONT": "site"}


def rendered(scope, settings=PRODUCTION):
    t = Template()
    web_acl(t, settings, KeysOutputs.imported(settings), scope)
    return json.loads(t.to_json())["Resources"]


def acl(scope, settings=PRODUCTION):
    return rendered(scope, settings)["Firewall"]["Properties"]


def rules(scope, settings=PRODUCTION):
    return {rule["Name"]: rule for rule in acl(scope, settings)["Rules"]}


def both_scopes():
    return pytest.mark.parametrize("scope", SCOPES)


@both_scopes()
def test_aws_own_rules_for_known_attacks_and_sql_stop_what_they_know(scope):
    managed = {
        rule["Statement"]["ManagedRuleGroupStatement"]["Name"]: rule
        for rule in rules(scope).values()
        if "ManagedRuleGroupStatement" in rule["Statement"]
    }

    assert set(managed) == {
        "AWSManagedRulesCommonRuleSet",
        "AWSManagedRulesKnownBadInputsRuleSet",
        "AWSManagedRulesSQLiRuleSet",
    }
    for name, rule in managed.items():
        overridden = rule["Statement"]["ManagedRuleGroupStatement"].get("RuleActionOverrides", [])
        assert rule["OverrideAction"] == {"None": {}}, "counting is not stopping"
        if scope == "CLOUDFRONT" or name != "AWSManagedRulesCommonRuleSet":
            assert overridden == []
        else:
            assert [(o["Name"], o["ActionToUse"]) for o in overridden] == [("SizeRestrictions_BODY", {"Count": {}})]


@both_scopes()
def test_rules_are_told_apart_by_priority_and_metric_and_each_is_counted(scope):
    found = acl(scope)
    seen = [found["VisibilityConfig"], *(rule["VisibilityConfig"] for rule in found["Rules"])]

    assert [rule["Priority"] for rule in found["Rules"]] == list(range(len(found["Rules"])))
    assert len({view["MetricName"] for view in seen}) == len(seen)
    assert found["VisibilityConfig"]["MetricName"] == found["Name"] == f"holdfast-production-{SCOPES[scope]}"
    assert all(view["CloudWatchMetricsEnabled"] is True for view in seen)
    assert found["Scope"] == scope
    assert found["DefaultAction"] == {"Allow": {}}


@pytest.mark.parametrize("rate", [1, 50, 10_000])
def test_one_address_gets_half_of_what_the_api_grants_to_all(rate):
    rule = rules("REGIONAL", replace(PRODUCTION, api=Api(throttle_rate=rate)))["RequestsPerAddress"]
    limit = rule["Statement"]["RateBasedStatement"]

    assert limit == {"AggregateKeyType": "IP", "Limit": rate * 150, "EvaluationWindowSec": 300}
    assert limit["Limit"] >= 10, "AWS takes no less"


def test_no_part_of_a_body_goes_unread():
    """API Gateway shows the firewall as much as may pass, and what is longer is refused whole."""
    shown = acl("REGIONAL")["AssociationConfig"]["RequestBody"]["API_GATEWAY"]["DefaultSizeInspectionLimit"]
    size = rules("REGIONAL")["BodyWithinLimit"]["Statement"]["SizeConstraintStatement"]

    assert int(shown.removeprefix("KB_")) * 1024 == BODY_LIMIT == size["Size"]
    assert size["ComparisonOperator"] == "GT"
    assert size["FieldToMatch"] == {"Body": {"OversizeHandling": "MATCH"}}
    assert bodies.LIMIT <= BODY_LIMIT, "the function would take what the firewall refuses"


def test_the_longest_item_passes_however_a_client_writes_it():
    item = {"title": "\N{GRINNING FACE}" * 200, "note": "\N{GRINNING FACE}" * 2000, "quantity": 1_000_000}

    assert 8192 < len(json.dumps(item).encode()) < BODY_LIMIT


@both_scopes()
def test_who_is_refused_by_our_own_rules_gets_a_problem_that_a_page_of_another_origin_can_read(scope):
    bodies_by_key = acl(scope)["CustomResponseBodies"]
    answers = {
        name: rule["Action"]["Block"]["CustomResponse"] for name, rule in rules(scope).items() if "Action" in rule
    }

    assert {name: answer["ResponseCode"] for name, answer in answers.items()} == (
        {"RequestsPerAddress": 429, "BodyWithinLimit": 413} if scope == "REGIONAL" else {"RequestsPerAddress": 429}
    )
    for answer in answers.values():
        body = bodies_by_key[answer["CustomResponseBodyKey"]]
        headers = {header["Name"]: header["Value"] for header in answer["ResponseHeaders"]}
        problem = json.loads(body["Content"])
        assert body["ContentType"] == "APPLICATION_JSON"
        assert problem["status"] == answer["ResponseCode"]
        assert {"type", "title", "detail"} <= set(problem)
        assert headers["Access-Control-Allow-Origin"] == "*"
        assert "content-type" not in {name.lower() for name in headers}, "AWS refuses it"
        assert ("Retry-After" in headers) is (answer["ResponseCode"] == 429)


@both_scopes()
def test_neither_the_log_nor_the_samples_hold_a_token_a_cookie_a_key_a_query_or_a_body(scope):
    protected = {
        (data["Field"]["FieldType"], tuple(data["Field"].get("FieldKeys", ())))
        for data in acl(scope)["DataProtectionConfig"]["DataProtections"]
        if data["Action"] == "SUBSTITUTION"
        and not data.get("ExcludeRuleMatchDetails")
        and not data.get("ExcludeRateBasedDetails")
    }
    redacted = rendered(scope)["FirewallLogging"]["Properties"]["RedactedFields"]

    assert protected == {
        ("SINGLE_HEADER", ("authorization", "cookie", "x-api-key")),
        ("QUERY_STRING", ()),
        ("BODY", ()),
    }
    assert {field["SingleHeader"]["Name"] for field in redacted if "SingleHeader" in field} == {
        "authorization",
        "cookie",
        "x-api-key",
    }
    assert {"QueryString": {}} in redacted


@both_scopes()
def test_every_request_is_logged_to_a_group_that_waf_may_write_to(scope):
    resources = rendered(scope)
    logging, group = (resources[title]["Properties"] for title in ("FirewallLogging", "FirewallLogs"))
    (destination,) = logging["LogDestinationConfigs"]
    separator, (arn, name) = destination["Fn::Join"]

    assert logging["ResourceArn"] == {"Fn::GetAtt": ["Firewall", "Arn"]}
    assert "LoggingFilter" not in logging
    assert group["LogGroupName"] == f"aws-waf-logs-holdfast-production-{SCOPES[scope]}"
    assert separator == ":"
    assert resolved(arn, "eu-west-1") == "arn:aws:logs:eu-west-1:123456789012:log-group"
    assert name == {"Ref": "FirewallLogs"}, "its own ARN ends in :*, which WAF refuses"
    assert group["ResourcePolicyDocument"]["Statement"][0]["Principal"] == {"Service": ["delivery.logs.amazonaws.com"]}
