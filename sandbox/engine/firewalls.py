"""WAF in templates: what AWS refuses of a web ACL, of its log and of its association. No request is inspected here."""

from typing import Any

from ministack.core.responses import get_region
from ministack.services import apigateway_v1, waf
from ministack.services.cloudformation import provisioners

from sandbox.engine.cloudformation import Type
from sandbox.engine.recorded import Recorded, named

Properties = dict[str, Any]

GLOBAL = "us-east-1"  # https://docs.aws.amazon.com/waf/latest/developerguide/cloudfront-features.html
LOG_PREFIX = "aws-waf-logs-"  # https://docs.aws.amazon.com/waf/latest/developerguide/logging-cw-logs.html
THEIRS = provisioners._RESOURCE_HANDLERS["AWS::WAFv2::WebACL"]


def create(logical_id: str, properties: Properties, stack: str) -> tuple[str, Properties]:
    """MiniStack's web ACL, where such a one may be.

    Raises:
        ValueError: One for CloudFront is made in another region than AWS takes it.
    """
    if properties.get("Scope") == "CLOUDFRONT" and get_region() != GLOBAL:
        raise ValueError(
            "Error reason: The scope is not valid., field: SCOPE_VALUE, parameter: CLOUDFRONT (Service: Wafv2, "
            f"Status Code: 400); a web ACL for CloudFront is made in {GLOBAL}, not in {get_region()}"
        )
    found: tuple[str, Properties] = THEIRS["create"](logical_id, properties, stack)
    return found


def check_logging(properties: Properties) -> None:
    """Refuse the log of a web ACL that is not there, or in a place with another name than AWS asks for.

    Raises:
        ValueError: It is so.
    """
    if not any(acl["ARN"] == properties["ResourceArn"] for acl in waf._web_acls.values()):
        raise ValueError(f"AWS WAF couldn't perform the operation: there is no web ACL {properties['ResourceArn']}")
    for arn in properties["LogDestinationConfigs"]:
        name = arn.removesuffix(":*").rpartition(":")[2].rpartition("/")[2]
        if not name.startswith(LOG_PREFIX):
            raise ValueError(f"Error reason: The ARN isn't valid: {arn}; the name must begin with {LOG_PREFIX}")


def association(properties: Properties) -> Properties:
    """Parameters of ``AssociateWebACL``.

    Raises:
        ValueError: It names a stage of an API that is not there.
    """
    _, is_stage, path = properties["ResourceArn"].partition("/restapis/")
    api, _, stage = path.partition("/stages/")
    if is_stage and stage not in apigateway_v1._stages_v1.get(api, {}):
        raise ValueError(f"AWS WAF couldn't retrieve the resource that you requested: {properties['ResourceArn']}")
    return properties


TYPES: dict[str, Any] = {
    "AWS::WAFv2::WebACL": {**THEIRS, "create": create},
    "AWS::WAFv2::LoggingConfiguration": Recorded(
        "WAFv2::LoggingConfiguration", named("ResourceArn"), check=check_logging
    ),
    "AWS::WAFv2::WebACLAssociation": Type(
        "wafv2",
        "associate_web_acl",
        lambda _, parameters: f"{parameters['WebACLArn']}|{parameters['ResourceArn']}",
        delete=("disassociate_web_acl", lambda _, properties: {"ResourceArn": properties["ResourceArn"]}),
        idempotent=True,
        prepare=association,
    ),
    "AWS::WAFv2::IPSet": Type(
        "wafv2",
        "create_ip_set",
        lambda answer, parameters: f"{parameters['Name']}|{answer['Summary']['Id']}|{parameters['Scope']}",
        {"Arn": "Summary.ARN", "Id": "Summary.Id"},
        name="Name",
    ),
}
