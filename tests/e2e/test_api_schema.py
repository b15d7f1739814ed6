"""The database's schema is deployed with the stack, and a stack whose schema can't be deployed fails and says why."""

from __future__ import annotations

import json

from world import World, eventually

from deployment.stacks import cause

NAME = "broken-schema"


def test_every_resource_finds_its_tables_and_the_users_may_do_the_least(world: World) -> None:
    with world.login.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT table_name FROM information_schema.tables WHERE table_schema = 'holdfast'")
        assert {"items", "schema_migrations"} <= {name for (name,) in cursor.fetchall()}
        cursor.execute("SHOW GRANTS FOR holdfast_app")
        grants = "\n".join(grant for (grant,) in cursor.fetchall())
    assert "SELECT, INSERT, UPDATE, DELETE ON `holdfast`.*" in grants
    assert not {word for word in ("ALL PRIVILEGES", "GRANT OPTION", "DROP", "CREATE", "SUPER") if word in grants}


def test_a_schema_that_can_not_be_deployed_fails_its_stack_with_the_reason(world: World) -> None:
    stacks = world.client("cloudformation")
    (instance,) = world.client("rds").describe_db_instances()["DBInstances"]
    schema = {
        "Type": "Custom::Schema",
        "Properties": {
            "ServiceToken": f"arn:aws:lambda:{world.primary}:{world.engine.account}:function:"
            + world.settings.name("deploy-schema"),
            "Secret": instance["MasterUserSecret"]["SecretArn"],
            "Host": instance["Endpoint"]["Address"],
            "Port": "none",
            "Code": "handlers.zip",
        },
    }
    template = json.dumps({"Resources": {"Schema": schema}})
    stacks.create_stack(StackName=NAME, TemplateBody=template, OnFailure="DO_NOTHING")

    def status() -> str | None:
        found = stacks.describe_stacks(StackName=NAME)["Stacks"][0]["StackStatus"]
        return None if found.endswith("_IN_PROGRESS") else str(found)

    assert eventually(status, 30, "the stack's end") == "CREATE_FAILED"
    why = cause(stacks, NAME)
    assert why.startswith("Schema (Custom::Schema): "), why
    assert "migrate-schema" in why or "MigrationFailed" in why, why
    stacks.delete_stack(StackName=NAME)
