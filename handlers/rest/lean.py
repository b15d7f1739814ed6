"""Powertools' REST resolver without the half of Powertools that we don't use, which would triple the cold start.

``aws_lambda_powertools/__init__`` imports Logger, Metrics and Tracer, and botocore for a header of its own;
``aws_lambda_powertools/event_handler/__init__`` imports the resolvers of AppSync, and with them asyncio. Python runs
both before it imports ``event_handler.api_gateway``, which needs neither. Here the two packages are entered into
``sys.modules`` with their code not yet run: it runs when somebody asks the package for a name that only the code can
give (``from aws_lambda_powertools import Logger`` works as ever, and costs what it costs). Nothing is replaced or left
out, so a new version of Powertools can only make this slower, which a test sees: the modules of goal G3x are absent.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import find_spec, module_from_spec
from types import ModuleType
from typing import Any

_PACKAGES = ("aws_lambda_powertools", "aws_lambda_powertools.event_handler")


class _NotYetRun(ModuleType):
    """A package whose submodules can be imported though its own code has not run."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if find_spec(f"{self.__name__}.{name}"):
            return import_module(f"{self.__name__}.{name}")
        self.__class__ = ModuleType  # type: ignore[assignment]  # from here on it is a package like any other
        self.__spec__.loader.exec_module(self)  # type: ignore[union-attr]  # it was found, so it has both
        return getattr(self, name)


def _enter(name: str) -> None:
    if name in sys.modules:
        return  # somebody has paid already
    spec = find_spec(name)
    if spec is None:
        raise ImportError(f"{name} is not here; packages of the functions are in requirements/handlers.in", name=name)
    module = module_from_spec(spec)
    module.__class__ = _NotYetRun
    sys.modules[name] = module
    parent, _, child = name.rpartition(".")
    if parent:
        setattr(sys.modules[parent], child, module)


for _package in _PACKAGES:
    _enter(_package)

from aws_lambda_powertools.event_handler import api_gateway  # noqa: E402  # after its packages are entered
from aws_lambda_powertools.event_handler.api_gateway import Response  # noqa: E402
from aws_lambda_powertools.event_handler.exceptions import NotFoundError  # noqa: E402
from aws_lambda_powertools.event_handler.router import APIGatewayRouter  # noqa: E402

__all__ = ["APIGatewayRestResolver", "NotFoundError", "Response", "Router"]


class _Uncompressed(api_gateway.ResponseBuilder):  # type: ignore[type-arg]
    """Builds answers without asking each time whether the client takes gzip: none of our routes compresses.

    Powertools asks by copying all headers into a dictionary of its own, which was a fifth of our time per request.
    """

    @staticmethod
    def _has_compression_enabled(*_: object, **__: object) -> bool:
        return False


class APIGatewayRestResolver(api_gateway.APIGatewayRestResolver):
    """Powertools' own, with that."""

    def __init__(self) -> None:
        super().__init__(debug=False)  # else a variable could have it print whole requests
        self._response_builder_class = _Uncompressed


class Router(APIGatewayRouter):
    """Routes of one module."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Powertools' has no annotations
