"""What can't be taken back is made last: a first deployment that fails then fails before it is there.

CloudFormation takes back what a stack's failed creation has made. What outlives its stack, or refuses to be deleted, it
leaves; and if that has a name of its own, the next creation finds the name taken.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stack-failure-options.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from troposphere import AWSObject, Template

from blueprints import text


def make_last(t: Template, resource: AWSObject) -> None:
    """Have *resource* wait for everything in *t* that does not wait for it; called when *t* is whole."""
    refers = {title: set(_references(each.resource)) for title, each in t.resources.items()}
    waiting, grown = set[str](), {resource.title}
    while grown != waiting:
        waiting, grown = grown, grown | {title for title, named in refers.items() if named & grown}
    resource.DependsOn = [title for title in t.resources if title not in waiting | refers[resource.title]]


def _references(node: Any) -> Iterator[str]:
    """Logical ids that *node* refers to or depends on."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "Fn::GetAtt":
                yield value[0]
            elif key in ("Ref", "DependsOn"):
                yield from [value] if isinstance(value, str) else value
            elif key == "Fn::Sub":
                yield from re.findall(r"\$\{(\w+)[}.]", value if isinstance(value, str) else value[0])
            else:
                yield from _references(value)
    elif isinstance(node, (list, tuple)):
        for each in node:
            yield from _references(each)
    elif node is not None and not isinstance(node, (str, int, float)):
        yield from _references(text.opened(node))
