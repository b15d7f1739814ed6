"""What ``build.py`` does when it is run."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from blueprints import emit
from blueprints.artifacts import PackagingError
from blueprints.rebuild import Memory
from blueprints.request import Request, arguments
from blueprints.validation import SettingsError


def run(argv: Sequence[str] | None, outputs: Path, stacks: emit.Stacks) -> int:
    """Exit code: 0 done, 1 ``--check`` found differences, 2 what was asked for can't be emitted."""
    args = arguments(argv)
    request = Request(args.stage, args.settings)
    emit.defer("cfn_flip", "inspect")
    try:
        if args.package:
            from blueprints import packaging  # noqa: PLC0415 (only if need be)

            done = [f"packed: {packaging.package(args.package)}"]
        elif args.check:
            done = emit.check(outputs, stacks, request, illustrated=True)
        else:
            memory = Memory(outputs.parent / ".cache" / "build.json", outputs)
            done = emit.emit(outputs, stacks, request, memory, illustrated=True)
    except (SettingsError, PackagingError) as error:
        print(f"build.py: {error}", file=sys.stderr)  # noqa: T201 (a command line tool prints)
        return 2
    print("\n".join(done) or "nothing to do: outputs/ holds what the code emits", flush=True)  # noqa: T201
    return 1 if args.check and done else 0
