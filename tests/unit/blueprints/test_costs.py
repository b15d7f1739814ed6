"""What a deployment costs: nothing is forgotten, sums add up by hand, and more never costs less."""

import dataclasses
import functools
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from emitted_stacks import emitted, templates
from hypothesis import given, settings
from hypothesis import strategies as st
from troposphere import Template, ec2

from blueprints import interface
from blueprints.costs import model, prices, report, watching
from blueprints.costs.assumptions import Load, usual
from blueprints.costs.deployed import resources
from blueprints.costs.lines import Deployment, Per
from blueprints.costs.page import monthly
from blueprints.settings import DAY, PRODUCTION, PROFILES, SANDBOX, STAGING, Settings
from tests import pairwise

METRICS = (Path(__file__).parents[3] / "docs/metrics.md").read_text()
TABLE = prices.load()
HOUR = timedelta(hours=1)


def estimated(of: Settings, load: Load | None = None) -> model.Estimate:
    return model.priced(Deployment(of, emitted(of), load or usual(of), TABLE))


def found(estimate: model.Estimate, per: Per, item: str, region: str) -> float:
    """USD of all lines of *item*."""
    lines = [line for line in estimate.part(per) if line.price.item == item and line.region == region]
    assert lines, f"no {item} in {region}"
    return sum(line.usd for line in lines)


# ---- nothing is forgotten -------------------------------------------------------------------------------------------


@functools.cache
def kinds() -> frozenset[str]:
    every = [*PROFILES.values(), *map(pairwise.settings_of, pairwise.CASES)]
    return frozenset(each.kind for of in every for each in emitted(of))


def test_every_type_in_any_template_is_priced_or_free_for_a_reason():
    assert kinds() == set(model.PRICED) | set(model.FREE)
    assert not set(model.PRICED) & set(model.FREE)


def test_a_type_that_nobody_priced_stops_the_estimate_and_says_where_to_add_it():
    template = Template()
    template.add_resource(ec2.NatGateway("Exit", SubnetId="subnet-1"))
    with pytest.raises(model.UnpricedError, match=r"network/Exit is an AWS::EC2::NatGateway.*PRICED.*FREE"):
        model.estimate(SANDBOX, {"network": template}, Load(), TABLE)


def test_a_condition_that_the_estimate_does_not_know_stops_it():
    template = Template()
    template.add_resource(ec2.VPC("Vpc", Condition="IsTuesday"))
    with pytest.raises(ValueError, match="condition IsTuesday"):
        list(resources(SANDBOX, {"network": template}))


def test_free_endpoints_are_gateways():
    endpoints = [each for of in PROFILES.values() for each in emitted(of) if each.kind == "AWS::EC2::VPCEndpoint"]
    assert {each.properties["VpcEndpointType"] for each in endpoints} == {"Gateway"}


def test_every_metric_of_ours_is_counted_in_each_of_its_dimensions():
    ours = METRICS.split("\n## ")[1]
    documented = set()
    for row in re.findall(r"^\| `(\w+)` \| \w+ \| ([\w, ]+) \| (.+?) \|", ours, re.MULTILINE):
        dimensions = tuple(sorted(set(row[1].split(", ")) - {"Deployment"}))
        documented.add((row[0], dimensions))
    assert documented == {(each.name, tuple(sorted(each.dimensions))) for each in watching.OURS}


def test_a_resource_of_the_primary_region_is_not_counted_in_the_other():
    instances = [each.region for each in emitted(PRODUCTION) if each.kind == "AWS::RDS::DBInstance"]
    assert instances == [PRODUCTION.primary_region]


# ---- by hand --------------------------------------------------------------------------------------------------------

HERE, THERE, EDGE = "eu-west-1", "eu-central-1", "us-east-1"


def test_the_database_of_each_profile_by_hand():
    # hours x USD an hour, two zones: db.m7g.large, db.t4g.medium, db.t4g.micro
    for profile, hours in ((PRODUCTION, 730 * 0.372), (STAGING, 730 * 0.138), (SANDBOX, 730 * 0.035)):
        name = profile.database.instance_class
        assert found(estimated(profile), Per.MONTH, f"rds.{name}.multi", HERE) == pytest.approx(hours)
    # GB x USD a GB-month in two zones
    assert found(estimated(PRODUCTION), Per.MONTH, "rds.storage.multi", HERE) == pytest.approx(100 * 0.254)
    assert found(estimated(STAGING), Per.MONTH, "rds.storage.multi", HERE) == pytest.approx(20 * 0.254)
    # two vCPUs in each region, an hour
    assert found(estimated(PRODUCTION), Per.MONTH, "rds.proxy", HERE) == pytest.approx(2 * 730 * 0.017)
    assert found(estimated(PRODUCTION), Per.MONTH, "rds.proxy", THERE) == pytest.approx(2 * 730 * 0.018)


def test_the_firewalls_and_keys_of_each_profile_by_hand():
    for profile in PROFILES.values():
        estimate = estimated(profile)
        for region in (HERE, THERE):  # an ACL with five rules; three keys
            rules = found(estimate, Per.MONTH, "waf.acl", region) + found(estimate, Per.MONTH, "waf.rule", region)
            assert rules == 5 + 5 * 1
            assert found(estimate, Per.MONTH, "kms.key", region) == 3 * 1
        edge = sum(line.usd for line in estimate.part(Per.MONTH) if line.region == EDGE and line.service == "WAF")
        # the console's, if CloudFront serves it: four rules, and ten people with 1,000 requests each
        assert edge == pytest.approx(5 + 4 * 1 + 10 * 1000 * 0.6 / 1e6 if profile.site.cloudfront else 0)


def test_alarms_are_paid_by_the_metrics_that_they_read():
    read = {HERE: 0, THERE: 0}
    for template in templates(PRODUCTION).values():
        for alarm in json.loads(template.to_json())["Resources"].values():
            if alarm["Type"] == "AWS::CloudWatch::Alarm":
                text = json.dumps(alarm["Properties"])
                metrics = max(1, text.count('"MetricStat"'))
                read[HERE] += metrics
                read[THERE] += 0 if "Condition" in alarm else metrics
    for region, metrics in read.items():
        assert found(estimated(PRODUCTION), Per.MONTH, "cloudwatch.alarm", region) == pytest.approx(metrics * 0.1)


def test_metrics_of_ours_by_hand():
    three = estimated(PRODUCTION, Load(databases=3))
    lines = [line for line in three.part(Per.MONTH) if line.what == "metrics of ours"]
    # both regions: age, protected, lost, unfinished, quota; two slots of two quotas; age of each of three databases
    both = 5 + 2 * 2 + 3
    # primary alone: verified, partial, failed, promoted; four of each of the API's three functions
    assert {line.region: line.quantity for line in lines} == {HERE: both + 4 + 4 * 3, THERE: both}


FIXED = {
    # instance, storage, two proxies; firewalls with their rules, keys with 50,000 requests each; and if the API serves
    # the console, metrics of its three methods
    "PRODUCTION": 730 * 0.372 + 100 * 0.254 + 1460 * (0.017 + 0.018) + (10 + 10 + 9) + 7 * (1 + 5 * 0.03),
    "STAGING": 730 * 0.138 + 20 * 0.254 + 1460 * (0.017 + 0.018) + (10 + 10) + 6 * (1 + 5 * 0.03) + 3 * 5 * 0.3,
    "SANDBOX": 730 * 0.035 + 20 * 0.254 + 1460 * (0.017 + 0.018) + (10 + 10 + 9) + 7 * (1 + 5 * 0.03),
}
METHODS = sum(len(methods) for methods in interface.document(database=True)["paths"].values())
# dashboards; metrics: ours in both regions, of two replications, five of each method; secret; polling; sign-ins
ALIKE = 3 * 3 + (26 + 10 + 2 * 4 + METHODS * 5) * 0.3 + 0.4 + 2 * 657_000 * 0.4e-6 + 10 * 0.02 + 730 * 0.00225


def sweeps(minutes, *, read, written, kept):
    """USD a month of two functions that a schedule calls: half a GiB for a second, 25 reads, a trace, a log of 2 kB."""
    logged = 2e-6 * (written + 0.2 * 12 * kept)
    return 2 * 730 * 60 / minutes * (0.5 * 0.0000133334 + 0.2e-6 + 25 * read + 5e-6 + 1.15e-6 + logged)


@pytest.mark.parametrize(("profile", "minutes"), [("PRODUCTION", 5), ("STAGING", 5), ("SANDBOX", 1)])
def test_the_fixed_costs_of_each_profile_by_hand(profile, minutes):
    estimate = estimated(PROFILES[profile])
    alarms = sum(found(estimate, Per.MONTH, "cloudwatch.alarm", region) for region in (HERE, THERE))  # above, by hand
    here = sweeps(minutes, read=0.1415e-6, written=0.57, kept=0.03)
    there = sweeps(minutes, read=0.1525e-6, written=0.63, kept=0.0324)
    by_hand = FIXED[profile] + ALIKE + alarms + here + there
    small = 1.1  # logs of the network and the database, the ledger, small buckets, the console's visitors
    assert estimate.usd(Per.MONTH) == pytest.approx(by_hand + small, abs=0.2)


def test_a_run_by_hand():
    estimate = estimated(PRODUCTION)
    # backup enters 12 states, fleet 2 for each database; copy 6, and looks ten times more for the vault to be complete
    assert found(estimate, Per.RUN, "states.transition", HERE) == pytest.approx((12 + 2) * 0.025 / 1000)
    assert found(estimate, Per.RUN, "states.transition", THERE) == pytest.approx((6 + 10) * 0.025 / 1000)
    assert found(estimate, Per.RUN, "s3.write", THERE) == pytest.approx(150 * 0.0054 / 1000)
    # the copy: five functions, of which one proves: 11 times 10 s at 1769 MiB, four times 1 s at 512; then 6 messages
    seconds = 11 * 10 * 1769 / 1024 + (4 + 6) * 1 * 512 / 1024
    assert found(estimate, Per.RUN, "lambda.time", THERE) == pytest.approx(seconds * 0.0000133334)


def test_a_gigabyte_of_each_profile_by_hand():
    for profile, hours, days in ((PRODUCTION, 6, 14), (STAGING, 24, 14), (SANDBOX, 6, 2)):
        estimate, runs = estimated(profile), 730 / hours
        moved = 0.011 + 0.02 * 0.02 * hours / 24 + 0.25 * (0.02 + 0.015)  # export; changed blocks; Parquet, in time
        written = 4 * (0.005 + 0.0054) / 1000 + 4 * (3 * 0.0004 + 2 * 0.00043) / 1000
        proved = 2 * 1769 / 1024 * 0.0000133334
        assert estimate.usd(Per.MOVED) == pytest.approx(moved + written + proved)
        changed = 0.02 * 730 / 24
        snapshots = changed * 0.095 + (1 + changed) * 0.103  # the first is free in the region that has the database
        staging, vault = 0.25 * days * 24 / hours * 0.023, 0.25 * runs * 0.0245
        assert estimate.usd(Per.KEPT) == pytest.approx(snapshots + staging + vault)
        assert estimate.growth == pytest.approx(changed * (0.095 + 0.103) + vault)
        assert estimate.gigabyte == pytest.approx(runs * estimate.usd(Per.MOVED) + estimate.usd(Per.KEPT))


def test_a_million_requests_by_hand():
    estimate = estimated(STAGING)
    logged = 2 + 0.7 + 1.8  # kB a request are GB a million: function, gateway, firewall
    asked = 3.5 + 0.6 + 0.2 + 5.0  # gateway, firewall, invocations; all traced, since fewer than one a second
    worked = 1e6 * 0.05 * 1.0 * 0.0000133334  # s at 1 GiB
    kept = logged * 0.2 * 365 * 24 / 730 * 0.03
    assert estimate.usd(Per.REQUESTS) == pytest.approx(asked + worked + logged * 0.57 + kept + 2 * 0.09)
    assert estimate.api == estimate.usd(Per.REQUESTS)


def test_traces_are_the_first_of_each_second_and_a_twentieth_of_the_rest():
    second = 730 * 3600
    estimate = estimated(PRODUCTION, Load(requests=3 * second))
    traced = found(estimate, Per.REQUESTS, "xray.trace", HERE) * 3 * second / 1e6
    assert traced == pytest.approx((second + 0.05 * 2 * second) * 5 / 1e6)


@pytest.mark.parametrize("profile", PROFILES)
def test_the_month_is_the_sum_of_its_parts_and_of_its_lines(profile):
    load = Load(databases=3, gigabytes=40, requests=2.5e6, months=4)
    estimate = estimated(PROFILES[profile], load)
    runs = 730 * HOUR / PROFILES[profile].backup.interval
    backups = 3 * (runs * estimate.usd(Per.RUN) + 40 * (estimate.gigabyte))
    assert estimate.month == pytest.approx(estimate.usd(Per.MONTH) + backups + 2.5 * estimate.usd(Per.REQUESTS))
    a_month = runs * estimate.usd(Per.MOVED) + estimate.usd(Per.KEPT)
    assert estimate.gigabyte == pytest.approx(a_month + 3 * estimate.growth)
    assert estimate.month == pytest.approx(sum(monthly(estimate, line) for line in estimate.lines))
    blocks = [report.total(estimate, block) for block in report.BLOCKS]
    fixed, run, gigabyte, requests = blocks
    total = fixed + 3 * runs * run + 3 * 40 * (gigabyte + 3 * estimate.growth) + 2.5 * requests
    assert estimate.month == pytest.approx(total)


# ---- more never costs less ------------------------------------------------------------------------------------------

LOADS = st.builds(
    Load,
    databases=st.integers(0, 50),
    gigabytes=st.floats(0, 5000),
    requests=st.floats(0, 1e9),
    months=st.integers(1, 24),
)
VARIANTS: Mapping[str, tuple[Settings, Settings]] = {  # cheaper, dearer
    "a standby": (replace(SANDBOX, database=replace(SANDBOX.database, multi_az=False)), SANDBOX),
    "a proxy": (replace(SANDBOX, database=replace(SANDBOX.database, proxy=False)), SANDBOX),
    "a database": (replace(SANDBOX, database=None), SANDBOX),
    "CloudFront": (replace(SANDBOX, site=replace(SANDBOX.site, cloudfront=False)), SANDBOX),
    "runs more often": (
        replace(SANDBOX, backup=replace(SANDBOX.backup, interval=12 * HOUR, recovery_point_objective=DAY)),
        SANDBOX,
    ),
    "longer in staging": (SANDBOX, replace(SANDBOX, backup=replace(SANDBOX.backup, staging_retention=7 * DAY))),
}


@settings(max_examples=25, deadline=None)
@given(load=LOADS, more=LOADS)
def test_more_databases_gigabytes_requests_or_months_never_cost_less(load, more):
    for field in ("databases", "gigabytes", "requests", "months"):
        higher = replace(load, **{field: getattr(load, field) + getattr(more, field)})
        if field == "gigabytes" and higher.gigabytes > 65536:
            continue
        assert estimated(SANDBOX, higher).month >= estimated(SANDBOX, load).month - 1e-6


@settings(max_examples=10, deadline=None)
@given(load=LOADS)
@pytest.mark.parametrize("what", VARIANTS)
def test_settings_that_ask_for_more_never_cost_less(what, load):
    cheaper, dearer = VARIANTS[what]
    assert estimated(dearer, load).month >= estimated(cheaper, load).month - 1e-6


@settings(max_examples=10, deadline=None)
@given(load=LOADS, field=st.sampled_from([each.name for each in dataclasses.fields(Load)]), factor=st.floats(1, 3))
def test_no_assumption_makes_it_cheaper_by_growing(load, field, factor):
    higher = getattr(load, field) * factor
    more = replace(load, **{field: int(higher) if field in ("databases", "months") else higher})
    assert estimated(SANDBOX, more).month >= estimated(SANDBOX, load).month - 1e-6
