"""Instances: a server each, at an address of its own, with keys, secrets, tokens and protection as on RDS."""

import json
import time

import boto3
import pymysql
import pytest
from botocore.exceptions import ClientError
from databases import PASSWORD, Databases, unique
from policies import allow, document_text, trust

from sandbox.engine.rds import ACTIONS


@pytest.fixture(scope="module")
def databases(engine):
    made = Databases(engine)
    yield made
    made.delete()


def refused(call, **parameters) -> str:
    with pytest.raises(ClientError) as error:
        call(**parameters)
    return error.value.response["Error"]["Code"]


def test_an_instance_is_created_and_gets_an_address_when_it_is_available(databases):
    name = unique("new")
    first = databases.rds.create_db_instance(
        DBInstanceIdentifier=name,
        Engine="mysql",
        DBInstanceClass="db.t4g.small",
        AllocatedStorage=20,
        MasterUsername="admin",
        MasterUserPassword=PASSWORD,
        DBName="shop",
        Tags=[{"Key": "a", "Value": "b"}],
    )["DBInstance"]
    assert first["DBInstanceStatus"] == "creating"
    assert "Endpoint" not in first
    found = databases.await_instance(name)
    assert (found["DBInstanceStatus"], found["Endpoint"]["Address"]) == ("available", "127.0.0.1")
    assert found["TagList"] == [{"Key": "a", "Value": "b"}]
    assert databases.query("SELECT DATABASE()", found, database="shop") == (("shop",),)
    databases.rds.delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)
    assert (
        databases.rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0]["DBInstanceStatus"]
        == "deleting"
    )
    gone = databases.rds.get_waiter("db_instance_deleted")
    gone.wait(DBInstanceIdentifier=name, WaiterConfig={"Delay": 0.1, "MaxAttempts": 100})
    with pytest.raises(pymysql.OperationalError):
        databases.connect(found)


def test_the_key_is_shown_as_arn_whatever_form_was_given(databases):
    alias = f"alias/{unique('data')}"
    databases.engine.client("kms").create_alias(AliasName=alias, TargetKeyId=databases.key)
    name = unique("aliased")
    assert databases.create(name, KmsKeyId=alias)["KmsKeyId"] == databases.key
    databases.rds.delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)
    name = unique("default")
    key = databases.create(name, KmsKeyId=None)["KmsKeyId"]
    assert databases.engine.client("kms").describe_key(KeyId="alias/aws/rds")["KeyMetadata"]["Arn"] == key
    databases.rds.delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)
    with pytest.raises(ClientError, match="KMSKeyNotAccessibleFault"):
        databases.create(unique("no"), KmsKeyId="alias/none")


def test_a_managed_password_is_in_a_secret_and_opens_the_database(databases):
    name = unique("managed")
    found = databases.create(
        name, MasterUserPassword=None, ManageMasterUserPassword=True, MasterUserSecretKmsKeyId=databases.key
    )
    secret = found["MasterUserSecret"]
    assert (secret["SecretStatus"], secret["KmsKeyId"]) == ("active", databases.key)
    value = databases.engine.client("secretsmanager").get_secret_value(SecretId=secret["SecretArn"])
    content = json.loads(value["SecretString"])
    assert value["Name"].startswith("rds!db-")
    assert databases.query("SELECT 1", found, user=content["username"], password=content["password"]) == ((1,),)
    databases.rds.delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)
    databases.rds.get_waiter("db_instance_deleted").wait(
        DBInstanceIdentifier=name, WaiterConfig={"Delay": 0.1, "MaxAttempts": 100}
    )
    get = databases.engine.client("secretsmanager").get_secret_value
    assert refused(get, SecretId=secret["SecretArn"]) == "ResourceNotFoundException"


def test_contradictions_are_refused(databases):
    create = databases.create
    for changes in (
        {"ManageMasterUserPassword": True},
        {"MasterUserPassword": None},
        {"OptionGroupName": "nowhere"},
        {"DBParameterGroupName": "nowhere"},
    ):
        with pytest.raises(ClientError):
            create(unique("no"), **changes)


def test_deletion_is_refused_while_protected_and_without_a_word_on_the_data(databases):
    name = unique("safe")
    databases.create(name, DeletionProtection=True)
    delete = databases.rds.delete_db_instance
    assert refused(delete, DBInstanceIdentifier=name, SkipFinalSnapshot=True) == "InvalidParameterCombination"
    databases.rds.modify_db_instance(DBInstanceIdentifier=name, DeletionProtection=False, ApplyImmediately=True)
    assert refused(delete, DBInstanceIdentifier=name) == "InvalidParameterCombination"
    final = unique("final")
    delete(DBInstanceIdentifier=name, FinalDBSnapshotIdentifier=final)
    assert databases.await_snapshot(final)["Status"] == "available"


def test_the_master_password_can_be_changed(databases):
    name = unique("rotated")
    found = databases.create(name)
    databases.rds.modify_db_instance(DBInstanceIdentifier=name, MasterUserPassword="another one", ApplyImmediately=True)
    assert databases.query("SELECT 1", found, password="another one") == ((1,),)
    with pytest.raises(pymysql.OperationalError, match="1045"):
        databases.connect(found)
    databases.rds.delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)


def test_a_stopped_instance_cannot_be_reached_and_comes_back_at_the_same_address(databases):
    name = unique("paused")
    found = databases.create(name)
    databases.query("CREATE DATABASE kept", found)
    databases.rds.stop_db_instance(DBInstanceIdentifier=name)
    assert databases.await_instance(name)["DBInstanceStatus"] == "stopped"
    with pytest.raises(pymysql.OperationalError):
        databases.connect(found)
    databases.rds.start_db_instance(DBInstanceIdentifier=name)
    assert databases.await_instance(name)["DBInstanceStatus"] == "available"
    assert ("kept",) in databases.query("SHOW DATABASES", found)
    databases.rds.delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)


def test_plaintext_is_allowed_by_the_parameter_group_only(databases):
    group = unique("group")
    databases.rds.create_db_parameter_group(
        DBParameterGroupName=group, DBParameterGroupFamily="mysql8.4", Description="x"
    )
    name = unique("open")
    found = databases.create(name, DBParameterGroupName=group)
    plain = {"ssl_ca": None, "ssl_disabled": True}
    with pytest.raises(pymysql.OperationalError, match="3159"):
        databases.connect(found, **plain)
    parameter = {"ParameterName": "require_secure_transport", "ParameterValue": "0", "ApplyMethod": "immediate"}
    databases.rds.modify_db_parameter_group(DBParameterGroupName=group, Parameters=[parameter])
    assert databases.query("SELECT 1", found, **plain) == ((1,),)
    databases.rds.delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)


@pytest.fixture(scope="module")
def token_user(databases):
    databases.query("CREATE USER 'app'@'%' IDENTIFIED WITH AWSAuthenticationPlugin AS 'RDS'")
    return "app"


def session(databases, *statements):
    """An RDS client with the permissions of a role session."""
    role = databases.make.role("lambda", *statements)
    iam, sts = databases.engine.client("iam"), databases.engine.client("sts")
    anyone = document_text(trust({"AWS": "*"}))
    iam.update_assume_role_policy(RoleName=role.rsplit("/", 1)[-1], PolicyDocument=anyone)
    keys = sts.assume_role(RoleArn=role, RoleSessionName="test")["Credentials"]
    return boto3.client(
        "rds",
        region_name="us-east-1",
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"],
        aws_session_token=keys["SessionToken"],
    )


def may_connect(databases, user="app"):
    resource = databases.instance["DbiResourceId"]
    arn = f"arn:aws:rds-db:us-east-1:{databases.engine.account}:dbuser:{resource}/{user}"
    return allow("rds-db:connect", arn)


def token(client, databases, user="app", **changes):
    where = {"DBHostname": "127.0.0.1", "Port": databases.instance["Endpoint"]["Port"], "DBUsername": user, **changes}
    return client.generate_db_auth_token(**where)


@pytest.mark.usefixtures("token_user")
def test_a_role_with_the_permission_logs_in_with_a_token(databases):
    client = session(databases, may_connect(databases))
    assert databases.query("SELECT current_user()", user="app", password=token(client, databases)) == (("app@%",),)


@pytest.mark.usefixtures("token_user")
def test_a_role_without_the_permission_for_this_user_is_denied(databases):
    for statements in ((), (may_connect(databases, "admin"),)):
        with pytest.raises(pymysql.OperationalError, match="1045"):
            databases.connect(user="app", password=token(session(databases, *statements), databases))


@pytest.mark.usefixtures("token_user")
def test_a_token_for_another_user_port_host_or_region_is_denied(databases):
    client = session(databases, may_connect(databases))
    for changes in ({"user": "admin"}, {"Port": 3306}, {"DBHostname": "example.com"}, {"Region": "eu-west-1"}):
        with pytest.raises(pymysql.OperationalError, match="1045"):
            databases.connect(user="app", password=token(client, databases, **changes))


@pytest.mark.usefixtures("token_user")
def test_a_token_signed_with_an_unknown_key_or_altered_is_denied(databases):
    good = token(session(databases, may_connect(databases)), databases)
    stranger = boto3.client("rds", "us-east-1", aws_access_key_id="AKIAUNKNOWN", aws_secret_access_key="x")
    for bad in (token(stranger, databases), good[:-4] + "0000", good.replace("X-Amz-Expires=900", "X-Amz-Expires=901")):
        with pytest.raises(pymysql.OperationalError, match="1045"):
            databases.connect(user="app", password=bad)


def test_tokens_are_refused_where_iam_authentication_is_off(databases):
    name = unique("off")
    found = databases.create(name, EnableIAMDatabaseAuthentication=False)
    databases.query("CREATE USER app IDENTIFIED WITH AWSAuthenticationPlugin AS 'RDS'", found)
    given = databases.rds.generate_db_auth_token(found["Endpoint"]["Address"], found["Endpoint"]["Port"], "app")
    with pytest.raises(pymysql.OperationalError, match="1045"):
        databases.connect(found, user="app", password=given)
    databases.rds.delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)


@pytest.mark.usefixtures("token_user")
def test_a_proxys_endpoint_listens_and_leads_to_its_target(databases):
    subnets = [found["SubnetId"] for found in databases.engine.client("ec2").describe_subnets()["Subnets"][:2]]
    name = unique("proxy")
    proxy = databases.rds.create_db_proxy(
        DBProxyName=name,
        EngineFamily="MYSQL",
        DefaultAuthScheme="IAM_AUTH",
        RoleArn=databases.make.role("rds"),
        VpcSubnetIds=subnets,
        RequireTLS=True,
    )["DBProxy"]
    databases.rds.register_db_proxy_targets(DBProxyName=name, DBInstanceIdentifiers=[databases.name])
    host, port = proxy["Endpoint"].split(":")
    resource = proxy["DBProxyArn"].rpartition(":")[2]
    arn = f"arn:aws:rds-db:us-east-1:{databases.engine.account}:dbuser:{resource}/app"
    client = session(databases, {"Effect": "Allow", "Action": "rds-db:connect", "Resource": arn})
    through = {"Endpoint": {"Address": host, "Port": int(port)}}
    given = client.generate_db_auth_token(host, int(port), "app")
    assert databases.query("SELECT current_user()", through, user="app", password=given) == (("app@%",),)
    assert databases.query("SELECT current_user()", through) == (("admin@%",),)
    databases.rds.delete_db_proxy(DBProxyName=name)
    with pytest.raises(pymysql.OperationalError):
        databases.connect(through)


def test_subscriptions_send_events_to_their_topic(databases):
    topic = databases.engine.client("sns").create_topic(Name=unique("rds"))["TopicArn"]
    url, queue = databases.make.queue()
    databases.make.let_send(url, queue, "sns")
    databases.engine.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue)
    name = unique("es")
    databases.rds.create_event_subscription(SubscriptionName=name, SnsTopicArn=topic, SourceType="db-snapshot")
    snapshot = databases.snapshot()["DBSnapshotIdentifier"]
    message = json.loads(json.loads(databases.make.receive(url)["Body"])["Message"])
    assert (message["Event Source"], message["Source ID"]) == ("db-snapshot", snapshot)
    databases.rds.delete_event_subscription(SubscriptionName=name)
    listed = databases.rds.describe_event_subscriptions()["EventSubscriptionsList"]
    assert name not in {found["CustSubscriptionId"] for found in listed}


def test_no_server_is_left_when_its_instance_is_gone(databases):
    name = unique("brief")
    databases.create(name)
    instances = databases.engine.directory / "databases" / "instances"
    before = len(list(instances.iterdir()))
    databases.rds.delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)
    deadline = time.monotonic() + 10
    while len(list(instances.iterdir())) >= before and time.monotonic() < deadline:
        time.sleep(0.05)
    assert len(list(instances.iterdir())) < before


def test_every_action_stands_where_it_was_written_against():
    assert set(ACTIONS) >= {"CopyDBSnapshot", "StartExportTask", "CancelExportTask", "DescribeAccountAttributes"}
