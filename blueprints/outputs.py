"""Typed contracts between stacks: what one stack publishes and the others import."""

from __future__ import annotations

from typing import Any, ClassVar, Self, dataclass_transform

from troposphere import AWSHelperFn, Export, ImportValue, Output, Split, Template

from blueprints.settings import Settings


@dataclass_transform(frozen_default=True, kw_only_default=True)
class Outputs:
    """Base of one stack's outputs; a subclass declares one field per value.

    The producer fills the fields with references to its resources and calls :meth:`publish`. A consumer receives the
    same class from :meth:`imported`, filled with imports. Both sides therefore agree on every name. Both regions
    publish every field; what only the primary region has is named by the settings instead.

    Type checkers take subclasses for dataclasses. They are none: ``dataclass`` compiles six methods for each class, and
    of these ``build.py``, which would wait for it every time, needs one.
    """

    stack: ClassVar[str]
    fields: ClassVar[tuple[str, ...]]

    def __init_subclass__(cls) -> None:
        cls.fields = tuple(name for name in cls.__annotations__ if name != "stack")

    def __init__(self, **values: Any) -> None:
        if wrong := values.keys() ^ set(self.fields):
            raise TypeError(f"{type(self).__name__} has other fields: {', '.join(sorted(wrong))}")
        self.__dict__.update(values)

    def publish(self, template: Template, settings: Settings) -> None:
        """Add one exported output per field to *template*."""
        for field in self.fields:
            title = _title(field)
            name = settings.export(self.stack, title)
            template.add_output(Output(title, Value=getattr(self, field), Export=Export(name)))

    @classmethod
    def imported(cls, settings: Settings) -> Self:
        """These outputs as another stack of the same account and region sees them."""
        return cls(**{field: ImportValue(settings.export(cls.stack, _title(field))) for field in cls.fields})


class KeysOutputs(Outputs):
    """ARNs of the region's customer-managed keys, one per purpose."""

    stack: ClassVar[str] = "keys"

    data_key: AWSHelperFn
    backups_key: AWSHelperFn
    logs_key: AWSHelperFn


class NetworkOutputs(Outputs):
    """The region's private network; *subnets* is a comma-separated list, see :attr:`subnet_ids`."""

    stack: ClassVar[str] = "network"

    subnets: AWSHelperFn
    functions_group: AWSHelperFn
    proxy_group: AWSHelperFn
    database_group: AWSHelperFn

    @property
    def subnet_ids(self) -> Split:
        """The subnets as the list that most resources want."""
        return Split(",", self.subnets)


class StorageOutputs(Outputs):
    """The region's own buckets (names and ARNs) and its replica of the ledger."""

    stack: ClassVar[str] = "storage"

    staging: AWSHelperFn
    staging_arn: AWSHelperFn
    vault: AWSHelperFn
    vault_arn: AWSHelperFn
    access_logs: AWSHelperFn
    site: AWSHelperFn
    site_arn: AWSHelperFn
    ledger: AWSHelperFn
    ledger_arn: AWSHelperFn


class DatabaseOutputs(Outputs):
    """What a database of this platform needs in either region, so that a copy can be restored there; and its address.

    *host* and *port* are the proxy's, if there is one; else the instance's, and nobody's in the recovery region.
    """

    stack: ClassVar[str] = "database"

    subnet_group: AWSHelperFn
    parameter_group: AWSHelperFn
    option_group: AWSHelperFn
    host: AWSHelperFn
    port: AWSHelperFn


class ProxyOutputs(Outputs):
    """The region's RDS Proxy; published if the settings ask for one. The recovery region's has no target yet."""

    stack: ClassVar[str] = "database"

    proxy_name: AWSHelperFn
    proxy_arn: AWSHelperFn
    proxy_endpoint: AWSHelperFn


class BackupOutputs(Outputs):
    """The region's event bus and state machines."""

    stack: ClassVar[str] = "backup"

    bus: AWSHelperFn
    bus_arn: AWSHelperFn
    fleet_machine: AWSHelperFn
    backup_machine: AWSHelperFn
    copy_machine: AWSHelperFn


class ApiOutputs(Outputs):
    """The region's API and who may call it; *authority* is the address that people and programs log in at."""

    stack: ClassVar[str] = "api"

    api_id: AWSHelperFn
    api_url: AWSHelperFn
    user_pool: AWSHelperFn
    console_client: AWSHelperFn
    machine_client: AWSHelperFn
    authority: AWSHelperFn


class SiteOutputs(Outputs):
    """The console's distribution and address; published in us-east-1 only, for people and for whoever uploads."""

    stack: ClassVar[str] = "site"

    distribution_id: AWSHelperFn
    distribution_domain: AWSHelperFn
    console_url: AWSHelperFn


def _title(field_name: str) -> str:
    return "".join(part.capitalize() for part in field_name.split("_"))
