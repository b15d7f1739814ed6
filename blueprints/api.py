"""API stack: the REST API, who may call it, the functions behind it, its firewall and its name.

The same template goes to both regions; the recovery region's API answers, too, and says of itself that it stands by.
"""

from __future__ import annotations

from typing import Any

from troposphere import AWSHelperFn, Sub, Template, apigateway, awslambda

from blueprints import arns
from blueprints.api_body import STAGE, body
from blueprints.api_console import console_paths
from blueprints.api_domain import api_name, own_name, promoted
from blueprints.api_functions import Serving
from blueprints.api_stage import stage
from blueprints.identity import identity
from blueprints.outputs import ApiOutputs, DatabaseOutputs, KeysOutputs, NetworkOutputs, StorageOutputs
from blueprints.regions import two_region_template
from blueprints.settings import Settings

API = "Api"
COMPRESSED_FROM = 1024  # bytes; below, compressing costs more than it saves


def blueprint(  # noqa: PLR0913, PLR0917 (one argument per stack that it builds on)
    settings: Settings,
    keys: KeysOutputs,
    network: NetworkOutputs,
    storage: StorageOutputs,
    database: DatabaseOutputs | None,
    document: dict[str, Any],
) -> Template:
    """Template of the API stack, whose operations are those of *document*."""
    title = "API, its functions, its logins and its firewall"
    # Only the name that leads to the serving region differs between the regions.
    t = two_region_template(settings, title) if settings.domain else Template(Description=f"{settings.prefix}: {title}")
    aliases = Serving(t, settings, keys, network, storage, database).aliases()
    who = identity(t, settings, API)
    console = {} if settings.site.cloudfront else console_paths(t, settings, keys)
    content = body(
        document,
        name=settings.prefix,
        aliases={module: alias.title for module, alias in aliases.items()},
        user_pool=who.pool.get_att("Arn"),
        more=console,
    )
    api = t.add_resource(
        apigateway.RestApi(
            API,
            Name=settings.prefix,
            Description=f"{settings.prefix}: what can be restored, and the application's resources",
            EndpointConfiguration=apigateway.EndpointConfiguration(Types=["REGIONAL"]),
            # Then nobody gets around our name, its certificate and its TLS version. Either region can still be asked
            # by itself, by resolving the name to the region's own address.
            DisableExecuteApiEndpoint=settings.domain is not None,
            MinimumCompressionSize=COMPRESSED_FROM,
            Body=content,
        )
    )
    for alias in aliases.values():
        t.add_resource(_permission(alias))
    live = stage(t, settings, keys, api)
    promoted(t, settings)
    if settings.domain:
        own_name(t, settings, settings.domain, api, live)

    ApiOutputs(
        api_id=api.ref(),
        api_url=_url(settings),
        user_pool=who.pool.ref(),
        console_client=who.console.ref(),
        machine_client=who.machine.ref(),
        authority=who.authority,
    ).publish(t, settings)
    return t


def _permission(alias: awslambda.Alias) -> awslambda.Permission:
    # No page says that API Gateway tells Lambda the account by itself, and a condition on what it doesn't tell would
    # refuse every request. The source's ARN holds the account and the one API that is meant.
    # https://docs.aws.amazon.com/apigateway/latest/developerguide/arn-format-reference.html
    return awslambda.Permission(
        f"{alias.title}ForApi",
        FunctionName=alias.ref(),
        Action="lambda:InvokeFunction",
        Principal="apigateway.amazonaws.com",
        SourceArn=arns.api(API, f"{STAGE}/*"),
    )


def _url(settings: Settings) -> AWSHelperFn | str:
    if settings.domain:
        return f"https://{api_name(settings.domain)}"
    return Sub(f"https://${{{API}}}.execute-api.{arns.HERE}.amazonaws.com/{STAGE}")
