"""Who may call the API, and where logging in leads back to."""

from dataclasses import replace

import pytest
from troposphere import Template

from blueprints import openapi
from blueprints.identity import identity
from blueprints.settings import PRODUCTION, STAGING, Domain, Federation, Site

DOMAIN = Domain(name="example.com", zone_id="Z0123456789ABC")
EVERYWHERE = replace(PRODUCTION, domain=DOMAIN)
FEDERATED = replace(PRODUCTION, federation=Federation(name="Company", metadata_url="https://idp.example.com/metadata"))


def resources(settings):
    t = Template()
    identity(t, settings, "Api")
    return t.to_dict()["Resources"]


def client(settings, title="ConsoleClient"):
    return resources(settings)[title]["Properties"]


@pytest.mark.parametrize(
    ("settings", "address"),
    [
        (EVERYWHERE, "https://console.example.com/index.html"),
        (replace(EVERYWHERE, site=Site(cloudfront=False)), "https://api.example.com/console/index.html"),
        (
            replace(PRODUCTION, site=Site(address="https://d111111abcdef8.cloudfront.net")),
            "https://d111111abcdef8.cloudfront.net/index.html",
        ),
        (PRODUCTION, "https://console.invalid/index.html"),
        (STAGING, {"Fn::Sub": "https://${Api}.execute-api.${AWS::Region}.amazonaws.com/api/console/index.html"}),
    ],
    ids=["domain", "domain, no CloudFront", "address", "first deployment", "no CloudFront"],
)
def test_logging_in_and_out_leads_back_to_the_console(settings, address):
    made = client(settings)

    assert made["CallbackURLs"] == made["LogoutURLs"] == [address]


def test_the_console_has_no_secret_and_takes_no_token_from_the_address_bar():
    made = client(PRODUCTION)

    assert made["GenerateSecret"] is False
    assert made["AllowedOAuthFlows"] == ["code"]
    assert made["AllowedOAuthScopes"] == ["openid", *openapi.SCOPES]


def test_a_program_has_a_secret_and_may_start_no_failover():
    made = client(PRODUCTION, "MachineClient")

    assert made["GenerateSecret"] is True
    assert made["AllowedOAuthFlows"] == ["client_credentials"]
    assert set(openapi.SCOPES) - set(made["AllowedOAuthScopes"]) == {"holdfast/failover"}


def test_scopes_are_those_of_the_document_and_exist_before_the_clients():
    made = resources(PRODUCTION)
    server = made["ResourceServer"]["Properties"]

    assert [f"{server['Identifier']}/{scope['ScopeName']}" for scope in server["Scopes"]] == list(openapi.SCOPES)
    for title in ("ConsoleClient", "MachineClient"):
        assert "ResourceServer" in made[title]["DependsOn"]


def test_the_companys_people_log_in_at_their_provider_and_the_pools_own_when_that_is_down():
    made = resources(FEDERATED)
    provider = made["CompanyProvider"]["Properties"]

    assert provider["ProviderType"] == "SAML"
    assert provider["ProviderDetails"] == {"MetadataURL": "https://idp.example.com/metadata"}
    assert made["ConsoleClient"]["Properties"]["SupportedIdentityProviders"] == ["COGNITO", "Company"]
    assert "CompanyProvider" in made["ConsoleClient"]["DependsOn"]
    assert "CompanyProvider" not in resources(PRODUCTION)
