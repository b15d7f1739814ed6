"""ARNs and physical names as functions; nobody writes an ARN by hand."""

from __future__ import annotations

from troposphere import Sub

from blueprints.settings import Settings

HERE = "${AWS::Region}"
ACCOUNT = "${AWS::AccountId}"
ARTIFACTS = "artifacts"  # the bucket of templates and of the handlers' package


def arn(service: str, resource: str, *, region: str = HERE) -> Sub:
    """ARN in the stack's own partition and account, and in its region unless *region* is given."""
    return Sub(f"arn:${{AWS::Partition}}:{service}:{region}:{ACCOUNT}:{resource}")


def function(settings: Settings, module: str) -> Sub:
    """ARN of the function of ``handlers/<module>.py``."""
    return arn("lambda", f"function:{settings.name(module.replace('_', '-'))}")


def machine(settings: Settings, name: str) -> Sub:
    """ARN of state machine *name*, for policies that would otherwise refer in a circle."""
    return arn("states", f"stateMachine:{settings.name(name)}")


def executions(settings: Settings, name: str) -> Sub:
    """ARN of every execution of state machine *name*."""
    return arn("states", f"execution:{settings.name(name)}:*")


def schedules(settings: Settings) -> Sub:
    """ARN of every schedule of the deployment."""
    return arn("scheduler", f"schedule/default/{settings.prefix}-*")


def bus(settings: Settings, *, region: str = HERE) -> Sub:
    """ARN of the deployment's event bus."""
    return arn("events", f"event-bus/{settings.prefix}", region=region)


def rules(settings: Settings) -> list[Sub]:
    """ARNs of the deployment's rules on the default bus and on its own."""
    # https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoneventbridge.html
    return [arn("events", f"rule/{settings.prefix}-*"), arn("events", f"rule/{settings.prefix}/*")]


def bucket_name(settings: Settings, purpose: str, *, region: str = HERE) -> Sub:
    """Name of a bucket; it holds region and account, since bucket names are unique in the whole partition."""
    return Sub(f"{settings.name(purpose)}-{region}-{ACCOUNT}")


def bucket_address(settings: Settings, purpose: str, region: str) -> Sub:
    """Host name of a bucket, in its region; no other name works for every region."""
    # https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/DownloadDistS3AndCustomOrigins.html
    return Sub(bucket_host(settings, purpose, region))


def bucket_host(settings: Settings, purpose: str, region: str) -> str:
    """The same, for a longer ``Sub``."""
    return f"{settings.name(purpose)}-{region}-{ACCOUNT}.s3.{region}.amazonaws.com"


def bucket(settings: Settings, purpose: str, *, region: str = HERE) -> Sub:
    """ARN of a bucket."""
    return Sub(f"arn:${{AWS::Partition}}:s3:::{settings.name(purpose)}-{region}-{ACCOUNT}")


def objects(settings: Settings, purpose: str, prefix: str = "", *, region: str = HERE) -> Sub:
    """ARN of every object of a bucket whose key begins with *prefix*."""
    return Sub(f"arn:${{AWS::Partition}}:s3:::{settings.name(purpose)}-{region}-{ACCOUNT}/{prefix}*")


def ledger(settings: Settings, *, region: str = HERE) -> Sub:
    """ARN of the ledger's replica; computed, since the recovery region's template does not make it."""
    return arn("dynamodb", f"table/{settings.name('ledger')}", region=region)


def ledger_indexes(settings: Settings, *, region: str = HERE) -> Sub:
    """ARN of every index of the ledger."""
    return arn("dynamodb", f"table/{settings.name('ledger')}/index/*", region=region)


def key_alias(settings: Settings, purpose: str, *, region: str = HERE) -> Sub:
    """ARN of the alias of a key; the only name of a key that another region can compute."""
    return arn("kms", settings.alias(purpose), region=region)


def keys(*, region: str = HERE) -> Sub:
    """ARN pattern of every key; only together with the condition ``kms:ResourceAliases``."""
    return arn("kms", "key/*", region=region)


def database(identifier: str = "*") -> Sub:
    """ARN of a database instance."""
    return arn("rds", f"db:{identifier}")


def snapshots(settings: Settings, *, region: str = HERE) -> Sub:
    """ARN of every snapshot that the pipeline makes: ``<prefix>-<point id>``."""
    return arn("rds", f"snapshot:{settings.prefix}-*", region=region)


def database_user(user: str) -> Sub:
    """ARN of an IAM database user on every instance of the account and region."""
    # https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.IAMPolicy.html
    return arn("rds-db", f"dbuser:*/{user}")


def topic(name: str, *, region: str = HERE) -> Sub:
    """ARN of an SNS topic."""
    return arn("sns", name, region=region)


def alerts(settings: Settings, *, region: str = HERE) -> Sub:
    """ARN of the topic that alarms are sent to."""
    return topic(settings.name("alerts"), region=region)


def api(api_id: str, rest: str = "*") -> Sub:
    """ARN of what a client may do with a REST API, given by the logical id: ``<stage>/<method>/<path>``."""
    # https://docs.aws.amazon.com/apigateway/latest/developerguide/arn-format-reference.html
    return arn("execute-api", f"${{{api_id}}}/{rest}")


def alias(settings: Settings, module: str, name: str = "live") -> Sub:
    """ARN of an alias of the function of ``handlers/<module>.py``."""
    return arn("lambda", f"function:{settings.name(module.replace('_', '-'))}:{name}")


def distributions() -> Sub:
    """ARN pattern of every CloudFront distribution of the account; they lie in no region."""
    # https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncloudfront.html
    return arn("cloudfront", "distribution/*", region="")


def own_roles(settings: Settings) -> Sub:
    """ARN pattern of every role of the deployment; they have no names, so they share a path."""
    return Sub(f"arn:${{AWS::Partition}}:iam::{ACCOUNT}:role{role_path(settings)}*")


def own_policies(settings: Settings) -> Sub:
    """ARN pattern of every managed policy of the deployment."""
    return Sub(f"arn:${{AWS::Partition}}:iam::{ACCOUNT}:policy{role_path(settings)}*")


def administration_role(settings: Settings) -> Sub:
    """ARN of the role by which StackSets administers the deployment's sets; named, so that another stack knows it."""
    return Sub(f"arn:${{AWS::Partition}}:iam::{ACCOUNT}:role/{administration_role_name(settings)}")


def administration_role_name(settings: Settings) -> str:
    """Its name; with the deployment's prefix, since two deployments in one account must not share it."""
    return settings.name("stacksets-administration")


def execution_role(settings: Settings) -> Sub:
    """ARN of the role by which StackSets deploys to the regions of this account."""
    return Sub(f"arn:${{AWS::Partition}}:iam::{ACCOUNT}:role/{execution_role_name(settings)}")


def execution_role_name(settings: Settings) -> str:
    """Its name. StackSets wants no ARN and no path, so it lies at the root and not below the deployment's path."""
    # https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateStackSet.html (ExecutionRoleName)
    return settings.name("stacksets-execution")


def role_path(settings: Settings) -> str:
    """IAM path of every role and policy of the deployment."""
    return f"/{settings.prefix}/"


def account_root() -> Sub:
    """ARN that stands for the account, which delegates to IAM policies."""
    return Sub(f"arn:${{AWS::Partition}}:iam::{ACCOUNT}:root")
