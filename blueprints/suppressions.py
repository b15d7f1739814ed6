"""The one way to accept a scanner's finding: in the template, beside its reason, where every scanner reads it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from troposphere import AWSObject

ACCEPTED = "Accepted"
Scanner = Literal["checkov", "cfn-lint", "cloudformation-validate"]


def accept(resource: AWSObject, scanner: Scanner, rule: str, reason: str) -> None:
    """Have *scanner* pass over *rule* on *resource* because of *reason*.

    Raises:
        ValueError: no reason was given.
    """
    if not reason:
        raise ValueError(
            f"{rule} on {resource.title} is accepted without a reason: write the reason or cure the finding"
        )
    metadata: dict[str, Any] = dict(resource.resource.get("Metadata", {}))
    if scanner == "checkov":
        # https://www.checkov.io/2.Basics/Suppressing%20and%20Skipping%20Policies.html
        skipped = metadata.get("checkov", {}).get("skip", [])
        metadata["checkov"] = {"skip": [*skipped, {"id": rule, "comment": reason}]}
    else:
        metadata[ACCEPTED] = {**metadata.get(ACCEPTED, {}), rule: reason}
    if scanner == "cfn-lint":
        # https://github.com/aws-cloudformation/cfn-lint#metadata (it has no place for the reason)
        ignored = metadata.get("cfn-lint", {}).get("config", {}).get("ignore_checks", [])
        metadata["cfn-lint"] = {"config": {"ignore_checks": [*ignored, rule]}}
    resource.Metadata = metadata


def accepted(template: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Rule and logical id of every finding that *template* accepts.

    cloudformation-validate reads no metadata; whoever runs it excludes these (``RuleFilterConfig.resource_ids``).
    """
    return [
        (rule, title)
        for title, resource in template["Resources"].items()
        for rule in resource.get("Metadata", {}).get(ACCEPTED, {})
    ]
