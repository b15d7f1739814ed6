"""The same templates the plain way: import everything, ``yaml.safe_load``, ``to_json``, write, with gc on as it is."""

import json
import sys
from pathlib import Path

import yaml

from blueprints import (
    api,
    backup,
    bootstrap,
    database,
    interface,
    keys,
    network,
    observability,
    outputs,
    site,
    stacksets,
    storage,
)
from blueprints.settings import PRODUCTION as SETTINGS

yaml.CSafeLoader = yaml.SafeLoader  # what safe_load takes
folder = Path(sys.argv[1])
folder.mkdir(exist_ok=True)
keys_outputs = outputs.KeysOutputs.imported(SETTINGS)
network_outputs = outputs.NetworkOutputs.imported(SETTINGS)
storage_outputs = outputs.StorageOutputs.imported(SETTINGS)
database_outputs = outputs.DatabaseOutputs.imported(SETTINGS)
interface.remember(Path(".cache") / "openapi.json")  # the routes are no part of what is compared
document = interface.document(database=True)
templates = {
    "bootstrap": bootstrap.blueprint(SETTINGS),
    "keys": keys.blueprint(SETTINGS),
    "network": network.blueprint(SETTINGS, keys_outputs),
    "storage": storage.blueprint(SETTINGS, keys_outputs),
    "database": database.blueprint(SETTINGS, keys_outputs, network_outputs),
    "backup": backup.blueprint(SETTINGS, keys_outputs, network_outputs, storage_outputs),
    "api": api.blueprint(SETTINGS, keys_outputs, network_outputs, storage_outputs, database_outputs, document),
    "site": site.blueprint(SETTINGS),
    "observability": observability.blueprint(SETTINGS, keys_outputs),
}
texts = {name: template.to_json() for name, template in templates.items()}
templates["stacksets"] = stacksets.blueprint(SETTINGS, texts)  # the sets follow from the other templates' digests
texts["stacksets"] = templates["stacksets"].to_json()
for name, template in templates.items():
    (folder / f"{name}.json").write_text(texts[name])
    for resource in template.resources.values():
        if resource.resource_type == "AWS::StepFunctions::StateMachine":
            (folder / f"{resource.title}.asl.json").write_text(json.dumps(resource.Definition, indent=2))
