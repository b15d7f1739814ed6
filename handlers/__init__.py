"""The Lambda functions: thin adapters around the rules in :mod:`handlers.core`."""
