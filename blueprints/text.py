"""JSON for people, straight from troposphere's and awacs's objects."""

from __future__ import annotations

import copy
import hashlib
import json
from functools import cache, lru_cache
from json.encoder import encode_basestring_ascii as quote
from typing import Any

from troposphere import AWSHelperFn, BaseAWSObject, Template

LINE = 100  # characters; a list or object this short stands on one line
PLAIN = (dict, list, str, int, tuple, float, type(None))
scalar = lru_cache(maxsize=None, typed=True)(json.dumps)  # typed: True is equal to 1


def whole(template: Template) -> str:
    """*template* as it is emitted; it says what ``template.to_dict()`` says, and is refused where that refuses.

    That copies whatever lies *n* objects deep *n* times; here each object is opened once, on its way into the text.
    """
    hollow = copy.copy(template)  # troposphere decides which sections there are, and in which order
    hollow.resources = dict.fromkeys(template.resources)
    hollow.outputs = dict.fromkeys(template.outputs)
    sections = hollow.to_dict()
    full = {"Resources": template.resources, "Outputs": template.outputs}
    return indented({name: full.get(name, section) for name, section in sections.items()}) + "\n"


def indented(node: Any, margin: str = "\n") -> str:
    """*node* as JSON; several times faster than ``json.dumps(indent=…)``, whose C code knows no indent."""
    while not isinstance(node, PLAIN):
        node = opened(node)
    inner = margin + "  "
    if isinstance(node, dict):  # most values are strings, and a call for each would take a third of the time
        opening, closing = "{", "}"
        parts = [f"{quote(k)}: {quote(v) if type(v) is str else indented(v, inner)}" for k, v in node.items()]
    elif isinstance(node, (list, tuple)):
        opening, parts, closing = "[", [quote(v) if type(v) is str else indented(v, inner) for v in node], "]"
    else:
        return quote(node) if isinstance(node, str) else scalar(node)
    line = ", ".join(parts)
    if len(line) <= LINE:  # what is broken into lines is longer, and so is all that it lies in
        return f"{opening}{line}{closing}"
    return f"{opening}{inner}{f',{inner}'.join(parts)}{margin}{closing}"


def digest(node: Any) -> str:
    """Ten hexadecimal digits that change exactly when what is emitted for *node* does; for logical ids."""
    return hashlib.sha256(json.dumps(node, default=opened, sort_keys=True).encode()).hexdigest()[:10]


def opened(node: Any) -> Any:
    """What *node* stands for, itself validated as its ``to_dict`` would, the objects in it as they are.

    Raises:
        TypeError: *node* is of no kind that CloudFormation knows.
    """
    to_dict = getattr(type(node), "to_dict", None)
    if to_dict is BaseAWSObject.to_dict and node.properties:
        if node.do_validation:  # half of what to_dict does before it copies
            if not _required(node.__class__) <= node.properties.keys():
                node._validate_props()  # noqa: SLF001 (it says which is missing)
            node.validate()
        return node.resource
    if to_dict is AWSHelperFn.to_dict:
        return node.data
    if to_dict:
        return node.to_dict()
    if hasattr(node, "JSONrepr"):  # awacs, which opens one level itself
        return node.JSONrepr()
    raise TypeError(f"{type(node).__name__} is nothing that a template can hold: {node!r}")


@cache
def _required(kind: type[BaseAWSObject]) -> frozenset[str]:
    return frozenset(name for name, (_, required) in kind.props.items() if required)
