"""The console's files in its bucket, and the login page that leads back to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from blueprints.order import Stack
from blueprints.settings import SANDBOX, STAGING, Settings
from deployment import console
from deployment.survey import Found
from deployment.target import Target

HOME, OTHER = SANDBOX.regions
ACCOUNT = "123456789012"


@dataclass
class Account:
    """Moto's account; it remembers which operations were called."""

    account: str = ACCOUNT
    calls: list[str] = field(default_factory=list)
    _clients: dict[tuple[str, str], Any] = field(default_factory=dict)

    def client(self, service: str, region: str = "us-east-1") -> Any:
        if (service, region) not in self._clients:
            made = self._clients[service, region] = boto3.client(service, region_name=region)
            made.meta.events.register("before-call", lambda model, **_: self.calls.append(model.name))
        return self._clients[service, region]

    def forget(self) -> None:
        self.calls.clear()

    @property
    def wrote(self) -> set[str]:
        return {name for name in self.calls if not name.startswith(("Head", "List", "Get", "Describe"))}


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with mock_aws():
        account = Account()
        for region in (HOME, OTHER):
            client = account.client("s3", region)
            client.create_bucket(Bucket=_bucket(region), CreateBucketConfiguration={"LocationConstraint": region})
            client.put_bucket_versioning(Bucket=_bucket(region), VersioningConfiguration={"Status": "Enabled"})
        account.forget()
        yield account


@pytest.fixture
def web(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "web"
    (folder / "views").mkdir(parents=True)
    (folder / "index.html").write_text("<!doctype html>")
    (folder / "views" / "app.js").write_text("export {};")
    (folder / "README.md").write_text("not for browsers")
    monkeypatch.setattr(console, "WEB", folder)
    return folder


def _bucket(region: str) -> str:
    return SANDBOX.name("site", region, ACCOUNT)


def target(aws: Account, settings: Settings = SANDBOX) -> Target:
    return Target(aws, settings, Path("nowhere"), ("api", "site"))


def stack(name: str, region: str, **outputs: str) -> tuple[Stack, Found]:
    which = Stack(name, region)
    return which, Found(which, f"StackSet-{name}", f"arn:{name}", "CREATE_COMPLETE", outputs=outputs)


def api(region: str, **more: str) -> tuple[Stack, Found]:
    own = {
        "ApiUrl": f"https://{region}.example/api",
        "Authority": f"https://login.{region}.example",
        "ConsoleClient": f"client-{region}",
        "UserPool": "pool",
    }
    return stack("api", region, **{**own, **more})


def files(aws: Account, region: str = HOME) -> dict[str, bytes]:
    client = aws.client("s3", region)
    found = client.list_objects_v2(Bucket=_bucket(region)).get("Contents", [])
    return {each["Key"]: client.get_object(Bucket=_bucket(region), Key=each["Key"])["Body"].read() for each in found}


CONFIGURATIONS: Mapping[str, Mapping[str, object]] = {HOME: {"api": "a"}, OTHER: {"api": "b"}}


def test_every_file_of_the_console_has_a_type() -> None:
    found = [path for path in console.WEB.rglob("*") if path.is_file() and path.name != "README.md"]
    assert {path.suffix for path in found} <= console.TYPES.keys()
    assert console.WEB / console.PAGE in found


@pytest.mark.usefixtures("web")
def test_the_bucket_holds_the_files_and_one_configuration_for_each_region(aws: Account) -> None:
    console.publish(target(aws), CONFIGURATIONS)
    assert files(aws) == {
        "index.html": b"<!doctype html>",
        "views/app.js": b"export {};",
        f"config/{HOME}/config.json": b'{\n  "api": "a"\n}',
        f"config/{OTHER}/config.json": b'{\n  "api": "b"\n}',
    }
    assert files(aws, OTHER) == {}, "replication does that"


@pytest.mark.usefixtures("web")
def test_a_browser_is_told_the_type_and_to_ask_each_time(aws: Account) -> None:
    console.publish(target(aws), CONFIGURATIONS)
    head = aws.client("s3", HOME).head_object(Bucket=_bucket(HOME), Key="views/app.js")
    assert (head["ContentType"], head["CacheControl"]) == ("text/javascript; charset=utf-8", "no-cache")


@pytest.mark.usefixtures("web")
def test_what_is_there_already_is_not_written_again(aws: Account) -> None:
    assert len(console.publish(target(aws), CONFIGURATIONS)) == 4
    aws.forget()
    assert console.publish(target(aws), CONFIGURATIONS) == []
    assert aws.wrote == set()


def test_only_the_changed_file_is_written(aws: Account, web: Path) -> None:
    console.publish(target(aws), CONFIGURATIONS)
    (web / "views" / "app.js").write_text("export { x };")
    assert console.publish(target(aws), CONFIGURATIONS) == ["views/app.js"]


@pytest.mark.usefixtures("web")
def test_a_file_under_a_wrong_type_is_written_again(aws: Account) -> None:
    console.publish(target(aws), CONFIGURATIONS)
    aws.client("s3", HOME).put_object(
        Bucket=_bucket(HOME), Key="index.html", Body=b"<!doctype html>", ContentType="text/plain"
    )
    assert console.publish(target(aws), CONFIGURATIONS) == ["index.html"]


def test_what_the_console_no_longer_has_goes_and_can_be_fetched_back(aws: Account, web: Path) -> None:
    console.publish(target(aws), CONFIGURATIONS)
    (web / "views" / "app.js").unlink()
    assert console.publish(target(aws), CONFIGURATIONS) == ["views/app.js"]
    assert "views/app.js" not in files(aws)
    versions = aws.client("s3", HOME).list_object_versions(Bucket=_bucket(HOME), Prefix="views/app.js")
    assert len(versions["Versions"]) == len(versions["DeleteMarkers"]) == 1


@pytest.mark.usefixtures("web")
def test_a_region_that_is_deployed_alone_leaves_the_other_ones_configuration(aws: Account) -> None:
    console.publish(target(aws), CONFIGURATIONS, OTHER)
    console.publish(target(aws), {OTHER: {"api": "b"}}, OTHER)
    assert f"config/{HOME}/config.json" in files(aws, OTHER)


@pytest.mark.usefixtures("web")
def test_an_error_that_is_no_absence_is_not_taken_for_one(aws: Account) -> None:
    missing = Target(aws, STAGING, Path("nowhere"), ("api",))
    with pytest.raises(ClientError, match="NoSuchBucket"):
        console.publish(missing, {})


def test_the_page_is_at_the_edge_if_there_is_one_and_else_below_the_api() -> None:
    found = dict([api(HOME), api(OTHER)])
    assert console.page(target(Account()), found) == f"https://{HOME}.example/api/console/index.html"
    assert console.page(target(Account()), found, OTHER) == f"https://{OTHER}.example/api/console/index.html"
    found |= dict([stack("site", "us-east-1", ConsoleUrl="https://d1.cloudfront.net")])
    assert console.page(target(Account()), found, OTHER) == "https://d1.cloudfront.net/index.html"


def test_each_region_is_told_its_own_api_and_login() -> None:
    found = console.configurations(target(Account()), dict([api(HOME), api(OTHER)]))
    assert found[OTHER] == {
        "api": f"https://{OTHER}.example/api",
        "authority": f"https://login.{OTHER}.example",
        "client_id": f"client-{OTHER}",
        "deployment": "holdfast-sandbox",
        "regions": [HOME, OTHER],
    }


class Pools:
    """Cognito, as far as a client of one pool goes; an update forgets what it is not told, as Cognito's does."""

    def __init__(self, calls: list[str], *callbacks: str) -> None:
        self.meta = boto3.client("cognito-idp", region_name=HOME).meta
        self.calls = calls
        self.known: dict[str, Any] = {
            "UserPoolId": "pool",
            "ClientId": "client",
            "ClientName": "console",
            "AllowedOAuthFlows": ["code"],
            "RefreshTokenValidity": 10,
            "LastModifiedDate": "today",
            "CallbackURLs": list(callbacks),
            "LogoutURLs": list(callbacks),
        }

    def describe_user_pool_client(self, **which: str) -> dict[str, Any]:
        assert which == {"UserPoolId": "pool", "ClientId": "client"}
        return {"UserPoolClient": dict(self.known)}

    def update_user_pool_client(self, **values: Any) -> None:
        self.calls.append("UpdateUserPoolClient")
        assert set(values) <= set(self.meta.service_model.operation_model("UpdateUserPoolClient").input_shape.members)
        self.known = values


OUTPUTS = {"UserPool": "pool", "ConsoleClient": "client"}


def pools(aws: Account, region: str, *callbacks: str) -> Pools:
    made = Pools(aws.calls, *callbacks)
    aws._clients["cognito-idp", region] = made
    return made


def test_the_login_page_learns_of_the_console_and_forgets_nothing(aws: Account) -> None:
    login = pools(aws, HOME, "https://console.invalid/index.html")
    assert console.let_in(aws, HOME, OUTPUTS, "https://d1.cloudfront.net/index.html")
    known = login.known
    both = ["https://console.invalid/index.html", "https://d1.cloudfront.net/index.html"]
    assert known["CallbackURLs"] == known["LogoutURLs"] == both
    assert (known["AllowedOAuthFlows"], known["RefreshTokenValidity"]) == (["code"], 10)


def test_a_login_page_that_knows_the_console_is_left_alone(aws: Account) -> None:
    pools(aws, HOME, "https://here.example/index.html")
    assert not console.let_in(aws, HOME, OUTPUTS, "https://here.example/index.html")
    assert aws.wrote == set()


@pytest.mark.usefixtures("web")
def test_a_console_is_delivered_once_and_the_second_time_nothing_is_done(aws: Account) -> None:
    edge = stack("site", "us-east-1", ConsoleUrl="https://d1.cloudfront.net")
    found = dict([api(HOME, **OUTPUTS), api(OTHER, **OUTPUTS), edge])
    for region in (HOME, OTHER):
        pools(aws, region)
    first = console.deliver(target(aws), found)
    assert first.page == "https://d1.cloudfront.net/index.html"
    assert [each for each in first.written if "login" in each] == [f"login page in {HOME}", f"login page in {OTHER}"]
    aws.forget()
    assert console.deliver(target(aws), found).written == []
    assert aws.wrote == set()
