"""The console at the edge, as no linter sees it: where it lies, what it serves from where, its names and its logs."""

import json
from fnmatch import fnmatch
from itertools import product

import pytest
from rendering import resolved, walk
from sites import (
    ACCOUNT,
    DOMAIN,
    PLACES,
    deployment,
    distribution,
    every_option,
    of_kind,
    statements,
    template_of,
    the,
    the_site_bucket,
)

from blueprints.regions import GLOBAL, regions_of

# ---- where it lies -----------------------------------------------------------------------------------------------


@every_option()
def test_the_site_stack_lies_in_us_east_1_and_needs_nothing_of_any_other_stack(settings):
    template = template_of("site", settings)

    assert regions_of("site", settings) == (GLOBAL,) == ("us-east-1",)
    assert "Conditions" not in template
    assert not any(isinstance(node, dict) and "Fn::ImportValue" in node for node in walk(template))


@pytest.mark.parametrize("place", PLACES)
def test_beside_the_other_stacks_in_us_east_1_no_name_is_taken_twice(place):
    settings = deployment(place=place)
    aliases = [
        alias["AliasName"]
        for stack in ("keys", "site")
        for alias in of_kind(template_of(stack, settings), "AWS::KMS::Alias").values()
    ]

    assert len(aliases) == len(set(aliases)) == 4


@pytest.mark.parametrize(("domain", "cloudfront", "database"), list(product([False, True], repeat=3)))
def test_every_combination_of_options_is_something_that_cloudformation_takes(domain, cloudfront, database):
    validator = pytest.importorskip("cloudformation_validate")
    settings = deployment(domain=domain, cloudfront=cloudfront, database=database)
    engine = validator.CompositeEngine()
    for stack in ("keys", "storage", "site"):
        if stack == "site" and not cloudfront:
            continue
        content = validator.TemplateContent(json.dumps(template_of(stack, settings)), stack)
        for region in regions_of(stack, settings):
            config = validator.ValidateConfig(
                severity_level=validator.Severity.WARN,
                pseudo_parameter_overrides=validator.PseudoParameterOverrides(region=region),
            )
            report = engine.validate_template(content, config)
            assert [f"{d.rule_id} {d.message}" for d in report.diagnostics] == []


# ---- from the buckets to the edge ---------------------------------------------------------------------------------


@every_option()
def test_cloudfront_signs_every_request_to_either_regions_bucket(settings):
    template = template_of("site", settings)
    (control,) = of_kind(template, "AWS::CloudFront::OriginAccessControl")
    access = template["Resources"][control]["Properties"]["OriginAccessControlConfig"]
    buckets = {resolved(the_site_bucket(settings)["BucketName"], region): region for region in settings.regions}

    assert (access["SigningBehavior"], access["SigningProtocol"]) == ("always", "sigv4")
    assert access["OriginAccessControlOriginType"] == "s3"
    assert len(access["Name"]) <= 64
    for origin in distribution(settings)["Origins"]:
        bucket, _, rest = resolved(origin["DomainName"], "nowhere").partition(".")
        assert rest == f"s3.{buckets[bucket]}.amazonaws.com"
        assert origin["OriginAccessControlId"] == {"Fn::GetAtt": [control, "Id"]}
        assert origin["S3OriginConfig"] == {"OriginAccessIdentity": ""}


@every_option()
def test_the_recovery_regions_bucket_answers_when_the_primarys_fails_but_not_when_a_file_is_missing(settings):
    config = distribution(settings)
    origins = {origin["Id"]: resolved(origin["DomainName"], "nowhere") for origin in config["Origins"]}

    for group in config["OriginGroups"]["Items"]:
        members = [origins[member["OriginId"]] for member in group["Members"]["Items"]]
        assert [name.split(".s3.")[1] for name in members] == [f"{region}.amazonaws.com" for region in settings.regions]
        codes = group["FailoverCriteria"]["StatusCodes"]
        assert codes == {"Items": [500, 502, 503, 504], "Quantity": 4}
        assert group["Members"]["Quantity"] == 2
    assert config["OriginGroups"]["Quantity"] == len(config["OriginGroups"]["Items"])


@every_option()
def test_with_a_regions_bucket_comes_that_regions_configuration(settings):
    config = distribution(settings)
    (behavior,) = config["CacheBehaviors"]
    (group,) = [g for g in config["OriginGroups"]["Items"] if g["Id"] == behavior["TargetOriginId"]]
    origins = {origin["Id"]: origin for origin in config["Origins"]}

    assert behavior["PathPattern"] == "/config.json"
    for member, region in zip(group["Members"]["Items"], settings.regions, strict=True):
        origin = origins[member["OriginId"]]
        assert origin["OriginPath"] == f"/config/{region}"
        assert f".s3.{region}." in resolved(origin["DomainName"], "nowhere")


# ---- from the edge to the browser --------------------------------------------------------------------------------


@every_option()
def test_only_what_is_fetched_over_tls_is_served_small_and_by_path_alone(settings):
    template = template_of("site", settings)
    config = distribution(settings)
    cache = the(template, "AWS::CloudFront::CachePolicy")["CachePolicyConfig"]
    key = cache["ParametersInCacheKeyAndForwardedToOrigin"]

    for behavior in [config["DefaultCacheBehavior"], *config["CacheBehaviors"]]:
        assert behavior["ViewerProtocolPolicy"] == "redirect-to-https"
        assert behavior["AllowedMethods"] == ["GET", "HEAD"]
        assert behavior["Compress"] is True
        assert behavior["CachePolicyId"] == {"Ref": "Cache"}
        assert behavior["ResponseHeadersPolicyId"] == {"Ref": "Headers"}
    assert (config["HttpVersion"], config["IPV6Enabled"]) == ("http2and3", True)
    assert config["DefaultRootObject"] == "index.html"
    assert config["PriceClass"] == settings.site.price_class
    assert key["EnableAcceptEncodingBrotli"] is key["EnableAcceptEncodingGzip"] is True
    assert {behavior for part in key.values() if isinstance(part, dict) for behavior in part.values()} == {"none"}
    assert cache["MaxTTL"] <= 60, "an upload would wait to be seen"


def test_what_is_not_there_is_told_by_our_own_page():
    (answer,) = distribution(deployment())["CustomErrorResponses"]

    assert (answer["ErrorCode"], answer["ResponseCode"]) == (403, 404), "S3 says 403 to who may not list"
    assert answer["ResponsePagePath"] == "/error.html"


# ---- names -------------------------------------------------------------------------------------------------------


def test_with_a_domain_the_console_has_our_name_a_certificate_of_ours_and_records_for_either_kind_of_address():
    settings = deployment(domain=True)
    template = template_of("site", settings)
    config = distribution(settings)
    certificate = the(template, "AWS::CertificateManager::Certificate")
    records = of_kind(template, "AWS::Route53::RecordSet").values()

    assert config["Aliases"] == [certificate["DomainName"]] == ["console.example.com"]
    assert certificate["ValidationMethod"] == "DNS"
    assert certificate["DomainValidationOptions"] == [
        {"DomainName": "console.example.com", "HostedZoneId": DOMAIN.zone_id}
    ]
    assert config["ViewerCertificate"] == {
        "AcmCertificateArn": {"Ref": "Certificate"},
        "MinimumProtocolVersion": "TLSv1.2_2021",
        "SslSupportMethod": "sni-only",
    }
    assert sorted(record["Type"] for record in records) == ["A", "AAAA"]
    for record in records:
        assert (record["Name"], record["HostedZoneId"]) == ("console.example.com", DOMAIN.zone_id)
        assert record["AliasTarget"]["DNSName"] == {"Fn::GetAtt": ["Distribution", "DomainName"]}
        assert record["AliasTarget"]["HostedZoneId"] == "Z2FDTNDATAQYW2"
    assert template["Outputs"]["ConsoleUrl"]["Value"] == "https://console.example.com"


def test_without_a_domain_cloudfronts_own_name_serves():
    template = template_of("site", deployment())

    assert not of_kind(template, "AWS::CertificateManager::Certificate")
    assert not of_kind(template, "AWS::Route53::RecordSet")
    assert distribution(deployment())["ViewerCertificate"] == {"CloudFrontDefaultCertificate": True}
    assert template["Outputs"]["ConsoleUrl"]["Value"] == {
        "Fn::Join": ["", ["https://", {"Fn::GetAtt": ["Distribution", "DomainName"]}]]
    }


# ---- logs --------------------------------------------------------------------------------------------------------


@every_option()
def test_every_request_to_the_edge_is_logged_without_what_could_hold_a_login_code(settings):
    template = template_of("site", settings)
    source, target = the(template, "AWS::Logs::DeliverySource"), the(template, "AWS::Logs::DeliveryDestination")
    delivery = the(template, "AWS::Logs::Delivery")
    fields = set(delivery["RecordFields"])

    assert source["LogType"] == "ACCESS_LOGS"
    assert source["ResourceArn"]["Fn::Join"][1][1] == {"Ref": "Distribution"}
    assert target["DestinationResourceArn"]["Fn::Join"][1][1] == {"Ref": "AccessLogs"}
    assert delivery["DeliverySourceName"] == {"Ref": "AccessLogSource"}
    assert delivery["DeliveryDestinationArn"] == {"Fn::GetAtt": ["AccessLogTarget", "Arn"]}
    assert {"date", "time", "c-ip", "cs-method", "cs-uri-stem", "sc-status", "x-edge-result-type"} <= fields
    assert not fields & {"cs-uri-query", "cs(Cookie)", "cs(Referer)", "cs-headers"}
    assert len(source["Name"]) <= 60


@every_option()
def test_the_edges_logs_are_under_a_key_that_serves_them_and_only_log_delivery_may_write(settings):
    template = template_of("site", settings)
    ((key, _),) = of_kind(template, "AWS::KMS::Key").items()
    serves = resolved(statements(template, key, "KeyPolicy")["AllowLogGroups"], GLOBAL)
    (patterns,) = serves["Condition"]["ArnLike"].values()
    groups = of_kind(template, "AWS::Logs::LogGroup").values()

    assert serves["Principal"] == {"Service": ["logs.us-east-1.amazonaws.com"]}
    assert len(groups) == 2
    for group in groups:
        arn = f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:{group['LogGroupName']}"
        (delivery,) = resolved(group["ResourcePolicyDocument"]["Statement"], GLOBAL)
        assert any(fnmatch(arn, pattern) for pattern in patterns)
        assert group["KmsKeyId"] == {"Fn::GetAtt": [key, "Arn"]}
        assert delivery["Principal"] == {"Service": ["delivery.logs.amazonaws.com"]}
        assert delivery["Resource"] == [f"{arn}:log-stream:*"]
        assert delivery["Condition"]["StringEquals"] == {"aws:SourceAccount": ACCOUNT}


@every_option()
def test_what_the_stack_publishes_names_the_distribution(settings):
    outputs = template_of("site", settings)["Outputs"]

    assert set(outputs) == {"DistributionId", "DistributionDomain", "ConsoleUrl"}
    assert outputs["DistributionId"]["Value"] == {"Ref": "Distribution"}
    assert outputs["DistributionDomain"]["Value"] == {"Fn::GetAtt": ["Distribution", "DomainName"]}
