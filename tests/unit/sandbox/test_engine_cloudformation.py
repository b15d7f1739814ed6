"""One template of every resource type that our stacks use, deployed to two regions of the embedded AWS."""

import json

import pytest
from botocore.exceptions import ClientError
from making import PRIMARY, RECOVERY

CAPABILITIES = ["CAPABILITY_NAMED_IAM"]


def ref(name):
    return {"Ref": name}


def att(name, attribute="Arn"):
    return {"Fn::GetAtt": [name, attribute]}


def sub(text):
    return {"Fn::Sub": text}


def resource(kind, /, **properties):
    return {"Type": f"AWS::{kind}", "Properties": properties}


def trust(service):
    principal = {"Service": f"{service}.amazonaws.com"}
    return {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}],
    }


def policy(action, resource="*", **more):
    return {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action, "Resource": resource, **more}]}


ROOT = {"AWS": sub("arn:aws:iam::${AWS::AccountId}:root")}
ANYONE = {"Service": "events.amazonaws.com"}

NETWORK = {
    "Vpc": resource("EC2::VPC", CidrBlock="10.0.0.0/16", EnableDnsSupport=True, EnableDnsHostnames=True),
    "SubnetA": resource(
        "EC2::Subnet",
        VpcId=ref("Vpc"),
        CidrBlock="10.0.0.0/24",
        AvailabilityZone={"Fn::Select": [0, {"Fn::GetAZs": ""}]},
    ),
    "SubnetB": resource(
        "EC2::Subnet",
        VpcId=ref("Vpc"),
        CidrBlock="10.0.1.0/24",
        AvailabilityZone={"Fn::Select": [1, {"Fn::GetAZs": ""}]},
    ),
    "Routes": resource("EC2::RouteTable", VpcId=ref("Vpc")),
    "RoutesA": resource("EC2::SubnetRouteTableAssociation", SubnetId=ref("SubnetA"), RouteTableId=ref("Routes")),
    "Gateway": resource("EC2::InternetGateway"),
    "Attachment": resource("EC2::VPCGatewayAttachment", VpcId=ref("Vpc"), InternetGatewayId=ref("Gateway")),
    "Route": {
        **resource(
            "EC2::Route", RouteTableId=ref("Routes"), DestinationCidrBlock="0.0.0.0/0", GatewayId=ref("Gateway")
        ),
        "DependsOn": "Attachment",
    },
    "S3Endpoint": resource(
        "EC2::VPCEndpoint",
        VpcId=ref("Vpc"),
        ServiceName=sub("com.amazonaws.${AWS::Region}.s3"),
        VpcEndpointType="Gateway",
        RouteTableIds=[ref("Routes")],
        PolicyDocument=policy("s3:*", Principal="*"),
    ),
    "Functions": resource(
        "EC2::SecurityGroup",
        VpcId=ref("Vpc"),
        GroupDescription="functions",
        SecurityGroupEgress=[{"IpProtocol": "-1", "CidrIp": "127.0.0.1/32", "Description": "none"}],
    ),
    "Databases": resource("EC2::SecurityGroup", VpcId=ref("Vpc"), GroupDescription="databases"),
    "In": resource(
        "EC2::SecurityGroupIngress",
        GroupId=att("Databases", "GroupId"),
        IpProtocol="tcp",
        FromPort=3306,
        ToPort=3306,
        SourceSecurityGroupId=att("Functions", "GroupId"),
        Description="queries",
    ),
    "Out": resource(
        "EC2::SecurityGroupEgress",
        GroupId=att("Functions", "GroupId"),
        IpProtocol="tcp",
        FromPort=3306,
        ToPort=3306,
        DestinationSecurityGroupId=att("Databases", "GroupId"),
        Description="queries",
    ),
    "FlowRole": resource("IAM::Role", AssumeRolePolicyDocument=trust("vpc-flow-logs")),
    "FlowLogs": resource("Logs::LogGroup", RetentionInDays=7),
    "Flow": resource(
        "EC2::FlowLog",
        ResourceId=ref("Vpc"),
        ResourceType="VPC",
        TrafficType="ALL",
        LogDestinationType="cloud-watch-logs",
        LogGroupName=ref("FlowLogs"),
        DeliverLogsPermissionArn=att("FlowRole"),
        Tags=[{"Key": "a", "Value": "b"}],
    ),
}
STORAGE = {
    "Key": resource(
        "KMS::Key", KeyPolicy=policy("kms:*", Principal=ROOT), EnableKeyRotation=True, PendingWindowInDays=30
    ),
    "KeyAlias": resource("KMS::Alias", AliasName=sub("alias/${AWS::StackName}"), TargetKeyId=ref("Key")),
    "Signing": resource(
        "KMS::Key", KeyPolicy=policy("kms:*", Principal=ROOT), KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY"
    ),
    "Logs": resource(
        "S3::Bucket",
        BucketName=sub("${AWS::StackName}-logs-${AWS::Region}"),
        OwnershipControls={"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
    ),
    "Vault": resource(
        "S3::Bucket",
        BucketName=sub("${AWS::StackName}-vault-${AWS::Region}"),
        VersioningConfiguration={"Status": "Enabled"},
        ObjectLockEnabled=True,
        ObjectLockConfiguration={
            "ObjectLockEnabled": "Enabled",
            "Rule": {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 30}},
        },
        BucketEncryption={
            "ServerSideEncryptionConfiguration": [
                {
                    "BucketKeyEnabled": True,
                    "ServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": att("Key")},
                }
            ]
        },
        PublicAccessBlockConfiguration={
            "BlockPublicAcls": True,
            "BlockPublicPolicy": True,
            "IgnorePublicAcls": True,
            "RestrictPublicBuckets": True,
        },
        LifecycleConfiguration={
            "Rules": [
                {
                    "Id": "old",
                    "Status": "Enabled",
                    "NoncurrentVersionExpiration": {"NoncurrentDays": 30},
                    "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
                }
            ]
        },
        LoggingConfiguration={"DestinationBucketName": ref("Logs"), "LogFilePrefix": "vault/"},
        NotificationConfiguration={"EventBridgeConfiguration": {"EventBridgeEnabled": True}},
        OwnershipControls={"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
    ),
    "VaultPolicy": resource(
        "S3::BucketPolicy",
        Bucket=ref("Vault"),
        PolicyDocument=policy("s3:GetObject", sub("${Vault.Arn}/*"), Principal=ROOT),
    ),
    "Staging": {
        **resource(
            "S3::Bucket",
            BucketName=sub("${AWS::StackName}-staging-${AWS::Region}"),
            VersioningConfiguration={"Status": "Enabled"},
            ReplicationConfiguration={
                "Role": att("Replication"),
                "Rules": [
                    {
                        "Id": "vault",
                        "Status": "Enabled",
                        "Priority": 1,
                        "Filter": {"Prefix": ""},
                        "DeleteMarkerReplication": {"Status": "Disabled"},
                        "SourceSelectionCriteria": {"SseKmsEncryptedObjects": {"Status": "Enabled"}},
                        "Destination": {
                            "Bucket": {"Fn::Sub": f"arn:aws:s3:::${{AWS::StackName}}-vault-{RECOVERY}"},
                            "EncryptionConfiguration": {
                                "ReplicaKmsKeyID": {
                                    "Fn::Sub": f"arn:aws:kms:{RECOVERY}:${{AWS::AccountId}}:alias/${{AWS::StackName}}"
                                }
                            },
                            "ReplicationTime": {"Status": "Enabled", "Time": {"Minutes": 15}},
                            "Metrics": {"Status": "Enabled", "EventThreshold": {"Minutes": 15}},
                        },
                    }
                ],
            },
        ),
        "Condition": "IsPrimary",
    },
    "Replication": resource("IAM::Role", AssumeRolePolicyDocument=trust("s3")),
    "Ledger": {
        **resource(
            "DynamoDB::GlobalTable",
            TableName=sub("${AWS::StackName}-ledger"),
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
            StreamSpecification={"StreamViewType": "NEW_AND_OLD_IMAGES"},
            Replicas=[{"Region": PRIMARY}, {"Region": RECOVERY}],
        ),
        "Condition": "IsPrimary",
    },
}
DATABASE = {
    "Secret": resource(
        "SecretsManager::Secret",
        KmsKeyId=ref("Key"),
        GenerateSecretString={
            "SecretStringTemplate": '{"username": "holdfast"}',
            "GenerateStringKey": "password",
            "ExcludePunctuation": True,
        },
    ),
    "SecretPolicy": resource(
        "SecretsManager::ResourcePolicy",
        SecretId=ref("Secret"),
        ResourcePolicy=policy("secretsmanager:GetSecretValue", Principal=ROOT),
    ),
    "Subnets": resource("RDS::DBSubnetGroup", DBSubnetGroupDescription="d", SubnetIds=[ref("SubnetA"), ref("SubnetB")]),
    "Parameters": resource(
        "RDS::DBParameterGroup", Family="mysql8.4", Description="d", Parameters={"require_secure_transport": "1"}
    ),
    "Options": resource(
        "RDS::OptionGroup",
        EngineName="mysql",
        MajorEngineVersion="8.4",
        OptionGroupDescription="d",
        OptionConfigurations=[],
    ),
    "ProxyRole": resource("IAM::Role", AssumeRolePolicyDocument=trust("rds")),
    "Proxy": resource(
        "RDS::DBProxy",
        DBProxyName=sub("${AWS::StackName}"),
        EngineFamily="MYSQL",
        RoleArn=att("ProxyRole"),
        Auth=[{"AuthScheme": "SECRETS", "SecretArn": ref("Secret"), "IAMAuth": "REQUIRED"}],
        RequireTLS=True,
        VpcSubnetIds=[ref("SubnetA"), ref("SubnetB")],
        VpcSecurityGroupIds=[att("Databases", "GroupId")],
    ),
}
COMPUTE = {
    "FunctionRole": resource("IAM::Role", AssumeRolePolicyDocument=trust("lambda")),
    "FunctionPolicy": resource("IAM::ManagedPolicy", PolicyDocument=policy("sqs:*"), Roles=[ref("FunctionRole")]),
    "FunctionLogs": resource(
        "Logs::LogGroup", LogGroupName=sub("/aws/lambda/${AWS::StackName}"), RetentionInDays=365, KmsKeyId=att("Key")
    ),
    "Function": resource(
        "Lambda::Function",
        FunctionName=sub("${AWS::StackName}"),
        Runtime="python3.13",
        Handler="index.handler",
        Role=att("FunctionRole"),
        Code={"ZipFile": "def handler(event, context): return event"},
        Timeout=30,
        MemorySize=512,
        Environment={"Variables": {"TABLE": "x"}},
        KmsKeyArn=att("Key"),
        DeadLetterConfig={"TargetArn": att("DeadLetters")},
        TracingConfig={"Mode": "Active"},
        ReservedConcurrentExecutions=5,
        LoggingConfig={"LogFormat": "JSON", "LogGroup": ref("FunctionLogs")},
        Architectures=["arm64"],
        SnapStart={"ApplyOn": "PublishedVersions"},
    ),
    "Version": resource("Lambda::Version", FunctionName=ref("Function")),
    "Alias": resource(
        "Lambda::Alias", FunctionName=ref("Function"), FunctionVersion=att("Version", "Version"), Name="live"
    ),
    "Asynchronous": resource(
        "Lambda::EventInvokeConfig", FunctionName=ref("Function"), Qualifier="$LATEST", MaximumRetryAttempts=1
    ),
    "Permission": resource(
        "Lambda::Permission",
        FunctionName=att("Function"),
        Action="lambda:InvokeFunction",
        Principal="events.amazonaws.com",
        SourceArn=att("Rule"),
        SourceAccount=ref("AWS::AccountId"),
    ),
    "Queue": resource(
        "SQS::Queue",
        KmsMasterKeyId=att("Key"),
        VisibilityTimeout=180,
        RedrivePolicy={"deadLetterTargetArn": att("DeadLetters"), "maxReceiveCount": 3},
    ),
    "DeadLetters": resource("SQS::Queue", KmsMasterKeyId=att("Key"), MessageRetentionPeriod=1209600),
    "QueuePolicy": resource(
        "SQS::QueuePolicy",
        Queues=[ref("Queue"), ref("DeadLetters")],
        PolicyDocument=policy("sqs:SendMessage", Principal=ANYONE),
    ),
    "Mapping": resource(
        "Lambda::EventSourceMapping",
        FunctionName=ref("Function"),
        EventSourceArn=att("Queue"),
        BatchSize=10,
        FunctionResponseTypes=["ReportBatchItemFailures"],
        ScalingConfig={"MaximumConcurrency": 2},
    ),
    "Topic": resource("SNS::Topic", KmsMasterKeyId=ref("Key")),
    "TopicPolicy": resource(
        "SNS::TopicPolicy", Topics=[ref("Topic")], PolicyDocument=policy("sns:Publish", ref("Topic"), Principal=ANYONE)
    ),
    "Bus": resource("Events::EventBus", Name=sub("${AWS::StackName}")),
    "BusPolicy": resource(
        "Events::EventBusPolicy",
        EventBusName=ref("Bus"),
        StatementId="own",
        Statement={"Effect": "Allow", "Principal": ROOT, "Action": "events:PutEvents", "Resource": att("Bus")},
    ),
    "MachineRole": resource("IAM::Role", AssumeRolePolicyDocument=trust("states")),
    "RuleRole": resource("IAM::Role", AssumeRolePolicyDocument=trust("events")),
    "Rule": resource(
        "Events::Rule",
        EventBusName=ref("Bus"),
        EventPattern={"source": ["holdfast.backup"]},
        Targets=[
            {
                "Id": "machine",
                "Arn": ref("Machine"),
                "RoleArn": att("RuleRole"),
                "DeadLetterConfig": {"Arn": att("DeadLetters")},
                "RetryPolicy": {"MaximumRetryAttempts": 3, "MaximumEventAgeInSeconds": 3600},
            },
            {"Id": "queue", "Arn": att("Queue")},
        ],
    ),
    "Machine": resource(
        "StepFunctions::StateMachine",
        StateMachineName=sub("${AWS::StackName}"),
        RoleArn=att("MachineRole"),
        Definition={
            "StartAt": "Wait",
            "States": {
                "Wait": {"Type": "Wait", "Seconds": 1, "Next": "Answer"},
                "Answer": {"Type": "Pass", "Parameters": {"function": "${Function}"}, "End": True},
            },
        },
        DefinitionSubstitutions={"Function": att("Function")},
        LoggingConfiguration={
            "Level": "ALL",
            "IncludeExecutionData": False,
            "Destinations": [{"CloudWatchLogsLogGroup": {"LogGroupArn": att("MachineLogs")}}],
        },
        TracingConfiguration={"Enabled": True},
        EncryptionConfiguration={
            "Type": "CUSTOMER_MANAGED_KMS_KEY",
            "KmsKeyId": att("Key"),
            "KmsDataKeyReusePeriodSeconds": 300,
        },
    ),
    "MachineLogs": resource("Logs::LogGroup", RetentionInDays=30),
    "Group": resource("Scheduler::ScheduleGroup", Name=sub("${AWS::StackName}")),
    "ScheduleRole": resource("IAM::Role", AssumeRolePolicyDocument=trust("scheduler")),
    "Schedule": resource(
        "Scheduler::Schedule",
        Name=sub("${AWS::StackName}"),
        GroupName=ref("Group"),
        ScheduleExpression="cron(0 3 * * ? *)",
        ScheduleExpressionTimezone="Europe/Berlin",
        FlexibleTimeWindow={"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 5},
        KmsKeyArn=att("Key"),
        Target={
            "Arn": ref("Machine"),
            "RoleArn": att("ScheduleRole"),
            "Input": "{}",
            "DeadLetterConfig": {"Arn": att("DeadLetters")},
        },
    ),
}
WATCHING = {
    "Alarm": resource(
        "CloudWatch::Alarm",
        Namespace="Holdfast",
        MetricName="RecoveryPointAgeSeconds",
        Statistic="Maximum",
        Period=300,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
        TreatMissingData="breaching",
        AlarmActions=[ref("Topic")],
    ),
    "Both": resource(
        "CloudWatch::CompositeAlarm", AlarmName=sub("${AWS::StackName}"), AlarmRule=sub("ALARM(${Alarm})")
    ),
    "Filter": resource(
        "Logs::MetricFilter",
        LogGroupName=ref("FunctionLogs"),
        FilterPattern="ERROR",
        MetricTransformations=[{"MetricName": "Errors", "MetricNamespace": "Holdfast", "MetricValue": "1"}],
    ),
    "Dashboard": resource("CloudWatch::Dashboard", DashboardBody='{"widgets": []}'),
    "Acl": resource(
        "WAFv2::WebACL",
        Scope="REGIONAL",
        DefaultAction={"Allow": {}},
        VisibilityConfig={"SampledRequestsEnabled": True, "CloudWatchMetricsEnabled": True, "MetricName": "acl"},
        Rules=[],
    ),
    "Api": resource(
        "ApiGateway::RestApi",
        Name=sub("${AWS::StackName}"),
        Body={
            "openapi": "3.0.1",
            "info": {"title": "t", "version": "1"},
            "paths": {
                "/health": {
                    "get": {
                        "x-amazon-apigateway-integration": {"type": "mock"},
                        "responses": {"200": {"description": "ok"}},
                    }
                }
            },
        },
        EndpointConfiguration={"Types": ["REGIONAL"]},
    ),
    "Deployment": resource("ApiGateway::Deployment", RestApiId=ref("Api")),
    "Stage": resource(
        "ApiGateway::Stage",
        RestApiId=ref("Api"),
        DeploymentId=ref("Deployment"),
        StageName="live",
        TracingEnabled=True,
        MethodSettings=[
            {"HttpMethod": "*", "ResourcePath": "/*", "ThrottlingRateLimit": 10, "ThrottlingBurstLimit": 5}
        ],
    ),
    "Association": resource(
        "WAFv2::WebACLAssociation",
        WebACLArn=att("Acl"),
        ResourceArn=sub("arn:aws:apigateway:${AWS::Region}::/restapis/${Api}/stages/${Stage}"),
    ),
    "Health": {
        **resource(
            "Route53::HealthCheck",
            HealthCheckConfig={"Type": "HTTPS", "FullyQualifiedDomainName": "example.test", "Port": 443},
        ),
        "Condition": "IsPrimary",
    },
}


def template():
    return {
        "Conditions": {"IsPrimary": {"Fn::Equals": [ref("AWS::Region"), PRIMARY]}},
        "Resources": {**NETWORK, **STORAGE, **DATABASE, **COMPUTE, **WATCHING},
        "Outputs": {
            "Key": {"Value": att("Key"), "Export": {"Name": sub("${AWS::StackName}-key-arn")}},
            "Cidr": {"Value": att("Vpc", "CidrBlock")},
            "Proxy": {"Value": att("Proxy", "Endpoint")},
            "Rule": {"Value": att("FlowRole", "RoleId")},
        },
    }


def deploy(aws, name, body, region=PRIMARY, operation="create"):
    client = aws.client("cloudformation", region)
    getattr(client, f"{operation}_stack")(StackName=name, TemplateBody=json.dumps(body), Capabilities=CAPABILITIES)
    try:
        client.get_waiter(f"stack_{operation}_complete").wait(
            StackName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
        )
    except Exception as error:
        events = client.describe_stack_events(StackName=name)["StackEvents"]
        failed = [
            (one["LogicalResourceId"], one.get("ResourceStatusReason"))
            for one in events
            if "FAILED" in one["ResourceStatus"]
        ]
        raise AssertionError(failed) from error
    stack = client.describe_stacks(StackName=name)["Stacks"][0]
    return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}


@pytest.fixture(scope="module")
def stack(engine):
    """The template deployed in both regions, the vault's region first; its outputs by region."""
    outputs = {region: deploy(engine, "smoke", template(), region) for region in (RECOVERY, PRIMARY)}
    yield outputs
    engine.clear_faults()


def test_every_type_of_our_stacks_deploys_in_both_regions(stack):
    for region, outputs in stack.items():
        assert outputs["Key"].startswith(f"arn:aws:kms:{region}:")
        assert outputs["Cidr"] == "10.0.0.0/16"


@pytest.mark.usefixtures("stack")
def test_what_belongs_to_the_primary_region_is_only_there(aws):
    def kinds(region):
        found = aws.client("cloudformation", region).describe_stack_resources(StackName="smoke")["StackResources"]
        return {one["LogicalResourceId"] for one in found}

    assert kinds(PRIMARY) - kinds(RECOVERY) == {"Staging", "Ledger", "Health"}


@pytest.mark.usefixtures("stack")
def test_a_definition_is_deployed_with_its_substitutions_and_runs(aws):
    states = aws.client("stepfunctions")
    machine = f"arn:aws:states:{PRIMARY}:{aws.account}:stateMachine:smoke"
    execution = states.start_execution(stateMachineArn=machine)["executionArn"]
    while (found := states.describe_execution(executionArn=execution))["status"] == "RUNNING":
        pass
    assert json.loads(found["output"]) == {"function": f"arn:aws:lambda:{PRIMARY}:{aws.account}:function:smoke"}


@pytest.mark.usefixtures("stack")
def test_a_bucket_has_all_that_its_template_says(aws):
    vault, staging = f"smoke-vault-{PRIMARY}", f"smoke-staging-{PRIMARY}"
    s3 = aws.client("s3")
    encryption = s3.get_bucket_encryption(Bucket=vault)["ServerSideEncryptionConfiguration"]["Rules"][0]
    assert encryption["BucketKeyEnabled"]
    assert encryption["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"
    lock = s3.get_object_lock_configuration(Bucket=vault)["ObjectLockConfiguration"]
    assert lock["Rule"]["DefaultRetention"] == {"Mode": "COMPLIANCE", "Days": 30}
    rule = s3.get_bucket_lifecycle_configuration(Bucket=vault)["Rules"][0]
    assert (rule["ID"], rule["NoncurrentVersionExpiration"]) == ("old", {"NoncurrentDays": 30})
    assert s3.get_bucket_logging(Bucket=vault)["LoggingEnabled"]["TargetPrefix"] == "vault/"
    assert s3.get_bucket_ownership_controls(Bucket=vault)["OwnershipControls"]["Rules"]
    assert s3.get_bucket_versioning(Bucket=staging)["Status"] == "Enabled"
    replication = s3.get_bucket_replication(Bucket=staging)["ReplicationConfiguration"]["Rules"][0]
    assert replication["Destination"]["Bucket"] == f"arn:aws:s3:::smoke-vault-{RECOVERY}"
    assert s3.get_public_access_block(Bucket=vault)["PublicAccessBlockConfiguration"]["BlockPublicAcls"]


@pytest.mark.usefixtures("stack")
def test_the_rules_of_security_groups_are_there(aws):
    groups = aws.client("ec2").describe_security_groups()["SecurityGroups"]
    databases = next(one for one in groups if one["Description"] == "databases")
    assert databases["IpPermissions"][0]["UserIdGroupPairs"][0]["GroupId"]


@pytest.mark.usefixtures("stack")
def test_the_ledger_is_in_both_regions(aws):
    for region in (PRIMARY, RECOVERY):
        assert (
            aws.client("dynamodb", region).describe_table(TableName="smoke-ledger")["Table"]["TableStatus"] == "ACTIVE"
        )


def test_an_export_is_imported_in_its_own_region_only(aws, stack, name):
    body = {
        "Resources": {"Topic": resource("SNS::Topic", KmsMasterKeyId={"Fn::ImportValue": "smoke-key-arn"})},
        "Outputs": {"Key": {"Value": {"Fn::ImportValue": "smoke-key-arn"}}},
    }
    for region in (PRIMARY, RECOVERY):
        assert deploy(aws, name, body, region)["Key"] == stack[region]["Key"]
    with pytest.raises(AssertionError, match="smoke-key-arn"):
        deploy(aws, f"{name}-elsewhere", body, "ap-south-1")


def test_an_update_changes_what_has_changed_and_a_delete_removes_all(aws, name):
    body = {"Resources": {"Queue": resource("SQS::Queue", QueueName=name, VisibilityTimeout=30)}}
    deploy(aws, name, body)
    body["Resources"]["Queue"]["Properties"]["VisibilityTimeout"] = 60
    body["Resources"]["Group"] = resource(
        "RDS::OptionGroup", EngineName="mysql", MajorEngineVersion="8.4", OptionGroupDescription="d"
    )
    deploy(aws, name, body, operation="update")
    sqs = aws.client("sqs")
    url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
    assert sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]["VisibilityTimeout"] == "60"
    client = aws.client("cloudformation")
    client.delete_stack(StackName=name)
    client.get_waiter("stack_delete_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
    with pytest.raises(ClientError):
        sqs.get_queue_url(QueueName=name)


def test_a_type_that_nobody_knows_is_refused(aws, name):
    with pytest.raises(ClientError, match="Unrecognized resource types"):
        deploy(aws, name, {"Resources": {"X": resource("Backup::BackupSelection")}})


def test_a_failed_stack_says_which_resource_and_why(aws, name):
    code = {"S3Bucket": "nowhere", "S3Key": "k"}
    body = {"Resources": {"F": resource("Lambda::Function", Runtime="python3.13", Handler="a.b", Role="x", Code=code)}}
    client = aws.client("cloudformation")
    client.create_stack(StackName=name, TemplateBody=json.dumps(body))
    with pytest.raises(Exception, match="ROLLBACK"):
        client.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
