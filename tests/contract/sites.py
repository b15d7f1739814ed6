"""The stacks that the console's site is made of, for every option that bears on it."""

import json
from dataclasses import replace
from itertools import product

import pytest

from blueprints import keys, site, storage
from blueprints.outputs import KeysOutputs
from blueprints.settings import PRODUCTION, Domain, Site

ACCOUNT = "123456789012"
DOMAIN = Domain(name="example.com", zone_id="Z0123456789ABCDEFGHIJ")
PLACES = {
    "elsewhere": ("eu-west-1", "eu-central-1"),
    "primary in us-east-1": ("us-east-1", "us-west-2"),
    "recovery in us-east-1": ("us-west-2", "us-east-1"),
}
LONGEST = {"project": "abcdefghijkl", "stage": "mnopqrstuvwx"}


def deployment(*, domain=False, cloudfront=True, database=True, place="elsewhere", **more):
    primary, recovery = PLACES[place]
    return replace(
        PRODUCTION,
        domain=DOMAIN if domain else None,
        site=Site(cloudfront=cloudfront),
        database=PRODUCTION.database if database else None,
        primary_region=primary,
        recovery_region=recovery,
        **more,
    )


OPTIONS = {
    f"domain={domain}, database={database}, {place}": deployment(domain=domain, database=database, place=place)
    for domain, database, place in product([False, True], [False, True], PLACES)
} | {"longest names": deployment(domain=True, **LONGEST)}


def every_option():
    return pytest.mark.parametrize("settings", OPTIONS.values(), ids=OPTIONS)


def template_of(stack, settings):
    blueprints = {
        "site": lambda: site.blueprint(settings),
        "storage": lambda: storage.blueprint(settings, KeysOutputs.imported(settings)),
        "keys": lambda: keys.blueprint(settings),
    }
    return json.loads(blueprints[stack]().to_json())


def of_kind(template, kind):
    return {title: r["Properties"] for title, r in template["Resources"].items() if r["Type"] == kind}


def the(template, kind):
    (found,) = of_kind(template, kind).values()
    return found


def distribution(settings):
    return the(template_of("site", settings), "AWS::CloudFront::Distribution")["DistributionConfig"]


def statements(template, title, attribute="PolicyDocument"):
    return {s["Sid"]: s for s in template["Resources"][title]["Properties"][attribute]["Statement"]}


def the_site_bucket(settings):
    return template_of("storage", settings)["Resources"]["Site"]["Properties"]
