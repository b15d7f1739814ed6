"""CloudFormation: pseudo-parameters in conditions, and what a row of ``cloudformation_types`` does."""

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError
from ministack.core.responses import get_account_id, get_region
from ministack.services.cloudformation import changesets, engine, handlers, provisioners, stacks

from sandbox.engine.clients import client
from sandbox.engine.patching import replace
from sandbox.engine.shapes import fit

Properties = dict[str, Any]
Attribute = str | Callable[[Any, Properties], Any]

GONE = re.compile("NotFound|NoSuch|DoesNotExist")  # in the codes of errors that say a resource is not there

_original: dict[str, Any] = {}


@dataclass(frozen=True)
class Type:
    """A resource type as calls of the service's own API.

    Args:
        service: boto3's name of the service.
        create: The operation that makes one; ``prepare`` shapes its parameters from the properties.
        ref: What ``Ref`` gives: a path into the answer, or a function of answer and parameters.
        attributes: The same for each ``Fn::GetAtt``.
        delete: The operation that removes one, and its parameters from physical id and properties.
        update: The operation for changed properties; without one ``create`` runs again if ``idempotent``, else the
            resource is replaced.
        rename: Properties that the API calls otherwise.
        name: The property that CloudFormation invents when the template has none.
        ready: Waits until a new resource of that physical id can be used.
    """

    service: str
    create: str
    ref: Attribute
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    delete: tuple[str, Callable[[str, Properties], Properties]] | None = None
    update: str | None = None
    idempotent: bool = False
    rename: Mapping[str, str] = field(default_factory=dict)
    prepare: Callable[[Properties], Properties] = dict
    name: str | None = None
    ready: Callable[[str], Any] | None = None

    def handler(self) -> dict[str, Callable[..., Any]]:
        """MiniStack's form of a type."""
        return {"create": self.on_create, "delete": self.on_delete, "update": self.on_update}

    def on_create(self, logical_id: str, properties: Properties, stack: str) -> tuple[str, Properties]:
        """Make one: ``(physical id, attributes)``."""
        return self._apply(self.create, self._named(logical_id, properties, stack))

    def on_update(self, physical_id: str, old: Properties, new: Properties, stack: str) -> tuple[str, Properties]:
        """Change one in place if the API can, else make another and remove it."""
        if self.name:
            new = {self.name: physical_id, **new}
        if self.update or self.idempotent:
            _, attributes = self._apply(self.update or self.create, new)
            return physical_id, attributes
        self.on_delete(physical_id, old)
        return self._apply(self.create, self._named(physical_id, new, stack))

    def on_delete(self, physical_id: str, properties: Properties) -> None:
        """Remove one; gone already is as good."""
        if self.delete is None:
            return
        operation, parameters = self.delete
        try:
            call(self.service, operation, parameters(physical_id, properties))
        except ClientError as error:
            if not GONE.search(error.response["Error"]["Code"]):
                raise

    def _named(self, logical_id: str, properties: Properties, stack: str) -> Properties:
        if self.name is None or properties.get(self.name):
            return dict(properties)
        name = provisioners._physical_name(stack, logical_id, max_len=60, lowercase=self.service == "rds")
        return {**properties, self.name: name}

    def _apply(self, operation: str, properties: Properties) -> tuple[str, Properties]:
        renamed = {self.rename.get(key, key): value for key, value in properties.items()}
        parameters = self.prepare(renamed)
        answer = call(self.service, operation, parameters)
        physical_id = str(attribute(self.ref, answer, parameters))
        if self.ready is not None:
            answer = self.ready(physical_id)
        return physical_id, {name: attribute(path, answer, parameters) for name, path in self.attributes.items()}


def attribute(path: Attribute, answer: Any, parameters: Properties) -> Any:
    """What a path (``DBProxy.Endpoint``) or a function finds in an API's answer."""
    if callable(path):
        return path(answer, parameters)
    for key in path.split("."):
        answer = answer[key] if isinstance(answer, dict) else answer[int(key)]
    return answer


def call(service: str, operation: str, parameters: Properties) -> Any:
    """Call an operation (boto3's spelling) with what its model knows of the parameters."""
    found = client(service)
    model = found.meta.service_model.operation_model(found.meta.method_to_api_mapping[operation])
    return getattr(found, operation)(**fit(parameters, model.input_shape, drop_unknown=True))


def wait_for(describe: Callable[[], Any], is_ready: Callable[[Any], bool], what: str) -> Any:
    """Describe until ready.

    Raises:
        TimeoutError: It was not ready in time.
    """
    deadline = time.monotonic() + READY_TIMEOUT
    while time.monotonic() < deadline:
        found = describe()
        if is_ready(found):
            return found
        time.sleep(0.02)
    raise TimeoutError(f"{what} was not ready within {READY_TIMEOUT:.0f} s")


READY_TIMEOUT = 120.0  # seconds; a database server starts in 1 s when the machine is quiet


def install() -> None:
    """Add our types, and hand the pseudo-parameters to conditions."""
    from sandbox.engine.cloudformation_types import TYPES  # noqa: PLC0415  # it needs ``Type``

    handled = provisioners._RESOURCE_HANDLERS
    handled.update({name: kind if isinstance(kind, dict) else kind.handler() for name, kind in TYPES.items()})
    on_thread = replace(stacks, "_runs_on_worker_thread", runs_on_worker_thread, "23955511141f")
    _original["on_thread"] = on_thread
    _original["types"] = frozenset(TYPES)
    for module in (engine, changesets, handlers, stacks):
        _original["conditions"] = replace(module, "_evaluate_conditions", evaluate_conditions, "e7f9e29b6c01")


def runs_on_worker_thread(resource_type: str) -> bool:
    """Whether a type may call the server back; ours do."""
    return resource_type in _original["types"] or bool(_original["on_thread"](resource_type))


def evaluate_conditions(template: Properties, parameters: Properties) -> Properties:
    """Evaluate the conditions of a template.

    ``AWS::Region`` and its siblings have values there too
    (https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/pseudo-parameter-reference.html); MiniStack
    compared their names.
    """
    pseudo = {
        "AWS::Region": get_region(),
        "AWS::AccountId": get_account_id(),
        "AWS::Partition": "aws",
        "AWS::URLSuffix": "amazonaws.com",
    }
    known = {name: {"Value": value, "NoEcho": False} for name, value in pseudo.items()}
    return _original["conditions"](template, {**known, **parameters})
