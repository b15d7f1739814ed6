"""Who may call the API: people through the login page, programs with a secret of their own, and what each may ask for.

The pool is the region's own, so that the recovery region's API needs nothing of the primary region. Users and their
second factors are not copied between pools: either federate, or make the operators known to both.
"""

from __future__ import annotations

from typing import NamedTuple

from troposphere import Sub, Template, cognito

from blueprints import arns
from blueprints.openapi import SCOPES
from blueprints.settings import Settings

RESOURCE_SERVER = "holdfast"
# A failover needs two people; a program is none.
MACHINE_SCOPES = tuple(scope for scope in SCOPES if scope != "holdfast/failover")
MINUTES_OF_ACCESS = 15
HOURS_OF_SESSION = 10  # a working day, then people log in again
HOURS_OF_MACHINE_TOKEN = 1
NOWHERE = "https://console.invalid"  # until site.address is known; https://datatracker.ietf.org/doc/html/rfc6761


class Identity(NamedTuple):
    """What the API and its outputs need of this."""

    pool: cognito.UserPool
    console: cognito.UserPoolClient
    machine: cognito.UserPoolClient
    authority: Sub


def identity(t: Template, settings: Settings, api: str) -> Identity:
    """Add the user pool, its login page, the scopes and the clients of the API whose logical id is *api*."""
    pool = _pool(t, settings)
    domain = t.add_resource(
        cognito.UserPoolDomain("Login", UserPoolId=pool.ref(), Domain=Sub(f"{settings.prefix}-{arns.ACCOUNT}"))
    )
    server = t.add_resource(
        cognito.UserPoolResourceServer(
            "ResourceServer",
            UserPoolId=pool.ref(),
            Identifier=RESOURCE_SERVER,
            Name=settings.prefix,
            Scopes=[
                cognito.ResourceServerScopeType(
                    ScopeName=scope.removeprefix(f"{RESOURCE_SERVER}/"), ScopeDescription=what
                )
                for scope, what in SCOPES.items()
            ],
        )
    )
    console = t.add_resource(_console_client(t, settings, pool, server, console_address(settings, api)))
    machine = t.add_resource(_machine_client(pool, server))
    return Identity(pool, console, machine, Sub(f"https://${{{domain.title}}}.auth.{arns.HERE}.amazoncognito.com"))


def console_address(settings: Settings, api: str) -> str | Sub:
    """Address of the console's page, to which logging in and out leads back; *api* is a logical id."""
    if settings.domain:
        below = "console" if settings.site.cloudfront else "api"
        folder = "" if settings.site.cloudfront else "/console"
        return f"https://{below}.{settings.domain.name}{folder}/index.html"
    if settings.site.cloudfront:
        return f"{settings.site.address or NOWHERE}/index.html"
    return Sub(f"https://${{{api}}}.execute-api.{arns.HERE}.amazonaws.com/api/console/index.html")


def _pool(t: Template, settings: Settings) -> cognito.UserPool:
    return t.add_resource(
        cognito.UserPool(
            "UserPool",
            # If the stack's first creation fails, an empty pool stays and is in nobody's way: pools may share a name,
            # and the login page's domain, which may not, goes with the stack.
            DeletionPolicy="Retain",
            UpdateReplacePolicy="Retain",
            UserPoolName=settings.prefix,
            DeletionProtection="ACTIVE",
            # Only this plan has threat protection: leaked passwords, risky logins.
            # https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-sign-in-feature-plans.html
            UserPoolTier="PLUS",
            UserPoolAddOns=cognito.UserPoolAddOns(AdvancedSecurityMode="ENFORCED"),
            AdminCreateUserConfig=cognito.AdminCreateUserConfig(AllowAdminCreateUserOnly=True),
            UsernameAttributes=["email"],
            UsernameConfiguration=cognito.UsernameConfiguration(CaseSensitive=False),
            AutoVerifiedAttributes=["email"],
            UserAttributeUpdateSettings=cognito.UserAttributeUpdateSettings(
                AttributesRequireVerificationBeforeUpdate=["email"]
            ),
            # No SMS: it costs, and a telephone number is easier to take over than a telephone.
            MfaConfiguration="ON",
            EnabledMfas=["SOFTWARE_TOKEN_MFA"],
            Policies=cognito.Policies(
                PasswordPolicy=cognito.PasswordPolicy(
                    MinimumLength=14,
                    RequireLowercase=True,
                    RequireNumbers=True,
                    RequireSymbols=True,
                    RequireUppercase=True,
                    PasswordHistorySize=24,
                    TemporaryPasswordValidityDays=1,
                )
            ),
            AccountRecoverySetting=cognito.AccountRecoverySetting(
                RecoveryMechanisms=[cognito.RecoveryOption(Name="verified_email", Priority=1)]
            ),
        )
    )


def _console_client(
    t: Template,
    settings: Settings,
    pool: cognito.UserPool,
    server: cognito.UserPoolResourceServer,
    address: str | Sub,
) -> cognito.UserPoolClient:
    """Client for a page that can keep no secret: authorization code with PKCE, tokens that end soon."""
    # PKCE is not a setting: Cognito checks it whenever a client sends a challenge, which ours does.
    # https://docs.aws.amazon.com/cognito/latest/developerguide/using-pkce-in-authorization-code.html
    company = _company(t, settings, pool)
    return cognito.UserPoolClient(
        "ConsoleClient",
        DependsOn=[
            server.title,
            *([company.title] if company else []),
        ],  # scopes and providers are named, not referred to
        ClientName=settings.name("console"),
        UserPoolId=pool.ref(),
        GenerateSecret=False,
        AllowedOAuthFlowsUserPoolClient=True,
        AllowedOAuthFlows=["code"],
        AllowedOAuthScopes=["openid", *SCOPES],
        CallbackURLs=[address],
        LogoutURLs=[address],
        # Beside the company's provider the pool's own users stay: somebody must get in while that provider is down.
        SupportedIdentityProviders=["COGNITO", *([company.ProviderName] if company else [])],
        ExplicitAuthFlows=["ALLOW_REFRESH_TOKEN_AUTH"],
        PreventUserExistenceErrors="ENABLED",
        EnableTokenRevocation=True,
        AccessTokenValidity=MINUTES_OF_ACCESS,
        IdTokenValidity=MINUTES_OF_ACCESS,
        RefreshTokenValidity=HOURS_OF_SESSION,
        TokenValidityUnits=cognito.TokenValidityUnits(AccessToken="minutes", IdToken="minutes", RefreshToken="hours"),
    )


def _machine_client(pool: cognito.UserPool, server: cognito.UserPoolResourceServer) -> cognito.UserPoolClient:
    """Client for programs; its secret is read from Cognito by who may, and is in no template and no output."""
    return cognito.UserPoolClient(
        "MachineClient",
        DependsOn=[server.title],
        ClientName="machine",
        UserPoolId=pool.ref(),
        GenerateSecret=True,
        AllowedOAuthFlowsUserPoolClient=True,
        AllowedOAuthFlows=["client_credentials"],
        AllowedOAuthScopes=list(MACHINE_SCOPES),
        ExplicitAuthFlows=["ALLOW_REFRESH_TOKEN_AUTH"],  # Cognito wants one; this flow gives out no refresh token
        PreventUserExistenceErrors="ENABLED",
        EnableTokenRevocation=True,
        AccessTokenValidity=HOURS_OF_MACHINE_TOKEN,
        TokenValidityUnits=cognito.TokenValidityUnits(AccessToken="hours"),
    )


def _company(t: Template, settings: Settings, pool: cognito.UserPool) -> cognito.UserPoolIdentityProvider | None:
    """The company's SAML provider, if the settings name one; who logs in there is known here by the e-mail address."""
    if settings.federation is None:
        return None
    # https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-managing-saml-idp.html
    return t.add_resource(
        cognito.UserPoolIdentityProvider(
            "CompanyProvider",
            UserPoolId=pool.ref(),
            ProviderName=settings.federation.name,
            ProviderType="SAML",
            ProviderDetails={"MetadataURL": settings.federation.metadata_url},
            AttributeMapping={"email": "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress"},
        )
    )
