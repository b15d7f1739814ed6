"""The rules of security.md that no linter sees, for every resource of every template."""

import pytest
from rendering import each, each_template, found, listed, resolved, statements, walk

DENY_WITHOUT_TLS = {"Bool": {"aws:SecureTransport": "false"}}


def policies_of(it, kind, attribute):
    """Statements of the policies in the same template that name resource *it* in *attribute*."""
    reference = {"Ref": it.title}
    return [
        statement
        for resource in it.template["Resources"].values()
        if resource["Type"] == kind and reference in listed(resource["Properties"][attribute])
        for statement in resource["Properties"]["PolicyDocument"]["Statement"]
    ]


def refuses_plain_text(policy):
    return any(s["Effect"] == "Deny" and s["Principal"] == "*" and s["Condition"] == DENY_WITHOUT_TLS for s in policy)


# ---- every template ----------------------------------------------------------------------------------------------


@each_template()
def test_the_only_condition_is_the_primary_region_and_nothing_is_a_parameter(page):
    assert set(page.template.get("Conditions", {})) <= {"IsPrimaryRegion"}
    assert "Parameters" not in page.template
    assert "Mappings" not in page.template


@each_template()
def test_no_template_holds_a_secret_or_a_key_of_aws(page):
    for node in walk(page.template):
        if isinstance(node, str):
            assert "{{resolve:" not in node
            assert "alias/aws/" not in node
            assert "AWS::StackName" not in node


@each_template()
def test_a_template_keeps_within_cloudformations_limits(page):
    # https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
    assert len(page.template["Resources"]) <= 500
    assert len(page.template.get("Outputs", {})) <= 200


@each_template()
def test_every_suppressed_finding_has_a_reason(page):
    for resource in page.template["Resources"].values():
        metadata = resource.get("Metadata", {})
        ignored = metadata.get("cfn-lint", {}).get("config", {}).get("ignore_checks", [])

        assert all(skip["comment"] for skip in metadata.get("checkov", {}).get("skip", []))
        assert set(ignored) <= set(metadata.get("Accepted", {}))
        assert all(metadata.get("Accepted", {}).values())


# ---- S3 ----------------------------------------------------------------------------------------------------------


@each("AWS::S3::Bucket")
def test_every_bucket_is_private_versioned_and_owned(it):
    p = it.properties

    assert p["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    assert set(p["PublicAccessBlockConfiguration"].values()) == {True}
    assert len(p["PublicAccessBlockConfiguration"]) == 4
    assert p["VersioningConfiguration"] == {"Status": "Enabled"}
    assert it.resource["UpdateReplacePolicy"] == "Retain"
    # What a first deployment that failed left behind would be in the way of the second.
    assert it.resource["DeletionPolicy"] == "RetainExceptOnCreate"


@each("AWS::S3::Bucket")
def test_every_bucket_is_under_our_key_and_logged_but_the_one_for_access_logs_and_the_first(it):
    (rule,) = it.properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    default = rule["ServerSideEncryptionByDefault"]

    if it.title in {"AccessLogs", "Artifacts"}:
        assert default == {"SSEAlgorithm": "AES256"}
    else:
        assert default["SSEAlgorithm"] == "aws:kms"
        assert "KMSMasterKeyID" in default
        assert rule["BucketKeyEnabled"] is True
        assert it.properties["LoggingConfiguration"]["DestinationBucketName"] == {"Ref": "AccessLogs"}
        assert it.properties["NotificationConfiguration"]["EventBridgeConfiguration"]["EventBridgeEnabled"] is True


@each("AWS::S3::Bucket")
def test_every_bucket_refuses_plain_text_for_itself_and_its_objects(it):
    policy = policies_of(it, "AWS::S3::BucketPolicy", "Bucket")
    (tls,) = [s for s in policy if s.get("Condition") == DENY_WITHOUT_TLS]
    bucket, objects = resolved(tls["Resource"], "eu-west-1")

    assert refuses_plain_text(policy)
    assert bucket.endswith(":::" + resolved(it.properties["BucketName"], "eu-west-1"))
    assert objects == f"{bucket}/*"


@each("AWS::S3::Bucket")
def test_old_versions_and_incomplete_uploads_go(it):
    rules = it.properties["LifecycleConfiguration"]["Rules"]

    assert any("AbortIncompleteMultipartUpload" in rule for rule in rules)
    assert any("NoncurrentVersionExpiration" in rule for rule in rules)


@pytest.mark.parametrize("it", [pytest.param(it, id=str(it)) for it in found("AWS::S3::Bucket") if it.title == "Vault"])
def test_the_vault_locks_every_version_as_long_as_the_settings_say(it):
    lock = it.properties["ObjectLockConfiguration"]
    backup = it.settings.backup

    assert it.properties["ObjectLockEnabled"] is True
    assert lock["ObjectLockEnabled"] == "Enabled"
    assert lock["Rule"]["DefaultRetention"] == {"Mode": backup.lock_mode, "Days": backup.lock_retention.days}
    assert not any("ExpirationInDays" in rule for rule in it.properties["LifecycleConfiguration"]["Rules"])


# ---- KMS ---------------------------------------------------------------------------------------------------------


@each("AWS::KMS::Key")
def test_every_key_rotates_and_can_be_got_back_for_thirty_days(it):
    p = it.properties

    assert p["PendingWindowInDays"] == 30
    assert p.get("EnableKeyRotation") is True
    assert it.resource["DeletionPolicy"] == it.resource["UpdateReplacePolicy"] == "Retain"
    aliases = [r["Properties"] for r in it.template["Resources"].values() if r["Type"] == "AWS::KMS::Alias"]
    assert {"Ref": it.title} in [alias["TargetKeyId"] for alias in aliases]


@each("AWS::KMS::Key")
def test_grants_are_for_services_only(it):
    (grants,) = [s for s in statements(it) if s["Action"] == ["kms:CreateGrant"]]

    assert grants["Effect"] == "Deny"
    assert grants["Condition"] == {
        "BoolIfExists": {"kms:GrantIsForAWSResource": "false"},
        "Bool": {"aws:PrincipalIsAWSService": "false"},
    }


@each("AWS::KMS::Key")
def test_a_key_policy_lets_nobody_in_without_a_condition_but_the_account(it):
    for statement in statements(it):
        if statement["Effect"] == "Allow" and statement["Sid"] != "DelegateToAccount":
            assert statement["Condition"], statement["Sid"]


# ---- network -----------------------------------------------------------------------------------------------------


@each("AWS::EC2::VPCEndpoint")
def test_every_endpoint_has_a_policy_that_names_actions_and_resources(it):
    for statement in it.properties["PolicyDocument"]["Statement"]:
        assert "*" not in statement["Resource"]
        assert not any(action.endswith("*") for action in statement["Action"])
        assert statement["Condition"] == {"StringEquals": {"aws:PrincipalAccount": {"Ref": "AWS::AccountId"}}}


@each("AWS::EC2::SecurityGroup", "AWS::EC2::SecurityGroupIngress", "AWS::EC2::SecurityGroupEgress")
def test_every_security_group_and_rule_is_described_and_none_is_open_by_default(it):
    if it.resource["Type"] == "AWS::EC2::SecurityGroup":
        assert it.properties["GroupDescription"]
        assert it.properties["SecurityGroupEgress"], "without a rule of its own, everything may go out"
        rules = it.properties["SecurityGroupEgress"] + it.properties.get("SecurityGroupIngress", [])
    else:
        rules = [it.properties]
    assert all(rule["Description"] for rule in rules)


@each("AWS::EC2::VPC")
def test_every_connection_of_the_network_is_recorded(it):
    (log,) = [r["Properties"] for r in it.template["Resources"].values() if r["Type"] == "AWS::EC2::FlowLog"]

    assert log["ResourceId"] == {"Ref": it.title}
    assert log["TrafficType"] == "ALL"


def test_there_is_no_way_out_of_the_network():
    ways = ("AWS::EC2::NatGateway", "AWS::EC2::InternetGateway", "AWS::EC2::Route")

    assert not list(found(*ways))


# ---- RDS ---------------------------------------------------------------------------------------------------------


@each("AWS::RDS::DBInstance")
def test_every_database_instance_is_encrypted_watched_and_hard_to_lose(it):
    p, wanted = it.properties, it.settings.database

    assert p["StorageEncrypted"] is True
    assert p["KmsKeyId"] == p["MasterUserSecret"]["KmsKeyId"]
    assert p["ManageMasterUserPassword"] is True
    assert p["MasterUsername"] not in {"admin", "root", "mysql"}
    assert "MasterUserPassword" not in p
    assert p["PubliclyAccessible"] is False
    assert p["EnableIAMDatabaseAuthentication"] is True
    assert p["Port"] != "3306"
    assert p["CopyTagsToSnapshot"] is True
    assert p["AutoMinorVersionUpgrade"] is True
    assert p["MonitoringInterval"] > 0
    assert p["MultiAZ"] is wanted.multi_az
    assert p["DeletionProtection"] is wanted.deletion_protection
    assert 7 <= p["BackupRetentionPeriod"] <= 35
    assert sorted(p["EnableCloudwatchLogsExports"]) == ["audit", "error", "general", "slowquery"]
    assert it.resource["DeletionPolicy"] == it.resource["UpdateReplacePolicy"] == "Snapshot"
    assert it.resource["Condition"] == "IsPrimaryRegion"
    assert {"Key": "holdfast:protect", "Value": it.settings.prefix} in p["Tags"]


@each("AWS::RDS::DBInstance")
def test_performance_insights_are_under_our_key_where_the_class_has_them(it):
    if it.properties["DBInstanceClass"].endswith(("t4g.micro", "t4g.small")):
        assert "EnablePerformanceInsights" not in it.properties
    else:
        assert it.properties["EnablePerformanceInsights"] is True
        assert it.properties["PerformanceInsightsKMSKeyId"] == it.properties["KmsKeyId"]


@each("AWS::RDS::DBInstance")
def test_the_attached_parameter_group_refuses_plain_text(it):
    group = it.template["Resources"][it.properties["DBParameterGroupName"]["Ref"]]

    assert group["Properties"]["Parameters"]["require_secure_transport"] == "1"


@each("AWS::RDS::DBProxy")
def test_every_proxy_wants_tls_and_iam_and_logs_no_statements(it):
    assert it.properties["RequireTLS"] is True
    assert it.properties["DefaultAuthScheme"] == "IAM_AUTH"
    assert "Auth" not in it.properties, "no secret is stored for the proxy"
    assert it.properties["DebugLogging"] is False


# ---- DynamoDB, queues, topics ------------------------------------------------------------------------------------


@each("AWS::DynamoDB::GlobalTable")
def test_every_table_is_kept_in_both_regions_under_our_keys(it):
    replicas = it.properties["Replicas"]

    assert it.properties["BillingMode"] == "PAY_PER_REQUEST"
    assert it.properties["SSESpecification"] == {"SSEEnabled": True, "SSEType": "KMS"}
    assert [replica["Region"] for replica in replicas] == list(it.settings.regions)
    for replica in replicas:
        assert replica["DeletionProtectionEnabled"] is True
        assert replica["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] is True
        key = resolved(replica["SSESpecification"]["KMSMasterKeyId"], "nowhere")
        assert key == f"arn:aws:kms:{replica['Region']}:123456789012:alias/{it.settings.prefix}-data"
    assert it.resource["DeletionPolicy"] == it.resource["UpdateReplacePolicy"] == "Retain"
    assert it.resource["Condition"] == "IsPrimaryRegion"


@each("AWS::SQS::Queue")
def test_every_queue_is_under_our_key_refuses_plain_text_and_has_dead_letters(it):
    policy = policies_of(it, "AWS::SQS::QueuePolicy", "Queues")

    assert "KmsMasterKeyId" in it.properties
    assert "SqsManagedSseEnabled" not in it.properties
    assert refuses_plain_text(policy)
    keeps_two_weeks = it.properties["MessageRetentionPeriod"] == 14 * 86400
    assert "RedrivePolicy" in it.properties or keeps_two_weeks, "neither has dead letters nor holds them"
    for statement in policy:
        if statement["Effect"] == "Allow":
            assert statement["Condition"]["StringEquals"] == {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
            assert statement["Condition"]["ArnLike"]["aws:SourceArn"]


@each("AWS::SNS::Topic")
def test_every_topic_is_under_our_key(it):
    assert "KmsMasterKeyId" in it.properties
    assert refuses_plain_text(policies_of(it, "AWS::SNS::TopicPolicy", "Topics"))
