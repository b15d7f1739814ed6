"""AWS's own validator, offline and fast, finds nothing in any template in either region."""

import json

import pytest
from rendering import each_template

from blueprints.suppressions import accepted

validator = pytest.importorskip("cloudformation_validate")


@pytest.fixture(scope="module")
def engine():
    return validator.CompositeEngine()


@each_template()
def test_cloudformation_validate_finds_nothing(engine, page):
    exclude = [validator.ResourceIdFilter(rule_id=rule, resource_id=title) for rule, title in accepted(page.template)]
    content = validator.TemplateContent(json.dumps(page.template), page.stack)
    for region in page.settings.regions:
        report = engine.validate_template(
            content,
            validator.ValidateConfig(
                exclude=validator.RuleFilterConfig(resource_ids=exclude),
                severity_level=validator.Severity.WARN,
                pseudo_parameter_overrides=validator.PseudoParameterOverrides(region=region),
            ),
        )

        assert report.status == validator.ReportStatus.OK
        assert [f"{d.rule_id} {d.entity and d.entity.logical_id}: {d.message}" for d in report.diagnostics] == []
