"""Linking a verified number to an account: what `haoma.link.decide` says, on the rows of one transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from haoma.errors import NumberTaken, Spent, StoreUnreadable
from haoma.ids import new_id, written
from haoma.link import Holder, Link, Reason, decide, is_bound, logins
from haoma.store.accounts.records import Details
from haoma.store.rows import CONSENTS, IDENTITIES, MOVED, NUMBERS, OPEN, Account, Consent

if TYPE_CHECKING:
    from collections.abc import Iterable

    from haoma.errors import HaomaError
    from haoma.link import Decision, Login
    from haoma.steps import Conclude
    from haoma.store.accounts.records import Records
    from haoma.store.rows import Identity, Number, Table
    from haoma.store.view import View
    from haoma.verified import VerifiedPhone


class Linking:
    """Links the number of one authorization.

    Args:
        records: The rows of accounts.
        step: The step, whose outcome is a number.
    """

    def __init__(self, records: Records, step: Conclude, phone: VerifiedPhone) -> None:
        self._records = records
        self._step = step
        self._phone = phone
        self._bound = is_bound(phone)
        self._logins = () if phone.subject is None else logins(phone.platform, step.app, phone.subject)
        self._login_places = [records.places_of(login) for login in self._logins]
        self._number_places = records.places_of_number(phone.e164) if self._logins else ()

    @property
    def needs(self) -> tuple[tuple[Table, bytes], ...]:
        """The rows that are always needed."""
        return tuple((IDENTITIES, place) for places in self._login_places for place in places) + tuple(
            (NUMBERS, place) for place in self._number_places
        )

    def decide(self, view: View) -> VerifiedPhone | HaomaError:
        """Link the number, and return the outcome that counts: the number with its account, or a conflict."""
        if not self._logins:
            self._consent(view, b"")
            self._audit(view, b"", None)
            return self._phone
        known = [view.get(IDENTITIES, places) for places in self._login_places]
        number: Number | None = view.get(NUMBERS, self._number_places)
        mine = next((each.account for each in known if each is not None), None)
        holder = None if number is None else Holder(number.account, number.verified_at, number.bound_at)
        decided = decide(mine, holder, bound=self._bound, now=view.now, policy=self._step.linking)
        match decided.link:
            case None:
                return self._refuse(view, decided)
            case Link.REVIEW:
                return self._review(view, decided, number)
            case Link.MOVED:
                return self._move(view, decided, number, known)
        account = self._link(view, decided, known)
        self._consent(view, account)
        self._audit(view, account, decided)
        self._records.tell(view, "phone.verified", account, **self._facts(decided.link))
        return replace(self._phone, account=written(account), link=decided.link.value)

    def _link(self, view: View, decided: Decision, known: list[Identity | None]) -> bytes:
        """Make the account and its login and number what they are to be; return the account."""
        records, phone = self._records, self._phone
        missing = [login for login, row in zip(self._logins, known, strict=True) if row is None]
        if decided.link is not Link.NEW and not decided.replaces:
            records.verified(view, phone.e164, bound=self._bound, assurance=phone.assurance)
            if not missing:
                return decided.account  # the usual case
        row = records.create(view) if decided.link is Link.NEW else self._account(view, decided.account)
        if missing:
            row = records.attach(view, row, missing)
        if decided.replaces or decided.link is Link.NEW:
            if row.phone:
                row = records.take_number(view, row)
                records.tell(view, "number.changed", row.place, **self._facts(Link.LINKED))
            self._give(view, row)
        return row.place

    def _give(self, view: View, row: Account) -> Account:
        now = view.now
        return self._records.give(
            view,
            row,
            self._phone.e164,
            verified_at=now,
            bound_at=now if self._bound else 0,
            assurance=self._phone.assurance,
        )

    def _account(self, view: View, account: bytes) -> Account:
        row = self._records.account(view, account)
        if row is None:  # a login or a number without its account; `haoma db check` looks for them
            raise StoreUnreadable
        return row

    def _refuse(self, view: View, decided: Decision) -> HaomaError:
        self._audit(view, b"", decided)
        self._records.tell(view, "link.conflict", b"", **self._facts(None), reason=decided.reason)
        return NumberTaken(
            platform=self._phone.platform,
            app=self._phone.app,
            because={"reason": str(decided.reason)},
            spent=Spent.YES,
        )

    def _review(self, view: View, decided: Decision, number: Number | None) -> VerifiedPhone:
        assert number is not None  # noqa: S101
        details = self._details(self._logins)
        dispute = self._records.dispute(view, OPEN, self._step.app, decided.account, number.account, details)
        self._consent(view, decided.account)
        self._audit(view, decided.account, decided, dispute=written(dispute))
        facts = {**self._facts(Link.REVIEW), "dispute": written(dispute), "reason": str(decided.reason)}
        self._records.tell(view, "link.conflict", decided.account, **facts)
        account = written(decided.account) if decided.account else None
        return replace(self._phone, account=account, link=Link.REVIEW.value, dispute=written(dispute))

    def _move(
        self, view: View, decided: Decision, number: Number | None, known: list[Identity | None]
    ) -> VerifiedPhone:
        """Take the number from the account that has it, and give it to this login's."""
        assert number is not None  # noqa: S101
        records = self._records
        holder = self._account(view, number.account)
        missing = [login for login, row in zip(self._logins, known, strict=True) if row is None]
        row = self._account(view, decided.account) if decided.account else records.create(view)
        before = records.read_number(view, row)
        row = records.attach(view, row, missing) if missing else row
        records.take_number(view, holder)
        row = self._give(view, records.take_number(view, row))
        details = self._details(missing).moved(number, before, created=not decided.account)
        dispute = records.dispute(view, MOVED, self._step.app, row.place, holder.place, details)
        self._consent(view, row.place)
        self._audit(view, row.place, decided, holder=written(holder.place), dispute=written(dispute))
        facts = {**self._facts(Link.MOVED), "dispute": written(dispute)}
        records.tell(view, "number.changed", holder.place, **facts)
        records.tell(view, "phone.verified", row.place, **facts)
        return replace(self._phone, account=written(row.place), link=Link.MOVED.value, dispute=written(dispute))

    def _details(self, logins: Iterable[Login]) -> Details:
        return Details(
            logins=tuple((each.platform, each.app, each.kind, each.value) for each in logins),
            number=self._phone.e164,
            bound=self._bound,
            assurance=self._phone.assurance,
        )

    def _facts(self, link: Link | None) -> dict[str, Any]:
        """Return what an event says of the authorization."""
        phone = self._phone
        return {
            "platform": phone.platform,
            "app": phone.app,
            "masked": phone.masked,
            **({} if link is None else {"link": link.value}),
        }

    def _consent(self, view: View, account: bytes) -> None:
        consent = self._step.consent
        if consent is None:
            return
        row = Consent(
            *(new_id(view.now), view.fence(), account, self._step.app, consent.policy, consent.scene),
            *(consent.text_hash, consent.audience, view.now, 0),
        )
        view.put(CONSENTS, row)

    def _audit(self, view: View, account: bytes, decided: Decision | None, **facts: str) -> None:
        reason: Reason | None = None if decided is None else decided.reason
        view.audit(
            "authorize",
            self._step.by,
            app=self._step.app,
            **({"account": written(account)} if account else {}),
            **({"link": decided.link.value} if decided is not None and decided.link is not None else {}),
            **({"reason": reason.value} if reason is not None else {}),
            **facts,
        )
