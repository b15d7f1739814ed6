"""The rules of security.md about the API, its logins and its names, for every template."""

import json

import pytest
from rendering import OPTIONS, each, found, rendered, resolved, walk

from blueprints.database_proxy import WAIT_SECONDS
from blueprints.settings import PRODUCTION, STAGING
from handlers import database

APIS = [pytest.param(it, id=str(it)) for it in found("AWS::ApiGateway::RestApi")]
each_api = pytest.mark.parametrize("it", APIS)


def operations(it):
    """Path, method and operation of everything that a client may ask for."""
    for path, methods in it.properties["Body"]["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


# ---- the stage ---------------------------------------------------------------------------------------------------


@each("AWS::ApiGateway::Stage")
def test_every_stage_is_throttled_traced_and_logged_without_data(it):
    (settings,) = it.properties["MethodSettings"]

    assert (settings["HttpMethod"], settings["ResourcePath"]) == ("*", "/*")
    assert settings["DataTraceEnabled"] is False
    assert settings["LoggingLevel"] == "ERROR"
    assert settings["MetricsEnabled"] is True
    assert settings["ThrottlingRateLimit"] == it.settings.api.throttle_rate
    assert settings["ThrottlingBurstLimit"] == it.settings.api.throttle_burst
    assert it.properties["TracingEnabled"] is True
    assert not it.properties.get("CacheClusterEnabled")


@each("AWS::ApiGateway::Stage")
def test_an_access_log_line_is_json_and_tells_nothing_that_a_client_has_written(it):
    line = json.loads(it.properties["AccessLogSetting"]["Format"])

    for secret in ("path", "querystring", "header", "body", "authorizer.principalId", "error.message", "userAgent"):
        assert not any(value.lower().startswith(f"$context.{secret.lower()}") for value in line.values()), secret
    assert line["route"] == "$context.resourcePath"


@each("AWS::ApiGateway::Stage")
def test_the_stage_finds_its_log_groups_and_the_right_to_write_them(it):
    kinds = [it.template["Resources"][title]["Type"] for title in it.resource["DependsOn"]]

    assert sorted(kinds) == ["AWS::ApiGateway::Account", "AWS::Logs::LogGroup", "AWS::Logs::LogGroup"]


@each("AWS::ApiGateway::Stage")
def test_the_firewall_stands_before_every_stage(it):
    (association,) = [
        r["Properties"] for r in it.template["Resources"].values() if r["Type"] == "AWS::WAFv2::WebACLAssociation"
    ]

    assert {"Ref": it.title} in list(walk(association["ResourceArn"]))
    assert it.template["Resources"][association["WebACLArn"]["Fn::GetAtt"][0]]["Type"] == "AWS::WAFv2::WebACL"


@each("AWS::ApiGateway::Account")
def test_what_every_api_of_the_account_logs_with_stays_when_the_stack_goes(it):
    role = it.properties["CloudWatchRoleArn"]["Fn::GetAtt"][0]
    (policy,) = it.template["Resources"][role]["Properties"]["ManagedPolicyArns"]
    for title in (it.title, role, policy["Ref"]):
        resource = it.template["Resources"][title]
        assert resource["DeletionPolicy"] == resource["UpdateReplacePolicy"] == "Retain"


@each_api
def test_an_api_bears_its_name_though_the_import_calls_it_by_the_bodys_title(it):
    assert it.properties["Name"] == it.properties["Body"]["info"]["title"] == it.settings.prefix


def test_a_setting_beside_the_body_makes_another_deployment_too():
    with_domain, without = (rendered(option)["api"]["Resources"] for option in ("DOMAIN", "PRODUCTION"))

    assert with_domain["Api"]["Properties"]["Body"] == without["Api"]["Properties"]["Body"]
    assert with_domain["Api"]["Properties"]["DisableExecuteApiEndpoint"] is True
    assert with_domain["Stage"]["Properties"]["DeploymentId"] != without["Stage"]["Properties"]["DeploymentId"]


# ---- the body ----------------------------------------------------------------------------------------------------


@each_api
def test_only_health_the_console_and_preflights_are_for_everybody(it):
    for path, method, operation in operations(it):
        everybody = path == "/health" or path.startswith("/console") or method == "options"
        assert bool(operation["security"]) is not everybody, f"{method} {path}"
        for need in operation["security"]:
            assert need["oauth"], "a token without a scope must not do"


@each_api
def test_every_scope_that_an_operation_asks_for_can_be_given(it):
    resources = it.template["Resources"]
    server = resources["ResourceServer"]["Properties"]
    known = {f"{server['Identifier']}/{scope['ScopeName']}" for scope in server["Scopes"]}
    asked = {s for _, _, operation in operations(it) for need in operation["security"] for s in need["oauth"]}

    assert asked <= known
    assert asked <= set(resources["ConsoleClient"]["Properties"]["AllowedOAuthScopes"])


@each_api
def test_every_operation_reaches_an_alias_that_lets_the_gateway_in(it):
    resources = it.template["Resources"]
    permitted = {r["Properties"]["FunctionName"]["Ref"] for r in resources.values() if "Permission" in r["Type"]}
    called = {
        alias
        for _, _, operation in operations(it)
        if (integration := operation["x-amazon-apigateway-integration"])["type"] == "aws_proxy"
        for alias in permitted
        if f"/functions/${{{alias}}}/invocations" in integration["uri"]["Fn::Sub"]
    }
    proxies = [o for *_, o in operations(it) if o["x-amazon-apigateway-integration"]["type"] == "aws_proxy"]

    assert proxies
    assert called == permitted


@each_api
def test_the_resources_of_the_application_are_there_exactly_if_there_is_a_database(it):
    assert any(path.startswith("/items") for path, *_ in operations(it)) is (it.settings.database is not None)


@each_api
def test_the_api_serves_the_console_exactly_if_cloudfront_does_not(it):
    paths = set(it.properties["Body"]["paths"])
    console = {"/console", "/console/config.json", "/console/{file+}"}

    assert console & paths == (set() if it.settings.site.cloudfront else console)


@each_api
def test_every_file_of_the_console_comes_with_the_security_headers_and_from_its_own_bucket(it):
    if it.settings.site.cloudfront:
        return
    for path in ("/console", "/console/config.json", "/console/{file+}"):
        operation = it.properties["Body"]["paths"][path]["get"]
        for response in operation["x-amazon-apigateway-integration"]["responses"].values():
            told = {name.removeprefix("method.response.header.") for name in response["responseParameters"]}
            assert {"Content-Security-Policy", "Strict-Transport-Security", "X-Content-Type-Options"} <= told
            assert told <= set(operation["responses"][response["statusCode"]]["headers"])
    uri = resolved(it.properties["Body"]["paths"]["/console/{file+}"]["get"], "eu-west-1")
    name = f"{it.settings.prefix}-site-eu-west-1-123456789012"
    assert uri["x-amazon-apigateway-integration"]["uri"].endswith(f":s3:path/{name}/{{file}}")


@each_api
def test_one_address_leads_to_an_api_its_own_name_if_it_has_one(it):
    assert it.properties["DisableExecuteApiEndpoint"] is (it.settings.domain is not None)
    assert it.properties["EndpointConfiguration"]["Types"] == ["REGIONAL"]
    url = resolved(it.template["Outputs"]["ApiUrl"]["Value"], "eu-west-1")
    expected = (
        "https://api.example.com" if it.settings.domain else "https://${Api}.execute-api.eu-west-1.amazonaws.com/api"
    )
    assert url == expected


# ---- logins ------------------------------------------------------------------------------------------------------


@each("AWS::Cognito::UserPool")
def test_every_user_has_a_second_factor_a_strong_password_and_was_invited(it):
    p = it.properties

    assert p["MfaConfiguration"] == "ON"
    assert p["EnabledMfas"] == ["SOFTWARE_TOKEN_MFA"]
    assert p["AdminCreateUserConfig"]["AllowAdminCreateUserOnly"] is True
    assert p["Policies"]["PasswordPolicy"]["MinimumLength"] >= 14
    assert all(
        p["Policies"]["PasswordPolicy"][f"Require{kind}"] for kind in ("Lowercase", "Uppercase", "Numbers", "Symbols")
    )
    assert p["UserPoolAddOns"]["AdvancedSecurityMode"] == "ENFORCED"
    assert p["UserPoolTier"] == "PLUS", "the only plan with advanced security"
    assert p["DeletionProtection"] == "ACTIVE"
    assert it.resource["DeletionPolicy"] == it.resource["UpdateReplacePolicy"] == "Retain"


@each("AWS::Cognito::UserPoolClient")
def test_no_client_takes_a_password_or_hands_a_token_to_an_address_bar(it):
    assert it.properties["ExplicitAuthFlows"] == ["ALLOW_REFRESH_TOKEN_AUTH"]
    assert "implicit" not in it.properties["AllowedOAuthFlows"]
    assert it.properties["PreventUserExistenceErrors"] == "ENABLED"
    assert all(
        json.dumps(url).startswith(('"https://', '{"Fn::Sub": "https://'))
        for url in it.properties.get("CallbackURLs", [])
    )


# ---- names -------------------------------------------------------------------------------------------------------


@each("AWS::ApiGateway::DomainName")
def test_our_own_name_speaks_modern_tls_with_our_own_certificate(it):
    certificate = it.template["Resources"][it.properties["RegionalCertificateArn"]["Ref"]]["Properties"]

    assert it.properties["SecurityPolicy"] == "TLS_1_2"
    assert certificate["DomainName"] == it.properties["DomainName"] == "api.example.com"
    assert certificate["ValidationMethod"] == "DNS"
    assert certificate["DomainValidationOptions"][0]["HostedZoneId"] == it.settings.domain.zone_id


def test_the_standby_decides_to_whom_the_name_leads():
    for option, settings in OPTIONS.items():
        resources = rendered(option)["api"]["Resources"]
        if settings.domain is None:
            assert not {r["Type"] for r in resources.values()} & {
                "AWS::Route53::RecordSet",
                "AWS::Route53::HealthCheck",
            }
            continue
        record, check = resources["Record"]["Properties"], resources["PrimaryServes"]
        config = check["Properties"]["HealthCheckConfig"]
        assert record["Failover"] == {"Fn::If": ["IsPrimaryRegion", "PRIMARY", "SECONDARY"]}
        assert record["HealthCheckId"] == {
            "Fn::If": ["IsPrimaryRegion", {"Ref": "PrimaryServes"}, {"Ref": "AWS::NoValue"}]
        }
        assert check["Condition"] == "IsPrimaryRegion"
        assert config["Type"] == "CLOUDWATCH_METRIC"
        assert config["AlarmIdentifier"] == {"Name": f"{settings.prefix}-promoted", "Region": settings.recovery_region}
        assert config["InsufficientDataHealthStatus"] == "LastKnownStatus", "silence must not take a promotion back"
        alarms = [it.properties for it in found("AWS::CloudWatch::Alarm") if it.option == option]
        assert f"{settings.prefix}-promoted" in [alarm["AlarmName"] for alarm in alarms]


# ---- functions ---------------------------------------------------------------------------------------------------


def test_functions_know_the_certificates_of_what_they_connect_to():
    roots = {
        option: {
            resource["Properties"]["Environment"]["Variables"]["CA_BUNDLE"]
            for title, resource in rendered(option)["api"]["Resources"].items()
            if title in ("ServeResources", "ReportHealth")
        }
        for option in OPTIONS
    }

    assert roots["PRODUCTION"] == {"handlers/certificates/proxy.pem"}
    assert roots["BARE_DATABASE"] == roots["NO_DATABASE"] == {"handlers/certificates/rds.pem"}


def test_the_proxys_waits_end_before_the_functions_own():
    proxies = list(found("AWS::RDS::DBProxyTargetGroup"))
    for it in proxies:
        pool = it.properties["ConnectionPoolConfigurationInfo"]
        assert pool["ConnectionBorrowTimeout"] == WAIT_SECONDS < database.STATEMENT_TIMEOUT
        assert f"innodb_lock_wait_timeout = {WAIT_SECONDS}," in pool["InitQuery"]
        assert f"max_execution_time = {WAIT_SECONDS}000" in pool["InitQuery"]
        assert "time_zone = '+00:00'" in pool["InitQuery"]
    assert proxies


def test_without_a_database_health_says_so_and_lies_outside_the_network():
    health = rendered("NO_DATABASE")["api"]["Resources"]["ReportHealth"]["Properties"]

    assert health["Environment"]["Variables"]["DATABASE_HOST"] == "none"
    assert "VpcConfig" not in health
    assert "ServeResources" not in rendered("NO_DATABASE")["api"]["Resources"]


def test_serving_functions_end_before_the_gateway_gives_up():
    for it in found("AWS::Lambda::Function"):
        if it.stack == "api":
            assert it.properties["Timeout"] < 29, str(it)
            assert it.properties["ReservedConcurrentExecutions"] == it.settings.api.concurrency


def test_the_profiles_differ_in_who_serves_the_console():
    assert PRODUCTION.site.cloudfront is True
    assert STAGING.site.cloudfront is False
