import datetime as dt

import pytest

from handlers.core import exports, layout, manifests
from handlers.core.inventory import Inventories
from handlers.core.layout import Kind
from handlers.core.proof import StoredObject

KEY = "arn:aws:kms:eu-west-1:123456789012:key/backups"
PREFIX = "exports/orders/holdfast-sandbox-orders-20261006t1200z"
ENDED = dt.datetime(2026, 10, 6, 13, 0, 0, 500_000, tzinfo=dt.UTC)
LATER = ENDED + dt.timedelta(minutes=1)
EARLIER = ENDED - dt.timedelta(minutes=1)
COLUMNS = (("id", "INT64"), ("name", "BYTE_ARRAY"))
TASK_INFO = f"{PREFIX}/export_info_t.json"
TABLES_INFO = f"{PREFIX}/export_tables_info_t_from_1_to_2.json"


def stored(name, *, size=10, kms_key=KEY, checksums=None, trouble=None):
    checksums = {"CRC64NVME": "abc="} if checksums is None else checksums
    return StoredObject(f"{PREFIX}/{name}", size, "v1", checksums, kms_key, trouble=trouble)


def status(table, state="COMPLETE", **more):
    return {"target": table, "status": state, "sizeGB": 0.1, **more}


def inventories(*tables, before=(), after=()):
    return Inventories(frozenset({*tables, *before}), frozenset({*tables, *after}), {})


class Export:
    """An export of two tables, whole unless a test takes something away."""

    def __init__(self):
        self.objects = [
            (stored("shop/shop.orders/1/part-00000-a.gz.parquet", size=100), COLUMNS, 7),
            (stored("shop/shop.orders/1/part-00002-b.gz.parquet", size=50), COLUMNS, 5),
            (stored("shop/shop.orders/1/_SUCCESS", size=0), None, 0),
            (stored("shop/shop.empty/1/_SUCCESS", size=0), None, 0),
            (stored("export_info_t.json"), None, 0),
            (stored("export_tables_info_t_from_1_to_2.json"), None, 0),
        ]
        self.infos = {
            TASK_INFO: {"status": "COMPLETE", "exportOnly": []},
            TABLES_INFO: {"perTableStatus": [status("shop.orders"), status("shop.empty")]},
        }
        self.inventories = inventories("shop.orders", "shop.empty")
        self.warning = None
        self.replaced, self.deleted = {}, {}

    def without(self, *fragments):
        self.objects = [o for o in self.objects if not any(fragment in o[0].key for fragment in fragments)]
        return self

    def say(self, *statuses):
        self.infos[TABLES_INFO] = {"perTableStatus": list(statuses)}
        return self

    def judged(self):
        check = exports.Check(prefix=PREFIX, kms_key=KEY, ended_at=ENDED)
        for found, columns, rows in self.objects:
            check.add(found, columns, rows, replaced_at=self.replaced.get(found.key))
        for key, at in self.deleted.items():
            check.add_deleted(key, at)
        for key in (*check.infos[Kind.TASK_INFO], *check.infos[Kind.TABLES_INFO]):
            check.add_info(key, self.infos.get(key))
        self.tables, self.problems = check.conclude(self.inventories, self.warning)
        self.check = check
        return self

    def reasons(self):
        return [(p["subject"], p["reason"]) for p in self.judged().problems]


def table(name, rows, objects, size, state="COMPLETE"):
    return {"name": name, "rows": rows, "objects": objects, "bytes": size, "status": state}


def test_a_whole_export_has_no_problem_and_exact_rows_although_a_part_number_is_missing():
    export = Export().judged()

    assert export.problems == []
    assert export.tables == [table("shop.empty", 0, 0, 0), table("shop.orders", 12, 2, 150)]


def test_a_table_of_both_inventories_must_be_exported():
    export = Export().without("shop.orders").say(status("shop.empty"))

    assert export.reasons() == [("shop.orders", "table-missing")]
    assert table("shop.orders", 0, 0, 0, "MISSING") in export.tables


@pytest.mark.parametrize("side", ["before", "after"])
def test_a_table_of_one_inventory_may_be_missing(side):
    export = Export()
    export.inventories = inventories("shop.orders", "shop.empty", **{side: ["shop.passing"]})

    assert export.reasons() == []


@pytest.mark.parametrize("side", ["before", "after"])
def test_a_table_of_one_inventory_may_be_exported(side):
    export = Export()
    export.inventories = inventories("shop.orders", **{side: ["shop.empty"]})

    assert export.reasons() == []


def test_a_table_of_neither_inventory_is_unexpected():
    export = Export()
    export.inventories = inventories("shop.orders")

    assert export.reasons() == [("shop.empty", "table-unexpected")]


@pytest.mark.parametrize("state", ["FAILED", "SKIPPED", "IN_PROGRESS"])
def test_a_table_that_is_not_complete_is_named_with_rdss_reason(state):
    warning = "COLUMN_NAME_CONTAINS_UNSUPPORTED_CHARACTERS"
    export = (
        Export().without("shop.orders").say(status("shop.empty"), status("shop.orders", state, warningMessage=warning))
    )

    assert export.reasons() == [("shop.orders", "table-incomplete")]
    assert f"shop.orders was exported with status {state}: {warning}" in export.problems[0]["detail"]


def test_a_warning_of_a_complete_table_is_a_problem():
    export = Export().say(status("shop.empty"), status("shop.orders", warningMessage="a row was too large"))

    assert export.reasons() == [("shop.orders", "table-warning")]
    assert "a row was too large" in export.problems[0]["detail"]


def test_a_warning_of_the_task_is_a_problem_of_the_point():
    export = Export()
    export.warning = "FAILED_TO_EXTRACT_TABLES_LIST_FOR_DATABASE"

    assert export.reasons() == [("point", "export-warning")]
    assert export.warning in export.problems[0]["detail"]


def test_slices_that_were_not_read_are_a_problem_although_rds_says_complete():
    partitioning = {"partitioningInfo": {"numberOfPartitions": 9, "numberOfCompletedPartitions": 8}}
    export = Export().say(status("shop.empty"), status("shop.orders", tableStatistics=partitioning))

    assert export.reasons() == [("shop.orders", "table-incomplete")]
    assert "8 of 9 slices" in export.problems[0]["detail"]


def test_slices_that_were_all_read_need_no_file_each():
    partitioning = {"partitioningInfo": {"numberOfPartitions": 9, "numberOfCompletedPartitions": 9}}

    assert Export().say(status("shop.empty"), status("shop.orders", tableStatistics=partitioning)).reasons() == []


def test_a_complete_table_without_any_object_lost_them():
    assert Export().without("shop.empty").reasons() == [("shop.empty", "table-without-objects")]


def test_a_batch_with_rows_needs_its_success_mark():
    assert Export().without("shop.orders/1/_SUCCESS").reasons() == [("shop.orders", "success-missing")]


@pytest.mark.parametrize("mark", ["_SUCCESS", "_success"])
def test_each_batch_has_a_mark_of_its_own(mark):
    export = Export()
    export.objects.append((stored("shop/shop.orders/2/part-00000-c.gz.parquet"), COLUMNS, 1))

    assert export.reasons() == [("shop.orders", "success-missing")]
    assert "batch 2" in export.problems[0]["detail"]

    export.objects.append((stored(f"shop/shop.orders/2/{mark}"), None, 0))

    assert export.reasons() == []
    assert export.tables[1]["rows"] == 13


def test_the_older_layout_without_batches_is_understood():
    export = Export()
    export.objects = [
        (StoredObject(o.key.replace("/1/", "/"), o.size, "v1", o.checksums, KEY), c, r) for o, c, r in export.objects
    ]

    assert export.reasons() == []
    assert export.tables[1]["rows"] == 12


def test_what_an_unfinished_writer_left_counts_nothing():
    export = Export()
    export.objects.append((stored("shop/shop.orders/1/_temporary/0/part-00000-x.gz.parquet"), COLUMNS, 99))

    assert export.reasons() == []
    assert export.tables[1]["rows"] == 12


def test_the_servers_own_tables_are_no_part_of_the_proof():
    export = Export().say(status("shop.orders"), status("shop.empty"), status("mysql.rds_heartbeat2", "FAILED"))
    export.objects.append((stored("mysql/mysql.rds_history/1/part-00000-x.gz.parquet"), COLUMNS, 3))

    assert export.reasons() == []
    assert [t["name"] for t in export.tables] == ["shop.empty", "shop.orders"]


@pytest.mark.parametrize("phase", ["before", "after"])
def test_a_missing_inventory_is_a_problem_with_its_reason(phase):
    export = Export()
    lists = {"before": frozenset({"shop.orders"}), "after": frozenset({"shop.orders"}), phase: None}
    export.inventories = Inventories(**lists, missing={phase: "PermissionMissing: refused"})

    assert export.reasons() == [("point", "inventory-missing")]
    assert f"tables {phase} the snapshot is missing (PermissionMissing: refused)" in export.problems[0]["detail"]
    assert len(export.tables) == 2


def test_a_missing_task_info_is_a_problem():
    assert Export().without("export_info").reasons() == [("point", "info-missing")]


def test_missing_tables_infos_are_one_problem_and_not_one_per_table():
    assert Export().without("export_tables_info").reasons() == [("point", "info-missing")]


def test_a_database_without_tables_needs_no_tables_info():
    export = Export().without("shop", "export_tables_info")
    export.inventories = inventories()

    assert export.reasons() == []


def test_long_words_of_others_are_cut_since_problems_travel():
    export = Export()
    export.warning = '{"skippedTables": [' + '"x.y", ' * 5000

    assert export.reasons() == [("point", "export-warning")]
    assert len(export.problems[0]["detail"]) < 500


def test_a_hole_between_tables_infos_is_found():
    export = Export()
    export.objects.append((stored("export_tables_info_t_from_501_to_600.json"), None, 0))
    export.infos[f"{PREFIX}/export_tables_info_t_from_501_to_600.json"] = {"perTableStatus": []}

    assert export.reasons() == [("point", "info-missing")]
    assert "covers table 3" in export.problems[0]["detail"]


def test_several_tables_infos_are_read_as_one():
    export = Export().say(status("shop.orders"))
    more = "export_tables_info_t_from_3_to_3.json"
    export.objects.append((stored(more), None, 0))
    export.infos[f"{PREFIX}/{more}"] = {"perTableStatus": [status("shop.empty")]}

    assert export.reasons() == []


def test_a_table_that_two_infos_name_is_as_bad_as_the_worse():
    export = Export().say(status("shop.empty"), status("shop.orders", "FAILED"), status("shop.orders"))

    assert export.reasons() == [("shop.orders", "table-incomplete")]


@pytest.mark.parametrize("content", [None, [], {}, {"perTableStatus": [{}]}, {"perTableStatus": ["x"]}])
def test_an_unreadable_tables_info_is_a_problem_and_raises_no_flood(content):
    export = Export()
    export.infos[TABLES_INFO] = content

    assert export.reasons() == [(TABLES_INFO, "info-unreadable")]


def test_a_table_that_no_info_names_lacks_its_status():
    assert Export().say(status("shop.empty")).reasons() == [("shop.orders", "table-without-status")]


def test_a_task_that_exports_only_some_tables_is_partial():
    export = Export()
    export.infos[TASK_INFO] = {"status": "COMPLETE", "exportOnly": ["shop.orders"]}

    assert export.reasons() == [("point", "export-restricted")]


def test_a_task_info_that_contradicts_the_task_is_a_problem():
    export = Export()
    export.infos[TASK_INFO] = {"status": "IN_PROGRESS"}

    assert export.reasons() == [(TASK_INFO, "info-unreadable")]


def test_an_export_without_any_object_is_empty():
    export = Export()
    export.objects = []

    assert ("point", "export-empty") in export.reasons()
    assert ("shop.orders", "table-missing") in export.reasons()


@pytest.mark.parametrize("kms_key", [None, "arn:aws:kms:eu-west-1:123456789012:key/other"])
def test_an_object_under_another_key_is_a_problem(kms_key):
    export = Export()
    export.objects[0] = (stored("shop/shop.orders/1/part-00000-a.gz.parquet", kms_key=kms_key), COLUMNS, 7)

    assert export.reasons() == [(export.objects[0][0].key, "wrong-key")]
    assert (kms_key or "no KMS key") in export.problems[0]["detail"]


def test_an_unreadable_footer_is_a_problem_and_its_rows_do_not_count():
    export = Export()
    trouble = "NotParquet: the file ends in b'oops'"
    export.objects[0] = (stored("shop/shop.orders/1/part-00000-a.gz.parquet", trouble=trouble), None, 0)

    assert export.reasons() == [(export.objects[0][0].key, "object-unreadable")]
    assert trouble in export.problems[0]["detail"]
    assert export.tables[1]["rows"] == 5


def test_an_object_without_checksum_is_a_problem():
    export = Export()
    export.objects[3] = (stored("shop/shop.empty/1/_SUCCESS", checksums={}), None, 0)

    assert export.reasons() == [(export.objects[3][0].key, "no-checksum")]


@pytest.mark.parametrize(
    "name", ["part-00000-a.parquet", "shop/part-00000-a.parquet", "shop/crm.people/1/part-0.parquet"]
)
def test_rows_outside_of_every_table_are_misplaced(name):
    export = Export()
    export.objects.append((stored(name), None, 0))

    assert export.reasons() == [(f"{PREFIX}/{name}", "object-misplaced")]


def test_a_part_with_other_columns_is_suspected_to_be_another_tables():
    export = Export()
    export.objects[1] = (export.objects[1][0], (("id", "INT64"), ("email", "BYTE_ARRAY")), 5)

    assert export.reasons() == [(export.objects[1][0].key, "schema-differs")]
    assert "email (BYTE_ARRAY)" in export.problems[0]["detail"]


def test_a_part_that_was_deleted_after_the_export_is_a_problem():
    export = Export()
    export.deleted[f"{PREFIX}/shop/shop.orders/1/part-00001-x.gz.parquet"] = LATER

    assert [reason for _, reason in export.reasons()] == ["object-deleted"]
    assert LATER.isoformat() in export.problems[0]["detail"]


def test_what_rds_tidied_up_before_its_end_is_no_problem():
    export = Export()
    export.deleted[f"{PREFIX}/shop/shop.orders/1/part-00001-x.gz.parquet"] = EARLIER
    export.deleted[f"{PREFIX}/shop/shop.orders/1/_temporary/0/part-00001-x.gz.parquet"] = LATER

    assert export.reasons() == []


def test_a_part_that_was_written_again_after_the_export_is_a_problem():
    export = Export()
    export.replaced[export.objects[0][0].key] = LATER
    export.replaced[export.objects[1][0].key] = EARLIER

    assert export.reasons() == [(export.objects[0][0].key, "object-replaced")]


def test_a_name_with_characters_that_paths_lose_still_finds_its_folder():
    export = Export().say(status("shop.orders"), status("shop.empty"), status('my db.a`b"c'))
    export.objects += [
        (stored("my_db/my_db.a_b_c/1/part-00000-a.gz.parquet"), COLUMNS, 4),
        (stored("my_db/my_db.a_b_c/1/_SUCCESS"), None, 0),
    ]
    export.inventories = inventories("shop.orders", "shop.empty", 'my db.a`b"c')

    assert export.reasons() == []
    assert export.tables[0]["rows"] == 4


def test_two_tables_in_one_folder_are_ambiguous():
    export = Export().say(status("shop.orders"), status("shop.empty"), status("shop.or ders"), status("shop.or_ders"))
    export.objects += [
        (stored("shop/shop.or_ders/1/part-00000-a.gz.parquet"), COLUMNS, 4),
        (stored("shop/shop.or_ders/1/_SUCCESS"), None, 0),
    ]
    export.inventories = inventories("shop.orders", "shop.empty", "shop.or ders", "shop.or_ders")

    assert export.reasons() == [("shop.or ders", "name-ambiguous")]


def test_a_table_whose_name_holds_a_dot_is_one_table():
    assert layout.place(PREFIX, f"{PREFIX}/a.b/a.b.c.d/1/part-00000-x.gz.parquet").folder == "a.b.c.d"


def test_problems_come_in_order_of_weight():
    export = Export().without("shop.empty")
    export.objects[0] = (stored("shop/shop.orders/1/part-00000-a.gz.parquet", kms_key=None), COLUMNS, 7)
    export.warning = "something"

    assert [reason for _, reason in export.reasons()] == ["export-warning", "table-without-objects", "wrong-key"]


def test_every_reason_is_documented_and_every_detail_is_a_sentence():
    export = Export()
    export.objects.append((stored("stray.parquet", kms_key=None, checksums={}), None, 0))
    export.objects[0] = (stored("shop/shop.orders/1/part-00000-a.gz.parquet", trouble="403"), None, 0)
    export.warning = "w"
    export.inventories = Inventories(None, None, {"before": "a", "after": "b"})
    export.without("export_info", "shop.empty", "1/_SUCCESS").judged()

    assert len(export.problems) >= 8
    for found in export.problems:
        assert f"``{found['reason']}``" in exports.__doc__
        assert found["detail"].endswith(".")
        assert "\n" not in found["detail"]


def test_the_manifest_and_its_summary_follow_the_contract():
    export = Export().without("1/_SUCCESS").judged()
    point = {"id": "orders-20261006t1200z", "database": "orders"}
    task = {"task": "t", "prefix": PREFIX, "snapshot_time": "2026-10-06T12:00:00Z"}

    found = manifests.manifest(
        point, task, kms_key=KEY, tables=export.tables, objects=export.check.objects, problems=export.problems
    )

    assert not found["whole"]
    assert found["objects"][0] == {
        "key": f"{PREFIX}/shop/shop.orders/1/part-00000-a.gz.parquet",
        "size": 100,
        "checksum": {"algorithm": "CRC64NVME", "value": "abc="},
        "version_id": "v1",
    }
    assert manifests.summary(found, "manifests/x.json") == {
        "whole": False,
        "manifest": "manifests/x.json",
        "tables": 2,
        "rows": 12,
        "objects": 4,
        "bytes": 170,
        "problems": 2,
        "first_problems": found["problems"],
    }
