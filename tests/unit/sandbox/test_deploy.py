"""The local run deploys with the deployment tool; here is what it adds."""

from __future__ import annotations

import pytest
from making import PRIMARY

from sandbox.server import Engine


def zones(engine: Engine) -> dict[str, str]:
    found = engine.client("route53").list_hosted_zones()["HostedZones"]
    return {zone["Id"]: zone["Name"] for zone in found}


def test_the_hosted_zone_of_the_settings_is_there_under_the_id_that_they_name(engine: Engine) -> None:
    for _ in range(2):
        engine.make_hosted_zone("zoned.example.com", "Z0ZONED")
    assert zones(engine)["/hostedzone/Z0ZONED"] == "zoned.example.com."
    assert list(zones(engine).values()).count("zoned.example.com.") == 1


def test_records_of_such_a_zone_can_be_made_and_read(engine: Engine) -> None:
    engine.make_hosted_zone("recorded.example.com", "Z0RECORDED")
    route53 = engine.client("route53", PRIMARY)
    record = {"Name": "a.recorded.example.com", "Type": "A", "TTL": 60, "ResourceRecords": [{"Value": "192.0.2.1"}]}
    changes = [{"Action": "CREATE", "ResourceRecordSet": record}]
    route53.change_resource_record_sets(HostedZoneId="Z0RECORDED", ChangeBatch={"Changes": changes})
    names = [
        each["Name"] for each in route53.list_resource_record_sets(HostedZoneId="Z0RECORDED")["ResourceRecordSets"]
    ]
    assert "a.recorded.example.com." in names


def test_another_zone_may_bear_the_same_name(engine: Engine) -> None:
    engine.make_hosted_zone("twice.example.com", "Z0FIRST")
    engine.make_hosted_zone("twice.example.com", "Z0SECOND")
    assert {"/hostedzone/Z0FIRST", "/hostedzone/Z0SECOND"} <= zones(engine).keys()


@pytest.mark.parametrize("body", [{"name": "example.com"}, {"id": "Z0"}])
def test_a_request_that_lacks_something_is_refused(engine: Engine, body: dict[str, str]) -> None:
    with pytest.raises(Exception, match="KeyError"):
        engine._ask("POST", "/hosted-zones", body)
