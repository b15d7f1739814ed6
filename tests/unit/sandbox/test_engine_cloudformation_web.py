"""Every resource type of the web application deploys, in the region where it lives, and goes again."""

import pytest
from deploying import att, deploy, failures, ref, remove, resource, role, sub
from making import PRIMARY, RECOVERY
from policies import allow, document, service

EDGE = {
    "Control": resource(
        "CloudFront::OriginAccessControl",
        OriginAccessControlConfig={
            "Name": sub("${AWS::StackName}"),
            "OriginAccessControlOriginType": "s3",
            "SigningBehavior": "always",
            "SigningProtocol": "sigv4",
        },
    ),
    "Distribution": resource(
        "CloudFront::Distribution",
        DistributionConfig={
            "Enabled": True,
            "Origins": [
                {
                    "Id": "site",
                    "DomainName": sub("${AWS::StackName}.s3.eu-west-1.amazonaws.com"),
                    "OriginAccessControlId": ref("Control"),
                    "S3OriginConfig": {},
                }
            ],
            "DefaultCacheBehavior": {
                "TargetOriginId": "site",
                "ViewerProtocolPolicy": "redirect-to-https",
                "CachePolicyId": "658327ea-f89d-4fab-a63d-7e88639e58f6",
            },
            "WebACLId": att("Acl"),
        },
    ),
    "Metrics": resource(
        "CloudFront::MonitoringSubscription",
        DistributionId=ref("Distribution"),
        MonitoringSubscription={
            "RealtimeMetricsSubscriptionConfig": {"RealtimeMetricsSubscriptionStatus": "Enabled"},
        },
    ),
    "Acl": resource(
        "WAFv2::WebACL",
        Scope="CLOUDFRONT",
        DefaultAction={"Allow": {}},
        VisibilityConfig={"SampledRequestsEnabled": True, "CloudWatchMetricsEnabled": True, "MetricName": "acl"},
        Rules=[],
    ),
    "AclLogs": resource("Logs::LogGroup", LogGroupName=sub("aws-waf-logs-${AWS::StackName}")),
    "AclLogging": resource(
        "WAFv2::LoggingConfiguration", ResourceArn=att("Acl"), LogDestinationConfigs=[att("AclLogs")]
    ),
    "AccessLogs": resource("Logs::LogGroup"),
    "Source": resource(
        "Logs::DeliverySource",
        Name=sub("${AWS::StackName}"),
        ResourceArn=sub("arn:aws:cloudfront::${AWS::AccountId}:distribution/${Distribution}"),
        LogType="ACCESS_LOGS",
        Tags=[{"Key": "a", "Value": "b"}],
    ),
    "Destination": resource(
        "Logs::DeliveryDestination",
        Name=sub("${AWS::StackName}"),
        DestinationResourceArn=att("AccessLogs"),
        OutputFormat="json",
    ),
    "Delivery": resource(
        "Logs::Delivery",
        DeliverySourceName=ref("Source"),
        DeliveryDestinationArn=att("Destination"),
        RecordFields=["date", "c-ip"],
    ),
}
SIGN_IN = {
    "Pool": resource(
        "Cognito::UserPool",
        UserPoolName=sub("${AWS::StackName}"),
        MfaConfiguration="OPTIONAL",
        EnabledMfas=["SOFTWARE_TOKEN_MFA"],
        UserPoolTier="PLUS",
        UserPoolAddOns={"AdvancedSecurityMode": "ENFORCED"},
        DeletionProtection="INACTIVE",
    ),
    "Company": resource(
        "Cognito::UserPoolIdentityProvider",
        UserPoolId=ref("Pool"),
        ProviderName="Company",
        ProviderType="SAML",
        ProviderDetails={"MetadataURL": "https://nowhere.invalid/metadata.xml"},
        AttributeMapping={"email": "email"},
    ),
    "Resources": resource(
        "Cognito::UserPoolResourceServer",
        UserPoolId=ref("Pool"),
        Identifier="holdfast",
        Name="holdfast",
        Scopes=[{"ScopeName": "items:read", "ScopeDescription": "read"}],
    ),
    "Client": resource(
        "Cognito::UserPoolClient",
        UserPoolId=ref("Pool"),
        AllowedOAuthFlowsUserPoolClient=True,
        AllowedOAuthFlows=["code"],
        AllowedOAuthScopes=["openid", "holdfast/items:read"],
        CallbackURLs=["http://localhost:1234/"],
        SupportedIdentityProviders=["COGNITO", ref("Company")],
    ),
    "Risk": resource("Cognito::UserPoolRiskConfigurationAttachment", UserPoolId=ref("Pool"), ClientId=ref("Client")),
    "Branding": resource("Cognito::ManagedLoginBranding", UserPoolId=ref("Pool"), UseCognitoProvidedValues=True),
    "Domain": resource(
        "Cognito::UserPoolDomain", UserPoolId=ref("Pool"), Domain=sub("${AWS::StackName}"), ManagedLoginVersion=2
    ),
}
RELEASES = {
    "CodeDeployRole": role("codedeploy"),
    "Application": resource("CodeDeploy::Application", ComputePlatform="Lambda"),
    "Group": resource(
        "CodeDeploy::DeploymentGroup",
        ApplicationName=ref("Application"),
        DeploymentGroupName=sub("${AWS::StackName}"),
        ServiceRoleArn=att("CodeDeployRole"),
        DeploymentConfigName="CodeDeployDefault.LambdaCanary10Percent5Minutes",
    ),
}
NOTICES = {
    "Topic": resource("SNS::Topic"),
    "TopicPolicy": resource(
        "SNS::TopicInlinePolicy",
        TopicArn=ref("Topic"),
        PolicyDocument=document(allow("sns:Publish", ref("Topic"), Principal=service("cloudwatch"), Sid="Alarms")),
    ),
    "Alarm": resource(
        "CloudWatch::Alarm",
        AlarmName=sub("${AWS::StackName}"),
        Namespace="Holdfast",
        MetricName="Faults",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanOrEqualToThreshold",
        AlarmActions=[ref("Topic")],
        InsufficientDataActions=[ref("Topic")],
    ),
    "Both": resource(
        "CloudWatch::CompositeAlarm", AlarmName=sub("${AWS::StackName}-both"), AlarmRule=sub("ALARM(${Alarm})")
    ),
    "Rule": resource(
        "Events::Rule",
        EventPattern={"source": ["holdfast.backup"]},
        Targets=[{"Id": "topic", "Arn": ref("Topic")}],
    ),
    "Metric": resource(
        "Logs::QueryDefinition", Name=sub("${AWS::StackName}"), QueryString="fields @message | limit 20"
    ),
}
NAMES = {
    "Zone": resource("Route53::HostedZone", Name="example.test"),
    "Certificate": resource(
        "CertificateManager::Certificate",
        DomainName="api.example.test",
        ValidationMethod="DNS",
        DomainValidationOptions=[{"DomainName": "api.example.test", "HostedZoneId": ref("Zone")}],
    ),
    "DomainName": resource(
        "ApiGateway::DomainName",
        DomainName=sub("${AWS::StackName}.example.test"),
        RegionalCertificateArn=ref("Certificate"),
        EndpointConfiguration={"Types": ["REGIONAL"]},
        SecurityPolicy="TLS_1_2",
    ),
    "Health": resource(
        "Route53::HealthCheck",
        HealthCheckConfig={
            "Type": "CLOUDWATCH_METRIC",
            "AlarmIdentifier": {"Name": "promoted", "Region": RECOVERY},
            "InsufficientDataHealthStatus": "Healthy",
        },
    ),
    "Address": resource(
        "Route53::RecordSet",
        HostedZoneId=ref("Zone"),
        Name="api.example.test",
        Type="A",
        SetIdentifier="primary",
        Failover="PRIMARY",
        HealthCheckId=ref("Health"),
        AliasTarget={
            "DNSName": att("DomainName", "RegionalDomainName"),
            "HostedZoneId": att("DomainName", "RegionalHostedZoneId"),
            "EvaluateTargetHealth": False,
        },
    ),
    "Addresses": resource(
        "Route53::RecordSetGroup",
        HostedZoneId=ref("Zone"),
        RecordSets=[
            {
                "Name": "console.example.test",
                "Type": kind,
                "AliasTarget": {"DNSName": "d111.cloudfront.net", "HostedZoneId": "Z2FDTNDATAQYW2"},
            }
            for kind in ("A", "AAAA")
        ],
    ),
}


@pytest.mark.parametrize("region", [PRIMARY, RECOVERY])
@pytest.mark.parametrize(
    "resources", [SIGN_IN, RELEASES, NOTICES, NAMES], ids=["sign-in", "releases", "notices", "names"]
)
def test_a_stack_deploys_in_both_regions_and_goes_again(aws, name, region, resources):
    deploy(aws, name, resources, region)
    remove(aws, name, region)


def test_the_edge_deploys_in_the_global_region_for_a_bucket_of_another(aws, name):
    outputs = {
        "Id": ref("Distribution"),
        "Domain": att("Distribution", "DomainName"),
        "Delivery": ref("Delivery"),
    }
    found = deploy(aws, name, EDGE, PRIMARY, outputs=outputs)
    subscription = aws.client("cloudfront").get_monitoring_subscription(DistributionId=found["Id"])
    status = subscription["MonitoringSubscription"]["RealtimeMetricsSubscriptionConfig"]
    assert status == {"RealtimeMetricsSubscriptionStatus": "Enabled"}
    delivery = aws.client("logs").get_delivery(id=found["Delivery"])["delivery"]
    assert delivery["recordFields"] == ["date", "c-ip"]
    remove(aws, name)


def test_what_a_stack_says_of_releases_can_be_asked_of_codedeploy(aws, name):
    deploy(aws, name, RELEASES)
    client = aws.client("codedeploy")
    (application,) = [one for one in client.list_applications()["applications"] if one.startswith(name)]
    found = client.get_deployment_group(applicationName=application, deploymentGroupName=name)
    assert found["deploymentGroupInfo"]["deploymentConfigName"].endswith("Canary10Percent5Minutes")
    with pytest.raises(client.exceptions.DeploymentGroupDoesNotExistException):
        client.get_deployment_group(applicationName=application, deploymentGroupName="other")


def test_a_deployment_group_needs_a_role_that_trusts_codedeploy(aws, name):
    with pytest.raises(AssertionError):
        deploy(aws, name, {**RELEASES, "CodeDeployRole": role("lambda")})
    assert dict(failures(aws.client("cloudformation"), name))["Group"].endswith(
        "does not trust codedeploy.amazonaws.com for "
    )


def test_the_metadata_of_an_identity_provider_is_kept_and_not_fetched(aws, name):
    pool = deploy(aws, name, SIGN_IN, outputs={"Pool": ref("Pool")})["Pool"]
    client = aws.client("cognito-idp")
    found = client.describe_identity_provider(UserPoolId=pool, ProviderName="Company")["IdentityProvider"]
    assert found["ProviderDetails"]["MetadataURL"] == "https://nowhere.invalid/metadata.xml"
    described = client.describe_user_pool(UserPoolId=pool)["UserPool"]
    assert (described["MfaConfiguration"], described["UserPoolTier"]) == ("OPTIONAL", "PLUS")


def test_a_topic_takes_what_its_policy_lets_in(aws, name):
    topic = deploy(aws, name, NOTICES, outputs={"Topic": ref("Topic")})["Topic"]
    found = aws.client("sns").get_topic_attributes(TopicArn=topic)["Attributes"]["Policy"]
    assert "cloudwatch.amazonaws.com" in found


def test_a_web_acl_for_the_edge_is_refused_outside_the_global_region(aws, name):
    with pytest.raises(AssertionError, match="a web ACL for CloudFront is made in us-east-1"):
        deploy(aws, name, {"Acl": EDGE["Acl"]}, RECOVERY)


def test_the_log_of_a_web_acl_has_the_name_that_aws_asks_for(aws, name):
    logs = resource("Logs::LogGroup", LogGroupName=sub("${AWS::StackName}"))
    with pytest.raises(AssertionError, match="must begin with aws-waf-logs-"):
        deploy(aws, name, {**{key: EDGE[key] for key in ("Acl", "AclLogging")}, "AclLogs": logs})
