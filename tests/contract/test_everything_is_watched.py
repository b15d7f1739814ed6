"""Whatever can fail has an alarm that reads its metrics, by its name."""

import pytest
from rendering import OPTIONS, each, found, listed, rendered, resolved, statements
from watching import alarms, of_alarm

import workflows
from blueprints.metrics import OPERATIONS

ACCOUNT = "123456789012"


def named(names, region):
    """*names* with those that only CloudFormation knows shown as what they are."""
    return str(resolved(names, region)).replace("'", '"')


def watched(option, *stacks):
    """(metric's name, its dimensions as text) of every alarm of the *stacks*, or of all."""
    chosen = [it for it in alarms() if it.option == option and (not stacks or it.stack in stacks)]
    return {(read.name, named(read.values, it.settings.primary_region)) for it in chosen for read in of_alarm(it)}


@each("AWS::SQS::Queue")
def test_every_queue_is_watched_dead_letters_for_being_there_others_for_staying(it):
    metric = (
        "ApproximateAgeOfOldestMessage" if "RedrivePolicy" in it.properties else "ApproximateNumberOfMessagesVisible"
    )
    name = str({"QueueName": {"Fn::GetAtt": [it.title, "QueueName"]}}).replace("'", '"')

    assert (metric, name) in watched(it.option, it.stack)


@each("AWS::Lambda::Function")
def test_every_function_is_watched_by_itself_or_by_the_machine_that_runs_it(it):
    own = named({"FunctionName": {"Ref": it.title}}, it.settings.primary_region)
    if ("Errors", own) in watched(it.option, it.stack):
        assert ("Throttles", own) in watched(it.option, it.stack)
        return
    machines = [name for name in workflows.names() if it.title in workflows.placeholders(name)]
    ends = {name for name, values in watched(it.option, "observability") if "StateMachineArn" in values}

    assert machines, "nobody would notice that it fails"
    assert {"ExecutionsFailed", "ExecutionsTimedOut"} <= ends


@each("AWS::StepFunctions::StateMachine")
def test_every_machine_is_watched(it):
    region = it.settings.primary_region
    arn = f"arn:aws:states:{region}:{ACCOUNT}:stateMachine:{it.properties['StateMachineName']}"
    known = {name for name, values in watched(it.option, "observability") if arn in values}

    assert {"ExecutionsTimedOut", "ExecutionsAborted"} <= known
    # A failed run of backup tells by metrics of ours, which know partial from failed.
    assert "ExecutionsFailed" in known or it.title == "BackupMachine"


@each("AWS::Events::Rule")
def test_every_rule_is_watched_on_its_own_bus(it):
    bus = {"EventBusName": it.settings.prefix} if "EventBusName" in it.properties else {}
    name = named({**bus, "RuleName": it.properties["Name"]}, it.settings.primary_region)
    known = watched(it.option, "observability")

    assert ("FailedInvocations", name) in known
    assert ("InvocationsFailedToBeSentToDlq", name) in known


@each("AWS::Scheduler::Schedule")
def test_every_schedule_is_in_the_group_that_is_watched(it):
    assert ("InvocationDroppedCount", named({"ScheduleGroup": it.properties["GroupName"]}, "")) in watched(it.option)


@pytest.mark.parametrize("option", OPTIONS)
def test_every_replicated_bucket_is_watched_at_either_end(option):
    settings = OPTIONS[option]
    here, known = settings.primary_region, watched(option, "observability")
    rules = 0
    for it in found("AWS::S3::Bucket"):
        configuration = it.properties.get("ReplicationConfiguration")
        if it.option != option or not configuration:
            continue
        for rule in configuration["Fn::If"][1]["Rules"]:
            rules += 1
            dimensions = {
                "SourceBucket": resolved(it.properties["BucketName"], here),
                "DestinationBucket": resolved(rule["Destination"]["Bucket"], here).rpartition(":")[2],
                "RuleId": rule["Id"],
            }
            for metric in ("ReplicationLatency", "OperationsFailedReplication"):
                assert (metric, named(dimensions, here)) in known

    assert rules == 2


@pytest.mark.parametrize(
    ("kind", "attribute", "metric", "dimension"),
    [
        ("AWS::RDS::DBInstance", "DBInstanceIdentifier", "FreeStorageSpace", "DBInstanceIdentifier"),
        ("AWS::RDS::DBProxy", "DBProxyName", "MaxDatabaseConnectionsAllowed", "ProxyName"),
        ("AWS::DynamoDB::GlobalTable", "TableName", "ThrottledRequests", "TableName"),
        ("AWS::ApiGateway::RestApi", "Name", "5XXError", "ApiName"),
    ],
)
def test_databases_proxies_tables_and_apis_are_watched_by_their_names(kind, attribute, metric, dimension):
    resources = list(found(kind))

    assert resources
    for it in resources:
        text = f'"{dimension}": "{it.properties[attribute]}"'
        assert any(name == metric and text in values for name, values in watched(it.option)), it


@each("AWS::WAFv2::WebACL")
def test_the_apis_firewall_is_watched_by_the_name_of_its_metric(it):
    if it.properties["Scope"] == "REGIONAL":
        name = it.properties["VisibilityConfig"]["MetricName"]
        known = [values for metric, values in watched(it.option) if metric == "BlockedRequests"]

        assert [values for values in known if f'"WebACL": "{name}"' in values]


def test_every_operation_that_a_role_may_do_on_the_ledger_is_counted():
    allowed = {
        action.partition(":")[2]
        for it in found("AWS::IAM::ManagedPolicy")
        if it.stack != "bootstrap"  # whoever makes the table is no user of it
        for statement in statements(it)
        for action in listed(statement["Action"])
        if action.startswith("dynamodb:")
    }

    assert allowed == set(OPERATIONS)


def test_nothing_of_the_database_or_the_proxy_is_watched_where_there_is_none():
    of_rds = {
        option: {
            read.name for it in alarms() if it.option == option for read in of_alarm(it) if read.namespace == "AWS/RDS"
        }
        for option in OPTIONS
    }

    assert not of_rds["NO_DATABASE"]
    assert of_rds["BARE_DATABASE"] == {"CPUUtilization", "DatabaseConnections", "FreeStorageSpace"}
    assert "MaxDatabaseConnectionsAllowed" in of_rds["PRODUCTION"]


@pytest.mark.parametrize("option", OPTIONS)
def test_every_key_of_the_region_is_guarded(option):
    settings, resources = OPTIONS[option], rendered(option)["observability"]["Resources"]
    pattern = resources["KeyTouched"]["Properties"]["EventPattern"]
    keys = rendered(option)["keys"]
    exported = {
        output["Export"]["Name"]
        for output in keys["Outputs"].values()
        if output["Value"]["Fn::GetAtt"][0] in keys["Resources"]
    }
    guarded = {arn["Fn::ImportValue"] for arn in pattern["detail"]["resources"]["ARN"]}

    assert guarded == exported
    assert len(guarded) == len([r for r in keys["Resources"].values() if r["Type"] == "AWS::KMS::Key"])
    assert {"DisableKey", "PutKeyPolicy", "ScheduleKeyDeletion"} <= set(pattern["detail"]["eventName"])
    assert settings.name("key-touched") == resources["KeyTouched"]["Properties"]["Name"]
