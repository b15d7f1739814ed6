"""What the console tells the browser, and that CloudFront says all of it."""

from fnmatch import fnmatch
from itertools import product

import pytest
from rendering import resolved
from sites import ACCOUNT, deployment, every_option, template_of, the

from blueprints.headers import content_security_policy, security_headers


@every_option()
def test_every_security_header_reaches_the_browser_whatever_the_bucket_says(settings):
    policy = the(template_of("site", settings), "AWS::CloudFront::ResponseHeadersPolicy")["ResponseHeadersPolicyConfig"]
    known = policy["SecurityHeadersConfig"]
    hsts = known["StrictTransportSecurity"]
    sent = {
        "Strict-Transport-Security": f"max-age={hsts['AccessControlMaxAgeSec']}; includeSubDomains",
        "Content-Security-Policy": known["ContentSecurityPolicy"]["ContentSecurityPolicy"]["Fn::Sub"],
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": known["FrameOptions"]["FrameOption"],
        "Referrer-Policy": known["ReferrerPolicy"]["ReferrerPolicy"],
        **{header["Header"]: header["Value"] for header in policy["CustomHeadersConfig"]["Items"]},
    }
    wanted = {**security_headers(settings), "Content-Security-Policy": csp_text(settings)}

    assert sent == wanted
    assert hsts["IncludeSubdomains"] is True
    assert hsts["AccessControlMaxAgeSec"] >= 365 * 86400
    assert all(part["Override"] is True for part in [*known.values(), *policy["CustomHeadersConfig"]["Items"]])


def csp_text(settings):
    return content_security_policy(settings).to_dict()["Fn::Sub"]


def csp(settings):
    text = resolved({"Fn::Sub": csp_text(settings)}, "nowhere")
    return {name: set(sources) for name, *sources in (directive.split() for directive in text.split("; "))}


@pytest.mark.parametrize(("domain", "cloudfront"), list(product([False, True], repeat=2)))
def test_the_policy_allows_nothing_inline_and_nothing_foreign(domain, cloudfront):
    policy = csp(deployment(domain=domain, cloudfront=cloudfront))
    reached = policy.pop("connect-src")

    assert policy == {
        "default-src": {"'none'"},
        "script-src": {"'self'"},
        "style-src": {"'self'"},
        "img-src": {"'self'"},
        "base-uri": {"'none'"},
        "form-action": {"'none'"},
        "frame-ancestors": {"'none'"},
        "require-trusted-types-for": {"'script'"},
        "trusted-types": {"'none'"},
    }
    assert all(source == "'self'" or source.startswith("https://") for source in reached)


@pytest.mark.parametrize(("domain", "cloudfront"), list(product([False, True], repeat=2)))
def test_the_console_reaches_the_api_and_the_login_of_either_region_and_only_ids_that_aws_chooses_are_wild(
    domain, cloudfront
):
    settings = deployment(domain=domain, cloudfront=cloudfront)
    reached = csp(settings)["connect-src"] - {"'self'"}
    logins = {f"https://holdfast-production-{ACCOUNT}.auth.{region}.amazoncognito.com" for region in settings.regions}
    wild = {source for source in reached if "*" in source}

    assert logins <= reached
    if domain:
        assert reached - logins == {"https://api.example.com"}
    elif cloudfront:
        assert reached - logins == wild == {f"https://*.execute-api.{r}.amazonaws.com" for r in settings.regions}
        for region in settings.regions:
            assert any(fnmatch(f"https://a1b2c3d4e5.execute-api.{region}.amazonaws.com", source) for source in wild)
    else:
        assert reached == logins, "the API itself serves the console"
