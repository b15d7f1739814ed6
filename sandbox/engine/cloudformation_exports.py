"""Exports of stacks: what imports one keeps it from going away and from changing.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-stack-exports.html
"""

from collections.abc import Iterator
from typing import Any

from ministack.services.cloudformation import _exports, _stacks, engine, handlers, stacks

from sandbox.engine.patching import replace

Json = dict[str, Any]

NO_IMPORTS = ("DELETE_COMPLETE", "REVIEW_IN_PROGRESS", "ROLLBACK_COMPLETE")  # stacks that hold nothing

_original: dict[str, Any] = {}


def install() -> None:
    """Replace what finds imports and what resolves outputs."""
    replace(handlers, "_imported_export_names", imported, "32ce94bd6b77")
    _original["outputs"] = replace(stacks, "_resolve_stack_outputs", resolve_outputs, "353ef6908a4f")


def imported(stack: Json, stack_name: str) -> set[str]:
    """The exports that a stack imports where its conditions let it; MiniStack counted all of its template."""
    template, conditions = stack.get("_template") or {}, stack.get("_conditions") or {}

    def name(argument: Any) -> str:
        known = (stack.get("_resources", {}), stack.get("_resolved_params", {}), conditions)
        try:
            found = engine._resolve_refs(
                argument, *known, template.get("Mappings", {}), stack_name, stack.get("StackId", "")
            )
        except Exception:  # noqa: BLE001  # it names something that is gone; MiniStack takes it as it stands, too
            found = argument
        return str(found)

    def walk(node: Any) -> Iterator[str]:
        if isinstance(node, list):
            for part in node:
                yield from walk(part)
        elif isinstance(node, dict):
            if "Fn::ImportValue" in node:
                yield name(node["Fn::ImportValue"])
            elif "Fn::If" in node:
                condition, yes, no = node["Fn::If"]
                yield from walk(yes if conditions.get(condition) else no)
            else:
                yield from walk(list(node.values()))

    parts = [part for section in ("Resources", "Outputs") for part in (template.get(section) or {}).values()]
    return {found for part in parts if conditions.get(part.get("Condition", ""), True) for found in walk(part)}


def users(export: str, of: str) -> list[str]:
    """The stacks that import an export of the stack with the id *of*."""
    return sorted(
        name
        for name, stack in list(_stacks.items())
        if stack["StackId"] != of and stack["StackStatus"] not in NO_IMPORTS and export in imported(stack, name)
    )


def in_use(stack: Json) -> str | None:
    """Why a stack cannot be deleted, None when nothing imports from it."""
    for output in stack.get("Outputs", []):
        export = output.get("ExportName")
        if export and (found := users(export, stack["StackId"])):
            return f"Delete canceled. Cannot delete export {export} as it is in use by {' and '.join(found)}."
    return None


def resolve_outputs(definitions: Json, *more: Any) -> tuple[list[Json], Json]:
    """MiniStack's outputs and exports of a stack, which must not take away or change what others import.

    Raises:
        ValueError: They would, or another stack has an export of that name.
    """
    outputs, exports = _original["outputs"](definitions, *more)
    stack_id = more[-1]
    for name, export in exports.items():
        other = (_exports.get(name) or export)["StackId"]
        if other != stack_id and any(one["StackId"] == other for one in living()):
            raise ValueError(f"Export with name {name} is already exported by stack {other.split('/')[1]}")
    for name, before in [(key, one) for key, one in _exports.items() if one["StackId"] == stack_id]:
        after = exports.get(name)
        if (after is None or after["Value"] != before["Value"]) and (found := users(name, stack_id)):
            verb = "delete" if after is None else "update"
            raise ValueError(f"Update canceled. Cannot {verb} export {name} as it is in use by {' and '.join(found)}.")
        if after is None:
            _exports.pop(name, None)
    return outputs, exports


def living() -> list[Json]:
    """The stacks that are there."""
    return [one for one in list(_stacks.values()) if one["StackStatus"] != "DELETE_COMPLETE"]
