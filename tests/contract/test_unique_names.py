"""All tests can be collected at once, by `pytest tests`."""

from collections import defaultdict
from pathlib import Path

TESTS = Path(__file__).parents[1]


def test_no_two_modules_of_the_tests_have_the_same_base_name() -> None:
    """Their folders are no packages, so Python knows each module by its base name; pytest tells conftest.py apart."""
    found = defaultdict(list)
    for path in TESTS.rglob("*.py"):
        found[path.name].append(str(path.relative_to(TESTS)))
    del found["conftest.py"]
    assert [paths for paths in found.values() if len(paths) > 1] == []
