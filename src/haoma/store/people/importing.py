"""Putting many people into the store.

Who has a number is decided as everywhere (`haoma.link.decide`), but for two things. An import never takes a number away
from an account, and never opens a dispute: what would be a conflict is refused, and told. And what a file says is old:
a number that the store knows to be verified later is not replaced.

One batch is: read what there is of these people, decide about each, and write everything in one transaction. Each write
names the version that was read, so nothing that another process writes meanwhile is lost; then the batch begins again.
A person who is there already is found, so an import that was interrupted is simply run again.
"""

from __future__ import annotations

import random
import secrets
from collections import Counter
from collections.abc import Generator
from dataclasses import dataclass, field, replace
from itertools import repeat
from typing import TYPE_CHECKING, Any, Final

from haoma.errors import StoreUnavailable
from haoma.ids import new_id
from haoma.link import STANDARD, Holder, Link, OnConflict, Reason, decide
from haoma.store.accounts.records import split
from haoma.store.batch import LANES, Conflict, Fences, changes_of
from haoma.store.people.reading import Agreed, NotImported, Why
from haoma.store.rows import (
    ACCOUNTS,
    CONSENTS,
    ERASURES,
    IDENTITIES,
    NUMBERS,
    PHONES,
    SALTS,
    TABLES,
    Consent,
)
from haoma.store.sealing import CannotUnseal
from haoma.store.view import View

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from haoma.link import LinkPolicy, Login
    from haoma.store.accounts.records import Records
    from haoma.store.batch import Changes, Connection
    from haoma.store.people.reading import ImportedApp, Person
    from haoma.store.rows import Account, Number, Row, Table

BATCH: Final = 1000
_PAGE: Final = 250
"""Most places of one statement, where it is not a load."""
_LONG_PAGE: Final = 4096  # PostgreSQL takes an array, as long as it may be
_TURNS: Final = 40
_DOUBTS: Final = 3
"""How often rows that do not fit together are read again: somebody may have written meanwhile."""
_WHY: Final = {Reason.UNBOUND: Why.UNBOUND, Reason.STALE: Why.STALE, Reason.OTHER_ACCOUNT: Why.OTHER_ACCOUNT}


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of people.

    Attributes:
        new: Got an account.
        added: Something was added to an account that is there.
        known: Everything of them is there.
        refused: Line and reason of each who is not imported.
    """

    new: int = 0
    added: int = 0
    known: int = 0
    refused: tuple[tuple[int, str], ...] = ()

    def plus(self, other: Imported) -> Imported:
        """Return both together."""
        return Imported(
            self.new + other.new, self.added + other.added, self.known + other.known, self.refused + other.refused
        )


class _Everything:
    """What was asked for: all that there is of the people of a batch has been read."""

    def __contains__(self, _key: object) -> bool:
        return True


@dataclass(slots=True)
class Import:
    """Imports people into the accounts of one tenant.

    Attributes:
        records: The rows of accounts.
        apps: The configured apps, by platform and app id at least.
        prefix: Before the name of every table.
        tenant: The tenant.
        dry_run: True to write nothing.
    """

    records: Records
    apps: Mapping[str, ImportedApp]
    prefix: str
    tenant: str
    dry_run: bool = False
    _fences: Fences = field(default_factory=lambda: Fences(secrets.randbelow(LANES)))
    _policies: dict[str, LinkPolicy] = field(default_factory=dict)
    _places: dict[Login, tuple[bytes, ...]] = field(default_factory=dict)
    _numbers: dict[str, tuple[bytes, ...]] = field(default_factory=dict)

    def run(self, people: Sequence[Person], connection: Connection) -> Generator[Any, Any, Imported]:
        """Import a batch.

        Raises:
            Disconnected: The database cannot be used now. The batch was written, or nothing of it.
            StoreUnavailable: ``internal.store-unavailable``: others wrote the same rows again and again.
        """
        self._places.clear()
        self._numbers.clear()
        for turn in range(_TURNS):
            if turn:
                yield connection.pause(random.random() * 0.002 * min(turn, 25))  # noqa: S311 - to get out of step
            try:
                view, agreed = yield from self._read(people, connection)
                done = self._decide(people, view, agreed)
                if view.doubtful and turn < _DOUBTS:
                    continue
                if not self.dry_run:
                    changes = changes_of(view)
                    yield connection.begin()
                    yield from _write(changes, connection)
                    yield connection.commit()
            except Conflict:
                yield connection.rollback()
            else:
                return done
        raise StoreUnavailable(because={"reason": "busy"})

    # --- reading ---

    def _of(self, login: Login) -> tuple[bytes, ...]:
        """Return the places of a login: it is asked for three times in a batch."""
        found = self._places.get(login)
        if found is None:
            found = self._places[login] = self.records.places_of(login)
        return found

    def _of_number(self, e164: str) -> tuple[bytes, ...]:
        found = self._numbers.get(e164)
        if found is None:
            found = self._numbers[e164] = self.records.places_of_number(e164)
        return found

    def _read(
        self, people: Sequence[Person], connection: Connection
    ) -> Generator[Any, Any, tuple[View, dict[bytes, set[Agreed]]]]:
        """Read all that there is of these people: their logins and numbers, and the accounts that have them."""
        rows: dict[tuple[Table, bytes], Row] = {}

        def more(table: Table, places: Iterable[bytes]) -> Generator[Any, Any, list[Any]]:
            found = yield from rows_at(table, places, connection)
            rows.update(((table, row.place), row) for row in found)
            return found

        # Numbers before logins: both are written together, so whoever is seen to have a number is seen to have a login.
        numbers = yield from more(
            NUMBERS, (place for each in people if each.number for place in self._of_number(each.number))
        )
        logins = yield from more(
            IDENTITIES, (place for each in people for login in each.logins for place in self._of(login))
        )
        named = {each.account for each in people if each.account}
        accounts = yield from more(ACCOUNTS, {row.account for row in (*logins, *numbers)} | named)
        # After the accounts: of one that is erased between the two, the entry is seen.
        yield from more(ERASURES, named)
        phones = yield from more(PHONES, {row.phone for row in accounts if row.phone})
        yield from more(SALTS, {row.place for row in phones})
        yield from more(NUMBERS, {place for row in phones for place in split(row.indexes)} - {n.place for n in numbers})
        agreed: dict[bytes, set[Agreed]] = {row.place: set() for row in accounts}
        if agreed and any(each.consents for each in people):
            for row in (yield from consents_of(connection, self.prefix, self.tenant, list(agreed))):
                agreed[row.account].add(_agreed(row))
        now = yield connection.now()
        self._fences.begin(now, list(rows.values()))
        return View(now // 1000, self._fences.next, rows, _Everything()), agreed

    # --- deciding ---

    def _decide(self, people: Sequence[Person], view: View, agreed: dict[bytes, set[Agreed]]) -> Imported:
        counts: Counter[str] = Counter()
        refused = []
        for person in people:
            view.begin()
            try:
                counts[self._put(person, view, agreed)] += 1
            except NotImported as error:
                view.undo()
                refused.append((person.line, error.why.value))
        return Imported(counts["new"], counts["added"], counts["known"], tuple(refused))

    def _put(self, person: Person, view: View, agreed: dict[bytes, set[Agreed]]) -> str:
        """Put one person into the view; return what became of them."""
        records = self.records
        places = [self._of(login) for login in person.logins]
        known = [view.get(IDENTITIES, each) for each in places]
        number: Number | None = None
        if person.number:
            number = view.get(NUMBERS, self._of_number(person.number))
        mine = self._mine(person, view, {row.account for row in known if row is not None}, number)
        if mine is None and number is None:
            row = records.enrol(
                view,
                logins=zip(
                    person.logins,
                    (each[0] for each in places),
                    person.linked_at or repeat(0, len(places)),
                    strict=True,
                ),
                e164=person.number,
                places=self._of_number(person.number) if person.number else (),
                verified_at=person.verified_at,
                bound_at=person.bound_at,
                assurance=person.assurance,
                external=person.user,
                account=person.account,
                created_at=person.created_at,
            )
            agreed[row.place] = set()
            self._consent(person, view, row.place, agreed)
            return "new"
        link, account = Link.LINKED, mine or b""
        replaces = bool(person.number)
        if person.number:
            holder = None if number is None else Holder(number.account, number.verified_at, number.bound_at)
            policy = self._policy(person)
            fresh = bool(person.bound_at) and view.now - person.bound_at <= policy.stale_after * 1000
            decided = decide(mine, holder, bound=fresh, now=view.now, policy=policy)
            if decided.link is None:
                stale = decided.reason is Reason.UNBOUND and person.bound_at and not fresh
                raise NotImported(Why.STALE if stale else _WHY[decided.reason or Reason.UNBOUND])
            link, account, replaces = decided.link, decided.account, decided.replaces
        row = self._account(view, account)
        row = self._user(person, view, row)
        missing = [login for login, found in zip(person.logins, known, strict=True) if found is None]
        if missing:
            row = records.attach(view, row, missing)
        if replaces:
            self._replace(person, view, row)
        elif number is not None and link is Link.LINKED:
            records.seen(
                view,
                person.number,
                verified_at=person.verified_at,
                bound_at=person.bound_at,
                assurance=person.assurance,
            )
        self._consent(person, view, account, agreed)
        return "added" if view.changed else "known"

    def _mine(self, person: Person, view: View, accounts: set[bytes], number: Number | None) -> bytes | None:
        """Return the account that is the person's own, if there is one."""
        if len(accounts) > 1:
            raise NotImported(Why.OTHER_ACCOUNT)
        mine = next(iter(accounts), None)
        if person.account:
            erased = view.need(ERASURES, person.account)
            if erased is not None and erased.done_at:
                raise NotImported(Why.ERASED)
            if mine is None and number is not None and number.account == person.account:
                return person.account
            if mine is None and view.need(ACCOUNTS, person.account) is not None:
                raise NotImported(Why.ACCOUNT)
        if mine is None and number is not None and not person.logins and self._is_same(person, view, number):
            return number.account
        return mine

    def _is_same(self, person: Person, view: View, number: Number) -> bool:
        """Tell whether a person without logins is the one who has the number: nothing else is said, or the same id."""
        if not person.user:
            return True
        row = self._account(view, number.account)
        return bool(row.external) and self._external(row) == person.user

    def _policy(self, person: Person) -> LinkPolicy:
        found = self._policies.get(person.scope)
        if found is None:
            app = self.apps.get(person.scope)
            link = STANDARD if app is None else app.link
            found = replace(link, on_conflict=OnConflict.REJECT, on_stale=OnConflict.REJECT)
            self._policies[person.scope] = found
        return found

    def _account(self, view: View, account: bytes) -> Account:
        row = self.records.account(view, account)
        if row is None:  # a login or a number without its account; `haoma db check` looks for them
            raise NotImported(Why.ACCOUNT)
        return row

    def _external(self, row: Account) -> str | None:
        try:
            return self.records.read_external(row)
        except CannotUnseal:
            raise NotImported(Why.OTHER_USER) from None

    def _user(self, person: Person, view: View, row: Account) -> Account:
        if not person.user:
            return row
        if not row.external:
            return self.records.change(view, row, external=self.records.seal_external(row, person.user))
        if self._external(row) != person.user:
            raise NotImported(Why.OTHER_USER)
        return row

    def _replace(self, person: Person, view: View, row: Account) -> None:
        """Give the person's own account this number, unless the one that it has was verified later."""
        records = self.records
        if row.phone:
            try:
                found = records.read_number(view, row)
            except CannotUnseal:
                raise NotImported(Why.OLDER) from None
            if found is not None and found[1].verified_at >= person.verified_at:
                raise NotImported(Why.OLDER)
            row = records.take_number(view, row)
        records.give(
            view,
            row,
            person.number,
            verified_at=person.verified_at,
            bound_at=person.bound_at,
            assurance=person.assurance,
        )

    def _consent(self, person: Person, view: View, account: bytes, agreed: dict[bytes, set[Agreed]]) -> None:
        known = agreed.setdefault(account, set())
        for each in person.consents:
            if each in known:
                continue
            known.add(each)
            row = Consent(
                *(new_id(each.at), view.fence(), account, each.app, each.policy, each.scene),
                *(each.text_hash, each.audience, each.at, each.withdrawn_at),
            )
            view.put(CONSENTS, row)


def consents_of(
    connection: Connection, prefix: str, tenant: str, accounts: Sequence[bytes]
) -> Generator[Any, Any, list[Consent]]:
    """Return the consents of accounts."""
    found = []
    for start in range(0, len(accounts), _PAGE):
        some = accounts[start : start + _PAGE]
        rows = yield connection.select(consents_text(prefix, len(some)), [tenant, *some])
        found += [Consent(*row) for row in rows]
    return found


def consents_text(prefix: str, count: int) -> str:
    """Return the statement of `consents_of`."""
    columns, marks = ", ".join(CONSENTS.columns), ", ".join("?" * count)
    return f"SELECT {columns} FROM {prefix}consents WHERE tenant = ? AND account IN ({marks})"  # noqa: S608


def rows_at(table: Table, places: Iterable[bytes], connection: Connection) -> Generator[Any, Any, list[Any]]:
    """Return the rows at many places."""
    wanted = sorted(set(places))
    page = _LONG_PAGE if connection.kind == "postgresql" else _PAGE
    found: list[Any] = []
    for start in range(0, len(wanted), page):
        _, rows = yield connection.read(table, wanted[start : start + page])
        found += rows
    return found


def _write(changes: Changes, connection: Connection) -> Generator[Any, Any, None]:
    """Write in the order of `TABLES`, each table in the order of its places: no two wait for each other."""
    for table in TABLES:
        if rows := changes.inserted.get(table):
            yield connection.load(table, rows)
        for pairs in _pages(changes.updated.get(table, [])):
            yield connection.update(table, [row for row, _ in pairs], [version for _, version in pairs])
        for gone in _pages(changes.deleted.get(table, [])):
            yield connection.delete(table, [place for place, _ in gone], [version for _, version in gone])


def _pages(items: Sequence[Any]) -> Iterable[Sequence[Any]]:
    return (items[start : start + _PAGE] for start in range(0, len(items), _PAGE))


def _agreed(row: Consent) -> Agreed:
    return Agreed(row.app, row.policy, row.scene, row.text_hash, row.audience, row.at, row.withdrawn_at)
