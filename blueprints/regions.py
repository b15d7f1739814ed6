"""The one condition of this project: is this the primary region?"""

from __future__ import annotations

from troposphere import Equals, Region, Template

from blueprints.settings import Settings

PRIMARY = "IsPrimaryRegion"


def two_region_template(settings: Settings, description: str) -> Template:
    """Empty template that knows the condition :data:`PRIMARY`, for a stack whose regions differ."""
    t = Template(Description=f"{settings.prefix}: {description}")
    t.add_condition(PRIMARY, Equals(Region, settings.primary_region))
    return t
