"""The one way to accept a scanner's finding: in the template, beside its reason, where every scanner reads it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from troposphere import AWSObject, Template

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


def accept_output(template: Template, title: str, rule: str, reason: str) -> None:
    """Have cloudformation-validate pass over *rule* on the output *title*, which has no metadata of its own."""
    metadata: dict[str, Any] = dict(template.metadata or {})
    outputs = dict(metadata.get(ACCEPTED, {}))
    metadata[ACCEPTED] = {**outputs, title: {**outputs.get(title, {}), rule: reason}}
    template.set_metadata(metadata)


def accepted(template: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Rule and logical id of every finding that *template* accepts, on a resource or on an output.

    cloudformation-validate reads no metadata; whoever runs it passes over these.
    """
    of_resources = {title: it.get("Metadata", {}).get(ACCEPTED, {}) for title, it in template["Resources"].items()}
    of_outputs = template.get("Metadata", {}).get(ACCEPTED, {})
    return [(rule, title) for each in (of_resources, of_outputs) for title, rules in each.items() for rule in rules]
