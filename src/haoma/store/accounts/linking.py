"""Linking a verified number to an account: what `haoma.link.decide` says, on the rows of one transaction."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from haoma.errors import NumberTaken, SessionUnknown, Spent, StoreUnreadable
from haoma.ids import new_id, written
from haoma.link import Holder, Link, Reason, decide, is_bound, logins
from haoma.store.accounts.records import SESSION_MS, Details, moved
from haoma.store.rows import CONSENTS, DISPUTES, IDENTITIES, KEPT, MOVED, NUMBERS, OPEN, Account, Consent, Dispute

if TYPE_CHECKING:
    from haoma.errors import HaomaError
    from haoma.link import Decision
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
        self._revocations = [records.revocations_of(login) for login in self._logins] if step.since else []

    @property
    def needs(self) -> tuple[tuple[Table, bytes], ...]:
        """The rows that are always needed."""
        return (
            tuple((IDENTITIES, place) for places in self._login_places for place in places)
            + tuple((NUMBERS, place) for place in self._number_places)
            + tuple((KEPT, place) for places in self._revocations for place in places)
        )

    def decide(self, view: View) -> VerifiedPhone | HaomaError:
        """Link the number, and return the outcome that counts: the number with its account, or a conflict."""
        if not self._logins:
            self._consent(view, b"")
            self._audit(view, b"", None)
            return self._phone
        revoked = [row.expires_at - SESSION_MS for places in self._revocations if (row := view.get(KEPT, places))]
        if any(self._step.since * 1000 < at for at in revoked):
            self._audit(view, b"", None, refused="session-revoked")
            return SessionUnknown(platform=self._phone.platform, app=self._phone.app, spent=Spent.YES)
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
        if self._records.tells:
            self._records.tell(view, "phone.verified", account, **self._facts(decided.link))
        return replace(self._phone, account=written(account), link=decided.link.value)

    def _link(self, view: View, decided: Decision, known: list[Identity | None]) -> bytes:
        """Make the account and its login and number what they are to be; return the account."""
        records, phone = self._records, self._phone
        missing = [login for login, row in zip(self._logins, known, strict=True) if row is None]
        if decided.link is not Link.NEW and not decided.replaces:
            records.verified(view, self._number_places, bound=self._bound, assurance=phone.assurance)
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
            view.doubt()
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
        """Leave the number where it is, and write down that this login claims it.

        The rows of both accounts are written as well. So an account that is erased at this moment makes this fail, and
        no dispute is left that has the number.
        """
        assert number is not None  # noqa: S101
        records, claimant = self._records, decided.account
        rows = view.gather(*(partial(self._account, view, each) for each in (number.account, claimant) if each))
        place = self._open_dispute(view, number.account, claimant)
        for row in rows:
            records.change(view, row)
        self._consent(view, claimant)
        self._audit(view, claimant, decided, dispute=written(place))
        facts = {**self._facts(Link.REVIEW), "dispute": written(place), "reason": str(decided.reason)}
        records.tell(view, "link.conflict", claimant, **facts)
        account = written(claimant) if claimant else None
        return replace(self._phone, account=account, link=Link.REVIEW.value, dispute=written(place))

    def _open_dispute(self, view: View, holder: bytes, claimant: bytes) -> bytes:
        """Return the dispute of this login about this number: the one that is open, or else a new one."""
        records, details = self._records, self._details()
        for row in view.find(DISPUTES, "holder", holder):
            mine = row.state == OPEN and row.claimant == claimant and row.app == self._step.app
            if mine and row.forget_at > view.now:
                known = records.details(row)
                if known.number == details.number and not set(known.logins).isdisjoint(details.logins):
                    if self._bound or not known.bound:  # what was tied once is not worth less for a repeat that is not
                        records.dispute(view, row, details)
                    return bytes(row.place)
        new = Dispute(new_id(view.now), 0, OPEN, self._step.app, claimant, holder, b"", 0, 0)
        return records.dispute(view, new, details)

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
        new = Dispute(new_id(view.now), 0, MOVED, self._step.app, row.place, holder.place, b"", 0, 0)
        undoes = moved(number, before, missing, created=not decided.account)
        dispute = records.dispute(view, new, replace(self._details(), moved=undoes))
        self._consent(view, row.place)
        self._audit(view, row.place, decided, holder=written(holder.place), dispute=written(dispute))
        facts = {**self._facts(Link.MOVED), "dispute": written(dispute)}
        records.tell(view, "number.changed", holder.place, **facts)
        records.tell(view, "phone.verified", row.place, **facts)
        return replace(self._phone, account=written(row.place), link=Link.MOVED.value, dispute=written(dispute))

    def _details(self) -> Details:
        return Details(self._logins, self._phone.e164, self._bound, self._phone.assurance)

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
