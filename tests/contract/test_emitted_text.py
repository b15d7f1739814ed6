"""What is emitted is what troposphere itself makes of each template."""

import pytest
from rendering import OPTIONS

import build
from blueprints import text


@pytest.mark.parametrize("option", OPTIONS)
def test_every_template_is_emitted_as_to_dict_has_it(option):
    for template in build.templates(OPTIONS[option]).values():
        assert text.whole(template) == text.indented(template.to_dict()) + "\n"
