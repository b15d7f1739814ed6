"""The life of a deployment, told by the command line: made, left alone, changed, looked at, drifted, removed."""

from __future__ import annotations

import io
import json
import re
import secrets
import urllib.request
import zipfile
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from commanding import EMITTED, HOME, OTHER, PREFIX, Answer, Checkout, named, stacks, whole
from inventory import inventory
from shapes import problems

from sandbox.server import Engine

NAMES = ("bootstrap", "keys", "network", "storage", "backup", "api", "observability", "stacksets")
SITE = f"{PREFIX}-site-{HOME}-000000000000"
# Each operation that the tool uses; a new one belongs here, and one that is never recorded was never checked.
OPERATIONS = {
    "apigateway.GetAccount",
    "cloudformation.CreateChangeSet",
    "cloudformation.CreateStackInstances",
    "cloudformation.DeleteChangeSet",
    "cloudformation.DeleteStack",
    "cloudformation.DeleteStackInstances",
    "cloudformation.DescribeChangeSet",
    "cloudformation.DescribeStackDriftDetectionStatus",
    "cloudformation.DescribeStackEvents",
    "cloudformation.DescribeStackResourceDrifts",
    "cloudformation.DescribeStackSetOperation",
    "cloudformation.DescribeStacks",
    "cloudformation.DescribeType",
    "cloudformation.DetectStackDrift",
    "cloudformation.ExecuteChangeSet",
    "cloudformation.GetTemplate",
    "cloudformation.ListStackInstances",
    "cloudformation.ListStackResources",
    "cloudformation.ListStackSetOperations",
    "cloudformation.ListStackSets",
    "cloudformation.ListStacks",
    "cloudformation.UpdateTerminationProtection",
    "cloudtrail.DescribeTrails",
    "cognito-idp.DescribeUserPool",
    "cognito-idp.DescribeUserPoolClient",
    "cognito-idp.ListUsers",
    "dynamodb.DescribeTable",
    "dynamodb.Query",
    "ec2.DescribeRegions",
    "ec2.DescribeVpcs",
    "iam.GetRole",
    "kms.DescribeKey",
    "lambda.GetAccountSettings",
    "rds.DescribeAccountAttributes",
    "rds.DescribeDBSnapshots",
    "s3.GetObjectLegalHold",
    "s3.GetObjectRetention",
    "s3.HeadBucket",
    "s3.HeadObject",
    "s3.ListObjectVersions",
    "s3.ListObjectsV2",
    "s3.PutObject",
    "sts.GetCallerIdentity",
}
# Of these the plan is made: they write, and change nothing that anybody uses.
PREVIEWS = {"cloudformation.CreateChangeSet", "cloudformation.DeleteChangeSet", "s3.PutObject"}

POINT = "orders-20261122t0000z"

Before = set[tuple[str, str, str]]


# Each fixture is a day in the life, and needs the one before.


@pytest.fixture(scope="module")
def before(engine: Engine) -> Before:
    return inventory(engine, (HOME, OTHER))


@pytest.fixture(scope="module")
def made(checkout: Checkout, before: Before, engine: Engine) -> Answer:
    del before
    return checkout.run("deploy", "--yes", "--certificates", str(engine.directory / "rds-ca.pem"))


@pytest.fixture(scope="module")
def again(checkout: Checkout, made: Answer, engine: Engine) -> tuple[Answer, int]:
    assert made.code == 0, made.text
    known = len(stack_set_calls(engine))
    answer = checkout.run("deploy", "--yes")
    return answer, len(stack_set_calls(engine)) - known


class Changed:
    """What one changed handler moves: what was foretold, what was said, and what moved."""

    def __init__(self, checkout: Checkout) -> None:
        self.objects, self.times = artifacts(checkout.engine), times(checkout.engine)
        with (checkout.folder / "handlers" / "take_snapshot.py").open("a") as handler:
            handler.write("# One more line.\n")
        self.foretold = checkout.run("deploy", "--dry-run")
        self.times_between = times(checkout.engine)
        self.outdated = checkout.run("status")
        self.answer = checkout.run("deploy", "--yes")
        self.new_objects = artifacts(checkout.engine) - self.objects
        after = times(checkout.engine)
        self.moved = {stack for stack in after if after[stack] != self.times[stack]}


@pytest.fixture(scope="module")
def changed(checkout: Checkout, again: tuple[Answer, int]) -> Changed:
    assert again[0].code == 0, again[0].text
    return Changed(checkout)


class Drifted:
    """A queue that somebody changes by hand, and puts right again."""

    def __init__(self, checkout: Checkout) -> None:
        client = checkout.engine.client("cloudformation", OTHER)
        stack = stacks(checkout.engine)["backup", OTHER]["StackId"]
        found = client.describe_stack_resource(StackName=stack, LogicalResourceId="Settle")
        self.queue = found["StackResourceDetail"]["PhysicalResourceId"]
        sqs = checkout.engine.client("sqs", OTHER)
        self.calm = checkout.run("status", "--drift")
        sqs.set_queue_attributes(QueueUrl=self.queue, Attributes={"MessageRetentionPeriod": "60"})
        self.seen = checkout.run("status", "--drift", "--json")
        self.remembered = checkout.run("status")
        sqs.set_queue_attributes(QueueUrl=self.queue, Attributes={"MessageRetentionPeriod": "345600"})
        self.right = checkout.run("status", "--drift")


@pytest.fixture(scope="module")
def drifted(checkout: Checkout, changed: Changed) -> Drifted:
    assert changed.answer.code == 0, changed.answer.text
    return Drifted(checkout)


@pytest.fixture(scope="module")
def refused(checkout: Checkout, drifted: Drifted) -> Answer:
    assert drifted.right.code == 0, drifted.right.text
    use(checkout.engine)
    return checkout.run("destroy", "--yes", PREFIX)


@pytest.fixture(scope="module")
def removed(checkout: Checkout, refused: Answer) -> Answer:
    assert refused.code == 2, refused.text
    despite = ("--despite", "recovery-points", "--despite", "locks", "--despite", "data")
    return checkout.run("destroy", "--yes", PREFIX, *despite)


def artifacts(engine: Engine) -> set[tuple[str, str]]:
    """What lies in both artifact buckets, each without its digest."""
    found = set()
    for region in (HOME, OTHER):
        bucket = f"{PREFIX}-artifacts-{region}-000000000000"
        for each in engine.client("s3", region).list_objects_v2(Bucket=bucket)["Contents"]:
            found.add((region, each["Key"]))
    return found


def times(engine: Engine) -> dict[tuple[str, str], datetime]:
    return {stack: each.get("LastUpdatedTime", each["CreationTime"]) for stack, each in stacks(engine).items()}


def stack_set_calls(engine: Engine) -> list[dict[str, Any]]:
    """What StackSets has done with the deployment's roles; functions work all the time."""
    return [each for each in engine.calls() if each["service"] == "cloudformation"]


def use(engine: Engine) -> None:
    """What people do with a deployment: a user, a verified point, and an object that is locked."""
    outputs = {each["OutputKey"]: each["OutputValue"] for each in stacks(engine)["api", HOME]["Outputs"]}
    password = f"Aa1-{secrets.token_urlsafe(12)}"
    engine.client("cognito-idp", HOME).admin_create_user(
        UserPoolId=outputs["UserPool"], Username="one@example.com", TemporaryPassword=password, MessageAction="SUPPRESS"
    )
    row = {
        "pk": f"POINT#{POINT}",
        "sk": "POINT",
        "database": "orders",
        "scheduled_at": "2026-11-22T00:00:00Z",
        "status": "verified",
    }
    item = {name: {"S": value} for name, value in row.items()}
    engine.client("dynamodb", HOME).put_item(TableName=f"{PREFIX}-ledger", Item=item)
    engine.client("s3", OTHER).put_object(
        Bucket=f"{PREFIX}-vault-{OTHER}-000000000000",
        Key="orders/part-0.parquet",
        Body=secrets.token_bytes(8),
        ObjectLockMode="GOVERNANCE",
        ObjectLockRetainUntilDate=datetime.now(UTC) + timedelta(days=1),
    )


# ---- made ------------------------------------------------------------------------------------------------------------


def test_from_nothing_to_both_regions(made: Answer, checkout: Checkout) -> None:
    assert made.code == 0, made.text
    there = stacks(checkout.engine)
    assert {name for name, _ in there} == set(NAMES)
    assert all((name, region) in there for name in NAMES[:-1] for region in (HOME, OTHER))
    whole(checkout)


def test_what_will_be_made_is_shown_before_and_what_was_made_afterwards(made: Answer) -> None:
    plan, _, done = made.out.partition("15 stacks to create")
    assert all(re.search(rf"^  {name} +create \d+ resources", plan, re.MULTILINE) for name in NAMES)
    assert "15 stacks made" in done
    assert f".execute-api.{HOME}.amazonaws.com/api/console/index.html" in done


def test_no_stack_can_be_deleted_by_mistake(made: Answer, checkout: Checkout) -> None:
    assert made.code == 0, made.text
    assert all(each["EnableTerminationProtection"] for each in stacks(checkout.engine).values())


def test_the_console_is_there_and_knows_both_apis(made: Answer, checkout: Checkout) -> None:
    assert made.code == 0, made.text
    s3 = checkout.engine.client("s3", HOME)
    assert s3.head_object(Bucket=SITE, Key="index.html")["ContentType"] == "text/html; charset=utf-8"
    for region in (HOME, OTHER):
        about = json.load(s3.get_object(Bucket=SITE, Key=f"config/{region}/config.json")["Body"])
        assert about["api"].endswith(f".execute-api.{region}.amazonaws.com/api")
        assert about["client_id"]


def test_functions_trust_the_certificates_that_were_named(made: Answer, engine: Engine) -> None:
    assert made.code == 0, made.text
    functions = engine.client("lambda", OTHER).list_functions()["Functions"]
    name = next(each["FunctionName"] for each in functions if PREFIX in each["FunctionName"])
    location = engine.client("lambda", OTHER).get_function(FunctionName=name)["Code"]["Location"]
    with urllib.request.urlopen(location) as answer, zipfile.ZipFile(io.BytesIO(answer.read())) as archive:  # noqa: S310
        assert archive.read("handlers/certificates/rds.pem") == (engine.directory / "rds-ca.pem").read_bytes()


# ---- left alone ------------------------------------------------------------------------------------------------------


def test_with_nothing_to_do_it_says_so_and_writes_nothing(again: tuple[Answer, int]) -> None:
    answer, calls = again
    assert (answer.code, answer.writes, calls) == (0, set(), 0), answer.text
    assert "nothing to do: AWS is as the code emits it" in answer.out


# ---- changed ---------------------------------------------------------------------------------------------------------


def test_a_changed_handler_moves_only_the_stacks_that_have_functions(changed: Changed) -> None:
    assert changed.answer.code == 0, changed.answer.text
    with_functions = {(name, region) for name in ("backup", "api") for region in (HOME, OTHER)}
    assert changed.moved == {*with_functions, ("stacksets", HOME)}


def test_every_stack_that_moved_has_its_line(changed: Changed) -> None:
    for name, region in changed.moved:
        assert re.search(rf"  {name} stack in {region}: \d+ resource", changed.answer.err), changed.answer.err


def test_a_changed_handler_uploads_its_archive_and_their_templates_to_both_regions(changed: Changed) -> None:
    kinds = {(region, re.sub(r"-[0-9a-f]{16}", "", key)) for region, key in changed.new_objects}
    names = ("handlers.zip", "templates/backup.json", "templates/api.json", "templates/stacksets.json")
    assert kinds == {(region, name) for region in (HOME, OTHER) for name in names}
    assert len(changed.new_objects) == len(kinds)


def test_a_dry_run_foretells_it_and_changes_nothing(changed: Changed) -> None:
    assert changed.foretold.code == 0, changed.foretold.text
    assert changed.foretold.writes <= PREVIEWS
    assert changed.times_between == changed.times
    lines = [line for line in changed.foretold.out.splitlines() if re.match(r"  (backup|api) +change ", line)]
    assert lines == [line for line in changed.answer.out.splitlines() if re.match(r"  (backup|api) +change ", line)]
    assert len(lines) == 2


def test_in_between_the_status_says_which_stacks_are_older_than_the_code(changed: Changed) -> None:
    assert changed.outdated.code == 1
    older = re.findall(r"^  (\S+) +older", changed.outdated.out, re.MULTILINE)
    assert older == ["backup", "api", "stacksets"]
    assert "5 stacks are not as they should be." in changed.outdated.out


# ---- looked at, drifted ----------------------------------------------------------------------------------------------


def test_the_status_is_calm_as_long_as_all_is_well(drifted: Drifted) -> None:
    assert drifted.calm.code == 0, drifted.calm.text
    assert len(re.findall(r"current · \d+ (s|min)", drifted.calm.out)) == 15
    assert "All is as it should be." in drifted.calm.out
    assert max(map(len, drifted.calm.out.splitlines())) <= 80


def test_a_change_by_hand_is_found_when_it_is_looked_for(drifted: Drifted) -> None:
    assert drifted.seen.code == 1
    (found,) = json.loads(drifted.seen.out)["drifted"]
    assert (found["stack"], found["logical_id"]) == ({"name": "backup", "region": OTHER}, "Settle")
    assert found["id"] == drifted.queue
    assert [each | {"path": each["path"].strip("/")} for each in found["differences"]] == [
        {"path": "MessageRetentionPeriod", "expected": "345600", "actual": "60"}
    ]


def test_what_was_found_is_remembered_until_somebody_looks_again(drifted: Drifted) -> None:
    assert drifted.remembered.code == 1
    assert "Settle (AWS::SQS::Queue) of backup in eu-central-1" in drifted.remembered.out
    assert drifted.right.code == 0, drifted.right.text


def test_the_status_changes_nothing(drifted: Drifted) -> None:
    for answer in (drifted.calm, drifted.seen, drifted.remembered, drifted.right):
        assert answer.writes == set()


# ---- removed ---------------------------------------------------------------------------------------------------------


def test_what_is_in_use_is_not_removed_and_every_reason_is_told(refused: Answer) -> None:
    assert (refused.code, refused.writes) == (2, set())
    for told in (
        "1 verified recovery point in the ledger (orders 1)",
        f"{PREFIX}-vault-{OTHER}-000000000000 holds 1 object under an Object Lock",
        "has 1 user:",
        "--despite recovery-points --despite locks --despite data",
    ):
        assert told in refused.err


def test_only_what_it_said_is_left(removed: Answer, checkout: Checkout, before: Before) -> None:
    assert removed.code == 0, removed.text
    foretold, told = removed.out.split("is removed.")
    left = {name for _, _, name in inventory(checkout.engine, (HOME, OTHER)) - before}
    assert left
    assert left == named(told)
    assert left == named(foretold.partition("  stays")[2].partition("  although")[0])


def test_what_was_in_use_is_still_there(removed: Answer, checkout: Checkout) -> None:
    assert removed.code == 0, removed.text
    ledger = checkout.engine.client("dynamodb", HOME).scan(TableName=f"{PREFIX}-ledger")
    assert f"POINT#{POINT}" in {row["pk"]["S"] for row in ledger["Items"]}
    vault = f"{PREFIX}-vault-{OTHER}-000000000000"
    assert checkout.engine.client("s3", OTHER).head_object(Bucket=vault, Key="orders/part-0.parquet")


def test_once_removed_there_is_nothing_to_remove_and_nothing_deployed(removed: Answer, checkout: Checkout) -> None:
    assert removed.code == 0, removed.text
    again, status = checkout.run("destroy"), checkout.run("status")
    assert (again.code, again.writes) == (0, set())
    assert named(again.out) == named(removed.out.split("is removed.")[1])
    assert (status.code, status.out.strip()) == (1, f"Nothing of {PREFIX} is deployed in account 000000000000.")


def test_no_command_that_asks_aws_writes_to_outputs(removed: Answer, checkout: Checkout) -> None:
    assert removed.code == 0, removed.text
    assert not (checkout.folder / "outputs").exists()
    assert (checkout.folder / EMITTED / "keys.json").exists()


# ---- requests --------------------------------------------------------------------------------------------------------


def test_aws_would_take_every_request(removed: Answer, checkout: Checkout) -> None:
    assert removed.code == 0, removed.text
    assert sorted({each for request in checkout.requests for each in problems(request)}) == []
    used = {request.name for request in checkout.requests}
    assert sorted(used - OPERATIONS) == [], "new: add it to the list"
    assert sorted(OPERATIONS - used) == [], "never recorded, so never checked"
