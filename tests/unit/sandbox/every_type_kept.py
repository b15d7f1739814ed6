"""What keeps data or lies below it, for the template of every type that our stacks use."""

from deploying import att, ref, resource, role, sub
from making import PRIMARY, RECOVERY
from policies import ROOT, allow, document

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
        PolicyDocument=document(allow("s3:*", Principal="*")),
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
    "FlowRole": role("vpc-flow-logs"),
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
        "KMS::Key", KeyPolicy=document(allow("kms:*", Principal=ROOT)), EnableKeyRotation=True, PendingWindowInDays=30
    ),
    "KeyAlias": resource("KMS::Alias", AliasName=sub("alias/${AWS::StackName}"), TargetKeyId=ref("Key")),
    "Signing": resource(
        "KMS::Key", KeyPolicy=document(allow("kms:*", Principal=ROOT)), KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY"
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
        PolicyDocument=document(allow("s3:GetObject", sub("${Vault.Arn}/*"), Principal=ROOT)),
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
    "Replication": role("s3"),
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
        ResourcePolicy=document(allow("secretsmanager:GetSecretValue", Principal=ROOT)),
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
    "ProxyRole": role("rds"),
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
