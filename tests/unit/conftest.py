"""What every test shares, because to read it takes longer than most tests."""

import functools
from collections.abc import Iterator

import botocore.loaders
import botocore.session
import pytest


@pytest.fixture(scope="session", autouse=True)
def _models() -> Iterator[None]:
    """AWS's API models are read once, and not by each session of boto3: ``mock_aws`` wants a new one every time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(botocore.session, "create_loader", functools.cache(botocore.loaders.create_loader))
        yield
