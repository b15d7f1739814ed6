"""Policies and who may assume a role, for the tests of the plug-in: in templates, and as text in requests."""

import json
from typing import Any

from sandbox.server import ACCOUNT

ROOT = {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}


def service(name: str) -> dict[str, str]:
    """A service of AWS as a principal."""
    return {"Service": f"{name}.amazonaws.com"}


def allow(action: str | list[str], resource: Any = "*", **more: Any) -> dict[str, Any]:
    """A statement that allows something."""
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def trust(principal: Any, **more: Any) -> dict[str, Any]:
    """The statement that lets somebody assume the role."""
    return {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole", **more}


def document(*statements: dict[str, Any]) -> dict[str, Any]:
    """The policy of these statements, as it stands in a template."""
    return {"Version": "2012-10-17", "Statement": list(statements)}


def document_text(*statements: dict[str, Any]) -> str:
    """The policy of these statements, as requests take it."""
    return json.dumps(document(*statements))
