"""Sign-in as a browser does it: the page's own form, a code, PKCE, tokens across origins, and back out."""

import base64
import hashlib
import json
import time
from html.parser import HTMLParser
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from browsing import ask
from deploying import deploy, ref, resource

REGION = "eu-west-1"
BACK = "http://console.cloudfront.localhost:1/index.html"
OUT = "http://console.cloudfront.localhost:1/"
ORIGIN = "http://console.cloudfront.localhost:1"
VERIFIER = "v" * 64
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
PERSON, PASSWORD = "someone@example.test", "Correct-horse-1"
FORM = {"Content_Type": "application/x-www-form-urlencoded"}
KINDS = ("Uppercase", "Lowercase", "Numbers", "Symbols")


class Form(HTMLParser):
    """The first form of a page."""

    def __init__(self, page):
        super().__init__()
        self.action, self.method, self.fields = None, None, {}
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        known = dict(attributes)
        if tag == "form":
            self.action, self.method = known["action"], known["method"]
        elif tag == "input":
            self.fields[known["name"]] = known.get("value", "")


@pytest.fixture(scope="module")
def pool(engine):
    scopes = [{"ScopeName": name, "ScopeDescription": name} for name in ("items:read", "items:write")]
    oauth = {"UserPoolId": ref("Pool"), "AllowedOAuthFlowsUserPoolClient": True}
    resources = {
        "Pool": resource(
            "Cognito::UserPool",
            UsernameAttributes=["email"],
            MfaConfiguration="OPTIONAL",
            EnabledMfas=["SOFTWARE_TOKEN_MFA"],
            UserPoolTier="PLUS",
            UserPoolAddOns={"AdvancedSecurityMode": "ENFORCED"},
        ),
        "Server": resource(
            "Cognito::UserPoolResourceServer",
            UserPoolId=ref("Pool"),
            Identifier="holdfast",
            Name="holdfast",
            Scopes=scopes,
        ),
        "Console": resource(
            "Cognito::UserPoolClient",
            **oauth,
            AllowedOAuthFlows=["code"],
            AllowedOAuthScopes=["openid", "holdfast/items:read"],
            CallbackURLs=[BACK],
            LogoutURLs=[OUT],
            SupportedIdentityProviders=["COGNITO"],
        ),
        "Machine": resource(
            "Cognito::UserPoolClient",
            **oauth,
            GenerateSecret=True,
            AllowedOAuthFlows=["client_credentials"],
            AllowedOAuthScopes=["holdfast/items:read"],
        ),
        "Domain": resource("Cognito::UserPoolDomain", UserPoolId=ref("Pool"), Domain=f"p{int(time.time() * 1000)}"),
    }
    for name in ("Console", "Machine"):
        resources[name]["DependsOn"] = "Server"
    name = f"pool{int(time.time() * 1000)}"
    outputs = {key: ref(key) for key in ("Pool", "Console", "Machine")}
    found = deploy(engine, name, resources, REGION, outputs=outputs)
    make_person(engine, found["Pool"], PERSON, permanent=True)
    return found


def make_person(engine, pool, name, *, permanent):
    idp = engine.client("cognito-idp", REGION)
    idp.admin_create_user(
        UserPoolId=pool,
        Username=name,
        MessageAction="SUPPRESS",
        TemporaryPassword="Temporary-1",
        UserAttributes=[{"Name": "email", "Value": name}, {"Name": "email_verified", "Value": "true"}],
    )
    if permanent:
        idp.admin_set_user_password(UserPoolId=pool, Username=name, Password=PASSWORD, Permanent=True)


@pytest.fixture
def authorize(aws, pool):
    """Ask for the sign-in page."""

    def authorize(**changes):
        query = {
            "response_type": "code",
            "client_id": pool["Console"],
            "redirect_uri": BACK,
            "scope": "openid holdfast/items:read",
            "state": "st",
            "code_challenge": CHALLENGE,
            "code_challenge_method": "S256",
            **changes,
        }
        return ask(f"http://localhost:{aws.port}/oauth2/authorize?{urlencode(query)}")

    return authorize


@pytest.fixture
def submit(aws):
    """Fill in the form of a page, and send it."""

    def submit(page, **filled):
        form = Form(page.body.decode())
        assert filled.keys() <= form.fields.keys()
        return ask(
            f"http://localhost:{aws.port}{form.action}", form.method, urlencode({**form.fields, **filled}), **FORM
        )

    return submit


@pytest.fixture
def code(authorize, submit):
    """A code, as it comes back to the console."""

    def code():
        answer = submit(authorize(), username=PERSON, password=PASSWORD)
        assert answer.status == 302
        query = parse_qs(urlsplit(answer.headers["location"]).query)
        assert (answer.headers["location"].partition("?")[0], query["state"]) == (BACK, ["st"])
        return query["code"][0]

    return code


@pytest.fixture
def redeem(aws, pool):
    """Ask for tokens, as the console does from its own origin."""

    def redeem(**form):
        sent = {"client_id": pool["Console"], "redirect_uri": BACK, **form}
        return ask(f"http://localhost:{aws.port}/oauth2/token", "POST", urlencode(sent), Origin=ORIGIN, **FORM)

    return redeem


def claims(token):
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def test_a_person_signs_in_with_the_page_s_form_and_gets_tokens_with_the_scopes(code, redeem, pool):
    answer = redeem(grant_type="authorization_code", code=code(), code_verifier=VERIFIER)
    assert (answer.status, answer.headers["access-control-allow-origin"]) == (200, "*")
    access = claims(answer.json["access_token"])
    assert access["scope"] == "openid holdfast/items:read"
    assert access["iss"] == f"https://cognito-idp.{REGION}.amazonaws.com/{pool['Pool']}"
    assert claims(answer.json["id_token"])["email"] == PERSON
    again = redeem(grant_type="refresh_token", refresh_token=answer.json["refresh_token"])
    assert claims(again.json["access_token"])["sub"] == access["sub"]


def test_a_code_is_good_once(code, redeem):
    given = {"grant_type": "authorization_code", "code": code(), "code_verifier": VERIFIER}
    assert redeem(**given).status == 200
    assert (redeem(**given).status, redeem(**given).json["error"]) == (400, "invalid_grant")


@pytest.mark.parametrize("wrong", [{"code_verifier": "w" * 64}, {"redirect_uri": OUT, "code_verifier": VERIFIER}, {}])
def test_a_code_without_what_it_was_asked_for_with_is_worth_nothing(code, redeem, wrong):
    answer = redeem(grant_type="authorization_code", code=code(), **wrong)
    assert (answer.status, answer.json["error"]) == (400, "invalid_grant")


def test_a_wrong_password_shows_the_form_again_and_tells_nothing(authorize, submit):
    for name in (PERSON, "nobody@example.test"):
        page = submit(authorize(), username=name, password="wrong")
        assert (page.status, b"Incorrect username or password" in page.body) == (200, True)


def test_a_first_password_must_be_changed(engine, pool, authorize, submit):
    newcomer = f"new{time.time_ns()}@example.test"
    make_person(engine, pool["Pool"], newcomer, permanent=False)
    page = submit(authorize(), username=newcomer, password="Temporary-1")
    done = submit(page, new_password=PASSWORD, confirm_password=PASSWORD)
    assert "code=" in done.headers["location"]


@pytest.mark.parametrize(
    "change",
    [{"redirect_uri": "http://evil.test/"}, {"client_id": "nobody"}, {"response_type": "token"}],
)
def test_a_request_that_the_client_may_not_make_shows_no_form(authorize, change):
    answer = authorize(**change)
    assert (answer.status, b"<form" in answer.body) == (400, False)


def test_a_scope_that_the_client_may_not_have_is_refused_at_the_console(authorize):
    answer = authorize(scope="openid holdfast/items:write")
    assert (answer.status, "error=invalid_request" in answer.headers["location"]) == (302, True)


def test_a_preflight_of_the_token_endpoint_lets_any_origin_in(aws):
    answer = ask(
        f"{aws.endpoint}/oauth2/token", "OPTIONS", Origin=ORIGIN, Access_Control_Request_Headers="content-type"
    )
    assert (answer.status, answer.headers["access-control-allow-origin"]) == (200, "*")


def test_leaving_leads_back_to_the_console(aws, pool):
    query = urlencode({"client_id": pool["Console"], "logout_uri": OUT})
    answer = ask(f"{aws.endpoint}/logout?{query}")
    assert (answer.status, answer.headers["location"]) == (302, OUT)


def machine_token(aws, pool, scope, secret=None):
    idp = aws.client("cognito-idp", REGION)
    described = idp.describe_user_pool_client(UserPoolId=pool["Pool"], ClientId=pool["Machine"])["UserPoolClient"]
    basic = base64.b64encode(f"{pool['Machine']}:{secret or described['ClientSecret']}".encode()).decode()
    sent = urlencode({"grant_type": "client_credentials", "scope": scope})
    return ask(f"{aws.endpoint}/oauth2/token", "POST", sent, Authorization=f"Basic {basic}", **FORM)


def test_a_program_gets_the_scopes_of_its_client_and_no_others(aws, pool):
    token = machine_token(aws, pool, "holdfast/items:read").json["access_token"]
    assert (claims(token)["scope"], claims(token)["client_id"]) == ("holdfast/items:read", pool["Machine"])
    refused = machine_token(aws, pool, "holdfast/items:write")
    assert (refused.status, refused.json["error"]) == (400, "invalid_grant")  # not OAuth's invalid_scope
    assert machine_token(aws, pool, "holdfast/items:read", secret="guess").json["error"] == "invalid_client"


@pytest.mark.parametrize("length", [6, 14, 99])
def test_who_is_invited_without_a_password_gets_one_that_the_pool_takes(engine, name, length):
    idp = engine.client("cognito-idp", REGION)
    policy = {"MinimumLength": length, **{f"Require{kind}": True for kind in KINDS}}
    pool = idp.create_user_pool(PoolName=name, Policies={"PasswordPolicy": policy})["UserPool"]["Id"]

    for number in range(5):
        made = idp.admin_create_user(UserPoolId=pool, Username=f"person-{number}")["User"]
        assert made["UserStatus"] == "FORCE_CHANGE_PASSWORD"
    with pytest.raises(idp.exceptions.InvalidPasswordException):
        idp.admin_create_user(UserPoolId=pool, Username="another", TemporaryPassword="too-weak")
