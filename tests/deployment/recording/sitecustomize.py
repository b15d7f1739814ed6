"""Python runs this first wherever this folder is on its path: each request to AWS is written down as it was asked for.

A botocore session tells its clients' parameters to whoever listens, before anything is made of them
(https://botocore.amazonaws.com/v1/documentation/api/latest/topics/events.html). One pickled triple for each request:
service, operation, parameters. The file is named by ``HOLDFAST_REQUESTS``.
"""

from __future__ import annotations

import os
import pickle
import threading
from typing import Any

from botocore import session

FILE = os.environ.get("HOLDFAST_REQUESTS")
_lock = threading.Lock()
_init = session.Session.__init__


def _write(params: dict[str, Any], model: Any, **_: Any) -> None:
    found = {name: value if not hasattr(value, "read") else b"" for name, value in params.items()}
    line = pickle.dumps((model.service_model.service_name, model.name, found))
    with _lock, open(FILE or os.devnull, "ab") as file:  # noqa: PTH123 (in front of every program; pathlib is slow)
        file.write(line)


def _listened_to(self: session.Session, *arguments: Any, **more: Any) -> None:
    _init(self, *arguments, **more)
    # A client copies the listeners of its session; this one is told after all others have had their say.
    self.register("provide-client-params", _write)


if FILE:
    session.Session.__init__ = _listened_to  # type: ignore[method-assign]
