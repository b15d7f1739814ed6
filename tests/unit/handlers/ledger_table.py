"""The ledger's table as the storage stack declares it, for moto."""

import json

from blueprints import storage
from blueprints.outputs import KeysOutputs
from blueprints.settings import SANDBOX


def declared():
    """Properties of the resource in the template."""
    template = storage.blueprint(SANDBOX, KeysOutputs.imported(SANDBOX))
    return json.loads(template.to_json())["Resources"]["Ledger"]["Properties"]


def create(client, name):
    """The table, as every region has it."""
    properties = declared()
    copied = ("BillingMode", "KeySchema", "AttributeDefinitions", "GlobalSecondaryIndexes")
    client.create_table(TableName=name, **{key: properties[key] for key in copied})
    client.update_time_to_live(TableName=name, TimeToLiveSpecification=properties["TimeToLiveSpecification"])
