import pytest
from backup_fakes import NOON, PREFIX, PRIMARY
from backup_world import World

from handlers import select_databases
from handlers.core.errors import DatabaseNotFound, InvalidRequest

ENVIRONMENT = select_databases.Environment(PREFIX, 20)


def select(world, **request):
    return select_databases.select(world.rds[PRIMARY], ENVIRONMENT, {"scheduled_at": NOON, **request})


def every_page(world, **request):
    pages = [select(world, **request)]
    while pages[-1]["marker"] is not None:
        pages.append(select_databases.select(world.rds[PRIMARY], ENVIRONMENT, pages[-1]["next_input"]))
    return pages


def test_a_run_is_named_after_its_point():
    assert select(World()) == {
        "runs": [{"name": "orders-20261006t1200z", "database": "orders", "scheduled_at": NOON}],
        "marker": None,
        "next_name": None,
        "next_input": None,
    }


@pytest.mark.parametrize(
    "changes",
    [
        {"TagList": []},
        {"TagList": [{"Key": "holdfast:protect", "Value": "holdfast-other"}]},
        {"Engine": "postgres"},
        {"DBInstanceStatus": "stopped"},
    ],
)
def test_only_tagged_mysql_databases_that_serve_are_chosen(changes):
    world = World()
    world.add_database("stock", **changes)
    assert [run["database"] for run in select(world)["runs"]] == ["orders"]


def test_every_database_is_chosen_once_however_many_there_are():
    world = World()
    for n in range(70):
        world.add_database(f"db{n}")
    pages = every_page(world)
    chosen = [run["database"] for page in pages for run in page["runs"]]
    assert sorted(chosen) == sorted(world.rds[PRIMARY].instances)
    assert len({page["next_name"] for page in pages}) == len(pages) == 4


def test_databases_asked_for_by_name_are_chosen_once_in_pages():
    world = World()
    wanted = [f"db{n}" for n in range(45)]
    for name in wanted:
        world.add_database(name, TagList=[])
    pages = every_page(world, databases=[*wanted, "db0"])
    assert [run["database"] for page in pages for run in page["runs"]] == wanted
    assert len(pages) == 3


def test_a_database_that_is_asked_for_and_unknown_is_named():
    with pytest.raises(DatabaseNotFound, match="stock, store"):
        select(World(), databases=["orders", "stock", "store"])


@pytest.mark.parametrize("request_", [{"databases": "orders"}, {"databases": ["Or--ders"]}, {"scheduled_at": "noon"}])
def test_a_request_that_cant_be_is_refused(request_):
    with pytest.raises(InvalidRequest):
        select(World(), **request_)


def test_the_next_page_is_asked_for_by_the_same_name_when_the_first_is_repeated():
    world = World()
    for n in range(30):
        world.add_database(f"db{n}")
    assert select(world)["next_name"] == select(world)["next_name"]
    assert len(select(world)["next_name"]) <= 80
