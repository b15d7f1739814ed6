"""The StackSets API on the wire: requests as botocore's model reads them, answers and refusals as it writes them."""

import re
from collections.abc import Mapping
from typing import Any

from botocore.model import ListShape, OperationModel, Shape, StructureShape
from botocore.validate import ParamValidator
from ministack.services.cloudformation.helpers import _error, _esc, _xml

from sandbox.engine.clients import client
from sandbox.engine.shapes import scalar

Json = dict[str, Any]
Response = tuple[int, dict[str, str], bytes]

PAGE = 100  # of a list, unless MaxResults says less


class Refusal(Exception):
    """What the API answers instead of doing it.

    Attributes:
        code: AWS's, as in the model (``OperationInProgressException``) or ``ValidationError``.
    """

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        super().__init__(message)


def model(action: str) -> OperationModel:
    """Botocore's model of an action."""
    return client("cloudformation").meta.service_model.operation_model(action)


def read(action: str, parameters: Mapping[str, list[str]]) -> Json:
    """The request, in the types of the model.

    Raises:
        Refusal: It lacks something, or has what the model does not allow.
    """
    shape: Any = model(action).input_shape
    found: Json = _read(shape, "", {key: value[0] for key, value in parameters.items()}) or {}
    problems = ParamValidator().validate(found, shape).generate_report()
    problems = "; ".join(filter(None, [problems, *_unknown_values(found, shape)]))
    if problems:
        raise Refusal("ValidationError", problems)
    return found


def answer(action: str, result: Json) -> Response:
    """The answer; members whose value is None are left out."""
    return _xml(200, f"{action}Response", f"<{action}Result>{_write(result)}</{action}Result>")


def refuse(action: str, refusal: Refusal) -> Response:
    """The refusal, with the status that the model gives its code."""
    statuses = {shape.metadata["error"]["code"]: shape.metadata["error"] for shape in model(action).error_shapes}
    status = int(statuses.get(refusal.code, {}).get("httpStatusCode", 400))
    return _error(refusal.code, str(refusal), status)


def page(members: list[Json], request: Json) -> Json:
    """One page of summaries, and the token of the next."""
    token = request.get("NextToken", "0")
    if not re.fullmatch(r"\d+", token):
        raise Refusal("ValidationError", f"Invalid NextToken {token}")
    begin, size = int(token), request.get("MaxResults", PAGE)
    following = {"NextToken": str(begin + size)} if begin + size < len(members) else {}
    return {"Summaries": members[begin : begin + size], **following}


def _read(shape: Shape, prefix: str, flat: Mapping[str, str]) -> Any:
    """The value below a prefix of the query protocol's flat names, None when there is none.

    https://smithy.io/2.0/aws/protocols/aws-query-protocol.html
    """
    if isinstance(shape, StructureShape):
        members: Mapping[str, Shape] = shape.members
        values = {name: _read(one, f"{prefix}.{name}" if prefix else name, flat) for name, one in members.items()}
        present = {name: value for name, value in values.items() if value is not None}
        return present or ({} if flat.get(prefix) == "" else None)
    if isinstance(shape, ListShape):
        found: list[Any] = []
        while (value := _read(shape.member, f"{prefix}.member.{len(found) + 1}", flat)) is not None:
            found.append(value)
        return found if found or prefix in flat else None  # an empty list arrives as ``Tags=``
    return scalar(flat[prefix], shape.type_name) if prefix in flat else None


def _unknown_values(value: Any, shape: Shape, name: str = "") -> list[str]:
    """What an enumeration does not know; botocore's validator leaves that to AWS."""
    if isinstance(shape, StructureShape):
        members: Mapping[str, Shape] = shape.members
        return [problem for key, part in value.items() for problem in _unknown_values(part, members[key], key)]
    if isinstance(shape, ListShape):
        return [problem for part in value for problem in _unknown_values(part, shape.member, name)]
    allowed = shape.metadata.get("enum")
    if allowed and value not in allowed:
        known = f"Member must satisfy enum value set: [{', '.join(allowed)}]"
        return [f"Value '{value}' at '{name}' failed to satisfy constraint: {known}"]
    return []


def _write(value: Any) -> str:
    if isinstance(value, Mapping):
        return "".join(f"<{name}>{_write(part)}</{name}>" for name, part in value.items() if part is not None)
    if isinstance(value, list | tuple):
        return "".join(f"<member>{_write(part)}</member>" for part in value)
    return str(value).lower() if isinstance(value, bool) else _esc(str(value))
