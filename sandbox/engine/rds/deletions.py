"""Deleting an instance, with a last snapshot of it if wished.

https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DeleteDBInstance.html
"""

from ministack.services import rds

from sandbox.engine.rds import instances, snapshots
from sandbox.engine.rds.common import Answer, Parameters, answering, value


@answering
def delete(parameters: Parameters) -> Answer:
    """AWS takes the final snapshot and is ``deleting`` for a while; MiniStack's instance is gone at once."""
    instance = instances.require(value(parameters, "DBInstanceIdentifier"))
    if not instances.is_ours(instance):
        found: Answer = rds._delete_db_instance(parameters)
        return found
    instances.check_deletable(instance, parameters)
    final = value(parameters, "FinalDBSnapshotIdentifier")
    if final:
        snapshots.take(instance, final, [])
    return instances.delete(instance)
