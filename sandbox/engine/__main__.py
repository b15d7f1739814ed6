"""Start the embedded AWS: install every module of the plug-in, watch the parent, serve.

Started by ``sandbox.server.Engine`` with the settings in the environment, never by hand.
"""

import importlib
import importlib.util
import os
import signal
import sys
import threading

MODULES = (
    "admin",
    "alarms",
    "apigateway",
    "audit",
    "resources",
    "leading_keys",
    "lambdas",
    "events",
    "schedules",
    "stepfunctions",
    "storage",
    "cloudfront",
    "global_tables",
    "rds",
    "recorded",
    "invitations",
    "zones",
    "custom_resources",
    "cloudformation",
    "cloudformation_deletions",
    "cloudformation_documents",
    "cloudformation_drift",
    "cloudformation_exports",
    "cloudformation_registry",
    "cloudformation_replacements",
    "cloudformation_stacks",
    "stacksets",
)


def main() -> None:
    """Install and serve until the parent is gone."""
    threading.Thread(target=wait_for_end_of_input, daemon=True, name="holdfast-parent").start()
    from ministack import app  # noqa: PLC0415  # it reads the environment when imported

    for name in MODULES:
        if importlib.util.find_spec(f"sandbox.engine.{name}") is not None:
            module = importlib.import_module(f"sandbox.engine.{name}")
            if hasattr(module, "install"):
                module.install()
    sys.argv = ["ministack"]
    app.main()


def wait_for_end_of_input() -> None:
    """Block until the parent is gone, then end the whole process group: workers, databases, us.

    The other end of our standard input closes however the parent ends, also by SIGKILL. (``PR_SET_PDEATHSIG`` would
    fire when the *thread* that started us ends.)
    """
    while os.read(0, 4096):
        pass
    os.killpg(os.getpgrp(), signal.SIGKILL)


if __name__ == "__main__":
    main()
