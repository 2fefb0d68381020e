"""Backups of PostgreSQL with pgBackRest: made on the node that leads, proved on those that follow."""
