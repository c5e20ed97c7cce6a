"""Saying what there is of an account: from rows to what is told."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from haoma import accounts
from haoma.accounts import ConsentRecord, LoginRecord
from haoma.ids import written
from haoma.phone import masked_e164

if TYPE_CHECKING:
    from collections.abc import Iterable

    from haoma.store.accounts.records import Records
    from haoma.store.rows import Account, Consent, Identity, Number


def told(
    records: Records,
    row: Account,
    number: tuple[str, Number] | None,
    identities: Iterable[Identity],
    consents: Iterable[Consent] | None,
    *,
    reveal: bool,
) -> accounts.Account:
    """Return an account as it is told.

    Args:
        records: Opens what is sealed.
        row: The account.
        number: Its number and its index row, if it has one.
        identities: Its logins.
        consents: What the user agreed to, if it is told.
        reveal: Whether the full number is told.

    Raises:
        CannotUnseal: Something cannot be opened.
    """
    e164, index = number or (None, None)
    return accounts.Account(
        account=written(row.place),
        user=records.read_external(row),
        created_at=moment(row.created_at),
        masked=None if e164 is None else masked_e164(e164),
        phone_number=e164 if reveal else None,
        verified_at=None if index is None else moment(index.verified_at),
        bound_at=moment(index.bound_at) if index is not None and index.bound_at else None,
        assurance=None if index is None else index.assurance,
        logins=tuple(_login(records, each) for each in identities),
        consents=None if consents is None else tuple(_consent(each) for each in consents),
    )


def moment(milliseconds: int) -> datetime:
    """Return a moment of a row."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def _login(records: Records, row: Identity) -> LoginRecord:
    login = records.read_login(row)
    app_id = login.app.partition(":")[2]
    return LoginRecord(login.platform, app_id, login.kind, login.value, moment(row.linked_at))


def _consent(row: Consent) -> ConsentRecord:
    return ConsentRecord(
        app=row.app,
        policy=row.policy,
        scene=row.scene,
        audience=row.audience,
        text_sha256=row.text_hash.hex(),
        at=moment(row.at),
        withdrawn_at=moment(row.withdrawn_at) if row.withdrawn_at else None,
    )
