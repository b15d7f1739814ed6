"""Settings of what people and programs reach: names, logins, the API, the console, and whom an alarm wakes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from blueprints.validation import require

# https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/PriceClass.html
PRICE_CLASSES = ("PriceClass_100", "PriceClass_200", "PriceClass_All")
# ACM takes 64 characters for a certificate's first name; "console." is eight of them.
# https://docs.aws.amazon.com/acm/latest/APIReference/API_RequestCertificate.html
LONGEST_DOMAIN = 56
# Names that Cognito gives to the providers it knows by itself.
# https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_CreateIdentityProvider.html
KNOWN_PROVIDERS = ("COGNITO", "Facebook", "Google", "LoginWithAmazon", "SignInWithApple")
# https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html (requests per account and region, and burst)
ACCOUNT_RATE, ACCOUNT_BURST = 10_000, 5_000
LONGEST_ANSWER = timedelta(seconds=29)  # API Gateway waits no longer for a function


@dataclass(frozen=True, kw_only=True)
class Domain:
    """The deployment's own domain; the API answers at ``api.<name>``, the console at ``console.<name>``.

    Attributes:
        name: A domain whose records are in a hosted zone of this account.
        zone_id: Id of that public hosted zone in Route 53.
    """

    name: str
    zone_id: str

    def __post_init__(self) -> None:
        label = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
        require(
            bool(re.fullmatch(rf"({label}\.)+[a-z][a-z0-9-]*[a-z0-9]", self.name)) and len(self.name) <= LONGEST_DOMAIN,
            "domain.name",
            self.name,
            f"use a domain in lower case such as example.com, of at most {LONGEST_DOMAIN} characters",
        )
        # https://docs.aws.amazon.com/Route53/latest/APIReference/API_HostedZone.html (at most 32 characters)
        require(
            bool(re.fullmatch(r"Z[A-Z0-9]{1,31}", self.zone_id)),
            "domain.zone_id",
            self.zone_id,
            "use the id of a hosted zone, which begins with Z, for example Z0123456789ABCDEFGHIJ",
        )


@dataclass(frozen=True, kw_only=True)
class Federation:
    """The company's own identity provider; its people log in there.

    Attributes:
        name: What the login page and the users' names call it.
        metadata_url: Where it publishes its SAML 2.0 metadata; Cognito reads it anew every six hours.
    """

    name: str
    metadata_url: str

    def __post_init__(self) -> None:
        require(
            bool(re.fullmatch(r"[A-Za-z][A-Za-z0-9-]{2,31}", self.name)) and self.name not in KNOWN_PROVIDERS,
            "federation.name",
            self.name,
            "use 3 to 32 letters, digits and hyphens, a letter first, and none of Cognito's own providers",
        )
        require(
            bool(re.fullmatch(r"https://[^\s/]+/\S*", self.metadata_url)),
            "federation.metadata_url",
            self.metadata_url,
            "use the https:// address of the provider's SAML metadata",
        )


@dataclass(frozen=True, kw_only=True)
class Api:
    """How much the API lets through.

    Attributes:
        throttle_rate: Requests per second, of all clients together.
        throttle_burst: Requests that may come at once.
        daily_quota: Requests that one API key may make a day.
        concurrency: Executions at once that each serving function reserves.
    """

    throttle_rate: int = 50
    throttle_burst: int = 100
    daily_quota: int = 100_000
    concurrency: int = 20

    def __post_init__(self) -> None:
        for name, most in (
            ("throttle_rate", ACCOUNT_RATE),
            ("throttle_burst", ACCOUNT_BURST),
            ("daily_quota", 2**31 - 1),
            # 100 of an account's 1,000 must stay unreserved, and the pipeline reserves some, too.
            # https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html
            ("concurrency", 900),
        ):
            value = getattr(self, name)
            require(1 <= value <= most, f"api.{name}", value, f"use 1 to {most}")


@dataclass(frozen=True, kw_only=True)
class Site:
    """How the console reaches people.

    Attributes:
        cloudfront: Serve it from CloudFront's edges; otherwise the API serves it, from the same private bucket.
        price_class: Which of CloudFront's edges.
        address: Where the console is, if CloudFront serves it without a domain of ours: the ``https://`` address that
            the first deployment tells. Logging in leads back there.
    """

    cloudfront: bool = True
    price_class: Literal["PriceClass_100", "PriceClass_200", "PriceClass_All"] = "PriceClass_100"
    address: str | None = None

    def __post_init__(self) -> None:
        require(
            self.price_class in PRICE_CLASSES, "site.price_class", self.price_class, f"use {' or '.join(PRICE_CLASSES)}"
        )
        require(
            self.address is None or bool(re.fullmatch(r"https://[a-z0-9-]+(\.[a-z0-9-]+)+", self.address)),
            "site.address",
            self.address,
            "use an https:// address without a path, such as https://d111111abcdef8.cloudfront.net",
        )
        require(
            self.cloudfront or self.address is None,
            "site.address",
            self.address,
            "leave it out: without CloudFront the API serves the console, at its own address",
        )


@dataclass(frozen=True, kw_only=True)
class Alerts:
    """Who is told, and from when on.

    Attributes:
        email: Address that every alarm is sent to, or nothing.
        monthly_budget: Costs of a month that are worth a message, USD.
        latency: Time within which 99 of 100 answers of the API should be there.
    """

    email: str | None = None
    monthly_budget: int = 1000
    latency: timedelta = timedelta(seconds=1)

    def __post_init__(self) -> None:
        require(
            self.email is None or bool(re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", self.email)),
            "alerts.email",
            self.email,
            "use an e-mail address such as operations@example.com",
        )
        require(self.monthly_budget >= 1, "alerts.monthly_budget", self.monthly_budget, "use at least 1 USD")
        require(
            timedelta(milliseconds=10) <= self.latency <= LONGEST_ANSWER,
            "alerts.latency",
            self.latency,
            f"use ten milliseconds to {LONGEST_ANSWER.seconds} seconds; API Gateway waits no longer",
        )
