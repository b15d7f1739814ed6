"""The catalogue's function on the fakes of the backup protocol: requests in, documents out."""

import re
from datetime import timedelta

import gateway
from backup_fakes import PREFIX, PRIMARY, States
from backup_world import World

from handlers import protection, serve_catalogue
from handlers.catalogue import room
from handlers.core import names
from handlers.core.names import iso

HOUR = timedelta(hours=1)
MACHINE = "arn:aws:states:{}:123456789012:stateMachine:holdfast-test-backup"


class Machines(States):
    """Step Functions that knows what was started."""

    def start_execution(self, *, stateMachineArn, name, input):  # noqa: A002, N803
        arn = f"{stateMachineArn.replace(':stateMachine:', ':execution:')}:{name}"
        super().start_execution(stateMachineArn=stateMachineArn, name=name, input=input)
        self.executions[arn] = {"status": "RUNNING", "input": input}


class Api:
    """The API of one region."""

    def __init__(self, monkeypatch, world=None, region=PRIMARY, **environment):
        self.world = world or World()
        self.states = Machines()
        self.world.states[region] = self.states
        given = {
            "prefix": PREFIX,
            "ledger": "",
            "backup_machine": MACHINE.format(region),
            "rpo_seconds": 12 * 3600,
            "schedule_start": "00:30",
            "schedule_interval_seconds": 6 * 3600,
            "schedule_time_zone": "Etc/UTC",
            "primary_region": PRIMARY,
            **environment,
        }
        following = self.world.following(region)
        self.room = room.Room(room.Environment(**given), following.ledger, following.clients, self.world.clock)
        monkeypatch.setattr(room, "here", lambda: self.room)

    def register(self, *databases):
        protection.register(self.world.ledger(), databases or ["orders"], self.world.time)

    def __call__(self, method, path, body=None, *, query=None, key=None, who="somebody"):  # noqa: PLR0913  # a request
        """Status, document and headers."""
        event = gateway.request(method, path, body, key=key, query=query, who=who, content_type="application/json")
        answer = serve_catalogue.handler(event, None)
        headers = {name: values[-1] for name, values in answer["multiValueHeaders"].items()}
        return answer["statusCode"], gateway.body(answer), headers

    def get(self, path, **query):
        """The document, which must be there and be as documented."""
        status, found, _ = self("GET", path, query=query or None)
        assert status == 200, found
        return found


def backed_up(monkeypatch, **more):
    """An API whose database has one verified point."""
    world = World(**more)
    world.backup()
    world.rest()
    made = Api(monkeypatch, world)
    made.register()
    return made


def add_points(world, database, count, status="verified", **more):
    """So many points of a database, one an hour, the last now."""
    for hours in range(count):
        at = world.time - hours * HOUR
        point = names.point_id(database, at)
        row = {
            "pk": f"POINT#{point}",
            "sk": "POINT",
            "id": point,
            "database": database,
            "scheduled_at": iso(at),
            "execution": "x",
            "attempt": 1,
            "status": status,
            "levels": {"0": {"at": iso(at), "taken_at": iso(at)}},
            "level": 0,
            "problems": [],
            "problem_count": 0,
            "begun_at": iso(at),
            "concluded_at": iso(at),
            **more,
        }
        world.items[row["pk"], "POINT"] = row
        if status != "running":
            protection.note(world.ledger(), row)


# ---- documents against their schemas ---------------------------------------------------------------------------------

KINDS = {
    "object": dict, "array": list, "string": str, "integer": int, "boolean": bool, "null": type(None),
}  # fmt: skip


def assert_documented(value, schema, where="answer"):
    """Fail unless *value* is what *schema* says, with nothing besides."""
    if "$ref" in schema:
        schema = serve_catalogue.SCHEMAS[schema["$ref"].rpartition("/")[2]]
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    assert type(value) in [KINDS[kind] for kind in kinds], f"{where} is {value!r}"
    if isinstance(value, str):
        assert re.search(schema.get("pattern", ""), value), where
        assert value in schema.get("enum", [value]), f"{where} is {value!r}"
        assert schema.get("format") != "date-time" or re.fullmatch(r"[\d-]{10}T[\d:]{8}Z", value), where
    elif isinstance(value, list):
        for index, each in enumerate(value):
            assert_documented(each, schema["items"], f"{where}[{index}]")
    elif isinstance(value, dict) and "properties" in schema:
        assert set(schema.get("required", ())) <= set(value) <= set(schema["properties"]), where
        for name, each in value.items():
            assert_documented(each, schema["properties"][name], f"{where}.{name}")
