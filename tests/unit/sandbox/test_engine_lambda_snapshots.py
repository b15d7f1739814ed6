"""A version under SnapStart: started when it is published, with credentials from an address instead of variables."""

import pytest
from browsing import ask
from deploying import deploy, function, live, ref, role
from making import PRIMARY, RECOVERY
from policies import allow

SOURCE = """
import json, os, urllib.request
import boto3
started = os.getpid()
def handler(event, context):
    wanted = ("AWS_ACC", "AWS_SEC", "AWS_SES", "AWS_CONT", "AWS_LAMBDA_INI")
    return {
        "names": sorted(name for name in os.environ if name.startswith(wanted)),
        "kind": os.environ["AWS_LAMBDA_INITIALIZATION_TYPE"],
        "address": os.environ.get("AWS_CONTAINER_CREDENTIALS_FULL_URI"),
        "who": boto3.client("sts").get_caller_identity()["Arn"],
        "pid": started,
    }
"""


def published(source, **more):
    return {
        "Role": role("lambda", allow("sts:GetCallerIdentity")),
        "Function": function(source, SnapStart={"ApplyOn": "PublishedVersions"}, **more),
        **live("Function"),
    }


@pytest.fixture(scope="module")
def snapshot(engine):
    return deploy(engine, "snapshot", published(SOURCE), outputs={"Function": ref("Function"), "Live": ref("Live")})


def test_a_snapshot_s_credentials_come_from_an_address(snapshot, make):
    told, error = make.invoke(snapshot["Live"])
    assert error is None
    assert told["kind"] == "snap-start"
    assert told["names"] == [
        "AWS_CONTAINER_AUTHORIZATION_TOKEN",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "AWS_LAMBDA_INITIALIZATION_TYPE",
    ]
    assert ":assumed-role/" in told["who"]


def test_what_is_not_published_has_its_credentials_in_variables(snapshot, make):
    told, _ = make.invoke(snapshot["Function"])
    assert told["kind"] == "on-demand"
    assert told["address"] is None
    assert {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"} <= set(told["names"])


def test_nobody_gets_the_credentials_without_the_token(snapshot, make):
    address = make.invoke(snapshot["Live"])[0]["address"]
    assert ask(address).status == 401
    assert ask(address, Authorization="guess").status == 401


def test_a_version_is_warm_as_soon_as_it_is_published(snapshot, make):
    first, second = make.invoke(snapshot["Live"])[0], make.invoke(snapshot["Live"])[0]
    assert first["pid"] == second["pid"]


def test_a_function_that_does_not_start_cannot_be_published(aws, name):
    with pytest.raises(AssertionError, match="ImportModuleError: Unable to import module 'index'"):
        deploy(aws, name, published("import nowhere_to_be_found"))


def test_a_runtime_without_snapshots_is_refused(aws, name):
    resources = published(SOURCE, Runtime="python3.11")
    with pytest.raises(AssertionError, match=r"SnapStart is not supported for the python3\.11 runtime"):
        deploy(aws, name, resources)


def test_a_function_of_the_same_name_in_another_region_is_another(aws, make, name):
    def named(region):
        resources = published(SOURCE, FunctionName=name)
        return deploy(aws, f"{name}-{region}", resources, region, outputs={"Live": ref("Live")})

    live = named(PRIMARY)["Live"]
    first = make.invoke(live)[0]["pid"]
    named(RECOVERY)
    assert make.invoke(live)[0]["pid"] == first
