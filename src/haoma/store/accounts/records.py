"""Reading and changing the rows of accounts in a `View`. Everything here belongs to one transaction.

What an account has is named in its row: the places of its logins and of its number. So whoever changes what an account
has writes that row, and two who do so at once cannot both succeed.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec

from haoma.ids import new_id, ordered_id, written
from haoma.link import Login
from haoma.store.keys.numbers import SALT_BYTES
from haoma.store.rows import (
    ACCOUNTS,
    DISPUTES,
    IDENTITIES,
    KEPT,
    NUMBERS,
    OUTBOX,
    PHONES,
    SALTS,
    Account,
    Dispute,
    Event,
    Identity,
    Kept,
    Number,
    Phone,
    Salt,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from haoma.store.keys.numbers import BlindIndex, NumberSealer
    from haoma.store.sealing import Sealer
    from haoma.store.view import View

_PLACE: Final = 32
_VALUE: Final = b"login"
_DETAILS: Final = b"dispute"
_BODY: Final = b"event"
_KEPT: Final = b"value"  # the name of the column, as for everything that is kept
SESSION_MS: Final = 30 * 86_400_000
"""Longer than any session lives: so long it is remembered that sessions were revoked."""
DISPUTE_MS: Final = 30 * 86_400_000
"""How long a dispute waits for a decision, and a move can be undone."""


class Was(msgspec.Struct, frozen=True):
    """What was known of a number before it was moved; see `haoma.store.rows.Number`."""

    verified_at: int
    bound_at: int
    assurance: str

    @classmethod
    def of(cls, row: Number) -> Was:
        """Return it from the index row of the number."""
        return cls(row.verified_at, row.bound_at, row.assurance)


class Moved(msgspec.Struct, frozen=True, omit_defaults=True):
    """What undoes a move.

    Attributes:
        was: The number, while the holder had it.
        linked: The logins that the move has linked to the claimant's account.
        created: Whether it made that account.
        replaced: The number that the claimant had; empty if none.
        replaced_was: The same of that number.
    """

    was: Was
    linked: tuple[Login, ...] = ()
    created: bool = False
    replaced: str = ""
    replaced_was: Was | None = None


class Details(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a dispute is about.

    Attributes:
        logins: The claimant's.
        number: The number, and whether it was tied to the claimant's login.
        assurance: What the platform said about it.
        moved: What undoes the move, if there was one.
    """

    logins: tuple[Login, ...]
    number: str
    bound: bool
    assurance: str
    moved: Moved | None = None

    def __repr__(self) -> str:
        return "<Details>"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return []


def moved(number: Number, before: tuple[str, Number] | None, linked: Iterable[Login], *, created: bool) -> Moved:
    """Return what undoes a move.

    Args:
        number: The index row of the number before the move.
        before: The number that the claimant had, and its index row.
        linked: The logins that the move links.
        created: Whether it makes the claimant's account.
    """
    replaced, index = before or ("", None)
    return Moved(Was.of(number), tuple(linked), created, replaced, None if index is None else Was.of(index))


class Records:
    """The rows of accounts, and the keys that open them.

    Args:
        sealer: Seals logins, and names their places.
        numbers: Seals numbers.
        index: Names the places of numbers.
        tells: Whether events are written.

    Attributes:
        tells: The same.
    """

    def __init__(self, sealer: Sealer, numbers: NumberSealer, index: BlindIndex, *, tells: bool) -> None:
        self._sealer = sealer
        self._numbers = numbers
        self._index = index
        self.tells = tells
        self._details = msgspec.msgpack.Encoder(), msgspec.msgpack.Decoder(Details)

    # --- what happens once ---

    def is_first(self, view: View, owner: str, key: str, milliseconds: int) -> bool:
        """Note for some time that something with this key has happened. Return False if that was noted before."""
        places = self._sealer.places(b"once", owner, key)
        if any(row.expires_at > view.now for row in view.need_all(KEPT, places)):
            return False
        sealed = self._sealer.seal(places[0], _KEPT, b"")
        view.put(KEPT, Kept(places[0], view.fence(), owner, "once", sealed, view.now + milliseconds))
        return True

    # --- sessions ---

    def revocations_of(self, login: Login) -> tuple[bytes, ...]:
        """Return where it is noted that the sessions of a login were revoked."""
        return self._sealer.places(b"revoked", login.platform, login.app, login.kind, login.value)

    def revoke(self, view: View, row: Account) -> Account:
        """End the sessions of an account and of its logins that began before now."""
        noted = [self.revocations_of(self.read_login(each)) for each in self.identities(view, row)]
        view.need_all(KEPT, [place for places in noted for place in places])
        for places in noted:
            place = view.place(KEPT, places)
            sealed = self._sealer.seal(place, _KEPT, b"")
            view.put(KEPT, Kept(place, view.fence(), "", "revoked", sealed, view.now + SESSION_MS))
        return self.change(view, row, revoked_at=view.now)

    # --- places ---

    def places_of(self, login: Login) -> tuple[bytes, ...]:
        """Return where a login is, or would be: the current place first."""
        return self._sealer.places(b"login", login.platform, login.app, login.kind, login.value)

    def places_of_number(self, e164: str) -> tuple[bytes, ...]:
        """Return where the index of a number is, one place for each pepper."""
        return self._index.places(e164)

    # --- accounts ---

    def create(self, view: View) -> Account:
        """Add an account without anything."""
        row = Account(new_id(view.now), view.fence(), b"", b"", b"", view.now, 0)
        view.put(ACCOUNTS, row)
        return row

    def enrol(
        self,
        view: View,
        *,
        logins: Iterable[tuple[Login, bytes, int]],
        e164: str,
        places: tuple[bytes, ...],
        verified_at: int,
        bound_at: int,
        assurance: str,
        external: str = "",
        account: bytes = b"",
        created_at: int = 0,
    ) -> Account:
        """Add an account with all that it has, none of which anybody has yet.

        Args:
            view: The rows.
            logins: The logins, their places, and when each was linked; 0 for now.
            e164: The number; empty for none.
            places: The number's places.
            verified_at: Of the number.
            bound_at: Of the number.
            assurance: Of the number.
            external: The application's own id; empty for none.
            account: The id that the account had elsewhere; empty for a new one.
            created_at: When it was made, if it is not new.
        """
        version = view.fence()
        row = Account(account or new_id(view.now), version, b"", b"", b"", created_at or view.now, 0)
        identities = b"".join(
            [self._put_login(view, row, login, place, version, linked_at) for login, place, linked_at in logins]
        )
        phone = b""
        if e164:
            number = Number(b"", version, row.place, b"", verified_at, bound_at, assurance)
            phone = self._put_number(view, number, e164, places)
        sealed = self.seal_external(row, external) if external else b""
        row = Account(row.place, version, phone, identities, sealed, row.created_at, 0)
        view.put(ACCOUNTS, row)
        return row

    def account(self, view: View, account: bytes) -> Account | None:
        """Return the row of an account."""
        row: Account | None = view.need(ACCOUNTS, account)
        return row

    def change(self, view: View, row: Account, **changes: Any) -> Account:
        """Write the row of an account with changes."""
        row = row._replace(version=view.fence(), **changes)
        view.put(ACCOUNTS, row)
        return row

    # --- logins ---

    def login(self, view: View, login: Login) -> Identity | None:
        """Return the row of a login."""
        return next(iter(view.need_all(IDENTITIES, self.places_of(login))), None)

    def attach(self, view: View, row: Account, logins: Iterable[Login]) -> Account:
        """Give logins that nobody has to an account."""
        added = b"".join(
            [self._put_login(view, row, login, self.places_of(login)[0], view.fence()) for login in logins]
        )
        return self.change(view, row, identities=row.identities + added)

    def _put_login(
        self, view: View, row: Account, login: Login, place: bytes, version: int, linked_at: int = 0
    ) -> bytes:
        """Add the row of a login; return its place."""
        sealed = self._sealer.seal(place, _VALUE, login.value.encode())
        view.put(
            IDENTITIES,
            Identity(
                *(place, version, row.place, login.platform, login.app, login.kind, sealed), linked_at or view.now
            ),
        )
        return place

    def detach(self, view: View, row: Account, found: Identity) -> Account:
        """Take a login from its account."""
        view.drop(IDENTITIES, found.place)
        left = b"".join(place for place in split(row.identities) if place != found.place)
        return self.change(view, row, identities=left)

    def adopt(self, view: View, row: Account, moved: Iterable[Identity]) -> Account:
        """Give logins of another account to this one."""
        added = b""
        for each in moved:
            view.put(IDENTITIES, each._replace(version=view.fence(), account=row.place))
            added += each.place
        return self.change(view, row, identities=row.identities + added)

    def erase(self, view: View, row: Account, *, keep_logins: bool = False) -> None:
        """Remove an account with its number, its logins, the disputes about it and what the outbox says of it."""
        row = self.take_number(view, row)
        for event in () if keep_logins else view.find(OUTBOX, "account", row.place):
            view.drop(OUTBOX, event.place)
        for each in () if keep_logins else self.identities(view, row):
            view.drop(IDENTITIES, each.place)
        for dispute in self.disputes(view, row.place):
            view.drop(DISPUTES, dispute.place)
        view.drop(ACCOUNTS, row.place)

    def identities(self, view: View, row: Account) -> list[Identity]:
        """Return the logins of an account."""
        places = split(row.identities)
        found: list[Identity] = view.need_all(IDENTITIES, places)
        theirs = [each for each in found if each.account == row.place]
        if len(theirs) != len(places):
            view.doubt()
        return theirs

    def read_login(self, row: Identity) -> Login:
        """Return what a row of a login says. Raises CannotUnseal."""
        value = self._sealer.unseal(row.place, _VALUE, row.value).decode()
        return Login(row.platform, row.app, row.kind, value)

    # --- numbers ---

    def number(self, view: View, e164: str) -> Number | None:
        """Return the index row of a number."""
        return next(iter(view.need_all(NUMBERS, self._index.places(e164))), None)

    def give(self, view: View, row: Account, e164: str, *, verified_at: int, bound_at: int, assurance: str) -> Account:
        """Give a number that nobody has to an account that has none."""
        number = Number(b"", view.fence(), row.place, b"", verified_at, bound_at, assurance)
        record = self._put_number(view, number, e164, self._index.places(e164))
        return self.change(view, row, phone=record)

    def _put_number(self, view: View, number: Number, e164: str, places: tuple[bytes, ...]) -> bytes:
        """Add the rows of a number; return the place of its record. ``number`` is its index row without places."""
        record, salt = new_id(view.now), os.urandom(SALT_BYTES)
        sealed, key_id = self._numbers.seal(record, salt, e164)
        view.put(PHONES, Phone(record, number.version, number.account, sealed, key_id, b"".join(places)))
        view.put(SALTS, Salt(record, number.version, salt))
        for place in places:
            view.put(NUMBERS, number._replace(place=place, phone=record))
        return record

    def verified(self, view: View, places: Sequence[bytes], *, bound: bool, assurance: str) -> None:
        """Note that the number at these places was verified again for the account that has it."""
        for row in view.need_all(NUMBERS, places):
            bound_at = view.now if bound else row.bound_at
            view.put(
                NUMBERS,
                row._replace(version=view.fence(), verified_at=view.now, bound_at=bound_at, assurance=assurance),
            )

    def seen(self, view: View, e164: str, *, verified_at: int, bound_at: int, assurance: str) -> None:
        """Note that a number was verified at some moment, if that is news about it."""
        for row in view.need_all(NUMBERS, self._index.places(e164)):
            newer = verified_at > row.verified_at
            if newer or bound_at > row.bound_at:
                changed = row._replace(version=view.fence(), bound_at=max(bound_at, row.bound_at))
                if newer:
                    changed = changed._replace(verified_at=verified_at, assurance=assurance)
                view.put(NUMBERS, changed)

    def read_number(self, view: View, row: Account) -> tuple[str, Number] | None:
        """Return the number of an account and its index row, or None. Raises CannotUnseal."""
        if not row.phone:
            return None
        phone, salt = self._record(view, row.phone)
        index: Number | None = None
        if phone is not None:
            index = next(iter(view.need_all(NUMBERS, split(phone.indexes))), None)
        if phone is None or salt is None or index is None or index.phone != phone.place:
            view.doubt()
            return None
        return self.unseal_number(phone, salt), index

    def unseal_number(self, phone: Phone, salt: Salt) -> str:
        """Return the number of a record. Raises CannotUnseal."""
        return self._numbers.unseal(phone.place, salt.salt, phone.sealed)

    def _record(self, view: View, place: bytes) -> tuple[Phone | None, Salt | None]:
        phone, salt = view.gather(lambda: view.need(PHONES, place), lambda: view.need(SALTS, place))
        return phone, salt

    def take_number(self, view: View, row: Account) -> Account:
        """Remove the number of an account: its record, its salt and its index. Nothing has to be unsealed for that."""
        if not row.phone:
            return row
        phone, salt = self._record(view, row.phone)
        if phone is not None:
            for index in view.need_all(NUMBERS, split(phone.indexes)):
                if index.phone == phone.place:
                    view.drop(NUMBERS, index.place)
            view.drop(PHONES, phone.place)
        if salt is not None:
            view.drop(SALTS, salt.place)
        return self.change(view, row, phone=b"")

    # --- disputes and events ---

    def disputes(self, view: View, account: bytes) -> list[Dispute]:
        """Return the disputes in which an account claims or holds a number."""
        claims, holds = view.gather(
            lambda: view.find(DISPUTES, "claimant", account), lambda: view.find(DISPUTES, "holder", account)
        )
        return [*claims, *(each for each in holds if each.claimant != account)]

    def dispute(self, view: View, row: Dispute, details: Details) -> bytes:
        """Write a dispute that begins, or changes, now. Return its id."""
        sealed = self._sealer.seal(row.place, _DETAILS, self._details[0].encode(details))
        now = view.now
        view.put(DISPUTES, row._replace(version=view.fence(), details=sealed, at=now, forget_at=now + DISPUTE_MS))
        return row.place

    def details(self, row: Dispute) -> Details:
        """Return what a dispute is about. Raises CannotUnseal."""
        return self._details[1].decode(self._sealer.unseal(row.place, _DETAILS, row.details))

    def tell(self, view: View, kind: str, account: bytes, **facts: Any) -> None:
        """Add an event for the application, if it wants any. ``facts`` hold no full number."""
        if not self.tells:
            return
        version = view.fence()
        place = ordered_id(view.now, version)  # events of one account are sent in the order of their ids
        body = {
            "id": written(place),
            "type": kind,
            "timestamp": datetime.fromtimestamp(view.now / 1000, UTC),
            "data": {
                "tenant": self._sealer.tenant,
                **({"account": written(account)} if account else {}),
                **facts,
            },
        }
        sealed = self._sealer.seal(place, _BODY, msgspec.json.encode(body))
        view.put(OUTBOX, Event(place, version, kind, account, sealed, view.now, 0, 0, view.now))

    # --- the application's own id ---

    def seal_external(self, row: Account, external: str) -> bytes:
        """Return the application's id of a user, sealed for the row of an account."""
        return self._sealer.seal(row.place, b"external", external.encode())

    def read_external(self, row: Account) -> str | None:
        """Return the application's id of the user, or None. Raises CannotUnseal."""
        return self._sealer.unseal(row.place, b"external", row.external).decode() if row.external else None


def event_body(sealer: Sealer, row: Event) -> bytes:
    """Return the JSON of an event, as it is sent. Raises CannotUnseal."""
    return sealer.unseal(row.place, _BODY, row.body)


def split(places: bytes) -> Sequence[bytes]:
    """Return the places of 32 bytes that were written one after the other."""
    return [places[start : start + _PLACE] for start in range(0, len(places), _PLACE)]
