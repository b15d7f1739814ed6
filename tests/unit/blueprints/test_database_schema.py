"""The schema comes with the database, and functions wait for a database only so long."""

from dataclasses import replace

import pytest

from blueprints import artifacts, database
from blueprints.outputs import KeysOutputs, NetworkOutputs
from blueprints.settings import PRODUCTION

NO_PROXY = replace(PRODUCTION, database=replace(PRODUCTION.database, proxy=False))


def template(settings=PRODUCTION):
    return database.blueprint(settings, KeysOutputs.imported(settings), NetworkOutputs.imported(settings)).to_dict()


def resources(settings=PRODUCTION):
    return template(settings)["Resources"]


def allowed(title):
    policy = resources()[f"{title}RolePolicy"]["Properties"]["PolicyDocument"]["Statement"]
    return {action: statement for statement in policy for action in statement["Action"]}


def test_the_schema_changes_with_the_code_and_only_the_primary_region_has_one(monkeypatch):
    schema = resources()["Schema"]
    monkeypatch.setattr(artifacts, "key", lambda: "handlers-other.zip")

    assert schema["Condition"] == "IsPrimaryRegion"
    assert schema["Properties"]["ServiceToken"] == {"Fn::GetAtt": ["DeploySchema", "Arn"]}
    assert resources()["Schema"]["Properties"]["Code"] == "handlers-other.zip" != schema["Properties"]["Code"]


def test_the_master_password_is_not_in_the_template():
    schema = resources()["Schema"]["Properties"]

    assert schema["Secret"] == {"Fn::GetAtt": ["Instance", "MasterUserSecret.SecretArn"]}
    assert {"Host", "Port"} <= set(schema)
    assert "Password" not in str(schema)


def test_whoever_reads_the_secret_reaches_no_database_and_the_other_way_round():
    deploy, migrate = (resources()[title]["Properties"] for title in ("DeploySchema", "MigrateDatabase"))

    assert "VpcConfig" not in deploy
    assert "secretsmanager:GetSecretValue" in allowed("DeploySchema")
    assert "VpcConfig" in migrate
    assert not [action for action in allowed("MigrateDatabase") if action.startswith("secretsmanager:")]
    assert allowed("DeploySchema")["lambda:InvokeFunction"]["Resource"] == [{"Fn::GetAtt": ["MigrateDatabase", "Arn"]}]


def test_only_the_secrets_that_rds_keeps_are_read():
    (secrets,) = allowed("DeploySchema")["secretsmanager:GetSecretValue"]["Resource"]

    assert secrets["Fn::Sub"].endswith(":secret:rds!db-*")


def test_the_inner_function_ends_first_and_cloudformation_gives_up_last():
    made = resources()
    inner, outer = (made[title]["Properties"]["Timeout"] for title in ("MigrateDatabase", "DeploySchema"))

    assert inner < outer < made["Schema"]["Properties"]["ServiceTimeout"] + 1


def test_two_migrations_never_run_side_by_side():
    assert resources()["MigrateDatabase"]["Properties"]["ReservedConcurrentExecutions"] == 1


def test_a_value_that_does_not_fit_is_refused_and_not_cut():
    assert "STRICT_ALL_TABLES" in resources()["Parameters"]["Properties"]["Parameters"]["sql_mode"]


@pytest.mark.parametrize(
    ("settings", "host", "port"),
    [
        (PRODUCTION, {"Fn::GetAtt": ["Proxy", "Endpoint"]}, "3306"),
        (
            NO_PROXY,
            {"Fn::If": ["IsPrimaryRegion", {"Fn::GetAtt": ["Instance", "Endpoint.Address"]}, "unavailable.invalid"]},
            {"Fn::If": ["IsPrimaryRegion", {"Fn::GetAtt": ["Instance", "Endpoint.Port"]}, "3307"]},
        ),
    ],
    ids=["proxy", "no proxy"],
)
def test_functions_learn_where_to_connect(settings, host, port):
    outputs = template(settings)["Outputs"]

    assert outputs["Host"]["Value"] == host
    assert outputs["Port"]["Value"] == port
