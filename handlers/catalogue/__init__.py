"""The routes of the backup catalogue: databases, and what they can be restored to."""
