"""The one way to accept a scanner's finding: in the template, beside its reason, where every scanner reads it."""

from __future__ import annotations

from typing import Any, Literal

from troposphere import AWSObject

Scanner = Literal["checkov", "cfn-lint"]


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
        # https://github.com/aws-cloudformation/cfn-lint#metadata (it has no place for the reason)
        ignored = metadata.get("cfn-lint", {}).get("config", {}).get("ignore_checks", [])
        metadata["cfn-lint"] = {"config": {"ignore_checks": [*ignored, rule]}}
        metadata["Accepted"] = {**metadata.get("Accepted", {}), rule: reason}
    resource.Metadata = metadata
