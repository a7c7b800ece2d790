"""Run by alembic: `dedup db upgrade` hands over its own connection, inside its own transaction."""

from __future__ import annotations

from alembic import context

from dedup.store.models import Base

connection = context.config.attributes.get("connection")
if connection is None:
    raise SystemExit("run `dedup db upgrade`: it knows which database and takes the lock")

# Batch mode: SQLite cannot alter most things in place.
context.configure(connection=connection, target_metadata=Base.metadata, render_as_batch=True)
context.run_migrations()
