"""The estimate: every resource of the templates is priced here, or is free for a reason that stands here.

A type in neither table stops the estimate, so that it can't forget what it does not know.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from blueprints.costs import databases, objects, watching, web, work
from blueprints.costs.deployed import Resource, resources
from blueprints.costs.lines import Deployment, Line, Per, merged
from blueprints.costs.prices import Price, Prices

if TYPE_CHECKING:
    from troposphere import Template

    from blueprints.costs.assumptions import Load
    from blueprints.settings import Settings

MILLION = 1_000_000


class UnpricedError(ValueError):
    """A resource is of a type that the estimate knows no price for, and no reason to be free."""


PRICED: Mapping[str, Callable[[Deployment, Resource], Iterator[Line]]] = {
    "AWS::ApiGateway::RestApi": web.gateway,
    "AWS::ApiGateway::Stage": web.stage,
    "AWS::CloudFront::Distribution": web.distribution,
    "AWS::CloudWatch::Alarm": watching.alarm,
    "AWS::CloudWatch::Dashboard": watching.dashboard,
    "AWS::Cognito::UserPool": web.pool,
    "AWS::DynamoDB::GlobalTable": databases.ledger,
    "AWS::EC2::FlowLog": work.flows,
    "AWS::Events::EventBus": work.bus,
    "AWS::KMS::Key": objects.key,
    "AWS::Lambda::EventSourceMapping": work.polling,
    "AWS::RDS::DBInstance": databases.instance,
    "AWS::RDS::DBProxy": databases.proxy,
    "AWS::Route53::HealthCheck": web.health_check,
    "AWS::S3::Bucket": objects.bucket,
    "AWS::SNS::Subscription": work.subscription,
    "AWS::Scheduler::Schedule": work.schedule,
    "AWS::StepFunctions::StateMachine": work.machine,
    "AWS::WAFv2::WebACL": web.firewall,
}
# What no single resource is paid for.
WHOLE: tuple[Callable[[Deployment], Iterator[Line]], ...] = (databases.snapshots, watching.own_metrics)

_API = "a part of the API, which is paid by request"
_NETWORK = "networks, their routes and their rules are free; there is no NAT gateway and no public address"
_LOG_DELIVERY = "what is delivered is paid as log, with the distribution"
_PERMISSION = "permissions are free"
_ONCE = "a function that is called once for each deployment"
_SETTING = "a setting of something that is priced"
# https://aws.amazon.com/aws-cost-management/aws-budgets/pricing/ (a budget that acts is not free)
# https://aws.amazon.com/about-aws/whats-new/2025/11/amazon-cognito-removes-machine-machine-app-client-price-dimension/
FREE: Mapping[str, str] = {
    "AWS::ApiGateway::Account": _SETTING,
    "AWS::ApiGateway::BasePathMapping": _API,
    "AWS::ApiGateway::Deployment": _API,
    "AWS::ApiGateway::DomainName": _API,
    "AWS::ApiGateway::UsagePlan": _API,
    "AWS::Budgets::Budget": "a budget that only tells is free",
    "AWS::CertificateManager::Certificate": "public certificates are free",
    "AWS::CloudFormation::StackSet": "CloudFormation is free for AWS's own types, StackSets included",
    "AWS::CloudFront::CachePolicy": _SETTING,
    "AWS::CloudFront::OriginAccessControl": _SETTING,
    "AWS::CloudFront::ResponseHeadersPolicy": _SETTING,
    "AWS::CodeDeploy::Application": "deployments to Lambda are free",
    "AWS::CodeDeploy::DeploymentGroup": "deployments to Lambda are free",
    "AWS::Cognito::UserPoolClient": "paid by the tokens that it fetches, with the pool",
    "AWS::Cognito::UserPoolDomain": _SETTING,
    "AWS::Cognito::UserPoolIdentityProvider": "people who sign in through it are counted with the pool",
    "AWS::Cognito::UserPoolResourceServer": _SETTING,
    "AWS::EC2::RouteTable": _NETWORK,
    "AWS::EC2::SecurityGroup": _NETWORK,
    "AWS::EC2::SecurityGroupEgress": _NETWORK,
    "AWS::EC2::SecurityGroupIngress": _NETWORK,
    "AWS::EC2::Subnet": _NETWORK,
    "AWS::EC2::SubnetRouteTableAssociation": _NETWORK,
    "AWS::EC2::VPC": _NETWORK,
    "AWS::EC2::VPCEndpoint": "gateway endpoints are free; a test refuses any other kind",
    "AWS::Events::Rule": "paid by the events of our own bus; AWS's own events are free",
    "AWS::IAM::ManagedPolicy": _PERMISSION,
    "AWS::IAM::Role": _PERMISSION,
    "AWS::KMS::Alias": _SETTING,
    "AWS::Lambda::Alias": "its metrics are counted with ours, its invocations with who invokes it",
    "AWS::Lambda::Function": "paid by invocation: with the machine, the schedule, the bus or the API that invokes it",
    "AWS::Lambda::Permission": _PERMISSION,
    "AWS::Lambda::Version": "code in storage is free",
    "AWS::Logs::Delivery": _LOG_DELIVERY,
    "AWS::Logs::DeliveryDestination": _LOG_DELIVERY,
    "AWS::Logs::DeliverySource": _LOG_DELIVERY,
    "AWS::Logs::LogGroup": "paid by what is written and kept: with whoever writes",
    "AWS::RDS::DBParameterGroup": _SETTING,
    "AWS::RDS::DBProxyTargetGroup": _SETTING,
    "AWS::RDS::DBSubnetGroup": _SETTING,
    "AWS::RDS::OptionGroup": _SETTING,
    "AWS::Route53::RecordSet": "records are free; questions for an alias of AWS's own are too",
    "AWS::S3::BucketPolicy": _PERMISSION,
    "AWS::SNS::Topic": "paid by delivery: with the subscription; deliveries to SQS and Lambda are free",
    "AWS::SNS::TopicPolicy": _PERMISSION,
    "AWS::SQS::Queue": "paid by request: with the bus and the mapping; the others hold what failed, which is rare",
    "AWS::SQS::QueuePolicy": _PERMISSION,
    "AWS::WAFv2::LoggingConfiguration": "what is logged is counted with the web ACL",
    "AWS::WAFv2::WebACLAssociation": _SETTING,
    "Custom::Ledger": _ONCE,
    "Custom::Schema": _ONCE,
}


@dataclass(frozen=True)
class Estimate:
    """What a deployment costs.

    Attributes:
        of: What was estimated.
        lines: All of it, merged.
    """

    of: Deployment
    lines: tuple[Line, ...]

    def part(self, *per: Per) -> list[Line]:
        """The lines that are counted for one of *per*."""
        return [line for line in self.lines if line.per in per]

    def usd(self, per: Per) -> float:
        """USD for one of *per*."""
        return sum(line.usd for line in self.part(per))

    @property
    def run(self) -> float:
        """USD for one backup run of one database, its data included, what it leaves behind not."""
        return self.usd(Per.RUN) + self.of.load.gigabytes * self.usd(Per.MOVED)

    @property
    def gigabyte(self) -> float:
        """USD a month for each GB of a protected database."""
        return self.of.runs * self.usd(Per.MOVED) + self.usd(Per.KEPT) + (self.of.load.months - 1) * self.growth

    @property
    def growth(self) -> float:
        """USD a month that each further month of recovery points adds for each GB of a protected database."""
        return self.usd(Per.GROWTH)

    @property
    def backups(self) -> float:
        """USD a month for all runs and all data."""
        load = self.of.load
        return load.databases * (self.of.runs * self.usd(Per.RUN) + load.gigabytes * self.gigabyte)

    @property
    def api(self) -> float:
        """USD a month for all requests."""
        return self.of.load.requests / MILLION * self.usd(Per.REQUESTS)

    @property
    def month(self) -> float:
        """USD a month for everything."""
        return self.usd(Per.MONTH) + self.backups + self.api

    @property
    def doubted(self) -> list[Price]:
        """Prices in it that no copy of AWS's list confirms, by item and region."""
        found = {line.price for line in self.lines if not line.price.confirmed}
        return sorted(found, key=lambda price: (price.item, price.region))


def estimate(settings: Settings, templates: Mapping[str, Template], load: Load, prices: Prices) -> Estimate:
    """What the deployment of *settings*, as *templates* make it, costs under *load*.

    Raises:
        UnpricedError: a resource is of a type that nobody gave a price.
        PriceError: there is no price for what a resource uses.
    """
    return priced(Deployment(settings, tuple(resources(settings, templates)), load, prices))


def priced(of: Deployment) -> Estimate:
    """What *of* costs.

    Raises:
        UnpricedError: a resource is of a type that nobody gave a price.
        PriceError: there is no price for what a resource uses.
    """
    return Estimate(of, tuple(merged(_lines(of))))


def _lines(of: Deployment) -> Iterable[Line]:
    for resource in of.resources:
        if resource.kind in PRICED:
            yield from PRICED[resource.kind](of, resource)
        elif resource.kind not in FREE:
            raise UnpricedError(
                f"{resource.stack}/{resource.name} is an {resource.kind}, which has no price: give it one in PRICED of"
                " blueprints/costs/model.py, or say in FREE why it is free"
            )
    for whole in WHOLE:
        yield from whole(of)
