"""Deployments of which each pair of options occurs in at least one: most faults need no more than two options to show.

https://csrc.nist.gov/projects/automated-combinatorial-testing-for-software (two options: most faults, few cases)
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from blueprints.settings import DAY, SANDBOX, Alerts, Api, Domain, Federation, Network, Settings, Site, StackSets

Case = dict[str, str]

DOMAIN = Domain(name="example.com", zone_id="Z0123456789ABCDEFGHIJ")
COMPANY = Federation(name="Company", metadata_url="https://login.example.com/metadata.xml")
BOUNDARY = "arn:aws:iam::000000000000:policy/boundary"
DATABASE = SANDBOX.database
assert DATABASE is not None
# Fields of the settings, by option and choice; several fields where one alone would be refused or say nothing.
OPTIONS: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    "database": {
        "none": {"database": None},
        "alone": {"database": replace(DATABASE, proxy=False, multi_az=False)},
        "behind-a-proxy": {"database": replace(DATABASE, proxy=True, multi_az=True)},
    },
    "console": {
        "api": {"site": Site(cloudfront=False)},
        "cloudfront": {"site": Site(cloudfront=True)},
        "known-cloudfront": {
            "site": Site(price_class="PriceClass_All", address="https://d111111abcdef8.cloudfront.net")
        },
    },
    "domain": {"none": {"domain": None}, "own": {"domain": DOMAIN}},
    "login": {"pool": {"federation": None}, "company": {"federation": COMPANY}},
    "regions": {
        "europe": {"primary_region": "eu-west-1", "recovery_region": "eu-central-1"},
        "global-first": {"primary_region": "us-east-1", "recovery_region": "us-west-2"},
        "global-second": {"primary_region": "us-west-2", "recovery_region": "us-east-1"},
    },
    "alerts": {"nobody": {"alerts": Alerts()}, "email": {"alerts": Alerts(email="operations@example.com")}},
    "zones": {"two": {"network": Network(zones=2)}, "three": {"network": Network(zones=3)}},
    "lock": {
        "governance": {"backup": replace(SANDBOX.backup, lock_mode="GOVERNANCE")},
        "compliance": {"backup": replace(SANDBOX.backup, lock_mode="COMPLIANCE", lock_retention=2 * DAY)},
    },
    "limits": {"usual": {"api": Api()}, "tight": {"api": Api(throttle_rate=1, throttle_burst=1, concurrency=1)}},
    "stack-sets": {
        "self-managed": {"stack_sets": StackSets()},
        "organization": {"stack_sets": StackSets(organizational_unit="ou-ab12-cdefgh34")},
    },
    "boundary": {"none": {"permissions_boundary": None}, "given": {"permissions_boundary": BOUNDARY}},
}


def pairwise(options: Mapping[str, Sequence[str]]) -> list[Case]:
    """Few cases in which each choice of each option meets each choice of each other option; the same every time.

    Each case begins with a pair that no case has yet, and takes of every other option what adds most new pairs.
    """
    names = list(options)
    missing = [
        {a: x, b: y} for a, b in itertools.combinations(names, 2) for x, y in itertools.product(options[a], options[b])
    ]

    def new(case: Case) -> int:
        return sum(pair.items() <= case.items() for pair in missing)

    found = []
    while missing:
        case = dict(missing[0])
        for name in names:
            if name not in case:
                case[name] = max(options[name], key=lambda choice: new({**case, name: choice}))
        missing = [pair for pair in missing if not pair.items() <= case.items()]
        found.append({name: case[name] for name in names})
    return found


CASES = pairwise({option: list(choices) for option, choices in OPTIONS.items()})


def settings_of(case: Case) -> Settings:
    """The settings that *case* asks for."""
    fields = {field: value for option, choice in case.items() for field, value in OPTIONS[option][choice].items()}
    if fields["domain"]:  # then the console is at its name, and no other address is taken
        fields["site"] = replace(fields["site"], address=None)
    return replace(SANDBOX, **fields)


def name_of(case: Case) -> str:
    """What tests call it."""
    return ",".join(case.values())
