"""Accounts, links, sealed numbers, consent and the audit log."""

from __future__ import annotations

from typing import Final

from haoma.store.columns import moment, place, row_key, sealed, small, text
from haoma.store.migrations.steps import create_index, create_table, drop_table

revision: Final = "0002"
down_revision: Final = "0001"


def upgrade() -> None:
    """Create the tables."""
    create_table(
        "accounts",
        *(*row_key(), place("phone"), sealed("identities"), sealed("external"), moment("created_at")),
        moment("revoked_at"),
    )
    create_table(
        "identities",
        *(*row_key(), place("account"), text("platform", 32), text("app", 128), text("kind", 32), sealed("value")),
        moment("linked_at"),
    )
    create_table(
        "numbers",
        *(*row_key(), place("account"), place("phone"), moment("verified_at"), moment("bound_at")),
        text("assurance", 64),
    )
    create_table("phones", *row_key(), place("account"), sealed("sealed"), moment("key_id"), sealed("indexes"))
    create_table("salts", *row_key(), place("salt"))
    create_table(
        "consents",
        *(*row_key(), place("account"), text("app", 128), text("policy", 128), text("scene", 128)),
        *(place("text_hash"), text("audience", 128), moment("at"), moment("withdrawn_at")),
    )
    create_table(
        "disputes",
        *(*row_key(), small("state"), text("app", 128), place("claimant"), place("holder"), sealed("details")),
        *(moment("at"), moment("forget_at")),
    )
    create_table("audit", *row_key(), moment("at"), sealed("entry"), place("mac"))
    create_table("seals", *row_key(), moment("at"), sealed("heads"), place("mac"))
    create_table(
        "outbox",
        *(*row_key(), text("kind", 32), place("account"), sealed("body"), moment("due_at"), moment("tries")),
        *(moment("sent_at"), moment("at")),
    )
    create_table("erasures", *row_key(), moment("asked_at"), moment("due_at"), moment("done_at"))
    create_index("consents_by_account", "consents", ("account", "tenant"))
    create_index("disputes_by_end", "disputes", ("forget_at", "tenant"))
    create_index("disputes_by_claimant", "disputes", ("claimant", "tenant"))
    create_index("disputes_by_holder", "disputes", ("holder", "tenant"))
    create_index("outbox_by_due", "outbox", ("due_at", "tenant"))
    create_index("outbox_by_account", "outbox", ("account", "tenant"))
    create_index("erasures_by_due", "erasures", ("due_at", "tenant"))


def downgrade() -> None:
    """Drop them, with everything in them."""
    for name in (
        *("erasures", "outbox", "seals", "audit", "disputes", "consents", "salts", "phones", "numbers", "identities"),
        "accounts",
    ):
        drop_table(name)
