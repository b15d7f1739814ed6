"""Network stack: private subnets that reach the databases, S3 and DynamoDB, and nothing else.

No NAT and no interface endpoint: a function in here signs its database token locally and needs no other service.
Deployed to both regions, alike; the regions are not connected.
"""

from __future__ import annotations

import awacs.logs
import awacs.s3
from awacs.aws import Allow, Condition, PolicyDocument, Principal, Statement, StringEquals
from troposphere import AccountId, AWSHelperFn, GetAZs, Join, Select, Sub, Tags, Template, ec2

from blueprints import arns, iam
from blueprints.actions import USE_LEDGER
from blueprints.logs import log_group
from blueprints.outputs import KeysOutputs, NetworkOutputs
from blueprints.settings import Settings

HTTPS = 443
MYSQL = 3306  # of databases that are not ours, and of every RDS Proxy; our own database has another port
# A group without an egress rule may send anywhere; this rule stands for "nowhere".
# https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-securitygroup.html
NOWHERE = "127.0.0.1/32"


def blueprint(settings: Settings, keys: KeysOutputs) -> Template:
    """Template of the network stack."""
    t = Template(Description=f"{settings.prefix}: private network of one region")
    vpc = t.add_resource(
        ec2.VPC(
            "Vpc",
            CidrBlock=settings.network.cidr,
            EnableDnsSupport=True,
            EnableDnsHostnames=True,
            Tags=Tags(Name=settings.prefix),
        )
    )
    table = t.add_resource(ec2.RouteTable("PrivateRoutes", VpcId=vpc.ref(), Tags=Tags(Name=settings.name("private"))))
    subnets = [_subnet(t, settings, vpc, table, zone) for zone in range(settings.network.zones)]
    _gateway(t, vpc, table, "s3", _our_objects(settings))
    _gateway(t, vpc, table, "dynamodb", _our_ledger(settings))
    _flow_log(t, settings, keys, vpc)

    port = settings.database.port if settings.database else MYSQL
    functions = _group(t, vpc, "FunctionsGroup", "Functions that speak to a database", _gateways_only())
    proxy = _group(t, vpc, "ProxyGroup", "RDS Proxy", _nowhere())
    database = _group(t, vpc, "DatabaseGroup", "Databases", _nowhere())
    # A proxy listens on its engine's usual port, whatever the port of the database behind it; it can't be set.
    # https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBProxy.html (takes no port)
    # https://github.com/gravitational/teleport/issues/35268
    _connect(t, functions, proxy, MYSQL)
    _connect(t, functions, database, port)
    _connect(t, proxy, database, port)

    NetworkOutputs(
        subnets=Join(",", [subnet.ref() for subnet in subnets]),
        functions_group=functions.get_att("GroupId"),
        proxy_group=proxy.get_att("GroupId"),
        database_group=database.get_att("GroupId"),
    ).publish(t, settings)
    return t


def _subnet(t: Template, settings: Settings, vpc: ec2.VPC, table: ec2.RouteTable, zone: int) -> ec2.Subnet:
    letter = "ABC"[zone]
    subnet = t.add_resource(
        ec2.Subnet(
            f"Private{letter}",
            VpcId=vpc.ref(),
            AvailabilityZone=Select(zone, GetAZs("")),
            CidrBlock=settings.network.subnets()[zone],
            MapPublicIpOnLaunch=False,
            Tags=Tags(Name=settings.name("private", letter.lower())),
        )
    )
    t.add_resource(
        ec2.SubnetRouteTableAssociation(f"Private{letter}Routes", SubnetId=subnet.ref(), RouteTableId=table.ref())
    )
    return subnet


def _gateway(t: Template, vpc: ec2.VPC, table: ec2.RouteTable, service: str, allowed: Statement) -> None:
    # Gateway endpoints cost nothing. https://docs.aws.amazon.com/vpc/latest/privatelink/gateway-endpoints.html
    t.add_resource(
        ec2.VPCEndpoint(
            f"{'S3' if service == 's3' else 'DynamoDb'}Gateway",
            VpcId=vpc.ref(),
            VpcEndpointType="Gateway",
            ServiceName=Sub(f"com.amazonaws.{arns.HERE}.{service}"),
            RouteTableIds=[table.ref()],
            PolicyDocument=PolicyDocument(Version=iam.VERSION, Statement=[allowed]),
        )
    )


def _our_objects(settings: Settings) -> Statement:
    """What passes the S3 gateway: the inventories and manifests of this region's buckets, for our own principals."""
    return Statement(
        Sid="OwnBucketsOnly",
        Effect=Allow,
        Principal=Principal("*"),
        Action=[awacs.s3.GetObject, awacs.s3.PutObject, awacs.s3.ListBucket],
        Resource=[
            resource
            for purpose in ("staging", "vault")
            for resource in (arns.bucket(settings, purpose), arns.objects(settings, purpose))
        ],
        Condition=_own_principals(),
    )


def _our_ledger(settings: Settings) -> Statement:
    """What passes the DynamoDB gateway: items of this region's ledger, for our own principals."""
    return Statement(
        Sid="OwnLedgerOnly",
        Effect=Allow,
        Principal=Principal("*"),
        Action=list(USE_LEDGER),
        Resource=[arns.ledger(settings), arns.ledger_indexes(settings)],
        Condition=_own_principals(),
    )


def _own_principals() -> Condition:
    return Condition(StringEquals("aws:PrincipalAccount", AccountId))


def _flow_log(t: Template, settings: Settings, keys: KeysOutputs, vpc: ec2.VPC) -> None:
    """Record of every connection, accepted or not."""
    group = log_group(t, settings, keys, "FlowLogs", f"/aws/vpc/{settings.prefix}/flow")
    # https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-iam-role.html
    write = iam.allow(
        "WriteFlowLogs",
        [awacs.logs.CreateLogStream, awacs.logs.PutLogEvents, awacs.logs.DescribeLogStreams],
        [group.get_att("Arn")],
    )
    find = iam.unscoped(
        "FindLogGroups", [awacs.logs.DescribeLogGroups], "CloudWatch Logs lists groups of the whole account or none"
    )
    role = iam.role(t, settings, "FlowLogRole", "vpc-flow-logs", write, find)
    t.add_resource(
        ec2.FlowLog(
            "FlowLog",
            ResourceType="VPC",
            ResourceId=vpc.ref(),
            TrafficType="ALL",
            LogDestinationType="cloud-watch-logs",
            LogGroupName=group.ref(),
            DeliverLogsPermissionArn=role.get_att("Arn"),
            MaxAggregationInterval=60,  # seconds
        )
    )


def _group(t: Template, vpc: ec2.VPC, title: str, description: str, egress: ec2.SecurityGroupRule) -> ec2.SecurityGroup:
    return t.add_resource(
        ec2.SecurityGroup(title, VpcId=vpc.ref(), GroupDescription=description, SecurityGroupEgress=[egress])
    )


def _gateways_only() -> ec2.SecurityGroupRule:
    # The gateways' addresses are prefix lists whose ids a template can't look up; the route table leads nowhere else.
    return ec2.SecurityGroupRule(
        Description="HTTPS to the S3 and DynamoDB gateways; there is no route to anywhere else",
        IpProtocol="tcp",
        FromPort=HTTPS,
        ToPort=HTTPS,
        CidrIp="0.0.0.0/0",
    )


def _nowhere() -> ec2.SecurityGroupRule:
    return ec2.SecurityGroupRule(
        Description="Nowhere but where the rules between the groups say", IpProtocol="-1", CidrIp=NOWHERE
    )


def _connect(t: Template, source: ec2.SecurityGroup, target: ec2.SecurityGroup, port: int) -> None:
    """Let *source* open MySQL connections to *target*: a rule at either end, apart, since they refer to each other."""
    end = {"IpProtocol": "tcp", "FromPort": port, "ToPort": port}
    ids: dict[str, AWSHelperFn] = {group.title: group.get_att("GroupId") for group in (source, target)}
    ways = source.title.removesuffix("Group"), target.title.removesuffix("Group")
    t.add_resource(
        ec2.SecurityGroupEgress(
            f"{ways[0]}To{ways[1]}",
            Description=f"MySQL to the {ways[1].lower()} group",
            GroupId=ids[source.title],
            DestinationSecurityGroupId=ids[target.title],
            **end,
        )
    )
    t.add_resource(
        ec2.SecurityGroupIngress(
            f"{ways[1]}From{ways[0]}",
            Description=f"MySQL from the {ways[0].lower()} group",
            GroupId=ids[target.title],
            SourceSecurityGroupId=ids[source.title],
            **end,
        )
    )
