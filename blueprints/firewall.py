"""The one way this project declares a web application firewall: before the API in each region, and before the site."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from troposphere import Template, wafv2

from blueprints.api_problems import EVERYWHERE, Refusal, problem
from blueprints.logs import LogsKey, group_arn, log_group
from blueprints.settings import Settings

Scope = Literal["REGIONAL", "CLOUDFRONT"]

# AWS's own rules, cheapest first; together 1,100 of the 1,500 units that the base price covers.
# https://docs.aws.amazon.com/waf/latest/developerguide/aws-managed-rule-groups-list.html
MANAGED = {
    "KnownBadInputs": "AWSManagedRulesKnownBadInputsRuleSet",  # Log4Shell, deserialisation and the like
    "SqlInjection": "AWSManagedRulesSQLiRuleSet",
    "Common": "AWSManagedRulesCommonRuleSet",
}
# The common rules refuse a body over 8 KiB, as that is all that some resources show to the firewall. A valid item can
# be longer: 2,200 characters of title and note are 26,400 bytes if a client escapes them (\ud83d\ude00), as many do. So
# that rule only counts, API Gateway shows the firewall 32 KiB, and what is longer is refused: nothing goes unread.
# https://docs.aws.amazon.com/waf/latest/developerguide/aws-managed-rule-groups-baseline.html (SizeRestrictions_BODY)
# https://docs.aws.amazon.com/waf/latest/developerguide/web-acl-setting-body-inspection-limit.html
BODY_LIMIT = 32 * 1024  # bytes
BODY_LIMIT_NAME = "KB_32"
# https://docs.aws.amazon.com/waf/latest/developerguide/waf-rule-statement-type-rate-based-high-level-settings.html
WINDOW = timedelta(minutes=5)
PAGE_VIEWS = 100  # of the console from one address in a window; a whole office can share one
FILES_OF_A_PAGE = 40
# What says who somebody is. A query can hold a login code, a body anything; we set no cookies, but other hosts of the
# domain may.
CREDENTIALS = ("authorization", "cookie", "x-api-key")
TOO_MANY = Refusal(
    429,
    "too-many-requests",
    "Too many requests",
    "Your address sent too many; wait some minutes",
    (("Retry-After", str(int(WINDOW.total_seconds()))),),
)
TOO_LARGE = Refusal(413, "too-large", "Body too large", f"The body may have {BODY_LIMIT} bytes; send less")


def web_acl(t: Template, settings: Settings, keys: LogsKey, scope: Scope) -> wafv2.WebACL:
    """Add the firewall for the region's API (``REGIONAL``) or for CloudFront, and its log.

    Its metrics are those of ``WebACL`` (and ``Rule``) ``{prefix}-api`` or ``{prefix}-site``.
    """
    name = settings.name("api" if scope == "REGIONAL" else "site")
    refusals = [TOO_MANY, TOO_LARGE] if scope == "REGIONAL" else [TOO_MANY]
    rules = [_few_from_one_address(name, _requests(settings, scope))]
    if scope == "REGIONAL":
        rules.append(_body_within_limit(name))
    rules += [_managed(name, title, rule_set, scope) for title, rule_set in MANAGED.items()]
    for priority, rule in enumerate(rules):
        rule.Priority = priority
    shown = {"API_GATEWAY": wafv2.RequestBodyAssociatedResourceTypeConfig(DefaultSizeInspectionLimit=BODY_LIMIT_NAME)}
    acl = t.add_resource(
        wafv2.WebACL(
            "Firewall",
            Name=name,
            Description=f"{settings.prefix}: what stands before the {name.removeprefix(settings.prefix + '-')}",
            Scope=scope,
            DefaultAction=wafv2.DefaultAction(Allow=wafv2.AllowAction()),
            Rules=rules,
            CustomResponseBodies={
                refusal.slug: wafv2.CustomResponseBody(ContentType="APPLICATION_JSON", Content=problem(refusal))
                for refusal in refusals
            },
            VisibilityConfig=_metrics(name),
            DataProtectionConfig=_protected(),
            **({"AssociationConfig": wafv2.AssociationConfig(RequestBody=shown)} if scope == "REGIONAL" else {}),
        )
    )
    _log(t, settings, keys, acl, name)
    return acl


def _requests(settings: Settings, scope: Scope) -> int:
    """How many requests one address may send in a window: half of what the API grants to all of them together."""
    if scope == "CLOUDFRONT":
        return PAGE_VIEWS * FILES_OF_A_PAGE
    return settings.api.throttle_rate * int(WINDOW.total_seconds()) // 2


def _few_from_one_address(name: str, limit: int) -> wafv2.WebACLRule:
    statement = wafv2.RateBasedStatement(
        AggregateKeyType="IP", Limit=limit, EvaluationWindowSec=int(WINDOW.total_seconds())
    )
    return _ours(name, "RequestsPerAddress", wafv2.Statement(RateBasedStatement=statement), TOO_MANY)


def _body_within_limit(name: str) -> wafv2.WebACLRule:
    statement = wafv2.SizeConstraintStatement(
        # "MATCH": also if there is more than the firewall is shown.
        # https://docs.aws.amazon.com/waf/latest/developerguide/waf-oversize-request-components.html
        FieldToMatch=wafv2.FieldToMatch(Body=wafv2.Body(OversizeHandling="MATCH")),
        ComparisonOperator="GT",
        Size=BODY_LIMIT,
        TextTransformations=[wafv2.TextTransformation(Priority=0, Type="NONE")],
    )
    return _ours(name, "BodyWithinLimit", wafv2.Statement(SizeConstraintStatement=statement), TOO_LARGE)


def _ours(name: str, title: str, statement: wafv2.Statement, refusal: Refusal) -> wafv2.WebACLRule:
    # This comes before whatever API Gateway or CloudFront would say; the media type can only be application/json.
    # https://docs.aws.amazon.com/waf/latest/developerguide/customizing-the-response-for-blocked-requests.html
    headers = {**EVERYWHERE, **dict(refusal.headers)}
    answer = wafv2.CustomResponse(
        ResponseCode=refusal.status,
        CustomResponseBodyKey=refusal.slug,
        ResponseHeaders=[wafv2.CustomHTTPHeader(Name=header, Value=value) for header, value in headers.items()],
    )
    return wafv2.WebACLRule(
        Name=title,
        Statement=statement,
        Action=wafv2.RuleAction(Block=wafv2.BlockAction(CustomResponse=answer)),
        VisibilityConfig=_metrics(f"{name}-{title}"),
    )


def _managed(name: str, title: str, rule_set: str, scope: Scope) -> wafv2.WebACLRule:
    """AWS's rules as AWS has them act; their newest version, which AWS rolls out itself."""
    options = {}
    if title == "Common" and scope == "REGIONAL":  # nobody sends the site a body
        count = wafv2.RuleAction(Count=wafv2.CountAction())
        options["RuleActionOverrides"] = [wafv2.RuleActionOverride(Name="SizeRestrictions_BODY", ActionToUse=count)]
    statement = wafv2.ManagedRuleGroupStatement(VendorName="AWS", Name=rule_set, **options)
    return wafv2.WebACLRule(
        Name=title,
        Statement=wafv2.Statement(ManagedRuleGroupStatement=statement),
        OverrideAction=wafv2.OverrideAction(**{"None": {}}),
        VisibilityConfig=_metrics(f"{name}-{title}"),
    )


def _metrics(name: str) -> wafv2.VisibilityConfig:
    return wafv2.VisibilityConfig(CloudWatchMetricsEnabled=True, MetricName=name, SampledRequestsEnabled=True)


def _protected() -> wafv2.DataProtectionConfig:
    """Neither the log nor the sampled requests, nor what they tell of a match, holds a secret."""
    # The log's own redaction leaves the samples alone.
    # https://docs.aws.amazon.com/waf/latest/APIReference/API_LoggingConfiguration.html
    # https://docs.aws.amazon.com/waf/latest/developerguide/data-protection-limitations.html
    fields = [
        wafv2.FieldToProtect(FieldType="SINGLE_HEADER", FieldKeys=list(CREDENTIALS)),
        wafv2.FieldToProtect(FieldType="QUERY_STRING"),
        wafv2.FieldToProtect(FieldType="BODY"),
    ]
    return wafv2.DataProtectionConfig(
        DataProtections=[wafv2.DataProtect(Field=field, Action="SUBSTITUTION") for field in fields]
    )


def _log(t: Template, settings: Settings, keys: LogsKey, acl: wafv2.WebACL, name: str) -> None:
    # https://docs.aws.amazon.com/waf/latest/developerguide/logging-cw-logs.html (how the group must be called)
    group = log_group(t, settings, keys, "FirewallLogs", f"aws-waf-logs-{name}", delivered=True)
    headers = [
        wafv2.LoggingConfigurationFieldToMatch(SingleHeader=wafv2.SingleHeader(Name=header)) for header in CREDENTIALS
    ]
    t.add_resource(
        wafv2.LoggingConfiguration(
            "FirewallLogging",
            ResourceArn=acl.get_att("Arn"),
            LogDestinationConfigs=[group_arn(group)],
            RedactedFields=[*headers, wafv2.LoggingConfigurationFieldToMatch(QueryString={})],
        )
    )
