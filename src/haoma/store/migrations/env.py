"""Alembic runs this: over the connection of `haoma.store.upgrade`, which holds the lease."""

from __future__ import annotations

from alembic import context

_given = context.config.attributes

context.configure(
    connection=_given["connection"],
    version_table=_given["prefix"] + "version",
    transaction_per_migration=True,
    # Alembic takes SQLite for a database that cannot undo DDL. It can, if the transaction is begun by hand.
    transactional_ddl=_given["connection"].dialect.name in {"postgresql", "sqlite"},
    on_version_apply=_given["applied"],
)
with context.begin_transaction():
    context.run_migrations()
