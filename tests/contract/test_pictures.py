"""Pictures follow from what is emitted: nothing is missing, nothing stays that is gone, and everything can be read."""

import json
import re
from dataclasses import replace
from functools import cache
from xml.etree import ElementTree as ET

import pytest
from rendering import OPTIONS, rendered, walk

from blueprints import order, pictures
from blueprints.pictures import architecture, machine, steps
from blueprints.pictures.architecture import CARD, TOP_CARD
from blueprints.pictures.model import Region
from blueprints.pictures.parts import PARTS, parts
from blueprints.pictures.service import edge, names
from blueprints.pictures.svg import LINE, PADDING, TITLE, breadth
from blueprints.regions import regions_of
from blueprints.settings import PRODUCTION

SVG = "{http://www.w3.org/2000/svg}"
LARGEST = 60_000  # bytes


@cache
def files(option):
    """What *option* is emitted as, as far as pictures read it."""
    stage, found = OPTIONS[option].stage, {}
    for stack, template in rendered(option).items():
        found[f"{stage}/{stack}.json"] = json.dumps(template)
        for resource in template["Resources"].values():
            if resource["Type"] == "AWS::StepFunctions::StateMachine":
                name = resource["Properties"]["StateMachineName"].removeprefix(f"{OPTIONS[option].prefix}-")
                found[f"{stage}/{name}.asl.json"] = json.dumps(resource["Properties"]["Definition"])
    return found


@cache
def drawn(option):
    return pictures.drawn(OPTIONS[option], files(option))


def words(svg):
    return [text.text for text in ET.fromstring(svg).iter(f"{SVG}text")]  # noqa: S314 (our own)


def without(option, *kinds):
    """Templates of *option* without the resources of the *kinds*."""
    return {
        stack: {**t, "Resources": {n: r for n, r in t["Resources"].items() if r["Type"] not in kinds}}
        for stack, t in rendered(option).items()
    }


@pytest.mark.parametrize("option", OPTIONS)
def test_there_is_a_picture_of_the_whole_of_its_order_and_of_each_machine(option):
    stage = OPTIONS[option].stage
    machines = [name.replace(".asl.json", ".svg") for name in files(option) if name.endswith(".asl.json")]

    assert set(drawn(option)) == {f"{stage}/architecture.svg", f"{stage}/dependencies.svg", *machines}


@pytest.mark.parametrize("option", OPTIONS)
def test_a_picture_is_small_and_whole_and_loads_nothing(option):
    for svg in drawn(option).values():
        root = ET.fromstring(svg)  # noqa: S314 (our own)
        assert len(svg.encode()) < LARGEST
        assert root.find(f"{SVG}title").text
        assert root.find(f"{SVG}desc").text
        assert {element.get("id") for element in root.iter()} >= set(root.get("aria-labelledby").split())
        assert re.findall(r"https?://[^\"]+", svg) == ["http://www.w3.org/2000/svg"]
        assert not re.search(r"@import|<script|<image|font-face", svg)


@pytest.mark.parametrize("option", OPTIONS)
def test_a_picture_is_drawn_twice_the_same(option):
    pictures._kept.known.clear()

    assert pictures.drawn(OPTIONS[option], files(option)) == drawn(option)


def test_every_colour_has_one_for_the_dark():
    style = drawn("PRODUCTION")["production/architecture.svg"].split("<style>")[1].split("</style>")[0]
    light, dark = style.split("@media (prefers-color-scheme:dark)")
    used = set(re.findall(r"var\(--(\w+)\)", "".join(drawn("PRODUCTION").values())))

    assert used <= set(re.findall(r"--(\w+):", light.split("}")[0]))
    assert used <= set(re.findall(r"--(\w+):", dark.split("}}")[0]))


@pytest.mark.parametrize("option", OPTIONS)
def test_what_a_card_says_fits_on_it(option):
    settings = OPTIONS[option]
    regions = [Region(rendered(option), settings, region) for region in (*settings.regions, "us-east-1")]
    found = [(part, CARD) for region in regions for part in parts(region).values()]
    found += [(part, TOP_CARD) for region in regions for part in (edge(region), names(region)) if part]
    for part, width in found:
        room = width - 2 * PADDING
        assert breadth(part.title, TITLE, bold=True) <= room
        assert all(breadth(word, LINE) <= room for line in part.lines for word in line.split(" "))


@pytest.mark.parametrize(
    ("kinds", "gone"),
    [
        (["AWS::RDS::DBProxy", "AWS::RDS::DBProxyTargetGroup"], "RDS Proxy"),
        (["AWS::RDS::DBInstance"], "RDS for MySQL 8.4"),
        (["AWS::CloudFront::Distribution"], "CloudFront"),
        (["AWS::ApiGateway::RestApi"], "API Gateway"),
        (["AWS::Cognito::UserPool"], "Cognito logins"),
        (["AWS::WAFv2::WebACL"], "firewall, 5 rules"),
        (["AWS::CodeDeploy::DeploymentGroup"], "canary releases"),
        (["AWS::Lambda::Function"], "Pipeline functions"),
        (["AWS::Scheduler::Schedule"], "Schedules"),
        (["AWS::StepFunctions::StateMachine"], "State machines"),
        (["AWS::Events::EventBus"], "Event bus"),
        (["AWS::DynamoDB::GlobalTable"], "Ledger"),
        (["AWS::S3::Bucket"], "Vault"),
        (["AWS::KMS::Alias"], "KMS keys"),
        (["AWS::EC2::VPC"], "VPC 10.20.0.0/20"),
        (["AWS::Events::Rule"], "events"),
        (["AWS::Route53::RecordSet", "AWS::Route53::RecordSetGroup"], "Route 53"),
        (["AWS::CloudWatch::Alarm"], "told by e-mail"),
        (["AWS::CloudFormation::StackSet"], "StackSets"),
        (["AWS::CloudFormation::StackSet"], "This region's stacks"),
    ],
)
def test_what_the_templates_lose_the_picture_loses(kinds, gone):
    settings = OPTIONS["DOMAIN"]

    assert gone in words(architecture.draw(settings, rendered("DOMAIN")))
    assert gone not in words(architecture.draw(settings, without("DOMAIN", *kinds)))


def test_every_card_is_on_some_picture():
    shown = {name for option in OPTIONS for name in parts(Region(rendered(option), OPTIONS[option], "eu-west-1"))}

    assert shown == set(PARTS)


def test_the_recovery_region_has_room_for_a_database_and_a_proxy_without_a_target():
    shown = words(drawn("PRODUCTION")["production/architecture.svg"])

    assert shown.count("RDS for MySQL 8.4") == 1
    assert shown.count("Room for a restore") == 1
    assert shown.count("RDS Proxy") == 2
    assert shown.count("no target until promotion") == 1


@pytest.mark.parametrize("option", OPTIONS)
def test_every_state_is_in_its_machines_picture(option):
    for name, text in files(option).items():
        if name.endswith(".asl.json"):
            shown = {word.removesuffix(" ↻") for word in words(drawn(option)[name.replace(".asl.json", ".svg")])}
            states = {
                state for node in walk(json.loads(text)) if isinstance(node, dict) for state in node.get("States", ())
            }
            assert states <= shown


def test_a_new_state_changes_its_machines_picture():
    before = json.loads(files("PRODUCTION")["production/copy.asl.json"])
    after = json.loads(json.dumps(before).replace("CompareVault", "CompareEverything"))

    assert "CompareEverything ↻" in words(machine.draw("copy", after))
    assert "CompareEverything ↻" not in words(machine.draw("copy", before))


@pytest.mark.parametrize("option", OPTIONS)
def test_every_stack_is_in_the_order_once_for_each_of_its_regions(option):
    settings, stacks = OPTIONS[option], list(rendered(option))
    shown = words(steps.draw(settings, stacks))

    assert [shown.count(stack) for stack in stacks] == [len(regions_of(stack, settings)) for stack in stacks]


@pytest.mark.parametrize("option", OPTIONS)
def test_a_stack_needs_exactly_those_of_its_region_whose_outputs_it_imports(option):
    """But for the backup stack and the alarms, which read from or watch what others make without a word in between."""
    settings, stacks = OPTIONS[option], rendered(option)
    for stack, template in stacks.items():
        imported = {
            node["Fn::ImportValue"].split(":")[1]
            for node in walk(template)
            if isinstance(node, dict) and isinstance(node.get("Fn::ImportValue"), str)
        }
        here = order.Stack(stack, settings.primary_region)
        assert imported <= {
            needed.name for needed in order.needs(here, stacks, settings) if needed.region == here.region
        }


@pytest.mark.parametrize("option", OPTIONS)
def test_nothing_is_deployed_before_what_it_needs(option):
    settings, stacks = OPTIONS[option], list(rendered(option))
    done = set()
    for wave in order.waves(stacks, settings):
        for stack in wave:
            assert order.needs(stack, stacks, settings) <= done
        done.update(wave)
    assert done == order.everything(stacks, settings)


def test_what_was_drawn_is_drawn_again_only_if_something_changed(tmp_path, monkeypatch):
    monkeypatch.setattr(pictures, "_kept", pictures.Kept(tmp_path / "pictures.json"))
    first = pictures.drawn(PRODUCTION, files("PRODUCTION"))
    for module in (architecture, machine, steps):
        monkeypatch.setattr(module, "draw", lambda *_: "drawn anew")
    monkeypatch.setattr(pictures, "_kept", pictures.Kept(tmp_path / "pictures.json"))

    assert pictures.drawn(PRODUCTION, files("PRODUCTION")) == first
    changed = {**files("PRODUCTION"), "production/copy.asl.json": "{}"}
    again = pictures.drawn(PRODUCTION, changed)
    assert {name for name, svg in again.items() if svg == "drawn anew"} == {"production/copy.svg"}
    again = pictures.drawn(replace(PRODUCTION, project="other"), changed)
    assert "drawn anew" in again["production/architecture.svg"]


@pytest.mark.parametrize("text", ["", "[]", "{", '{"holdfast-production architecture": 5}'])
def test_a_damaged_store_of_pictures_is_none(tmp_path, monkeypatch, text):
    path = tmp_path / "pictures.json"
    path.write_text(text)
    monkeypatch.setattr(pictures, "_kept", pictures.Kept(path))

    assert pictures.drawn(PRODUCTION, files("PRODUCTION")) == drawn("PRODUCTION")
