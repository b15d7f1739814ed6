"""What the cards say of how everything else gets to its region; no resource, no card."""

from __future__ import annotations

from blueprints.pictures.model import Found, Part, Region, count


def artifacts(region: Region) -> Found:
    """The bucket of what is deployed."""
    return Part("storage", "Artifacts", ["S3: templates, functions"]) if region.bucket("artifacts") else None


def sets(region: Region) -> Found:
    """The sets, in the region that administers them."""
    found = region.all("CloudFormation::StackSet")
    if not found:
        return None
    own = found[0]["PermissionModel"] == "SELF_MANAGED"
    turns = sum(each["OperationPreferences"]["RegionConcurrencyType"] == "SEQUENTIAL" for each in found)
    lines = [
        count(len(found), "set"),
        f"{turns} of them recovery first",
        "roles of our own" if own else "an organization",
    ]
    return Part("compute", "StackSets", lines)


def deployed(sets: Part) -> Part:
    """What the other region has of them."""
    return Part(sets.colour, "This region's stacks", ["made from the primary"])
