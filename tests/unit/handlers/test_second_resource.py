"""The resource that docs/add-a-resource.md shows: that one file is all it takes."""

import re
import sys

import pytest
from gated_database import ROOT, migrated
from gateway import body, header, request

from handlers import migrate_database, resources
from handlers.rest.app import serve
from handlers.rest.lean import APIGatewayRestResolver

PAGE = (ROOT / "docs" / "add-a-resource.md").read_text()


@pytest.fixture
def notes(tmp_path, monkeypatch):
    """The page's file, in a folder that counts as ``handlers/resources/``."""
    (code,) = re.findall(r"```python\n# handlers/resources/notes\.py\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "notes.py").write_text(code)
    monkeypatch.setattr(resources, "__path__", [*resources.__path__, str(tmp_path)])
    yield
    sys.modules.pop("handlers.resources.notes", None)
    if hasattr(resources, "notes"):
        del resources.notes


@pytest.mark.usefixtures("notes")
def test_one_file_is_served_documented_and_migrated(tables, monkeypatch):
    migrated(tables, monkeypatch)
    assert 2026120101 in [migration.version for migration in migrate_database.every()]
    app = APIGatewayRestResolver()
    for module in resources.modules():
        app.include_router(module.router)
    handler = serve(app)
    assert {"listItems", "createNote", "getNote"} <= {
        it.operation_id for it in app._static_routes + app._dynamic_routes
    }

    event = request("POST", "/notes", {"text": "'; DROP TABLE notes; --"}, key="k")
    made, again = handler(event, None), handler(event, None)
    assert (made["statusCode"], header(again, "Idempotency-Replayed")) == (201, "true")
    path = header(made, "Location").removeprefix("/api")
    assert body(handler(request("GET", path), None)) == body(made)
    assert handler(request("GET", "/notes/nothing"), None)["statusCode"] == 404
    assert handler(request("POST", "/notes", {"text": ""}), None)["statusCode"] == 400
    assert tables.execute("SELECT count(*) FROM notes") == ((1,),)
    tables.execute("DROP TABLE notes")
    tables.execute("DELETE FROM schema_migrations WHERE version = 2026120101")
