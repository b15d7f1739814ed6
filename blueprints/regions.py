"""Where stacks lie, and the one condition of this project: is this the primary region?"""

from __future__ import annotations

from troposphere import Equals, Region, Template

from blueprints.settings import Settings

PRIMARY = "IsPrimaryRegion"
# CloudFront's certificates and web ACLs live here, whatever the primary region is.
# https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/cnames-and-https-requirements.html
# https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-wafv2-webacl.html (Scope)
GLOBAL = "us-east-1"


def regions_of(stack: str, settings: Settings) -> tuple[str, ...]:
    """Regions that *stack* is deployed to; primary first."""
    if stack == "stacksets":  # administered from one region; they reach the others
        return (settings.primary_region,)
    return (GLOBAL,) if stack == "site" else settings.regions


def two_region_template(settings: Settings, description: str) -> Template:
    """Empty template that knows the condition :data:`PRIMARY`, for a stack whose regions differ."""
    t = Template(Description=f"{settings.prefix}: {description}")
    t.add_condition(PRIMARY, Equals(Region, settings.primary_region))
    return t
