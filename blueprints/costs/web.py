"""What is paid for what people and programs reach: the API, the firewalls, logging in, the console, names."""

from __future__ import annotations

from collections.abc import Iterator

from blueprints.costs.assumptions import HOURS_A_MONTH, MILLION
from blueprints.costs.deployed import Resource
from blueprints.costs.lines import Deployment, Line, Per
from blueprints.costs.work import traced

# Count, Latency, IntegrationLatency, 4XXError, 5XXError.
# https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-metrics-and-dimensions.html
METRICS_OF_A_METHOD = 5
PREFLIGHT = "options"


def gateway(d: Deployment, resource: Resource) -> Iterator[Line]:
    """The API where requests come: the gateway, the functions behind it, logs, traces, answers.

    The recovery region's waits; until a failover nobody asks it.
    """
    if resource.region != d.here:
        return
    here, load = d.here, d.load
    yield d.line(Per.REQUESTS, "gateway.request", "requests", here, MILLION)
    gigabytes = MILLION / 1e6  # of a million kB
    served = [each for each in d.of_kind("AWS::Lambda::Function", here) if each.stack == resource.stack]
    largest = max(served, key=lambda each: float(each.properties["MemorySize"]))
    yield from d.invocations(Per.REQUESTS, "requests", largest, MILLION, load.request_seconds)
    yield from d.logs(Per.REQUESTS, "gateway", here, gigabytes * load.gateway_log_kilobytes)
    yield d.line(Per.REQUESTS, "transfer.internet", "answers", here, gigabytes * load.answer_kilobytes)


def stage(d: Deployment, resource: Resource) -> Iterator[Line]:
    """The API's stage: metrics for each method, and traces, if it asks for them."""
    if resource.region != d.here:
        return
    if any(each.get("MetricsEnabled") for each in resource.properties.get("MethodSettings", ())):
        apis = d.of_kind("AWS::ApiGateway::RestApi", resource.region)
        paths = [path for api in apis for path in api.properties["Body"]["paths"].values()]
        methods = sum(method != PREFLIGHT and isinstance(each, dict) for path in paths for method, each in path.items())
        what = "metrics of each method of the API (at most)"
        yield d.line(Per.MONTH, "cloudwatch.metric", what, resource.region, methods * METRICS_OF_A_METHOD)
    if resource.properties.get("TracingEnabled"):
        share = traced(d.load.requests) / d.load.requests if d.load.requests else 1
        yield d.line(Per.REQUESTS, "xray.trace", "traces (the first of each second)", resource.region, MILLION * share)


def firewall(d: Deployment, resource: Resource) -> Iterator[Line]:
    """A web ACL and its rules; a group of AWS's rules is one."""
    region = resource.region
    yield d.line(Per.MONTH, "waf.acl", "web ACL", region, 1)
    yield d.line(Per.MONTH, "waf.rule", "rules", region, len(resource.properties["Rules"]))
    if resource.properties["Scope"] == "CLOUDFRONT":
        asked = d.load.people * d.load.page_requests
        yield d.line(Per.MONTH, "waf.request", "requests to the console", region, asked)
        yield from d.logs(Per.MONTH, "console's firewall", region, asked * d.load.firewall_log_kilobytes / 1e6)
    elif region == d.here:
        yield d.line(Per.REQUESTS, "waf.request", "requests", region, MILLION)
        yield from d.logs(Per.REQUESTS, "firewall", region, d.load.firewall_log_kilobytes * MILLION / 1e6)


def pool(d: Deployment, resource: Resource) -> Iterator[Line]:
    """People who sign in, and programs that fetch tokens, in the region that serves."""
    if resource.region == d.here:
        yield d.line(Per.MONTH, "cognito.user", "people who sign in", resource.region, d.load.people)
        tokens = d.load.programs * HOURS_A_MONTH
        yield d.line(Per.MONTH, "cognito.token", "tokens for programs", resource.region, tokens)


def distribution(d: Deployment, resource: Resource) -> Iterator[Line]:
    """The console's distribution: requests, transfer, its log."""
    asked, region = d.load.people * d.load.page_requests, resource.region
    yield d.line(Per.MONTH, "cloudfront.request", "requests to the console", region, asked)
    sent = d.load.people * d.load.page_megabytes / 1000
    yield d.line(Per.MONTH, "cloudfront.transfer", "the console's files", region, sent)
    yield from d.logs(Per.MONTH, "console", region, asked * d.load.gateway_log_kilobytes / 1e6)


def health_check(d: Deployment, resource: Resource) -> Iterator[Line]:
    """A health check of Route 53."""
    yield d.line(Per.MONTH, "route53.health-check", "health checks", resource.region, 1)
