"""What the keys, network, storage and database stacks do, beyond the rules that hold for every template."""

from dataclasses import replace

import pytest

from blueprints import database, keys, network, storage
from blueprints.outputs import KeysOutputs, NetworkOutputs
from blueprints.settings import PRODUCTION, SANDBOX, Network
from blueprints.validation import SettingsError


def imports(settings):
    return KeysOutputs.imported(settings), NetworkOutputs.imported(settings)


def of_kind(template, kind):
    return {title: r for title, r in template.to_dict()["Resources"].items() if r["Type"] == kind}


def key_statements(title):
    key = of_kind(keys.blueprint(PRODUCTION), "AWS::KMS::Key")[title]
    return {s["Sid"]: s for s in key["Properties"]["KeyPolicy"]["Statement"]}


# ---- keys --------------------------------------------------------------------------------------------------------


def test_there_is_one_key_per_purpose():
    aliases = of_kind(keys.blueprint(PRODUCTION), "AWS::KMS::Alias").values()

    assert [alias["Properties"]["AliasName"] for alias in aliases] == [
        "alias/holdfast-production-data",
        "alias/holdfast-production-backups",
        "alias/holdfast-production-logs",
    ]


def test_the_backups_key_serves_no_service_by_itself():
    assert set(key_statements("BackupsKey")) == {
        "DelegateToAccount",
        "DenyGrantsButForServices",
        "DenyDestructionByPipeline",
    }


def test_the_logs_key_serves_only_log_groups_of_the_deployment_and_the_one_that_api_gateway_names():
    condition = key_statements("LogsKey")["AllowLogGroups"]["Condition"]
    (served,) = condition["ArnLike"].values()

    assert [arn["Fn::Sub"].split(":log-group:")[1] for arn in served] == [
        "*holdfast-production*",
        "API-Gateway-Execution-Logs_*/api",
    ]


def test_alarms_rules_and_budgets_may_publish_to_encrypted_topics_of_this_account():
    messages = key_statements("DataKey")["AllowMessagesToTopics"]

    assert messages["Principal"] == {
        "Service": ["cloudwatch.amazonaws.com", "events.amazonaws.com", "budgets.amazonaws.com"]
    }
    assert list(messages["Condition"]["ArnLike"]) == ["kms:EncryptionContext:aws:sns:topicArn"]


def test_rules_may_send_to_encrypted_queues():
    events = key_statements("DataKey")["AllowEventsToQueues"]

    assert events["Principal"] == {"Service": ["events.amazonaws.com"]}
    assert events["Action"] == ["kms:Decrypt", "kms:GenerateDataKey"]


# ---- network -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("zones", [2, 3])
def test_every_zone_has_a_private_subnet_that_reaches_the_gateways(zones):
    settings = replace(PRODUCTION, network=Network(zones=zones))
    t = network.blueprint(settings, KeysOutputs.imported(settings))

    assert len(of_kind(t, "AWS::EC2::Subnet")) == len(of_kind(t, "AWS::EC2::SubnetRouteTableAssociation")) == zones


def test_functions_reach_proxy_and_database_and_only_the_proxy_reaches_the_database_besides():
    """The proxy on MySQL's own port, which is the only one that RDS Proxy has; the database on ours."""
    t = network.blueprint(PRODUCTION, KeysOutputs.imported(PRODUCTION))
    ways = {
        (rule["GroupId"]["Fn::GetAtt"][0], rule["SourceSecurityGroupId"]["Fn::GetAtt"][0], rule["FromPort"])
        for rule in (r["Properties"] for r in of_kind(t, "AWS::EC2::SecurityGroupIngress").values())
    }

    assert ways == {
        ("ProxyGroup", "FunctionsGroup", 3306),
        ("DatabaseGroup", "FunctionsGroup", 3307),
        ("DatabaseGroup", "ProxyGroup", 3307),
    }
    for group in ("ProxyGroup", "DatabaseGroup"):
        (egress,) = of_kind(t, "AWS::EC2::SecurityGroup")[group]["Properties"]["SecurityGroupEgress"]
        assert egress["CidrIp"] == "127.0.0.1/32"


def test_without_a_database_of_our_own_the_network_speaks_mysqls_usual_port():
    settings = replace(PRODUCTION, database=None)
    t = network.blueprint(settings, KeysOutputs.imported(settings))

    assert {r["Properties"]["FromPort"] for r in of_kind(t, "AWS::EC2::SecurityGroupIngress").values()} == {3306}


# ---- storage -----------------------------------------------------------------------------------------------------


def test_exports_leave_staging_when_the_settings_say():
    t = storage.blueprint(SANDBOX, KeysOutputs.imported(SANDBOX))
    staging = of_kind(t, "AWS::S3::Bucket")["Staging"]["Properties"]
    (rule,) = staging["LifecycleConfiguration"]["Rules"]

    assert rule["ExpirationInDays"] == SANDBOX.backup.staging_retention.days


def test_no_role_of_ours_can_delete_from_the_vault():
    t = storage.blueprint(SANDBOX, KeysOutputs.imported(SANDBOX))
    policy = of_kind(t, "AWS::S3::BucketPolicy")["VaultAccess"]["Properties"]["PolicyDocument"]["Statement"]
    deny = {s["Sid"]: s for s in policy}["DenyDestructionByPipeline"]

    assert deny["Effect"] == "Deny"
    assert {"s3:DeleteObject", "s3:DeleteObjectVersion", "s3:BypassGovernanceRetention"} <= set(deny["Action"])
    assert "role/holdfast-sandbox/*" in str(deny["Condition"])


def test_the_replication_role_reads_staging_and_writes_only_the_other_regions_vault():
    t = storage.blueprint(PRODUCTION, KeysOutputs.imported(PRODUCTION))
    policy = of_kind(t, "AWS::IAM::ManagedPolicy")["StagingReplicationRolePolicy"]["Properties"]["PolicyDocument"]
    assert of_kind(t, "AWS::IAM::Role")["StagingReplicationRole"]["Condition"] == "IsPrimaryRegion"
    by_sid = {s["Sid"]: s for s in policy["Statement"]}

    assert "vault-eu-central-1" in str(by_sid["WriteReplicas"]["Resource"])
    assert "s3:ReplicateDelete" not in str(by_sid)
    assert by_sid["EncryptReplicas"]["Condition"]["ForAnyValue:StringEquals"] == {
        "kms:ResourceAliases": "alias/holdfast-production-backups"
    }
    assert by_sid["EncryptReplicas"]["Condition"]["StringEquals"] == {"kms:ViaService": "s3.eu-central-1.amazonaws.com"}


def test_the_ledgers_open_items_are_found_by_region_and_time():
    t = storage.blueprint(PRODUCTION, KeysOutputs.imported(PRODUCTION))
    ledger = of_kind(t, "AWS::DynamoDB::GlobalTable")["Ledger"]["Properties"]
    indexes = {index["IndexName"]: index["KeySchema"] for index in ledger["GlobalSecondaryIndexes"]}

    assert [key["AttributeName"] for key in ledger["KeySchema"]] == ["pk", "sk"]
    assert [key["AttributeName"] for key in indexes["open"]] == ["open", "begun_at"]
    assert [key["AttributeName"] for key in indexes["points"]] == ["database", "scheduled_at"]


# ---- database ----------------------------------------------------------------------------------------------------


def test_without_a_database_there_is_no_such_stack():
    with pytest.raises(SettingsError, match="no database stack"):
        database.blueprint(replace(PRODUCTION, database=None), *imports(PRODUCTION))


def test_a_restored_copy_finds_its_groups_and_its_proxy_in_the_recovery_region():
    t = database.blueprint(PRODUCTION, *imports(PRODUCTION))
    everywhere = {
        r["Type"] for r in t.to_dict()["Resources"].values() if "Condition" not in r and "::RDS::" in r["Type"]
    }

    assert everywhere == {
        "AWS::RDS::DBSubnetGroup",
        "AWS::RDS::DBParameterGroup",
        "AWS::RDS::OptionGroup",
        "AWS::RDS::DBProxy",
    }


def test_the_proxy_gets_its_database_once_the_user_is_there_that_it_logs_in_as():
    t = database.blueprint(PRODUCTION, *imports(PRODUCTION))
    (target,) = of_kind(t, "AWS::RDS::DBProxyTargetGroup").values()
    (users,) = of_kind(t, "Custom::Schema")

    assert target["DependsOn"] == users


def test_options_stay_as_long_as_snapshots_that_refer_to_them():
    t = database.blueprint(PRODUCTION, *imports(PRODUCTION))
    (options,) = of_kind(t, "AWS::RDS::OptionGroup").values()

    assert options["DeletionPolicy"] == options["UpdateReplacePolicy"] == "Retain"


def test_rds_finds_its_log_groups_made():
    t = database.blueprint(PRODUCTION, *imports(PRODUCTION))
    (instance,) = of_kind(t, "AWS::RDS::DBInstance").values()
    groups = of_kind(t, "AWS::Logs::LogGroup")
    made = {groups[title]["Properties"]["LogGroupName"] for title in instance["DependsOn"] if title in groups}
    kinds = instance["Properties"]["EnableCloudwatchLogsExports"]

    assert made >= {f"/aws/rds/instance/holdfast-production-database/{kind}" for kind in kinds}


def test_no_proxy_is_made_when_none_is_wanted():
    settings = replace(PRODUCTION, database=replace(PRODUCTION.database, proxy=False))
    t = database.blueprint(settings, *imports(settings))

    assert not of_kind(t, "AWS::RDS::DBProxy")
    assert "ProxyEndpoint" not in t.outputs


@pytest.mark.parametrize(
    ("instance_class", "has"), [("db.t4g.micro", False), ("db.t3.small", False), ("db.t4g.medium", True)]
)
def test_performance_insights_are_asked_for_only_where_rds_has_them(instance_class, has):
    assert database.has_insights(replace(PRODUCTION.database, instance_class=instance_class)) is has
