"""``python -m sandbox``: the local run."""

import sys

from sandbox.cli import main

sys.exit(main())
