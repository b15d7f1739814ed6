"""One embedded AWS with enforced permissions for all tests of the plug-in."""

import uuid

import pytest
from making import Maker

from sandbox.server import Engine


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory):
    with Engine(tmp_path_factory.mktemp("aws")) as started:
        yield started


@pytest.fixture
def aws(engine: Engine):
    """The engine, without the faults of earlier tests."""
    yield engine
    engine.clear_faults()


@pytest.fixture
def name() -> str:
    """A name that nothing else has."""
    return f"n{uuid.uuid4().hex[:12]}"


@pytest.fixture
def make(engine: Engine) -> Maker:
    return Maker(engine)


@pytest.fixture
def cloudformation(aws: Engine):
    return aws.client("cloudformation")
