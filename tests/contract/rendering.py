"""Every template of every profile and combination of options, rendered once, for tests that are tables."""

import functools
import inspect
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

import build
from blueprints.settings import PRODUCTION, PROFILES, STAGING, Alerts, Domain, Federation, Network, Settings, Site

BOUNDARY = "arn:aws:iam::123456789012:policy/boundary"
DOMAIN = Domain(name="example.com", zone_id="Z0123456789ABCDEFGHIJ")
FEDERATION = Federation(name="Company", metadata_url="https://login.example.com/saml/metadata")
OPTIONS = {
    **PROFILES,
    "NO_DATABASE": replace(PRODUCTION, database=None),
    "BARE_DATABASE": replace(
        PRODUCTION,
        network=Network(zones=3),
        recovery_region="me-south-1",  # which must be switched on
        permissions_boundary=BOUNDARY,
        database=replace(PRODUCTION.database, proxy=False, multi_az=False, deletion_protection=False),
        backup=replace(PRODUCTION.backup, lock_mode="COMPLIANCE"),
    ),
    "DOMAIN": replace(PRODUCTION, domain=DOMAIN, federation=FEDERATION, alerts=Alerts(email="operations@example.com")),
    "DOMAIN_WITHOUT_CLOUDFRONT": replace(STAGING, domain=DOMAIN, database=None),
    "ADDRESS": replace(PRODUCTION, site=Site(address="https://d111111abcdef8.cloudfront.net")),
    # The longest of every name.
    "LONGEST": replace(
        PRODUCTION,
        project="abcdefghijkl",
        stage="mnopqrstuvwx",
        primary_region="ap-southeast-1",
        recovery_region="ap-northeast-1",
    ),
}

Template = dict[str, Any]


@dataclass(frozen=True)
class Found:
    """A resource where it was found."""

    option: str
    settings: Settings
    stack: str
    title: str
    resource: dict[str, Any]
    template: Template

    @property
    def properties(self) -> dict[str, Any]:
        return self.resource.get("Properties", {})

    def __str__(self) -> str:
        return f"{self.option}/{self.stack}.{self.title}"


@functools.cache
def rendered(option: str) -> dict[str, Template]:
    """Templates of *option* by stack, in the order of deployment, as JSON says them."""
    templates: dict[str, Any] = build.templates(OPTIONS[option])
    return {stack: json.loads(template.to_json()) for stack, template in templates.items()}


@dataclass(frozen=True)
class Page:
    """A template where it was found."""

    settings: Settings
    stack: str
    template: Template


def each_template() -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Run the test for every template, as argument ``page``; one test for each option."""
    return _table(
        "page",
        lambda option: [
            (f"{option}/{stack}", Page(OPTIONS[option], stack, template))
            for stack, template in rendered(option).items()
        ],
    )


def _table(
    name: str, rows: Callable[[str], list[tuple[str, Any]]]
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Run the test for each option's *rows*, as argument *name*; what fails, fails first, and names all that fail."""

    def decorate(test: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(test)
        def table(option: str, **fixtures: Any) -> None:
            failed: list[tuple[str, Exception]] = []
            for title, row in rows(option):
                try:
                    test(**{name: row}, **fixtures)
                except (ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError) as error:
                    failed.append((title, error))
            if failed:
                title, first = failed[0]
                first.add_note(f"this is {title}; fails at {', '.join(each for each, _ in failed)}")
                raise first

        taken = inspect.signature(test)
        own = inspect.Parameter("option", inspect.Parameter.POSITIONAL_OR_KEYWORD)
        others = [each for each in taken.parameters.values() if each.name != name]
        table.__signature__ = taken.replace(parameters=[own, *others])  # type: ignore[attr-defined]
        options = [option for option in OPTIONS if rows(option)]
        assert options, f"no template has what {test.__name__} looks at"
        marked: Callable[..., None] = pytest.mark.parametrize("option", options)(table)
        return marked

    return decorate


def found(*kinds: str) -> Iterator[Found]:
    """Every resource of the *kinds* (``AWS::S3::Bucket``), or of all kinds."""
    for option in OPTIONS:
        yield from _found(option, *kinds)


def _found(option: str, *kinds: str) -> Iterator[Found]:
    for stack, template in rendered(option).items():
        for title, resource in template["Resources"].items():
            if not kinds or resource["Type"] in kinds:
                yield Found(option, OPTIONS[option], stack, title, resource, template)


def each(*kinds: str, without: str = "") -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Run the test for every resource of the *kinds*, as argument ``it``; not for those of the stack *without*.

    One test for each option that has such a resource.
    """
    return _table("it", lambda option: [(str(it), it) for it in _found(option, *kinds) if it.stack != without])


def statements(it: Found) -> list[dict[str, Any]]:
    """Statements of every policy document inside a resource, trust policies too."""
    return list(_statements(it.properties))


def _statements(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        if "Statement" in node:
            yield from node["Statement"]
        else:
            for value in node.values():
                yield from _statements(value)
    elif isinstance(node, list):
        for value in node:
            yield from _statements(value)


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def resolved(node: Any, region: str, account: str = "123456789012") -> Any:
    """*node* with ``Fn::Sub`` and pseudo-parameters filled in."""
    fill = {"AWS::Partition": "aws", "AWS::Region": region, "AWS::AccountId": account}
    if isinstance(node, dict):
        if set(node) == {"Fn::Sub"} and isinstance(node["Fn::Sub"], str):
            text: str = node["Fn::Sub"]
            for name, value in fill.items():
                text = text.replace(f"${{{name}}}", value)
            return text
        if set(node) == {"Ref"}:
            return fill.get(node["Ref"], node)
        return {key: resolved(value, region, account) for key, value in node.items()}
    if isinstance(node, list):
        return [resolved(value, region, account) for value in node]
    return node


def walk(node: Any) -> Iterator[Any]:
    """*node* and everything below it."""
    yield node
    for value in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from walk(value)
