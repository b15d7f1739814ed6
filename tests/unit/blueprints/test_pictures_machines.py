"""Pictures of state machines: where everything is, and what is said of it."""

import random
from itertools import combinations
from xml.etree import ElementTree as ET

import pytest

from blueprints.pictures import machine, states
from blueprints.pictures.chart import laid_out

FAILED = [{"ErrorEquals": ["States.ALL"], "Next": "Failed"}]


def task(**more):
    return {"Type": "Task", "Resource": "${Work}", "TimeoutSeconds": 60, **more}


def machine_of(**named):
    return {"StartAt": next(iter(named)), "States": named}


def words(svg):
    return [
        (text.text or "").removesuffix(" ↻")
        for text in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")  # noqa: S314 (our own)
    ]


def made_up(seed):
    """A machine of tasks and choices that lead anywhere, back too, and whose errors do."""
    dice = random.Random(seed)  # noqa: S311 (a test's)
    names = [f"State{number}" for number in range(dice.randint(2, 14))]
    found = {}
    for number, name in enumerate(names):
        onward = names[number + 1 :]
        if not onward:
            found[name] = {"Type": "Succeed"}
            continue
        catch = {"Catch": [{"ErrorEquals": ["Oops"], "Next": dice.choice(names)}]} if dice.random() < 0.5 else {}
        if dice.random() < 0.4:
            rules = [
                {"Variable": "$.a", "NumericEquals": n, "Next": dice.choice(names)} for n in range(dice.randint(1, 3))
            ]
            found[name] = {"Type": "Choice", "Choices": rules, "Default": dice.choice(onward)}
        else:
            found[name] = task(Next=dice.choice(onward), **catch)
    return {"StartAt": names[0], "States": found}


def reachable(definition):
    found, waiting = set(), [definition["StartAt"]]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            state = definition["States"][name]
            waiting += [way.target for way in [*states.ways(state), *states.catches(state)]]
    return found


@pytest.mark.parametrize("seed", range(150))
def test_every_state_that_can_be_reached_is_drawn_and_none_lies_on_another(seed):
    definition = made_up(seed)
    chart = laid_out(definition)
    areas = {name: area for name, area in chart.areas.items() if name in definition["States"]}

    assert set(areas) == reachable(definition)
    for one, other in combinations(areas.values(), 2):
        assert one.right <= other.x or other.right <= one.x or one.bottom <= other.y or other.bottom <= one.y
    assert set(areas) <= set(words(machine.draw("made up", definition)))


@pytest.mark.parametrize("seed", range(150))
def test_every_way_is_drawn(seed):
    definition = made_up(seed)
    chart = laid_out(definition)
    wanted = {
        (name, way.target)
        for name in reachable(definition)
        for way in [*states.ways(definition["States"][name]), *states.catches(definition["States"][name])]
    }

    drawn = {(chain[0], chain[-1]) for chain, _ in chart.chains} | {(d.source, d.target) for d in chart.detours}
    assert drawn == wanted


def test_what_follows_stands_below():
    chart = laid_out(machine_of(One=task(Next="Two"), Two=task(Next="Done"), Done={"Type": "Succeed"}))

    assert chart.areas["One"].bottom < chart.areas["Two"].y
    assert chart.areas["Two"].bottom < chart.areas["Done"].y
    assert len({area.middle[0] for area in chart.areas.values()}) == 1


def test_what_only_errors_lead_to_stands_beside():
    chart = laid_out(machine_of(One=task(Next="Done", Catch=FAILED), Done={"Type": "Succeed"}, Failed={"Type": "Fail"}))

    assert chart.side == {"Failed"}
    assert chart.areas["Failed"].x > max(chart.areas["One"].right, chart.areas["Done"].right)


def test_a_machine_in_a_state_is_drawn_inside_it():
    inside = machine_of(Inner={"Type": "Pass", "End": True})
    for container in (
        {"Type": "Map", "ItemProcessor": inside, "End": True},
        {"Type": "Parallel", "Branches": [inside, machine_of(Second={"Type": "Succeed"})], "End": True},
    ):
        definition = machine_of(Outer=container)
        chart = laid_out(definition)
        inner = chart.nodes["Outer"].inner

        assert chart.areas["Outer"].height > max(each.height for each in inner)
        assert chart.areas["Outer"].width > sum(each.width for each in inner)
        assert {"Outer", "Inner"} <= set(words(machine.draw("nested", definition)))


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({"Variable": "$.verdict.status", "StringEquals": "verified"}, "verdict.status = verified"),
        ({"Variable": "$.n", "NumericGreaterThanEquals": 3}, "n ≥ 3"),
        ({"Variable": "$.n", "NumericLessThanPath": "$.m"}, "n < $.m"),
        ({"Variable": "$.x", "IsPresent": False}, "x is not there"),
        ({"Variable": "$.x", "StringMatches": "a*"}, "x StringMatches a*"),
        ({"Not": {"Variable": "$.x", "IsNull": True}}, "not x is null"),
        (
            {"Or": [{"Variable": "$.x", "IsNull": True}, {"Variable": "$.y", "BooleanEquals": True}]},
            "x is null or y = True",
        ),
    ],
)
def test_a_rule_is_said_in_a_few_words(rule, said):
    assert states.condition(rule) == said


def test_an_error_that_leads_where_success_does_is_said_on_that_way():
    state = task(Next="Two", Catch=[{"ErrorEquals": ["Service.AlreadyThereException"], "Next": "Two"}])

    assert states.ways(state) == [("Two", "also after AlreadyThere")]
    assert states.catches(state) == []


@pytest.mark.parametrize(
    ("seconds", "said"), [(45, "45 s"), (90, "90 s"), (900, "15 min"), (21600, "6 h"), (172800, "2 d")]
)
def test_a_time_out_is_said_in_the_largest_whole_unit(seconds, said):
    assert states.span(seconds) == said
    assert any(said in line for line in words(machine.draw("m", machine_of(A=task(TimeoutSeconds=seconds, End=True)))))
