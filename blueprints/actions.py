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
# What a function does with the ledger: claim a row, note something in one, begin and settle one, keep the
# registry of databases, bring it up to a new version, or queue there, too.
CLAIM_IN_LEDGER = (awacs.dynamodb.GetItem, awacs.dynamodb.PutItem)
NOTE_IN_LEDGER = (awacs.dynamodb.GetItem, awacs.dynamodb.UpdateItem)
BEGIN_IN_LEDGER = (*NOTE_IN_LEDGER, awacs.dynamodb.PutItem)
WATCH_LEDGER = (awacs.dynamodb.PutItem, awacs.dynamodb.Query)
MIGRATE_LEDGER = (*CLAIM_IN_LEDGER, awacs.dynamodb.BatchGetItem)
USE_LEDGER = (*BEGIN_IN_LEDGER, awacs.dynamodb.Query, awacs.dynamodb.DeleteItem)
