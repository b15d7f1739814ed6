"""Hosted zones whose id is known before they are made: settings name the zone of a domain that is there already.

On AWS the zone is older than the deployment, and its id stands in the settings and so in the templates. Route 53 gives
ids of its own choice; the local run makes the zone that the settings speak of, so that templates stay as they are.
"""

from __future__ import annotations

from typing import Any

from ministack.services import route53

from sandbox.engine.admin import route
from sandbox.engine.clients import client


def install() -> None:
    """Add the endpoint ``POST /hosted-zones``."""
    route("POST", "/hosted-zones", make)


def make(body: dict[str, Any]) -> dict[str, Any]:
    """Make the public zone ``name`` under the ``id`` that is asked for; once, however often it is asked."""
    wanted, name = body["id"], body["name"]
    if wanted in route53._zones:
        return {}
    made = client("route53").create_hosted_zone(Name=name, CallerReference=wanted)["HostedZone"]
    given = made["Id"].rpartition("/")[2]
    with route53._lock:
        route53._zones[wanted] = {**route53._zones.pop(given), "id": wanted}
        route53._records[wanted] = route53._records.pop(given)
        route53._caller_refs[wanted] = wanted
    return {}
