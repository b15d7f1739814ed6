"""What every function behind the REST API shares: routing, documents of operations, problems, one log line."""
