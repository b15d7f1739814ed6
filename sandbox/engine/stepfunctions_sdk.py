"""SDK and optimized integrations of Step Functions: names both ways, errors, calls with the role of the machine."""

import functools
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError
from botocore.model import ListShape, MapShape, OperationModel, Shape, StructureShape
from ministack.services import stepfunctions

from sandbox.engine.clients import Credentials, client
from sandbox.engine.shapes import fit

StatesError: Any = stepfunctions._ExecutionError
Json = Any

# https://docs.aws.amazon.com/step-functions/latest/dg/supported-services-awssdk.html: names that boto3 spells otherwise
BOTO_NAMES = {
    "sfn": "stepfunctions",
    "eventbridge": "events",
    "cloudwatchlogs": "logs",
    "elasticloadbalancingv2": "elbv2",
    "cognitoidentityprovider": "cognito-idp",
}
# the prefix of the errors of an integration, and the error that stands for every unmodelled one
PREFIXES = {
    "dynamodb": "DynamoDb",
    "eventbridge": "EventBridge",
    "cloudwatch": "CloudWatch",
    "cloudwatchlogs": "CloudWatchLogs",
    "cloudformation": "CloudFormation",
    "secretsmanager": "SecretsManager",
}
OPTIMIZED = {
    "dynamodb": ("DynamoDB", "DynamoDB.AmazonDynamoDBException"),
    "events": ("EventBridge", "EventBridge.AmazonEventBridgeException"),
    "lambda": ("Lambda", "Lambda.AWSLambdaException"),
    "sns": ("SNS", "SNS.AmazonSNSException"),
    "sqs": ("SQS", "SQS.AmazonSQSException"),
    "states": ("StepFunctions", "StepFunctions.AWSStepFunctionsException"),
}


def call_sdk(service: str, action: str, parameters: Json, role: Credentials | None) -> Json:
    """``arn:aws:states:::aws-sdk:<service>:<action>``.

    Raises:
        StatesError: ``Rds.DbInstanceNotFoundException`` and the like.
    """
    prefix = PREFIXES.get(service.lower(), service[0].upper() + service[1:])
    return perform(service, action, parameters, role, prefix, f"{prefix}.{prefix}Exception")


def call_optimized(service: str, action: str, parameters: Json, role: Credentials | None) -> Json:
    """``arn:aws:states:::<service>:<action>``, whose errors have names of their own.

    Raises:
        StatesError: ``DynamoDB.ConditionalCheckFailedException`` and the like.
    """
    prefix, other = OPTIMIZED[service]
    boto_name = "stepfunctions" if service == "states" else service
    return perform(boto_name, action, parameters, role, prefix, other)


def call(service: str, action: str, parameters: Json, role: Credentials | None) -> Json:
    """A call for EventBridge Scheduler's universal targets; they are named like SDK integrations."""
    return call_sdk(service, action, parameters, role)


def perform(  # noqa: PLR0913, PLR0917
    service: str, action: str, parameters: Json, role: Credentials | None, prefix: str, other: str
) -> Json:
    """Make the call and name its members as Step Functions does.

    Raises:
        StatesError: The call failed, or there is no such action.
    """
    found = client(BOTO_NAMES.get(service.lower(), service.lower()), credentials=role)
    model = found.meta.service_model
    name = next((one for one in model.operation_names if one.lower() == action.lower()), None)
    if name is None:
        raise StatesError("States.Runtime", f"{service} has no action {action}")
    operation = model.operation_model(name)
    method = next(key for key, value in found.meta.method_to_api_mapping.items() if value == name)
    try:
        answer = getattr(found, method)(**fit(parameters or {}, operation.input_shape))
    except ClientError as error:
        raise StatesError(error_name(operation, error, prefix, other), explain(prefix, error)) from error
    except ParamValidationError as error:
        raise StatesError("States.Runtime", str(error)) from error
    except BotoCoreError as error:
        raise StatesError(f"{prefix}.SdkClientException", str(error)) from error
    answer.pop("ResponseMetadata", None)
    return named(answer, operation.output_shape)


def explain(prefix: str, error: ClientError) -> str:
    """The cause of a failed call, in the words of the Java SDK."""
    about = error.response["ResponseMetadata"]
    message = error.response["Error"].get("Message", "")
    status, request = about.get("HTTPStatusCode"), about.get("RequestId")
    return f"{message} (Service: {prefix}, Status Code: {status}, Request ID: {request})"


def error_name(operation: OperationModel, error: ClientError, prefix: str, other: str) -> str:
    """The name that a Catch sees: the SDK's exception if the model has the error, else the service's general one.

    The Java SDK knows ``DBInstanceNotFoundFault`` as ``DbInstanceNotFoundException``; an error that no model has,
    such as ``ExportTaskLimitReachedFault`` or a refused permission, arrives as the general one.
    """
    code = error.response["Error"]["Code"].rpartition(".")[2]
    for shape in operation.error_shapes:
        if code in {shape.name, (shape.metadata.get("error") or {}).get("code")}:
            name = shape.name if prefix in {value for value, _ in OPTIMIZED.values()} else java_name(shape.name)
            return f"{prefix}.{exception(name)}"
    return other


def exception(name: str) -> str:
    """An error's shape name with the ending that the SDK gives every exception."""
    for ending in ("Exception", "Fault", "Error"):
        name = name.removesuffix(ending)
    return name + "Exception"


@functools.cache
def java_name(name: str) -> str:
    """A name in the Java SDK's spelling, as Step Functions writes it: ``DBInstance`` → ``DbInstance``."""
    return str(stepfunctions._api_name_to_sfn_key(name))


def named(value: Json, shape: Shape | None) -> Json:
    """An answer with member names in Step Functions' spelling, times and streams as text; keys of maps stay."""
    if isinstance(shape, StructureShape) and isinstance(value, dict):
        return {java_name(key): named(part, shape.members.get(key)) for key, part in value.items()}
    if isinstance(shape, ListShape) and isinstance(value, list):
        return [named(part, shape.member) for part in value]
    if isinstance(shape, MapShape) and isinstance(value, dict):
        return {key: named(part, shape.value) for key, part in value.items()}
    if hasattr(value, "isoformat"):
        return value.isoformat().replace("+00:00", "Z")
    if hasattr(value, "read"):
        value = value.read()
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
