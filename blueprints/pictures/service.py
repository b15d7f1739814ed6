"""What the cards of the application say, from one region's resources; no resource, no card."""

from __future__ import annotations

import re

from blueprints.pictures.model import Found, Part, Region, count


def _firewall(region: Region, stack: str) -> list[str]:
    found = region.first("WAFv2::WebACL", stack)
    return [f"firewall, {count(len(found['Rules']), 'rule')}"] if found else []


def api(region: Region) -> Found:
    """The API."""
    api = region.first("ApiGateway::RestApi")
    if not api:
        return None
    verbs = ("get", "post", "put", "delete", "patch")
    operations = sum(verb in verbs for path in api["Body"]["paths"].values() for verb in path)
    names = [str(domain["DomainName"]) for domain in region.all("ApiGateway::DomainName")]
    return Part("edge", "API Gateway", [*names, count(operations, "operation"), *_firewall(region, "api")])


def logins(region: Region) -> Found:
    """Who may call it."""
    pool = region.first("Cognito::UserPool")
    if not pool:
        return None
    clients = count(len(region.all("Cognito::UserPoolClient")), "client")
    second = ["second factor"] if pool["MfaConfiguration"] == "ON" else []
    company = [f"company login: {each['ProviderName']}" for each in region.all("Cognito::UserPoolIdentityProvider")]
    return Part("guard", "Cognito logins", [", ".join([clients, *second]), *company])


def serving(region: Region) -> Found:
    """What answers it."""
    functions = region.all("Lambda::Function", "api")
    if not functions:
        return None
    names = [region.short(str(each["FunctionName"])) for each in functions]
    canaries = ["canary releases"] if region.all("CodeDeploy::DeploymentGroup", "api") else []
    return Part("compute", "API functions", [*names, *canaries])


def proxy(region: Region) -> Found:
    """The way to the database."""
    if not region.first("RDS::DBProxy"):
        return None
    target = region.first("RDS::DBProxyTargetGroup")
    return Part("data", "RDS Proxy", ["in the VPC" if target else "no target until promotion"])


def database(region: Region) -> Found:
    """The database, or the room for one that is restored."""
    found = region.first("RDS::DBInstance")
    if found:
        zones = "2 zones" if found["MultiAZ"] else "1 zone"
        storage = f"{found['AllocatedStorage']} to {found['MaxAllocatedStorage']} GiB"
        return Part(
            "data", f"RDS for MySQL {found['EngineVersion']}", [f"{found['DBInstanceClass']}, {zones}", storage]
        )
    if region.first("RDS::DBSubnetGroup"):
        return Part("rest", "Room for a restore", ["subnets, parameters, options"], off=True)
    return None


def network(region: Region) -> Found:
    """The private network."""
    vpc = region.first("EC2::VPC")
    if not vpc:
        return None
    gateways = count(len(region.all("EC2::VPCEndpoint")), "gateway endpoint")
    outward = ["no way to the internet"] if not region.all("EC2::InternetGateway") else []
    inside = count(sum(bool(each["VpcConfig"]) for each in region.all("Lambda::Function")), "function")
    zones = count(len(region.all("EC2::Subnet")), "zone")
    return Part("guard", f"VPC {vpc['CidrBlock']}", [f"{zones}, {inside}", gateways, *outward])


def edge(region: Region) -> Found:
    """CloudFront's card."""
    found = region.first("CloudFront::Distribution")
    if not found:
        return None
    config = found["DistributionConfig"]
    names = [str(name) for name in config.get("Aliases", ())]
    price = re.sub(r"PriceClass_", "price class ", str(config["PriceClass"]))
    return Part("edge", "CloudFront", [*names, ", ".join([*_firewall(region, "site"), price])])


def names(region: Region) -> Found:
    """Route 53's card."""
    records = [
        each for kind in ("Route53::RecordSet", "Route53::RecordSetGroup") for each in region.all(kind, "api", "site")
    ]
    if not records:
        return None
    check = ["failover by the standby's alarm"] if region.all("Route53::HealthCheck") else []
    return Part("edge", "Route 53", check or ["records of the domain"])
