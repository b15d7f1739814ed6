"""The API's own name: a certificate and an address in each region, and one name that leads to the serving one.

Which that is the *standby* decides: Route 53 takes the primary region for lost while an alarm of the recovery region
says that that one has been promoted. So nothing of a region that is down is needed to leave it, and nothing leaves it
by itself for a moment's fault.
"""

from __future__ import annotations

from troposphere import GetAtt, If, NoValue, Template, apigateway, certificatemanager, route53

from blueprints import metrics
from blueprints.alarms import MINUTE, alarm, at_least, kebab
from blueprints.regions import PRIMARY
from blueprints.settings import Domain, Settings

PROMOTED = "Promoted"  # the alarm's title, the metric's name, and in lower case the alarm's name behind the prefix
TLS = "TLS_1_2"


def api_name(domain: Domain) -> str:
    """Host name of the API."""
    return f"api.{domain.name}"


def promoted(t: Template, settings: Settings) -> None:
    """Add the alarm that says which region serves; the recovery region's decides where the name leads.

    It stands beside what reads it, so that the sets of the stacks need each other in one direction only: the recovery
    region's stack is deployed before the primary's, whose health check Route 53 makes from this alarm.
    """
    # Put by whoever promotes, once; it must hold without further news, as the health check does.
    # https://docs.aws.amazon.com/Route53/latest/APIReference/API_HealthCheckConfig.html (LastKnownStatus)
    alarm(
        t,
        settings,
        PROMOTED,
        "The recovery region has been promoted and serves; Route 53 sends everybody there until Promoted is 0 again.",
        metrics.ours(settings, PROMOTED, "Maximum"),
        when=at_least(1, MINUTE),
        sticky=True,
    )


def own_name(t: Template, settings: Settings, domain: Domain, api: apigateway.RestApi, stage: apigateway.Stage) -> None:
    """Add the regional address ``api.<domain>`` for *stage*, and the record that leads there while it serves."""
    name = api_name(domain)
    certificate = t.add_resource(
        certificatemanager.Certificate(
            "Certificate",
            DomainName=name,
            ValidationMethod="DNS",
            DomainValidationOptions=[
                certificatemanager.DomainValidationOption(DomainName=name, HostedZoneId=domain.zone_id)
            ],
        )
    )
    address = t.add_resource(
        apigateway.DomainName(
            "Address",
            DomainName=name,
            RegionalCertificateArn=certificate.ref(),
            EndpointConfiguration=apigateway.EndpointConfiguration(Types=["REGIONAL"]),
            SecurityPolicy=TLS,
        )
    )
    t.add_resource(
        apigateway.BasePathMapping("Mapping", DomainName=address.ref(), RestApiId=api.ref(), Stage=stage.ref())
    )
    _record(t, settings, domain, address)


def _record(t: Template, settings: Settings, domain: Domain, address: apigateway.DomainName) -> None:
    check = t.add_resource(
        route53.HealthCheck(
            "PrimaryServes",
            Condition=PRIMARY,
            HealthCheckConfig=route53.HealthCheckConfig(
                Type="CLOUDWATCH_METRIC",
                AlarmIdentifier=route53.AlarmIdentifier(
                    Name=settings.name(kebab(PROMOTED)), Region=settings.recovery_region
                ),
                # Whoever promotes says so once. Without news it must stay so, or the name would lead back to a region
                # that is down; and before any news the check counts as healthy.
                # https://docs.aws.amazon.com/Route53/latest/APIReference/API_HealthCheckConfig.html
                InsufficientDataHealthStatus="LastKnownStatus",
            ),
        )
    )
    t.add_resource(
        route53.RecordSetType(
            "Record",
            HostedZoneId=domain.zone_id,
            Name=api_name(domain),
            Type="A",
            SetIdentifier=If(PRIMARY, "primary", "recovery"),
            Failover=If(PRIMARY, "PRIMARY", "SECONDARY"),
            HealthCheckId=If(PRIMARY, check.ref(), NoValue),
            AliasTarget=route53.AliasTarget(
                DNSName=GetAtt(address, "RegionalDomainName"),
                HostedZoneId=GetAtt(address, "RegionalHostedZoneId"),
                EvaluateTargetHealth=False,
            ),
        )
    )
