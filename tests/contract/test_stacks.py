"""Where stacks meet: exports, imports, names, and the same output every time."""

import json
import re

import pytest
from rendering import OPTIONS, each, each_template, listed, rendered, resolved, walk

import build
from blueprints.regions import regions_of

# Longest names: https://docs.aws.amazon.com/general/latest/gr/aws-service-information.html, and each service's API page
LIMITS = {
    ("AWS::S3::Bucket", "BucketName"): (63, r"[a-z0-9][a-z0-9-]*[a-z0-9]"),
    ("AWS::Lambda::Function", "FunctionName"): (64, r"[A-Za-z0-9-_]+"),
    ("AWS::StepFunctions::StateMachine", "StateMachineName"): (80, r"[A-Za-z0-9-_]+"),
    ("AWS::DynamoDB::GlobalTable", "TableName"): (255, r"[A-Za-z0-9_.-]+"),
    ("AWS::RDS::DBInstance", "DBInstanceIdentifier"): (63, r"[a-z](?!.*--)[a-z0-9-]*[a-z0-9]"),
    ("AWS::RDS::DBProxy", "DBProxyName"): (63, r"[a-z](?!.*--)[a-z0-9-]*[a-z0-9]"),
    ("AWS::Events::EventBus", "Name"): (256, r"[A-Za-z0-9_./-]+"),
    ("AWS::Events::Rule", "Name"): (64, r"[A-Za-z0-9_.-]+"),
    ("AWS::Scheduler::Schedule", "Name"): (64, r"[A-Za-z0-9_.-]+"),
    ("AWS::KMS::Alias", "AliasName"): (256, r"alias/(?!aws/)[A-Za-z0-9/_-]+"),
    ("AWS::Logs::LogGroup", "LogGroupName"): (512, r"[A-Za-z0-9_/.#-]+"),
    ("AWS::IAM::Role", "Path"): (512, r"/[!-~]+/"),
    ("AWS::ApiGateway::RestApi", "Name"): (255, r"[A-Za-z0-9-]+"),
    ("AWS::ApiGateway::UsagePlan", "UsagePlanName"): (255, r"[A-Za-z0-9-]+"),
    ("AWS::CloudWatch::Alarm", "AlarmName"): (255, r"[a-z0-9-]+"),
    ("AWS::CodeDeploy::Application", "ApplicationName"): (100, r"[a-z0-9-]+"),
    ("AWS::CodeDeploy::DeploymentGroup", "DeploymentGroupName"): (100, r"[a-z0-9-]+"),
    ("AWS::Cognito::UserPool", "UserPoolName"): (128, r"[a-z0-9-]+"),
    ("AWS::Cognito::UserPoolDomain", "Domain"): (63, r"(?!.*(aws|amazon|cognito))[a-z0-9][a-z0-9-]*[a-z0-9]"),
    ("AWS::Cognito::UserPoolClient", "ClientName"): (128, r"[a-z0-9-]+"),
    ("AWS::SNS::Topic", "TopicName"): (256, r"[a-z0-9-]+"),
    ("AWS::WAFv2::WebACL", "Name"): (128, r"[a-z0-9-]+"),
}


@each(*{kind for kind, _ in LIMITS})
def test_every_name_keeps_within_its_services_limit(it):
    for (kind, attribute), (longest, pattern) in LIMITS.items():
        if it.resource["Type"] == kind and attribute in it.properties:
            for region in regions_of(it.stack, it.settings):
                # What only AWS knows: ids, and names that CloudFormation makes up; the longest is a queue's.
                name = re.sub(r"\$\{[\w.]+\}", "x" * 80, resolved(it.properties[attribute], region))
                assert len(name) <= longest, name
                assert re.fullmatch(pattern, name), name


@pytest.mark.parametrize("option", OPTIONS)
def test_a_stack_imports_only_what_an_earlier_one_exports(option):
    exported: set[str] = set()
    for stack, template in rendered(option).items():
        imported = {n["Fn::ImportValue"] for n in walk(template) if isinstance(n, dict) and "Fn::ImportValue" in n}
        assert imported <= exported, f"{stack} imports what nobody before it exports"
        new = {output["Export"]["Name"] for output in template.get("Outputs", {}).values()}
        assert not new & exported, f"{stack} exports a name again"
        exported |= new


@each_template()
def test_every_output_is_typed_and_exported_by_both_regions(page):
    for title, output in page.template.get("Outputs", {}).items():
        assert output["Export"]["Name"] == page.settings.export(page.stack, title)
        assert "Condition" not in output
        for node in unconditional(output["Value"]):
            for target in references(node):
                assert "Condition" not in page.template["Resources"].get(target, {}), (
                    f"{title} is missing in one region"
                )


def references(node):
    """Logical ids that *node* refers to."""
    if isinstance(node, dict) and "Ref" in node:
        return [node["Ref"]]
    if isinstance(node, dict) and "Fn::GetAtt" in node:
        return listed(node["Fn::GetAtt"])[:1]
    return []


@each_template()
def test_a_resource_of_the_primary_region_is_used_only_there(page):
    resources = page.template["Resources"]
    for title, resource in resources.items():
        if "Condition" not in resource:
            used = {target for node in unconditional(resource) for target in references(node)}
            missing = {target for target in used if "Condition" in resources.get(target, {})}
            assert not missing, f"{title} misses them in the recovery region"


def unconditional(node):
    """*node* and all below it, but not what stands inside ``Fn::If``."""
    if isinstance(node, dict) and "Fn::If" in node:
        return
    yield node
    for value in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from unconditional(value)


@pytest.mark.parametrize("option", OPTIONS)
def test_templates_are_the_same_every_time(option):
    again = {stack: json.loads(template.to_json()) for stack, template in build.templates(OPTIONS[option]).items()}

    assert again == rendered(option)


def test_replication_is_the_primary_regions_alone_and_goes_to_the_recovery_regions_vault_under_its_key():
    for option, settings in OPTIONS.items():
        bucket = rendered(option)["storage"]["Resources"]["Staging"]["Properties"]
        condition, replication, otherwise = bucket["ReplicationConfiguration"]["Fn::If"]
        (rule,) = resolved(replication["Rules"], settings.primary_region)
        there = f"{settings.recovery_region}-123456789012"

        assert condition == "IsPrimaryRegion"
        assert otherwise == {"Ref": "AWS::NoValue"}
        assert rule["Destination"]["Bucket"] == f"arn:aws:s3:::{settings.prefix}-vault-{there}"
        assert rule["Destination"]["EncryptionConfiguration"]["ReplicaKmsKeyID"] == (
            f"arn:aws:kms:{settings.recovery_region}:123456789012:alias/{settings.prefix}-backups"
        )
        assert rule["Destination"]["ReplicationTime"] == {"Status": "Enabled", "Time": {"Minutes": 15}}
        assert rule["Destination"]["Metrics"] == {"Status": "Enabled", "EventThreshold": {"Minutes": 15}}
        assert rule["DeleteMarkerReplication"] == {"Status": "Disabled"}
        assert rule["SourceSelectionCriteria"]["SseKmsEncryptedObjects"] == {"Status": "Enabled"}
