"""Templates and the archive reach both regions' buckets once, under keys that follow from their contents."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from moto import mock_aws
from planning import HOME, NAMES, RECOVERY, SETTINGS, TEMPLATES, World

from deployment import upload
from deployment.errors import NotReady
from deployment.target import Target

MOTOS_ACCOUNT = "123456789012"


class Account:
    """Moto's, with everything it was asked for."""

    account = MOTOS_ACCOUNT

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.clients: dict[tuple[str, str], Any] = {}

    def client(self, service: str, region: str = "us-east-1") -> Any:
        if (service, region) not in self.clients:
            made = boto3.client(service, region, aws_access_key_id="test", aws_secret_access_key="test")
            made.meta.events.register("provide-client-params.*", self._remember)
            self.clients[service, region] = made
        return self.clients[service, region]

    def _remember(self, params: dict[str, Any], model: Any, **_more: object) -> None:
        self.calls.append((model.name, dict(params)))

    def done(self, operation: str) -> list[dict[str, Any]]:
        return [params for name, params in self.calls if name == operation]


@pytest.fixture
def account() -> Iterator[Account]:
    with mock_aws():
        yield Account()


@pytest.fixture
def target(account: Account, tmp_path: Path) -> Target:
    World(tmp_path)  # emits
    return Target(account, SETTINGS, tmp_path, (*NAMES, "database"))


def make_bucket(target: Target, region: str) -> None:
    target.aws.client("s3", region).create_bucket(
        Bucket=target.bucket(region), CreateBucketConfiguration={"LocationConstraint": region}
    )


def archive(folder: Path) -> Path:
    path = folder / "handlers-0123456789abcdef.zip"
    path.write_bytes(b"PK")
    return path


def test_only_regions_whose_bucket_is_there_are_ready(target: Target) -> None:
    assert upload.ready(target) == []
    make_bucket(target, RECOVERY)
    assert upload.ready(target) == [RECOVERY]
    assert upload.ready(target, [HOME]) == []


def test_every_template_that_was_emitted_and_the_archive_go_to_each_region(target: Target, tmp_path: Path) -> None:
    for region in (HOME, RECOVERY):
        make_bucket(target, region)
    sent = upload.upload(target, archive(tmp_path), [HOME, RECOVERY])
    assert len(sent) == 2 * (len(TEMPLATES) + 1)
    for region in (HOME, RECOVERY):
        client, bucket = target.aws.client("s3", region), target.bucket(region)
        listed = {each["Key"] for each in client.list_objects_v2(Bucket=bucket)["Contents"]}
        assert listed == {*(target.key(name) for name in TEMPLATES), "handlers-0123456789abcdef.zip"}
        assert {f"{bucket}/{key}" for key in listed} <= set(sent)
        stored = client.get_object(Bucket=bucket, Key=target.key("storage"))
        assert stored["Body"].read().decode() == target.text("storage")
        assert stored["ContentType"] == "application/json"


def test_a_second_time_nothing_is_sent(target: Target, account: Account, tmp_path: Path) -> None:
    make_bucket(target, HOME)
    upload.upload(target, archive(tmp_path), [HOME])
    account.calls.clear()
    assert upload.upload(target, archive(tmp_path), [HOME]) == []
    assert account.done("PutObject") == []


def test_an_archive_with_other_certificates_takes_the_place_of_one_without(target: Target, tmp_path: Path) -> None:
    make_bucket(target, HOME)
    upload.upload(target, archive(tmp_path), [HOME])
    other = archive(tmp_path)
    other.write_bytes(b"PK with other certificates")
    trusting = replace(target, certificates=b"-----BEGIN CERTIFICATE-----")
    assert upload.upload(trusting, other, [HOME]) == [f"{target.bucket(HOME)}/{other.name}"]
    stored = target.aws.client("s3", HOME).get_object(Bucket=target.bucket(HOME), Key=other.name)
    assert stored["Body"].read() == other.read_bytes()


def test_a_template_that_changed_is_the_only_one_sent(target: Target) -> None:
    make_bucket(target, HOME)
    upload.upload(target, None, [HOME])
    before = target.key("api")
    (target.outputs / "api.json").write_text("{}")
    assert upload.upload(target, None, [HOME]) == [f"{target.bucket(HOME)}/{target.key('api')}"]
    assert target.key("api") != before


def test_every_object_goes_with_its_digest_and_only_into_our_own_buckets(
    target: Target, account: Account, tmp_path: Path
) -> None:
    make_bucket(target, HOME)
    upload.ready(target, [HOME])
    upload.upload(target, archive(tmp_path), [HOME])
    puts = account.done("PutObject")
    assert puts
    for put in puts:
        assert put["ChecksumSHA256"] == base64.b64encode(hashlib.sha256(put["Body"]).digest()).decode()
    for call in [*puts, *account.done("HeadObject"), *account.done("HeadBucket")]:
        assert call["ExpectedBucketOwner"] == MOTOS_ACCOUNT


def test_a_bucket_of_ours_by_name_that_is_somebody_elses_is_refused(target: Target) -> None:
    with Stubber(target.aws.client("s3", HOME)) as s3:
        s3.add_client_error(
            "head_bucket",
            "403",
            http_status_code=403,
            expected_params={"Bucket": target.bucket(HOME), "ExpectedBucketOwner": MOTOS_ACCOUNT},
        )
        with pytest.raises(NotReady, match=rf"{target.bucket(HOME)} belongs to another account.*another project"):
            upload.ready(target, [HOME])
