"""Run benchmarks: ``python -m benchmarks [NAME …]``, without a name all of them."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

ALL = sorted(
    path.stem for path in Path(__file__).parent.glob("*.py") if path.stem not in ("__init__", "__main__", "measure")
)


def main() -> int:
    """Exit code: 0, or 2 for an unknown name."""
    names = sys.argv[1:] or ALL
    unknown = [name for name in names if name not in ALL]
    if unknown:
        print(f"benchmarks: there is no {unknown[0]}: use {', '.join(ALL)}", file=sys.stderr)
        return 2
    del sys.argv[1:]  # a benchmark may read options of its own when it is run alone
    for name in names:
        importlib.import_module(f"benchmarks.{name}").main()
    return 0


if __name__ == "__main__":
    sys.exit(main())
