"""A database of the application, and the catalogue's API, for the tests that use one."""

import gc
import itertools

import pytest
from catalogue_room import Api
from gated_database import Environment, GatedDatabase, migrated

from handlers import database, once, serve_resources


@pytest.fixture(scope="session")
def gated(tmp_path_factory):
    """A server with the schema; one for all tests."""
    made = GatedDatabase(tmp_path_factory.mktemp("application"))
    with pytest.MonkeyPatch.context() as patch:
        migrated(made, patch)
    yield made
    made.close()


@pytest.fixture
def tables(gated, monkeypatch):
    """The server with empty tables, and this process as a fresh environment that uses it."""
    gc.freeze()  # what there is by now, for which the look at the end has no time
    gated.empty()
    for name, value in gated.variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(once, "_writes", itertools.count(1))  # the first sweep is the 16th write
    database.shared.cache_clear()
    yield gated
    database.shared().close()
    database.shared.cache_clear()
    gc.collect()  # what a killed server leaves behind goes now, while the test's own filters hold
    gc.unfreeze()


@pytest.fixture
def serve(tables):  # noqa: ARG001  # a fixture can't ask for another in another way
    """Answers of this process, which is one environment."""
    return lambda event: serve_resources.handler(event, None)


@pytest.fixture
def environments(tables, tmp_path):
    """Makes further environments, each a process of its own."""
    made = []

    def make():
        made.append(Environment(tables, tmp_path / f"log-{len(made)}"))
        return made[-1]

    yield make
    for environment in made:
        environment.close()


@pytest.fixture
def api(monkeypatch):
    """The catalogue's API, which knows one database."""
    made = Api(monkeypatch)
    made.register()
    return made
