"""The first tables."""

from __future__ import annotations

from typing import Final

from haoma.store.columns import moment, place, row_key, sealed, small, text
from haoma.store.migrations.steps import create_index, create_table, drop_table

revision: Final = "0001"
down_revision: Final = None


def upgrade() -> None:
    """Create them."""
    create_table("kept", *row_key(), text("owner", 128), text("kind", 64), sealed("value"), moment("expires_at"))
    lease = (moment("fence"), moment("lease_until"), small("ended"), sealed("failure", nullable=True))
    create_table("leases", *row_key(), *lease)
    create_table("tries", *row_key(), sealed("moments"), moment("expires_at"))
    create_table(
        "ledger",
        *row_key(),
        *(text("app", 128), text("kind", 32), small("state"), moment("first"), place("fingerprint")),
        *(moment("lease_until"), moment("remember_until"), moment("repeat_ms"), moment("answer_until")),
        *(small("after_unknown"), sealed("outcome", nullable=True), text("error", 64)),
        *(moment("started_at"), moment("ended_at")),
    )
    count = (text("app", 128), text("kind", 32), small("state"), moment("day"), moment("total"))
    create_table("usage", *row_key(), *count)
    create_index("kept_by_end", "kept", ("expires_at", "tenant"))
    create_index("leases_by_end", "leases", ("lease_until", "tenant"))
    create_index("tries_by_end", "tries", ("expires_at", "tenant"))
    create_index("ledger_by_end", "ledger", ("remember_until", "tenant"))
    create_index("ledger_by_answer", "ledger", ("answer_until", "tenant"))


def downgrade() -> None:
    """Drop them, with everything in them."""
    for name in ("usage", "ledger", "tries", "leases", "kept"):
        drop_table(name)
