"""The verbs of `haoma.accounts` on the rows of one transaction."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from msgspec.structs import replace

from haoma import accounts
from haoma.accounts import (
    Action,
    AddLogin,
    Change,
    Erase,
    Found,
    LookUp,
    Merge,
    Note,
    Read,
    ReadDispute,
    ReadRevoked,
    Replay,
    Resolve,
    RevokeSessions,
    SetUser,
    Unlink,
    Verb,
    Withdraw,
)
from haoma.errors import (
    ErasurePending,
    LastLogin,
    NoSuchAccount,
    NoSuchDispute,
    NotTheirs,
    NumberTaken,
    StoreUnreadable,
)
from haoma.ids import written
from haoma.link import Login
from haoma.phone import PhoneNumber, masked_e164
from haoma.store.accounts.records import Was, moved
from haoma.store.accounts.telling import moment, told
from haoma.store.rows import (
    ACCOUNTS,
    CLOSED,
    CONSENTS,
    DISPUTES,
    ERASURES,
    IDENTITIES,
    MOVED,
    NUMBERS,
    OPEN,
    UNDONE,
    Erasure,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from haoma.accounts import Proof
    from haoma.store.accounts.records import Details, Records
    from haoma.store.rows import Account, Consent, Dispute, Identity, Number, Table
    from haoma.store.view import View

DUE_MS: Final = 15 * 86_400_000
"""When a request to erase is due: 15 calendar days. The draft of the CAC of January 2026 says 15 working days."""
_NOBODY: Final = bytes(16)
_STATES: Final = {OPEN: "open", MOVED: "moved", CLOSED: "closed", UNDONE: "undone"}


class Verbs:
    """Answers the verbs.

    Args:
        records: The rows of accounts.
    """

    def __init__(self, records: Records) -> None:
        self._records = records

    def needs(self, step: Verb[Any]) -> tuple[tuple[Table, bytes], ...]:
        """Return rows that the answer needs for sure, so that they are read at once."""
        match step:
            case LookUp(number=PhoneNumber() as number):
                return _rows(NUMBERS, self._records.places_of_number(number.e164))
            case LookUp(login=Login() as login):
                return _rows(IDENTITIES, self._records.places_of(login))
            case ReadDispute() | Resolve():
                return _rows(DISPUTES, (step.dispute,))
            case Merge():
                accounts = step.account, step.other
                places = [
                    place for proof in step.proofs for login in proof.logins for place in self._records.places_of(login)
                ]
                return *_rows(ACCOUNTS, accounts), *_rows(ERASURES, accounts), *_rows(IDENTITIES, places)
            case Read() | SetUser() | Unlink() | Withdraw() | Erase() | RevokeSessions() | ReadRevoked():
                return _rows(ACCOUNTS, (step.account,))
        return ()

    def decide(self, step: Verb[Any], view: View) -> Any:  # noqa: C901, PLR0911, PLR0912 - one line a verb
        """Return the answer to a verb."""
        match step:
            case LookUp():
                return self._look_up(step, view)
            case Read():
                return self._read(step, view)
            case SetUser():
                return self._set_user(step, view)
            case Unlink():
                return self._unlink(step, view)
            case Merge():
                return self._merge(step, view)
            case Resolve():
                return self._resolve(step, view)
            case ReadDispute():
                return self._read_dispute(step, view)
            case Withdraw():
                return self._withdraw(step, view)
            case Erase():
                return self._erase(step, view)
            case Replay():
                return self._replay(step, view)
            case AddLogin():
                return self._add_login(step, view)
            case Note():
                return view.audit(step.what, step.by, **dict(step.facts), **_why(step))
            case RevokeSessions():
                return self._revoke(step, view)
            case ReadRevoked(account=account):
                row = self._records.account(view, account)
                return float("inf") if row is None else row.revoked_at / 1000

    # --- reading ---

    def _look_up(self, step: LookUp, view: View) -> Found:
        """Find an account. What is known costs the same reads and writes as what is not."""
        if step.number is not None:
            number = self._records.number(view, step.number.e164)
            found = None if number is None else number.account
            at = moment(view.now if number is None else number.verified_at)
            verified_at = None if number is None else at
        else:
            assert step.login is not None  # noqa: S101
            login = self._records.login(view, step.login)
            found, verified_at = (None if login is None else login.account), None
        name = written(found or _NOBODY)
        how = "number" if step.number is not None else "login"
        # As many bytes for nobody as for somebody: a shorter row is written sooner.
        view.audit("look-up", step.by, how=how, **{"account" if found else "unknown": name}, **_why(step))
        return Found(name if found else None, verified_at)

    def _read(self, step: Read, view: View) -> accounts.Account:
        row = self._account(view, step.account)
        number = self._records.read_number(view, row)
        consents = view.find(CONSENTS, "account", row.place) if step.export else None
        what = "export" if step.export else "reveal" if step.reveal else "read"
        view.audit(what, step.by, account=written(row.place), **_why(step))
        identities = self._records.identities(view, row)
        return told(self._records, row, number, identities, consents, reveal=step.reveal or step.export)

    def _read_dispute(self, step: ReadDispute, view: View) -> accounts.Dispute:
        row = self._dispute(view, step.dispute)
        details = self._records.details(row)
        view.audit("read-dispute", step.by, dispute=written(row.place), **_why(step))
        return accounts.Dispute(
            dispute=written(row.place),
            state=_STATES[row.state],
            app=row.app,
            claimant=written(row.claimant) if row.claimant else None,
            holder=written(row.holder),
            masked=masked_e164(details.number),
            bound=details.bound,
            at=moment(row.at),
            forget_at=moment(row.forget_at),
        )

    # --- changing one account ---

    def _set_user(self, step: SetUser, view: View) -> None:
        row = self._account(view, step.account)
        if step.user == (self._records.read_external(row) or ""):
            return
        external = self._records.seal_external(row, step.user) if step.user else b""
        self._records.change(view, row, external=external)
        view.audit("set-user", step.by, account=written(row.place), **_why(step))

    def _unlink(self, step: Unlink, view: View) -> Change:
        row = self._account(view, step.account)
        found = self._records.login(view, step.login)
        if found is None or found.account != row.place:
            raise NoSuchAccount(because={"reason": "the account has no such login"})
        if len(self._records.identities(view, row)) == 1:
            raise LastLogin
        row = self._records.detach(view, row, found)
        self._records.change(view, row, revoked_at=view.now)  # a token names the account, not the login that it is for
        account = written(row.place)
        view.audit("unlink", step.by, account=account, kind=found.kind, app=found.app, **_why(step))
        return self._ended(view, Change(step.preview, account, logins=1))

    def _revoke(self, step: RevokeSessions, view: View) -> None:
        row = self._account(view, step.account)
        self._records.revoke(view, row)
        view.audit("revoke-sessions", step.by, account=written(row.place), **_why(step))

    def _withdraw(self, step: Withdraw, view: View) -> int:
        row = self._account(view, step.account)
        found: list[Consent] = [
            each
            for each in view.find(CONSENTS, "account", row.place)
            if not each.withdrawn_at and (step.scene is None or each.scene == step.scene)
        ]
        for each in found:
            view.put(CONSENTS, each._replace(version=view.fence(), withdrawn_at=view.now))
        view.audit("withdraw-consent", step.by, account=written(row.place), total=str(len(found)), **_why(step))
        return len(found)

    def _erase(self, step: Erase, view: View) -> Change:
        before: Erasure | None = view.need(ERASURES, step.account)
        row = self._records.account(view, step.account)
        if row is None and (before is None or before.done_at):
            raise NoSuchAccount
        asked, due = (view.now, view.now + DUE_MS) if before is None else (before.asked_at, before.due_at)
        account = written(step.account)
        if step.later and row is not None:
            view.put(ERASURES, Erasure(row.place, view.fence(), asked, due, 0))
            self._records.change(view, row)  # a merge at this moment fails, and finds the request when it begins again
            view.audit("ask-to-erase", step.by, account=account, **_why(step))
            return self._ended(view, Change(step.preview, account))
        return self._erased(step, view, step.account, asked)

    def _replay(self, step: Replay, view: View) -> Change:
        before: Erasure | None = view.need(ERASURES, step.account)
        row = self._records.account(view, step.account)
        account = written(step.account)
        if step.done_at and (row is not None or before is None or not before.done_at):
            if row is not None:
                return self._erased(step, view, step.account, step.asked_at)
            view.put(ERASURES, Erasure(step.account, view.fence(), step.asked_at, 0, step.done_at))
        elif not step.done_at and before is None:
            view.put(ERASURES, Erasure(step.account, view.fence(), step.asked_at, step.due_at, 0))
            if row is not None:
                self._records.change(view, row)
        return self._ended(view, Change(step.preview, account))

    def _erased(self, step: Erase | Replay, view: View, account: bytes, asked: int) -> Change:
        """Erase an account, and note it in the erase list; nothing but that if it is gone already."""
        view.put(ERASURES, Erasure(account, view.fence(), asked, 0, view.now))
        name = written(account)
        row = self._records.account(view, account)
        if row is None:
            return self._ended(view, Change(step.preview, name))
        number, found = bool(row.phone), self._records.identities(view, row)
        self._records.erase(view, row)
        view.audit("erase", step.by, account=name, logins=str(len(found)), number=str(int(number)), **_why(step))
        self._records.tell(view, "account.erased", account)
        other = name if isinstance(step, Replay) else None
        return self._ended(view, Change(step.preview, name, other, logins=len(found)))

    def _add_login(self, step: AddLogin, view: View) -> Change:
        known, added = self._records.login(view, step.known), self._records.login(view, step.added)
        if known is None:
            raise NoSuchAccount
        account = written(known.account)
        if added is not None:
            if added.account != known.account:
                raise NumberTaken(because={"reason": "another account has the login"})
            return Change(step.preview, account)
        row = self._account(view, known.account)
        self._records.attach(view, row, [step.added])
        kind, app = step.added.kind, step.added.app
        view.audit("add-login", step.by, account=account, kind=kind, app=app, **_why(step))
        return self._ended(view, Change(step.preview, account, logins=1))

    # --- two accounts ---

    def _merge(self, step: Merge, view: View) -> Change:
        if step.account == step.other:
            raise NoSuchAccount(because={"reason": "the two are the same"})
        row, other = self._account(view, step.account), self._account(view, step.other)
        if not (self._proves(view, step.proofs, row) and self._proves(view, step.proofs, other)):
            raise NotTheirs
        for each in (row, other):
            if (asked := view.need(ERASURES, each.place)) is not None and not asked.done_at:
                raise ErasurePending(because={"account": written(each.place)})
        return self._ended(view, self._merged(step, view, row, other))

    def _merged(self, step: Merge, view: View, row: Account, other: Account) -> Change:
        records = self._records
        mine, theirs = view.gather(lambda: records.read_number(view, row), lambda: records.read_number(view, other))
        logins = records.identities(view, other)
        for consent in view.find(CONSENTS, "account", other.place):
            view.put(CONSENTS, consent._replace(version=view.fence(), account=row.place))
        row = records.adopt(view, row, logins)
        keeps = theirs is not None and (mine is None or step.keep_other)
        if keeps:
            row = records.take_number(view, row)
        external = row.external
        if not external and (user := records.read_external(other)):
            external = records.seal_external(row, user)
        records.erase(view, other, keep_logins=True)
        row = records.revoke(view, records.change(view, row, external=external))
        if keeps and theirs is not None:
            self._give(view, row, theirs[0], Was.of(theirs[1]))
        account, ended = written(row.place), written(other.place)
        gone = mine if keeps else theirs
        view.audit("merge", step.by, account=account, other=ended, logins=str(len(logins)), **_why(step))
        records.tell(view, "account.merged", row.place, other=ended)
        return Change(
            step.preview,
            account,
            ended,
            masked=masked_e164(theirs[0]) if keeps and theirs is not None else None,
            removed=masked_e164(gone[0]) if mine is not None and theirs is not None and gone is not None else None,
            logins=len(logins),
        )

    def _resolve(self, step: Resolve, view: View) -> Change:
        row = self._dispute(view, step.dispute)
        if row.state != (MOVED if step.action is Action.UNDO else OPEN):
            raise NoSuchDispute(because={"state": _STATES[row.state]})
        details = self._records.details(row)
        if step.action is Action.CLOSE:
            change, state = Change(step.preview), CLOSED
        elif step.action is Action.UNDO:
            change, state = self._undo(step, view, row, details), UNDONE
        else:
            act = self._join if step.action is Action.JOIN else self._move
            change, state = act(step, view, row, details), CLOSED if step.action is Action.JOIN else MOVED
        if step.action is not Action.MOVE:  # a move has written it, with what undoes it
            view.put(DISPUTES, row._replace(version=view.fence(), state=state))
        view.audit("resolve", step.by, dispute=written(row.place), action=step.action.value, **_why(step))
        return self._ended(view, change)

    def _join(self, step: Resolve, view: View, row: Dispute, details: Details) -> Change:
        """Add the claimant's logins to the account that has the number. Both sides have to be proven."""
        holder, _ = self._holding(view, row.holder, details.number)
        logins = details.logins
        shown = {login for each in step.proofs for login in each.logins}
        if row.claimant or shown.isdisjoint(logins) or not self._proves(view, step.proofs, holder):
            raise NotTheirs(because={"reason": "merge the two accounts"} if row.claimant else {})
        if self._known(view, logins):
            raise NumberTaken(because={"reason": "the login has an account by now"})
        self._records.attach(view, holder, logins)
        return Change(step.preview, written(holder.place), logins=len(logins))

    def _move(self, step: Resolve, view: View, row: Dispute, details: Details) -> Change:
        """Give the number to the claimant: a platform tied it to that login, or the holder has proven to agree.

        What a platform said of the holder later than of the claimant counts for more: the number may have a new owner.
        """
        records = self._records
        holder, number = self._holding(view, row.holder, details.number)
        tied = details.bound and number.bound_at <= row.at
        if not tied and not self._proves(view, step.proofs, holder):
            raise NotTheirs
        claimant = self._account(view, row.claimant) if row.claimant else None
        if claimant is None and self._known(view, details.logins):
            raise NumberTaken(because={"reason": "the login has an account by now"})
        before = None if claimant is None else records.read_number(view, claimant)
        linked = details.logins if claimant is None else ()
        mine = claimant or records.attach(view, records.create(view), linked)
        records.take_number(view, holder)
        mine = records.take_number(view, mine)
        records.give(
            view,
            mine,
            details.number,
            verified_at=row.at,
            bound_at=row.at if details.bound else 0,
            assurance=details.assurance,
        )
        undoes = moved(number, before, linked, created=claimant is None)
        records.dispute(view, row._replace(state=MOVED, claimant=mine.place), replace(details, moved=undoes))
        records.tell(view, "number.changed", holder.place, masked=masked_e164(details.number))
        return Change(
            step.preview,
            None if claimant is None else written(mine.place),
            written(holder.place),
            masked=masked_e164(details.number),
            removed=None if before is None else masked_e164(before[0]),
            logins=len(linked),
        )

    def _undo(self, step: Resolve, view: View, row: Dispute, details: Details) -> Change:
        """Give back a number that was moved, and to the claimant what it had before: its number, if it is free.

        The logins that the move linked are taken away again, and the account that it made is removed, unless something
        else has been added to it since.
        """
        records, done = self._records, details.moved
        if done is None:
            raise StoreUnreadable
        claimant, number = self._holding(view, row.claimant, details.number)
        holder = self._account(view, row.holder)
        if holder.phone:
            raise NumberTaken(because={"reason": "the account has another number by now"})
        claimant = records.take_number(view, claimant)
        tied_since = (
            number.bound_at > row.at
        )  # the number may be the claimant's: no further login of theirs joins by it
        self._give(view, holder, details.number, replace(done.was, bound_at=0) if tied_since else done.was)
        if done.replaced and done.replaced_was is not None and records.number(view, done.replaced) is None:
            claimant = self._give(view, claimant, done.replaced, done.replaced_was)
        taken = [
            found
            for login in done.linked
            if (found := records.login(view, login)) is not None and found.account == claimant.place
        ]
        left = len(records.identities(view, claimant)) - len(taken)
        gone = done.created and not left and not claimant.external
        if gone or left:
            for found in taken:
                claimant = records.detach(view, claimant, found)
            claimant = records.change(view, claimant, revoked_at=view.now)
        if gone:
            records.erase(view, claimant)
            records.tell(view, "account.erased", claimant.place)
        records.tell(view, "number.changed", claimant.place, masked=masked_e164(details.number))
        return Change(
            step.preview,
            written(holder.place),
            written(claimant.place),
            masked=masked_e164(details.number),
            logins=len(taken) if gone or left else 0,
        )

    def _give(self, view: View, row: Account, number: str, was: Was) -> Account:
        """Give a number as it was before."""
        return self._records.give(
            view, row, number, verified_at=was.verified_at, bound_at=was.bound_at, assurance=was.assurance
        )

    # --- what they have in common ---

    def _account(self, view: View, account: bytes) -> Account:
        row = self._records.account(view, account)
        if row is None:
            raise NoSuchAccount
        return row

    def _dispute(self, view: View, dispute: bytes) -> Dispute:
        row: Dispute | None = view.need(DISPUTES, dispute)
        if row is None or row.forget_at <= view.now:
            raise NoSuchDispute
        return row

    def _holding(self, view: View, account: bytes, e164: str) -> tuple[Account, Number]:
        """Return an account that still has a number, and the number's index row."""
        row = self._account(view, account)
        number = self._records.number(view, e164)
        if number is None or number.account != row.place:
            raise NumberTaken(because={"reason": "the number belongs to somebody else by now"})
        return row, number

    def _known(self, view: View, logins: Iterable[Login]) -> list[Identity]:
        """Return the rows of those logins that have an account."""
        found = view.gather(*(partial(self._records.login, view, login) for login in logins))
        return [each for each in found if each is not None]

    def _proves(self, view: View, proofs: Iterable[Proof], row: Account) -> bool:
        """Tell whether one of the proofs proves an account."""
        valid = [login for proof in proofs if proof.at * 1000 >= row.revoked_at for login in proof.logins]
        return any(each.account == row.place for each in self._known(view, valid))

    def _ended(self, view: View, change: Change) -> Change:
        """Take everything back if it was to be a preview."""
        if change.preview:
            view.pretend()
        return change


def _rows(table: Table, places: Iterable[bytes]) -> tuple[tuple[Table, bytes], ...]:
    return tuple((table, place) for place in places)


def _why(step: Any) -> dict[str, str]:
    return {"reason": step.reason} if step.reason else {}
