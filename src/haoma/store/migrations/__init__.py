"""The migrations of the store, for Alembic. `haoma.store.upgrade` runs them."""
