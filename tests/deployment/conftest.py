"""One embedded AWS and one copy of the repository for each file of tests that asks for them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from commanding import Checkout

from sandbox.server import Engine


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with Engine(tmp_path_factory.mktemp("aws")) as started:
        yield started


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory, engine: Engine) -> Checkout:
    return Checkout.made(tmp_path_factory.mktemp("copy") / "holdfast", engine)
