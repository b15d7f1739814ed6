"""How each MySQL type is read from the server and what Parquet type it becomes, as RDS documents it.

https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_ExportSnapshot.data-types.html
"""

from dataclasses import dataclass
from typing import Any

import pyarrow as pa

TIMESTAMP = pa.timestamp("us", tz="UTC")  # written as the annotation TIMESTAMP_MICROS
MAX_DECIMAL = 38  # digits; Parquet has no more
TEXT = frozenset({"varchar", "tinytext", "text", "mediumtext", "longtext", "enum", "set", "json"})
BINARY = frozenset(
    {
        *("binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob"),
        *("geometry", "point", "linestring", "polygon", "multipoint", "multilinestring", "multipolygon"),
        *("geometrycollection", "geomcollection"),
    }
)
INTEGERS = {
    ("tinyint", False): pa.int32(),
    ("tinyint", True): pa.int16(),  # stored as INT32, annotated INT(16, true)
    ("smallint", False): pa.int32(),
    ("smallint", True): pa.int32(),
    ("mediumint", False): pa.int32(),
    ("mediumint", True): pa.int64(),
    ("int", False): pa.int32(),
    ("int", True): pa.int64(),
    ("bigint", False): pa.int64(),
    ("bigint", True): pa.decimal128(20, 0),  # FIXED_LEN_BYTE_ARRAY(9)
    ("year", True): pa.int32(),
    ("year", False): pa.int32(),
}


@dataclass(frozen=True)
class Column:
    """One column on its way from the server's text to Parquet.

    Attributes:
        name: As in the database.
        original: The MySQL type, as in ``information_schema``.
        expression: What to select; text and bytes come as hexadecimal digits, so that no value can break a line.
        parsed: The type the text is parsed as.
        exported: The type written.
        hexadecimal: Whether the text is hexadecimal.
        label: ``expectedExportedType`` in the export's own description.
    """

    name: str
    original: str
    expression: str
    parsed: pa.DataType
    exported: pa.DataType
    label: str
    hexadecimal: bool = False
    length: int = 0
    precision: int = 0
    fraction: int = 0

    def mapping(self) -> dict[str, Any]:
        """This column in ``schemaMetadata.originalTypeMappings``."""
        return {
            "columnName": self.name,
            "originalType": self.original,
            "expectedExportedType": self.label,
            "originalCharMaxLength": self.length,
            "originalNumPrecision": self.precision,
            "originalDateTimePrecision": self.fraction,
        }


def quoted(name: str) -> str:
    """An identifier in backquotes."""
    return "`" + name.replace("`", "``") + "`"


def column(row: dict[str, Any]) -> Column:
    """The column that a row of ``information_schema.columns`` describes."""
    name, kind = str(row["column_name"]), str(row["data_type"]).lower()
    details: dict[str, Any] = {
        "length": int(row["character_maximum_length"] or 0),
        "precision": int(row["numeric_precision"] or 0),
        "fraction": int(row["datetime_precision"] or 0),
    }
    chosen = _chosen(quoted(name), kind, row)
    return Column(name, kind, **chosen, **details)


def _chosen(source: str, kind: str, row: dict[str, Any]) -> dict[str, Any]:
    unsigned = "unsigned" in str(row["column_type"]).lower()
    if (kind, unsigned) in INTEGERS:
        return _integer(source, INTEGERS[kind, unsigned])
    if kind in ("decimal", "numeric"):
        return _decimal(source, int(row["numeric_precision"]), int(row["numeric_scale"]))
    if kind == "bit":
        digits = 2 * ((int(row["numeric_precision"]) + 7) // 8)
        return _hexadecimal(f"LPAD(HEX({source} + 0), {digits}, '0')", pa.binary(), "binary")
    return _moment_or_float(source, kind) or _text_or_bytes(source, kind)


def _integer(source: str, exported: pa.DataType) -> dict[str, Any]:
    labels = {pa.int16(): "int32", pa.decimal128(20, 0): "fixed_len_byte_array(9) (DECIMAL(20,0))"}
    return _plain(source, exported, labels.get(exported, str(exported)))


def _moment_or_float(source: str, kind: str) -> dict[str, Any] | None:
    if kind == "double":
        return _plain(source, pa.float64(), "double")
    if kind == "float":  # prints with six digits only; widened first, it prints exactly
        return _plain(f"CAST({source} AS DOUBLE)", pa.float64(), "double")
    if kind in ("datetime", "timestamp"):
        # Zero dates have no place in a timestamp; like Connector/J's convertToNull, they become NULL.
        return {**_plain(f"NULLIF({source}, 0)", TIMESTAMP, "int64 (TIMESTAMP_MICROS)"), "parsed": pa.timestamp("us")}
    return _plain(source, pa.string(), "binary (UTF8)") if kind in ("date", "time") else None


def _text_or_bytes(source: str, kind: str) -> dict[str, Any]:
    if kind in BINARY:
        return _hexadecimal(f"HEX({source})", pa.binary(), "binary")
    if kind == "char":  # the one text type that RDS leaves without the annotation STRING
        return _hexadecimal(f"HEX(CONVERT({source} USING utf8mb4))", pa.binary(), "binary")
    as_text = source if kind in TEXT else f"CAST({source} AS CHAR)"
    return _hexadecimal(f"HEX(CONVERT({as_text} USING utf8mb4))", pa.string(), "binary (UTF8)")


def _decimal(source: str, precision: int, scale: int) -> dict[str, Any]:
    if precision > MAX_DECIMAL:
        return _plain(source, pa.string(), "binary (UTF8)")
    return _plain(source, pa.decimal128(precision, scale), f"DECIMAL({precision},{scale})")


def _plain(source: str, exported: pa.DataType, label: str) -> dict[str, Any]:
    return {"expression": source, "parsed": exported, "exported": exported, "label": label}


def _hexadecimal(expression: str, exported: pa.DataType, label: str) -> dict[str, Any]:
    return {
        "expression": expression,
        "parsed": pa.binary(),
        "exported": exported,
        "label": label,
        "hexadecimal": True,
    }
