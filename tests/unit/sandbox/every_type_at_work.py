"""Functions, queues, machines and schedules, for the template of every type that our stacks use."""

from deploying import att, function, ref, resource, role, sub
from policies import ROOT, allow, document, service

COMPUTE = {
    "FunctionRole": role("lambda"),
    "FunctionPolicy": resource(
        "IAM::ManagedPolicy", PolicyDocument=document(allow("sqs:*")), Roles=[ref("FunctionRole")]
    ),
    "FunctionLogs": resource(
        "Logs::LogGroup", LogGroupName=sub("/aws/lambda/${AWS::StackName}"), RetentionInDays=365, KmsKeyId=att("Key")
    ),
    "Function": function(
        "def handler(event, context): return event",
        FunctionName=sub("${AWS::StackName}"),
        Role=att("FunctionRole"),
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
        PolicyDocument=document(allow("sqs:SendMessage", Principal=service("events"))),
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
        "SNS::TopicPolicy",
        Topics=[ref("Topic")],
        PolicyDocument=document(allow("sns:Publish", ref("Topic"), Principal=service("events"))),
    ),
    "Bus": resource("Events::EventBus", Name=sub("${AWS::StackName}")),
    "BusPolicy": resource(
        "Events::EventBusPolicy",
        EventBusName=ref("Bus"),
        StatementId="own",
        Statement={"Effect": "Allow", "Principal": ROOT, "Action": "events:PutEvents", "Resource": att("Bus")},
    ),
    "MachineRole": role("states"),
    "RuleRole": role("events"),
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
    "ScheduleRole": role("scheduler"),
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
