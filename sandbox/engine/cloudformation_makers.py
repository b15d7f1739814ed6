"""How the rows of ``cloudformation_types`` make what takes more than one call, or other parameters than properties."""

import uuid
from typing import Any

from ministack.services import eventbridge
from ministack.services.cloudformation import provisioners

from sandbox.engine.clients import client
from sandbox.engine.cloudformation import Properties, Type, wait_for
from sandbox.engine.cloudformation_deletions import final_snapshot, want_snapshot

# RDS


def database(properties: Properties) -> Properties:
    """Parameters of ``CreateDBInstance`` from the properties of ``AWS::RDS::DBInstance``."""
    secret = properties.pop("MasterUserSecret", None) or {}
    if key := secret.get("KmsKeyId"):
        properties["MasterUserSecretKmsKeyId"] = key
    return properties


def databases(rds: Any, identifier: str) -> list[Any]:
    """The instance of that name, if there is one."""
    found = rds.describe_db_instances(Filters=[{"Name": "db-instance-id", "Values": [identifier]}])
    return [one for one in found["DBInstances"] if one["DBInstanceIdentifier"] == identifier]


def await_database(identifier: str) -> Any:
    """Wait until an instance is available; returns its description."""
    rds = client("rds")
    return wait_for(
        lambda: rds.describe_db_instances(DBInstanceIdentifier=identifier)["DBInstances"][0],
        lambda found: found["DBInstanceStatus"] == "available",
        identifier,
    )


class Database(Type):
    """An instance: created, restored from a snapshot, or made a read replica, as the properties say."""

    def on_create(self, logical_id: str, properties: Properties, stack: str) -> tuple[str, Properties]:
        """Make one and wait until it is available."""
        operation = "create_db_instance"
        if properties.get("DBSnapshotIdentifier"):
            operation = "restore_db_instance_from_db_snapshot"
        elif properties.get("SourceDBInstanceIdentifier"):
            operation = "create_db_instance_read_replica"
        return self._apply(operation, self._named(logical_id, properties, stack))

    def handler(self) -> dict[str, Any]:
        """MiniStack's form, with a last snapshot."""
        return {**super().handler(), "snapshot": want_snapshot}

    def on_delete(self, physical_id: str, properties: Properties) -> None:
        """Delete one, after its last snapshot if its policy says so, and wait until it is gone."""
        del properties
        rds = client("rds")
        try:
            final = final_snapshot(physical_id)
            end = {"FinalDBSnapshotIdentifier": final} if final else {"SkipFinalSnapshot": True}
            rds.delete_db_instance(DBInstanceIdentifier=physical_id, **end)
        except rds.exceptions.DBInstanceNotFoundFault:
            return
        wait_for(lambda: databases(rds, physical_id), lambda found: not found, f"the deletion of {physical_id}")
        if final:
            wait_for(
                lambda: rds.describe_db_snapshots(DBSnapshotIdentifier=final)["DBSnapshots"][0],
                lambda found: found["Status"] == "available",
                final,
            )

    def on_update(self, physical_id: str, old: Properties, new: Properties, stack: str) -> tuple[str, Properties]:
        """Modify the instance by what has changed, at once."""
        del stack
        changed = {key: value for key, value in new.items() if old.get(key) != value and key != "Tags"}
        return self._apply(
            "modify_db_instance", {**changed, "DBInstanceIdentifier": physical_id, "ApplyImmediately": True}
        )


DATABASE = Database(
    "rds",
    "create_db_instance",
    "DBInstance.DBInstanceIdentifier",
    {
        "Endpoint.Address": "Endpoint.Address",
        "Endpoint.Port": lambda answer, _: str(answer["Endpoint"]["Port"]),
        "Endpoint.HostedZoneId": lambda answer, _: answer["Endpoint"].get("HostedZoneId", ""),
        "DBInstanceArn": "DBInstanceArn",
        "DbiResourceId": "DbiResourceId",
        "MasterUserSecret.SecretArn": lambda answer, _: (answer.get("MasterUserSecret") or {}).get("SecretArn", ""),
    },
    rename={"VPCSecurityGroups": "VpcSecurityGroupIds"},
    prepare=database,
    name="DBInstanceIdentifier",
    ready=await_database,
)


def proxy_targets(properties: Properties) -> Properties:
    """Set the pool of a proxy's default group, then answer with the parameters that register its targets."""
    pool = properties.get("ConnectionPoolConfigurationInfo")
    if pool:
        client("rds").modify_db_proxy_target_group(
            DBProxyName=properties["DBProxyName"],
            TargetGroupName=properties["TargetGroupName"],
            ConnectionPoolConfig=pool,
        )
    return properties


def target_group_arn(_answer: object, parameters: Properties) -> str:
    """The ARN of a proxy's target group."""
    found = client("rds").describe_db_proxy_target_groups(DBProxyName=parameters["DBProxyName"])
    return str(found["TargetGroups"][0]["TargetGroupArn"])


# EC2


def security_group_rule(direction: str) -> Type:
    """A rule of a security group as a resource of its own."""

    def prepare(properties: Properties) -> Properties:
        permission: Properties = {
            key: properties[key] for key in ("IpProtocol", "FromPort", "ToPort") if key in properties
        }
        about = {"Description": properties["Description"]} if "Description" in properties else {}
        if peer := properties.get("SourceSecurityGroupId") or properties.get("DestinationSecurityGroupId"):
            permission["UserIdGroupPairs"] = [{"GroupId": peer, **about}]
        if cidr := properties.get("CidrIp"):
            permission["IpRanges"] = [{"CidrIp": cidr, **about}]
        prefixes = properties.get("SourcePrefixListId") or properties.get("DestinationPrefixListId")
        if prefixes:
            permission["PrefixListIds"] = [{"PrefixListId": prefixes, **about}]
        return {"GroupId": properties["GroupId"], "IpPermissions": [permission]}

    return Type(
        "ec2",
        f"authorize_security_group_{direction}",
        lambda answer, _: (answer.get("SecurityGroupRules") or [{}])[0].get(
            "SecurityGroupRuleId", f"sgr-{uuid.uuid4().hex[:17]}"
        ),
        delete=(f"revoke_security_group_{direction}", lambda _, properties: prepare(properties)),
        prepare=prepare,
    )


def flow_log(properties: Properties) -> Properties:
    """Parameters of ``CreateFlowLogs``, which takes many resources, from the properties, which name one."""
    resource = properties.pop("ResourceId")
    properties.pop("Tags", None)
    return {**properties, "ResourceIds": [resource]}


# EventBridge


def put_bus_statement(_logical_id: str, properties: Properties, _stack: str) -> tuple[str, Properties]:
    """Add a statement to a bus's policy, or replace the one of that id."""
    bus = (properties.get("EventBusName") or "default").rpartition("/")[2]
    statement = properties.get("Statement") or {
        "Effect": "Allow",
        "Principal": properties.get("Principal"),
        "Action": properties.get("Action"),
        "Resource": f"arn:aws:events:{eventbridge.get_region()}:{eventbridge.get_account_id()}:event-bus/{bus}",
        **({"Condition": properties["Condition"]} if "Condition" in properties else {}),
    }
    policy = eventbridge._event_bus_policies.get(bus) or {"Version": "2012-10-17", "Statement": []}
    sid = properties["StatementId"]
    others = [old for old in policy["Statement"] if old.get("Sid") != sid]
    eventbridge._event_bus_policies[bus] = {**policy, "Statement": [*others, {**statement, "Sid": sid}]}
    return f"{bus}|{sid}", {}


def delete_bus_statement(physical_id: str, _properties: Properties) -> None:
    """Take a statement out of a bus's policy."""
    bus, _, sid = physical_id.partition("|")
    policy = eventbridge._event_bus_policies.get(bus)
    if policy:
        policy["Statement"] = [statement for statement in policy["Statement"] if statement.get("Sid") != sid]


# Route 53


def health_check(properties: Properties) -> Properties:
    """Parameters of ``CreateHealthCheck``, and of ``UpdateHealthCheck``, which has no ``HealthCheckConfig``."""
    return {**properties["HealthCheckConfig"], **properties, "CallerReference": str(uuid.uuid4())}


def record_sets(action: str) -> Any:
    """Parameters of a change of all record sets of a group."""

    def prepare(properties: Properties) -> Properties:
        changes = [{"Action": action, "ResourceRecordSet": record_set(one)} for one in properties["RecordSets"]]
        return {"HostedZoneId": properties["HostedZoneId"], "ChangeBatch": {"Changes": changes}}

    return prepare


def record_set(properties: Properties) -> Properties:
    """A record set as the API writes it."""
    values = [{"Value": value} for value in properties.get("ResourceRecords", [])]
    found = {**properties, **({"ResourceRecords": values} if values else {})}
    if alias := properties.get("AliasTarget"):
        found["AliasTarget"] = {"EvaluateTargetHealth": False, **alias}  # which the API has no default for
    return found


# VPC: MiniStack's type, which forgets an attribute


def create_vpc(logical_id: str, properties: Properties, stack: str) -> tuple[str, Properties]:
    """MiniStack's VPC, with the attribute ``CidrBlock``."""
    physical_id, attributes = provisioners._ec2_vpc_create(logical_id, properties, stack)
    return physical_id, {**attributes, "CidrBlock": properties.get("CidrBlock")}


# CloudWatch


def composite_alarm_arn(name: str) -> str:
    """The ARN of a composite alarm."""
    found = client("cloudwatch").describe_alarms(AlarmNames=[name], AlarmTypes=["CompositeAlarm"])
    return str(found["CompositeAlarms"][0]["AlarmArn"])
