"""Metric math as far as our alarms use it: arithmetic, comparisons, ``FILL`` and ``IF`` over series of equal length.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html. A point that is missing on either
side of an operator is missing in the result; a division by zero as well.
"""

import ast
import operator
from collections.abc import Callable, Mapping
from typing import Any

Point = float | None
Series = list[Point]


class Unsupported(ValueError):
    """An expression uses what is not known here."""


OPERATORS: dict[type, Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}


REDUCE: dict[str, Callable[[list[float]], float]] = {"MAX": max, "MIN": min, "SUM": sum}


def evaluate(expression: str, series: Mapping[str, Series], length: int) -> Series:
    """The series that an expression makes of others.

    Raises:
        Unsupported: It is no expression, or uses what is not known here.
    """
    try:
        tree = ast.parse(expression.replace("&&", " and ").replace("||", " or "), mode="eval")
    except SyntaxError as error:
        raise Unsupported(f"{expression}: {error.msg}") from None
    return _of(tree.body, series, length)


def _of(node: ast.expr, series: Mapping[str, Series], length: int) -> Series:
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        return [float(node.value)] * length
    if isinstance(node, ast.Name) and node.id in series:
        return series[node.id]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return [None if point is None else -point for point in _of(node.operand, series, length)]
    if isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
        return _pairs(node.op, _of(node.left, series, length), _of(node.right, series, length))
    if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in OPERATORS:
        return _pairs(node.ops[0], _of(node.left, series, length), _of(node.comparators[0], series, length))
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return _call(node.func.id, node.args, series, length)
    raise Unsupported(f"metric math: {ast.unparse(node)}")


def _pairs(op: Any, left: Series, right: Series) -> Series:
    return [_pair(op, one, other) for one, other in zip(left, right, strict=True)]


def _pair(op: Any, left: Point, right: Point) -> Point:
    if left is None or right is None or (isinstance(op, ast.Div) and right == 0):
        return None
    return float(OPERATORS[type(op)](left, right))


def _call(name: str, arguments: list[ast.expr], series: Mapping[str, Series], length: int) -> Series:
    values = [_of(argument, series, length) for argument in arguments]
    if name == "FILL" and len(values) == 2:  # noqa: PLR2004
        return [filler if point is None else point for point, filler in zip(*values, strict=True)]
    if name == "IF" and len(values) == 3:  # noqa: PLR2004
        return [
            None if condition is None else yes if condition else no for condition, yes, no in zip(*values, strict=True)
        ]
    if name in REDUCE and len(values) == 1:
        present = [point for point in values[0] if point is not None]
        return [REDUCE[name](present) if present else None] * length
    raise Unsupported(f"metric math: {name} of {len(values)} arguments")
