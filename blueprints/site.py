"""Site stack: the console at CloudFront's edges, from the primary region's bucket or, if that fails, from the other's.

Deployed to us-east-1 alone, whatever the primary region is: CloudFront's certificate, web ACL and logs live there. So
it imports nothing: buckets are named by the settings, and its log groups have a key of their own.
"""

from __future__ import annotations

from typing import NamedTuple

from troposphere import AWSHelperFn, Join, Template, certificatemanager, cloudfront, logs, route53

from blueprints import arns, customer_keys, edge
from blueprints.firewall import web_acl
from blueprints.logs import group_arn, log_group
from blueprints.outputs import SiteOutputs
from blueprints.settings import Settings
from blueprints.suppressions import accept

CLOUDFRONT_ZONE = "Z2FDTNDATAQYW2"  # https://docs.aws.amazon.com/general/latest/gr/cf_region.html
# Not the query (it can hold a login code), no cookie and no referrer.
# https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/standard-logs-reference.html
LOGGED = (
    *("date", "time", "x-edge-location", "x-edge-request-id", "c-ip", "cs-method", "cs(Host)", "cs-uri-stem"),
    *("cs-protocol", "cs-protocol-version", "cs(User-Agent)", "cs-bytes", "sc-status", "sc-bytes", "sc-content-type"),
    *("time-taken", "time-to-first-byte", "x-edge-result-type", "x-edge-response-result-type"),
    *("x-edge-detailed-result-type", "ssl-protocol", "ssl-cipher"),
)


class EdgeKeys(NamedTuple):
    """The one key that this stack has: for its log groups."""

    logs_key: AWSHelperFn


def blueprint(settings: Settings) -> Template:
    """Template of the site stack."""
    t = Template(Description=f"{settings.prefix}: the console at CloudFront's edges")
    served = customer_keys.log_groups(settings)
    key = customer_keys.key(t, settings, "edge", "log groups of CloudFront and its firewall", served)
    keys = EdgeKeys(logs_key=key.get_att("Arn"))
    firewall = web_acl(t, settings, keys, "CLOUDFRONT")
    distribution = t.add_resource(
        cloudfront.Distribution(
            "Distribution",
            DistributionConfig=cloudfront.DistributionConfig(
                Enabled=True,
                Comment=f"{settings.prefix}: console",
                HttpVersion="http2and3",
                IPV6Enabled=True,
                PriceClass=settings.site.price_class,
                WebACLId=firewall.get_att("Arn"),
                **edge.distribution(t, settings),
                **_name(t, settings),
            ),
        )
    )
    _explain(distribution, settings)
    _log(t, settings, keys, distribution)
    SiteOutputs(
        distribution_id=distribution.ref(),
        distribution_domain=distribution.get_att("DomainName"),
        console_url=_address(t, settings, distribution),
    ).publish(t, settings)
    return t


def _name(t: Template, settings: Settings) -> dict[str, object]:
    """What the distribution is called and how it proves it: a name of ours, or the one that CloudFront gives it."""
    if settings.domain is None:
        return {"ViewerCertificate": cloudfront.ViewerCertificate(CloudFrontDefaultCertificate=True)}
    name = f"console.{settings.domain.name}"
    validation = certificatemanager.DomainValidationOption(DomainName=name, HostedZoneId=settings.domain.zone_id)
    certificate = t.add_resource(
        certificatemanager.Certificate(
            "Certificate", DomainName=name, ValidationMethod="DNS", DomainValidationOptions=[validation]
        )
    )
    return {
        "Aliases": [name],
        "ViewerCertificate": cloudfront.ViewerCertificate(
            AcmCertificateArn=certificate.ref(), MinimumProtocolVersion="TLSv1.2_2021", SslSupportMethod="sni-only"
        ),
    }


def _address(t: Template, settings: Settings, made: cloudfront.Distribution) -> AWSHelperFn | str:
    """Address of the console; with a domain, its records are added."""
    if settings.domain is None:
        return Join("", ["https://", made.get_att("DomainName")])
    name = f"console.{settings.domain.name}"
    for kind in ("A", "AAAA"):
        t.add_resource(
            route53.RecordSetType(
                f"Record{kind}",
                HostedZoneId=settings.domain.zone_id,
                Name=name,
                Type=kind,
                # CloudFront is everywhere; it has no health that Route 53 could evaluate.
                # https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/resource-record-sets-values-alias.html
                AliasTarget=route53.AliasTarget(
                    HostedZoneId=CLOUDFRONT_ZONE, DNSName=made.get_att("DomainName"), EvaluateTargetHealth=False
                ),
            )
        )
    return f"https://{name}"


def _log(t: Template, settings: Settings, keys: EdgeKeys, made: cloudfront.Distribution) -> None:
    """Every request, to CloudWatch Logs: the older way of logging wants a bucket with access control lists."""
    # https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/standard-logging.html
    name = settings.name("site")
    group = log_group(t, settings, keys, "AccessLogs", f"/aws/vendedlogs/cloudfront/{settings.prefix}", delivered=True)
    source = t.add_resource(
        logs.DeliverySource(
            "AccessLogSource",
            Name=name,
            LogType="ACCESS_LOGS",
            ResourceArn=Join("/", [arns.arn("cloudfront", "distribution", region=""), made.ref()]),
        )
    )
    target = t.add_resource(
        logs.DeliveryDestination(
            "AccessLogTarget", Name=name, DestinationResourceArn=group_arn(group), OutputFormat="json"
        )
    )
    t.add_resource(
        logs.Delivery(
            "AccessLogDelivery",
            DeliverySourceName=source.ref(),
            DeliveryDestinationArn=target.get_att("Arn"),
            RecordFields=list(LOGGED),
        )
    )


def _explain(made: cloudfront.Distribution, settings: Settings) -> None:
    accept(made, "checkov", "CKV_AWS_86", "logs are delivered to CloudWatch Logs, which the rule does not know")
    if settings.domain is None:
        reason = "CloudFront's own certificate knows no other minimum than its own; with a domain it is TLS 1.2"
        accept(made, "checkov", "CKV_AWS_174", reason)
