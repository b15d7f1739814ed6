"""The site's bucket in either region: who reads it, under which key, and how it becomes two."""

import json

import pytest
from rendering import resolved
from sites import ACCOUNT, deployment, every_option, statements, template_of, the_site_bucket


@pytest.mark.parametrize("region", ["eu-west-1", "eu-central-1"])
def test_the_bucket_lets_cloudfront_read_files_for_our_distributions_and_nobody_else_in(region):
    statement = statements(template_of("storage", deployment()), "SiteAccess")["AllowCloudFront"]
    allowed = resolved(statement, region)

    assert statement["Principal"] == {"Service": ["cloudfront.amazonaws.com"]}
    assert statement["Action"] == ["s3:GetObject"], "without the right to list, nobody learns what there is"
    assert allowed["Resource"] == [f"arn:aws:s3:::holdfast-production-site-{region}-{ACCOUNT}/*"]
    assert allowed["Condition"] == {"ArnLike": {"aws:SourceArn": f"arn:aws:cloudfront::{ACCOUNT}:distribution/*"}}


def test_without_cloudfront_neither_the_bucket_nor_the_key_lets_a_service_in():
    settings = deployment(cloudfront=False)

    assert set(statements(template_of("storage", settings), "SiteAccess")) == {"DenyWithoutTls"}
    assert "cloudfront" not in json.dumps(template_of("keys", settings))


@pytest.mark.parametrize("region", ["eu-west-1", "eu-central-1"])
def test_the_data_key_decrypts_for_cloudfront_only_files_of_the_site(region):
    statement = statements(template_of("keys", deployment()), "DataKey", "KeyPolicy")["AllowSiteThroughCloudFront"]
    bucket = f"arn:aws:s3:::holdfast-production-site-{region}-{ACCOUNT}"

    assert statement["Principal"] == {"Service": ["cloudfront.amazonaws.com"]}
    assert statement["Action"] == ["kms:Decrypt"]
    assert resolved(statement["Condition"], region) == {
        "ArnLike": {"aws:SourceArn": f"arn:aws:cloudfront::{ACCOUNT}:distribution/*"},
        "StringLike": {"kms:EncryptionContext:aws:s3:arn": [bucket, f"{bucket}/*"]},
    }


@every_option()
def test_the_site_goes_to_the_recovery_region_timed_measured_under_its_key_and_with_deletions(settings):
    condition, replication, otherwise = the_site_bucket(settings)["ReplicationConfiguration"]["Fn::If"]
    (rule,) = resolved(replication["Rules"], settings.primary_region)
    there, minutes = settings.recovery_region, {"Minutes": 15}

    assert (condition, otherwise) == ("IsPrimaryRegion", {"Ref": "AWS::NoValue"})
    assert rule["Destination"] == {
        "Bucket": f"arn:aws:s3:::{settings.prefix}-site-{there}-{ACCOUNT}",
        "EncryptionConfiguration": {"ReplicaKmsKeyID": f"arn:aws:kms:{there}:{ACCOUNT}:alias/{settings.prefix}-data"},
        "ReplicationTime": {"Status": "Enabled", "Time": minutes},
        "Metrics": {"Status": "Enabled", "EventThreshold": minutes},
    }
    assert rule["SourceSelectionCriteria"]["SseKmsEncryptedObjects"] == {"Status": "Enabled"}
    assert rule["DeleteMarkerReplication"] == {"Status": "Enabled"}


@pytest.mark.parametrize(("source", "key", "deletes"), [("Staging", "BackupsKey", False), ("Site", "DataKey", True)])
def test_a_replication_role_does_what_its_rule_says_and_nothing_of_the_others(source, key, deletes):
    settings = deployment()
    template = template_of("storage", settings)
    own = statements(template, f"{source}ReplicationRolePolicy")
    rule = template["Resources"][source]["Properties"]["ReplicationConfiguration"]["Fn::If"][1]
    (target,) = resolved(own["WriteReplicas"]["Resource"], "eu-west-1")
    (alias,) = own["EncryptReplicas"]["Condition"]["ForAnyValue:StringEquals"].values()

    assert rule["Role"] == {"Fn::GetAtt": [f"{source}ReplicationRole", "Arn"]}
    assert resolved(rule["Rules"], "eu-west-1")[0]["Destination"]["Bucket"] + "/*" == target
    assert resolved(rule["Rules"], "eu-west-1")[0]["Destination"]["EncryptionConfiguration"][
        "ReplicaKmsKeyID"
    ].endswith(alias)
    assert own["DecryptSource"]["Resource"] == [{"Fn::ImportValue": f"holdfast-production:keys:{key}"}]
    assert ("s3:ReplicateDelete" in own["WriteReplicas"]["Action"]) is deletes
    assert not any("Delete" in action for s in own.values() for action in s["Action"] if action != "s3:ReplicateDelete")


def test_an_upload_of_the_site_can_be_undone_for_a_month_and_is_logged():
    template = template_of("storage", deployment())
    bucket = template["Resources"]["Site"]["Properties"]
    (rule,) = bucket["LifecycleConfiguration"]["Rules"]
    delivery = resolved(statements(template, "AccessLogsAccess")["AllowAccessLogDelivery"], "eu-west-1")

    assert "ExpirationInDays" not in rule
    assert rule["NoncurrentVersionExpiration"] == {"NoncurrentDays": 30}
    assert bucket["LoggingConfiguration"]["LogFilePrefix"] == "site/"
    assert (
        f"arn:aws:s3:::holdfast-production-site-eu-west-1-{ACCOUNT}"
        in (delivery["Condition"]["ArnLike"]["aws:SourceArn"])
    )
