"""Sets of actions that more than one policy names."""

from __future__ import annotations

import awacs.dynamodb
import awacs.kms

ENCRYPT_AND_DECRYPT = (
    awacs.kms.Encrypt,
    awacs.kms.Decrypt,
    awacs.kms.ReEncryptFrom,
    awacs.kms.ReEncryptTo,
    awacs.kms.GenerateDataKey,
    awacs.kms.GenerateDataKeyWithoutPlaintext,
)
# Nothing ever scans the ledger, and nothing at run time may change the table itself.
USE_LEDGER = (
    awacs.dynamodb.GetItem,
    awacs.dynamodb.BatchGetItem,
    awacs.dynamodb.Query,
    awacs.dynamodb.ConditionCheckItem,
    awacs.dynamodb.PutItem,
    awacs.dynamodb.UpdateItem,
    awacs.dynamodb.DeleteItem,
)
