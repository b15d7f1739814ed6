"""AWS's own validator, offline and fast, finds nothing in any template in either region."""

import json

import pytest
from rendering import each_template

from blueprints.regions import regions_of
from blueprints.suppressions import accepted

validator = pytest.importorskip("cloudformation_validate")


@pytest.fixture(scope="module")
def engine():
    return validator.CompositeEngine()


@each_template()
def test_cloudformation_validate_finds_nothing(engine, page):
    known = accepted(page.template)
    content = validator.TemplateContent(json.dumps(page.template), page.stack)
    for region in regions_of(page.stack, page.settings):
        report = engine.validate_template(
            content,
            validator.ValidateConfig(
                severity_level=validator.Severity.WARN,
                pseudo_parameter_overrides=validator.PseudoParameterOverrides(region=region),
            ),
        )

        found = [(d.rule_id, d.entity.logical_id if d.entity else "", d.message) for d in report.diagnostics]
        assert [finding for finding in found if finding[:2] not in known] == []
