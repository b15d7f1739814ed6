"""The table of prices: whole, dated, honest about what it does not know, and refused when it is not."""

import re
from datetime import date

import pytest

from blueprints.costs import prices

TABLE = prices.load()
TEXT = prices.TABLE.read_text()


def test_every_price_names_its_source_and_its_date():
    assert len(list(TABLE.all())) > 100
    for price in TABLE.all():
        assert price.source.url.startswith("https://")
        assert re.fullmatch(r"20\d\d(-\d\d-\d\d)?", price.source.date)
        assert price.source.date[:4] <= TABLE.taken[:4]
        if len(price.source.date) > 4:
            assert date.fromisoformat(price.source.date) <= date.fromisoformat(TABLE.taken)


def test_every_source_is_used():
    used = {price.source for price in TABLE.all()}
    assert len(re.findall(r"^\[sources\.", TEXT, re.MULTILINE)) == len(used)


def test_what_is_not_confirmed_says_what_it_is():
    doubted = [price for price in TABLE.all() if not price.confirmed]
    assert doubted
    assert all(price.note for price in doubted)


def test_two_zones_cost_about_twice_as_much_as_one():
    for name in TABLE.classes:
        for region in prices.REGIONS:
            single = TABLE.instance(name, region, multi_az=False).usd
            multi = TABLE.instance(name, region, multi_az=True).usd
            assert multi == pytest.approx(2 * single, abs=0.0021), (name, region)  # AWS rounds each to 0.001


def test_a_larger_instance_of_a_family_costs_more():
    for region in prices.REGIONS:
        for family in {name.rpartition(".")[0] for name in TABLE.classes}:
            sizes = [name for name in TABLE.classes if name.startswith(f"{family}.")]
            usd = [TABLE.instance(name, region, multi_az=True).usd for name in sizes]
            assert usd == sorted(usd), family


def test_the_dearest_known_region_stands_in_for_one_without_prices():
    price = TABLE.of("rds.storage.multi", "sa-east-1")
    assert (price.usd, price.region, price.stand_in, price.confirmed) == (0.274, "eu-central-1", True, False)


def test_what_costs_the_same_everywhere_needs_no_stand_in():
    price = TABLE.of("waf.acl", "sa-east-1")
    assert (price.usd, price.stand_in, price.confirmed) == (5, False, True)


def test_an_unknown_item_says_where_to_add_it():
    with pytest.raises(prices.PriceError, match=r"prices\.toml: no price for ec2\.nat; add"):
        TABLE.of("ec2.nat", "eu-west-1")


def test_an_unknown_instance_class_says_where_to_add_it_and_what_is_known():
    with pytest.raises(prices.PriceError, match=r'instance_class = "db\.z9\.huge": has no price; add it .*db\.m7g'):
        TABLE.instance("db.z9.huge", "eu-west-1", multi_az=True)


BROKEN = [
    ('url = "https://aws.amazon.com/waf/pricing/"', 'url = "waf"', r"\[sources\.waf\] needs an https:// page"),
    ('date = "2026-03-23"', 'date = "last week"', r"\[sources\.waf\] needs an https:// page and a date"),
    ('date = "2026-03-23"', "", r"\[sources\.waf\] needs url, date and seen"),
    ('unit = "web ACL and month"', "", r"waf\.acl needs a unit"),
    ('everywhere = { usd = 5, source = "waf" }', "", r"waf\.acl needs a unit, and a price everywhere or in us-east-1"),
    ('everywhere = { usd = 5, source = "waf" }', "eu-west-1 = { usd = 5, source = 'waf' }", r"waf\.acl needs"),
    ("{ usd = 5, ", "{ usd = 0, ", r"waf\.acl in everywhere needs usd above 0"),
    ("{ usd = 5, ", '{ usd = "5", ', r"waf\.acl in everywhere needs usd above 0"),
    ("{ usd = 5, ", "{ usd = 5, eur = 4, ", r"waf\.acl in everywhere needs usd above 0, source, and may have"),
    ('usd = 5, source = "waf"', 'usd = 5, source = "hearsay"', r'waf\.acl in everywhere: source = "hearsay" is not in'),
    ('usd = 5, source = "waf"', 'usd = 5, source = "waf", confirmed = false', r"a note says what an unconfirmed price"),
    (
        'usd = 5, source = "waf"',
        'usd = 5, source = "waf", note = "so I hear"',
        r"a note says what an unconfirmed price",
    ),
    ("[instances.classes]", "[instances.types]", r"\[classes\] is missing"),
]


@pytest.mark.parametrize(("whole", "broken", "said"), BROKEN)
def test_a_broken_table_is_refused_by_name(tmp_path, whole, broken, said):
    assert TEXT.count(whole) == 1
    table = tmp_path / "prices.toml"
    table.write_text(TEXT.replace(whole, broken))
    with pytest.raises(prices.PriceError, match=said):
        prices.load(table)
