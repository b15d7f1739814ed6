"""A client that a public generator makes of the emitted document, and nothing else, does all that a client may do."""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from world import World, eventually

from sandbox.report import PointReport
from tests.calling import Caller

PACKAGE = "generated_client"


@pytest.fixture(scope="module")
def generated(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Imports modules of the client: ``generated("models")``."""
    folder = tmp_path_factory.mktemp("client")
    settings = folder / "settings.json"  # the generator would format its code with tools that it expects on PATH
    settings.write_text('{"post_hooks": []}')
    done = subprocess.run(
        [sys.executable, "-m", "openapi_python_client", "generate", "--meta", "none", "--config", str(settings),
         "--path", str(world.story.outputs / "openapi.json"), "--output-path", str(folder / PACKAGE)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Warning" not in done.stdout + done.stderr, done.stdout + done.stderr
    sys.path.insert(0, str(folder))
    yield lambda name: importlib.import_module(f"{PACKAGE}.{name}")
    sys.path.remove(str(folder))


@pytest.fixture(scope="module")
def client(generated: Any, call: Caller) -> Any:
    made = generated("client").AuthenticatedClient(
        base_url=call.url, token=call.token, raise_on_unexpected_status=True, timeout=40
    )
    with made as opened:
        yield opened


def test_the_document_is_emitted_beside_the_templates(world: World) -> None:
    committed = Path(__file__).parents[2] / "outputs" / world.settings.stage / "openapi.json"
    assert (world.story.outputs / "openapi.json").read_text() == committed.read_text()


def test_it_makes_pages_changes_and_deletes_items(generated: Any, client: Any) -> None:
    items, models = generated("api.items"), generated("models")
    create, get, listed, replace, delete = (
        generated(f"api.items.{name}")
        for name in ("create_item", "get_item", "list_items", "replace_item", "delete_item")
    )
    assert items
    made = [
        create.sync_detailed(client=client, body=models.NewItem(title=f"Generated {number}", quantity=number))
        for number in range(3)
    ]
    assert {answer.status_code for answer in made} == {201}
    known = {answer.parsed.id for answer in made}

    seen: set[str] = set()
    cursor: Any = generated("types").UNSET
    while True:
        page = listed.sync(client=client, limit=2, cursor=cursor)
        seen |= {item.id for item in page.items}
        if page.next_cursor is None:
            break
        cursor = page.next_cursor
    assert known <= seen

    one = made[0].parsed
    changed = replace.sync_detailed(
        one.id, client=client, body=models.NewItem(title="Changed"), if_match=made[0].headers["etag"]
    )
    assert (changed.status_code, changed.parsed.title, changed.parsed.version) == (200, "Changed", 2)
    stale = replace.sync_detailed(
        one.id, client=client, body=models.NewItem(title="Late"), if_match=made[0].headers["etag"]
    )
    assert (stale.status_code, type(stale.parsed)) == (412, models.Problem)
    assert get.sync(one.id, client=client).title == "Changed"
    assert delete.sync_detailed(one.id, client=client, if_match=changed.headers["etag"]).status_code == 204
    assert get.sync_detailed(one.id, client=client).status_code == 404


def test_it_starts_a_recovery_point_and_follows_it(generated: Any, client: Any, verified: PointReport) -> None:
    models = generated("models")
    request, get = (
        generated(f"api.recovery_points.{name}") for name in ("request_recovery_point", "get_recovery_point")
    )
    asked = request.sync_detailed(client=client, body=models.RecoveryPointRequest(database=verified.database))
    assert asked.status_code == 202, asked

    def ended() -> Any:
        found = get.sync(asked.parsed.id, client=client)
        return found if found.concluded_at else None

    point = eventually(ended, 60, "the verdict")
    assert (point.status.value, point.level) == ("verified", 2)
    databases = generated("api.databases.list_databases").sync(client=client)
    assert verified.database in {database.id for database in databases.databases}
