"""What each step means for the rows: pure decisions, the same for every database.

A decision reads rows from a `View`, puts rows into it, and returns the answer of the step. It does no I/O. The rules
are those of `haoma.io.memory`; ``tests/answerers`` holds both to them.
"""

from __future__ import annotations

import hmac
import os
import struct
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

from haoma.accounts import Verb
from haoma.codecs import OUTCOME
from haoma.errors import AlreadyUsed, HaomaError, NoAccounts, PlatformRefusal, Spent
from haoma.ids import parsed
from haoma.steps import (
    ABSENT,
    Conclude,
    Concluded,
    Drop,
    EndLease,
    Found,
    Keep,
    Key,
    Lease,
    Outcome,
    Recall,
    Ref,
    Reserve,
    Reserved,
    ReturnTry,
    Settle,
    Step,
    TakeLease,
    TakeTry,
    UnderWay,
    Watch,
    Withdrawn,
)
from haoma.store.accounts.linking import Linking
from haoma.store.accounts.verbs import Verbs
from haoma.store.accounts.withdrawals import Withdrawal
from haoma.store.rows import (
    DONE,
    FREE,
    KEPT,
    LEASES,
    LEDGER,
    REFUSED,
    STARTED,
    TRIES,
    UNKNOWN,
    Kept,
    Leased,
    Table,
    Tried,
    Used,
)
from haoma.store.view import Wait
from haoma.verified import VerifiedPhone

if TYPE_CHECKING:
    from collections.abc import Callable

    from haoma.store.accounts.records import Records
    from haoma.store.sealing import Sealer
    from haoma.store.view import View

R = TypeVar("R", Kept, Leased, Tried, Used)
Told = TypeVar("Told", Outcome, None)

_VALUE: Final = b"value"
_OUTCOME: Final = b"outcome"
_FAILURE: Final = b"failure"


class Decision(NamedTuple):
    """A step that was prepared: what it needs, and what it does with it.

    Attributes:
        needs: The rows to read.
        decide: Returns the answer; raises one of our errors if that is the answer.
        writes: False if it never changes a row.
    """

    needs: tuple[tuple[Table, bytes], ...]
    decide: Callable[[View], object]
    writes: bool = True


class Decisions:
    """Prepares steps.

    Args:
        sealer: Seals what is kept, and names the places.
        patience: Seconds after which a flow under way is given up.
        lease_seconds: Seconds after which the holder of a lease is given up.
        records: The rows of accounts, if accounts are kept.
    """

    def __init__(self, sealer: Sealer, patience: float, lease_seconds: float, records: Records | None = None) -> None:
        self._sealer = sealer
        self._records = records
        self._patience = _ms(patience)
        self._lease = _ms(lease_seconds)

    def prepare(self, step: Step[Any]) -> Decision:  # noqa: C901, PLR0911, PLR0912 - one line a step
        """Return the decision of a step. Whatever can be done before the rows are read is done here.

        Raises:
            TypeError: The step is not for an answerer.
        """
        match step:
            case Recall():
                return self._recall(step)
            case Keep():
                return self._keep(step)
            case Drop():
                return self._drop(step)
            case TakeTry():
                return self._take_try(step)
            case ReturnTry(key):
                return self._return_try(key)
            case TakeLease(key):
                return self._take_lease(key)
            case EndLease(lease, failure):
                return self._end_lease(lease, failure)
            case Watch(UnderWay(by)):
                return self._watch_lease(by) if isinstance(by, Lease) else self._watch(by)
            case Reserve():
                return self._reserve(step)
            case Conclude():
                return self._conclude(step)
            case Settle(ref, spent):
                return self._settled(ref, spent)
            case Verb():
                return self._verb(step)
            case Withdrawn():
                return self._withdrawn(step)
        raise TypeError(f"no answer to {type(step).__name__}")

    def _withdrawn(self, step: Withdrawn) -> Decision:
        if self._records is None:
            return Decision((), lambda _view: False, writes=False)
        return Decision((), Withdrawal(self._records, step).decide)

    def _verb(self, step: Verb[Any]) -> Decision:
        if self._records is None:
            raise NoAccounts
        verbs = Verbs(self._records)
        return Decision(verbs.needs(step), lambda view: verbs.decide(step, view))

    def _places(self, key: Key) -> tuple[bytes, ...]:
        return self._sealer.places(b"place", key.room, key.owner, key.kind, *key.parts)

    def _sealed(self, places: tuple[bytes, ...], name: bytes, value: bytes) -> Callable[[bytes], bytes]:
        """Return what seals a value for the place where it will be written. For the usual one that is done at once."""
        usual = self._sealer.seal(places[0], name, value)
        return lambda place: usual if place == places[0] else self._sealer.seal(place, name, value)

    # --- what is kept ---

    def _recall(self, step: Recall[Any]) -> Decision:
        shelf, key = step.place
        places = self._places(key)

        def decide(view: View) -> Found[Any]:
            row: Kept | None = view.get(KEPT, places)
            if row is None or row.expires_at <= view.now:
                return Found(None, ABSENT, view.now / 1000)
            value = shelf.codec.decode(self._sealer.unseal(row.place, _VALUE, row.value))
            return Found(value, row.version, view.now / 1000, row.expires_at / 1000)

        return Decision(_rows_of(KEPT, places), decide, writes=False)

    def _keep(self, step: Keep[Any]) -> Decision:
        shelf, key = step.place
        places = self._places(key)
        sealed = self._sealed(places, _VALUE, shelf.codec.encode(step.value))
        seconds, expect, lease = _ms(step.seconds), step.expect, step.lease

        def decide(view: View) -> bool:
            if not self._may_change(view, places, expect, lease):
                return False
            place = view.place(KEPT, places)
            view.put(KEPT, Kept(place, view.fence(), key.owner, key.kind, sealed(place), view.now + seconds))
            return True

        return Decision(self._needs(places, lease), decide)

    def _drop(self, step: Drop) -> Decision:
        places = self._places(step.place.key)

        def decide(view: View) -> bool:
            if not self._may_change(view, places, step.version, step.lease):
                return False
            view.drop(KEPT, view.place(KEPT, places))
            return True

        return Decision(self._needs(places, step.lease), decide)

    def _needs(self, places: tuple[bytes, ...], lease: Lease | None) -> tuple[tuple[Table, bytes], ...]:
        here = _rows_of(KEPT, places)
        return here if lease is None else here + _rows_of(LEASES, self._places(lease.key))

    def _may_change(self, view: View, places: tuple[bytes, ...], expect: int | None, lease: Lease | None) -> bool:
        if expect is not None:
            row: Kept | None = view.get(KEPT, places)
            if (ABSENT if row is None or row.expires_at <= view.now else row.version) != expect:
                return False
        if lease is None:
            return True
        held: Leased | None = view.get(LEASES, self._places(lease.key))
        if held is None or held.fence != lease.fence or held.ended:
            return False
        # The lease is written as well: whoever takes it over at this moment makes this whole transaction fail.
        view.put(LEASES, held._replace(version=view.fence()))
        return True

    # --- tries ---

    def _take_try(self, step: TakeTry) -> Decision:
        places, limit, seconds = self._places(step.key), step.limit, _ms(step.seconds)

        def decide(view: View) -> bool:
            # Each try counts for its own time: with a window that starts anew as a whole, twice the limit would fit
            # around its end.
            moments = [moment for moment in _moments(view.get(TRIES, places)) if moment > view.now - seconds]
            if len(moments) >= limit:
                return False
            place = view.place(TRIES, places)
            view.put(TRIES, Tried(place, view.fence(), _packed([*moments, view.now]), view.now + seconds))
            return True

        return Decision(_rows_of(TRIES, places), decide)

    def _return_try(self, key: Key) -> Decision:
        places = self._places(key)

        def decide(view: View) -> None:
            row: Tried | None = view.get(TRIES, places)
            moments = _moments(row)
            if row is None:
                return
            if len(moments) > 1:
                view.put(TRIES, row._replace(version=view.fence(), moments=_packed(moments[:-1])))
            else:
                view.drop(TRIES, row.place)

        return Decision(_rows_of(TRIES, places), decide)

    # --- leases ---

    def _take_lease(self, key: Key) -> Decision:
        places = self._places(key)

        def decide(view: View) -> Lease | UnderWay:
            row: Leased | None = view.get(LEASES, places)
            if row is not None and not row.ended and row.lease_until > view.now:
                return UnderWay(Lease(key, row.fence), (row.lease_until - view.now) / 1000)
            fence = view.fence()
            view.put(LEASES, Leased(view.place(LEASES, places), fence, fence, view.now + self._lease, 0, None))
            return Lease(key, fence)

        return Decision(_rows_of(LEASES, places), decide)

    def _end_lease(self, lease: Lease, failure: HaomaError | None) -> Decision:
        places = self._places(lease.key)
        told = None if failure is None else self._sealed(places, _FAILURE, OUTCOME.encode(failure))

        def decide(view: View) -> None:
            row: Leased | None = view.get(LEASES, places)
            if row is not None and row.fence == lease.fence and not row.ended:
                failure = None if told is None else told(row.place)
                view.put(LEASES, row._replace(version=view.fence(), ended=1, failure=failure))

        return Decision(_rows_of(LEASES, places), decide)

    def _watch_lease(self, lease: Lease) -> Decision:
        places = self._places(lease.key)

        def decide(view: View) -> Outcome | Wait | None:
            row: Leased | None = view.get(LEASES, places)
            if row is None or row.fence != lease.fence:
                return None
            if not row.ended and row.lease_until > view.now:
                return Wait(LEASES, row.place, (row.lease_until - view.now) / 1000)
            if row.failure is None:
                return None
            return OUTCOME.decode(self._sealer.unseal(row.place, _FAILURE, row.failure))

        return Decision(_rows_of(LEASES, places), decide, writes=False)

    # --- the ledger ---

    def _reserve(self, step: Reserve) -> Decision:
        places = self._sealer.places(b"value", step.app, step.kind, step.value.reveal())
        fingerprints = self._sealer.places(b"fingerprint", step.fingerprint)
        used = AlreadyUsed(because={"kind": step.kind})

        def decide(view: View) -> Reserved | Concluded | UnderWay:
            now, row = view.now, view.get(LEDGER, places)
            place = view.place(LEDGER, places)
            if row is not None and _is_over(row, now):
                row = None
            fence = view.fence()
            first, after_unknown = fence, 0
            if row is not None:
                if not any(hmac.compare_digest(row.fingerprint, each) for each in fingerprints):
                    raise used
                if row.state in {DONE, REFUSED}:
                    outcome = self._answer(row, now)
                    if outcome is None or self._has_ended(view, row, outcome):
                        raise used
                    return Concluded(outcome)
                if _is_under_way(row, now):
                    return UnderWay(Ref(step.app, place, row.first), (row.lease_until - now) / 1000)
                # Those who wait for a try that is given up wait for the one that follows.
                first, after_unknown = row.first, 1
            view.put(
                LEDGER,
                Used(
                    place,
                    fence,
                    app=step.app,
                    kind=step.kind,
                    state=STARTED,
                    first=first,
                    fingerprint=fingerprints[0],
                    lease_until=now + self._patience,
                    remember_until=now + _ms(step.seconds),
                    repeat_ms=_ms(step.repeat_seconds),
                    answer_until=0,
                    after_unknown=after_unknown,
                    outcome=None,
                    error="",
                    started_at=now,
                    ended_at=0,
                ),
            )
            return Reserved(Ref(step.app, place, fence), bool(after_unknown))

        return Decision(_rows_of(LEDGER, places), decide)

    def _answer(self, row: Used, now: int) -> Outcome | None:
        if row.outcome is None or row.answer_until <= now:
            return None
        return OUTCOME.decode(self._sealer.unseal(row.place, _OUTCOME, row.outcome))

    def _has_ended(self, view: View, row: Used, outcome: Outcome) -> bool:
        """Tell whether the sessions of an answer's account have ended since.

        The answer would then open a new one for somebody who was shut out, or name a person who is erased.
        """
        if self._records is None or not isinstance(outcome, VerifiedPhone) or outcome.account is None:
            return False
        account = self._records.account(view, parsed(outcome.account) or b"")
        return account is None or account.revoked_at >= row.ended_at

    def _watch(self, ref: Ref) -> Decision:
        def decide(view: View) -> Outcome | Wait | None:
            row: Used | None = view.get(LEDGER, (ref.key,))
            if row is None or row.first != ref.fence or row.app != ref.app:
                return None
            if _is_under_way(row, view.now):
                return Wait(LEDGER, ref.key, (row.lease_until - view.now) / 1000)
            return self._answer(row, view.now)

        return Decision(((LEDGER, ref.key),), decide, writes=False)

    def _conclude(self, step: Conclude) -> Decision:
        ref, outcome = step.ref, step.outcome
        linking = None
        if self._records is not None and isinstance(outcome, VerifiedPhone):
            linking = Linking(self._records, step, outcome)
        link = None if linking is None else linking.decide
        needs = () if linking is None else linking.needs
        if ref is None:
            return Decision(needs, self._count(step.app, outcome, link))
        # Sealed here unless linking changes it.
        sealed = self._sealer.seal(ref.key, _OUTCOME, OUTCOME.encode(outcome)) if link is None else None

        def decide(view: View) -> Concluded:
            return Concluded(self._settle(view, ref, outcome, _spent(outcome), sealed, link))

        return Decision(((LEDGER, ref.key), *needs), decide)

    def _settled(self, ref: Ref, spent: Spent) -> Decision:
        def decide(view: View) -> None:
            self._settle(view, ref, None, spent, None, None)

        return Decision(((LEDGER, ref.key),), decide)

    def _settle(
        self,
        view: View,
        ref: Ref,
        outcome: Told,
        spent: Spent,
        sealed: bytes | None,
        link: Callable[[View], Outcome] | None,
    ) -> Told | Outcome:
        """Say what came of a reservation. Only the first word counts; a success counts as long as none is settled.

        Returns:
            The outcome that counts: the number that another try has found meanwhile, or else what ``link`` made of
            this one.
        """
        row: Used | None = view.get(LEDGER, (ref.key,))
        if row is None or row.app != ref.app or not row.first <= ref.fence <= row.version:
            return outcome if link is None else link(view)
        late = ref.fence < row.version
        if row.state in {DONE, REFUSED, FREE} or (late and not isinstance(outcome, VerifiedPhone)):
            known = self._answer(row, view.now)
            if isinstance(known, VerifiedPhone):
                return known
            return outcome if link is None else link(view)
        counts: Told | Outcome = outcome
        if link is not None:
            linked = counts = link(view)
            spent, sealed = _spent(linked), self._sealer.seal(ref.key, _OUTCOME, OUTCOME.encode(linked))
        now = view.now
        row = row._replace(
            version=view.fence(),
            outcome=sealed,
            answer_until=now + row.repeat_ms,
            error=counts.code if isinstance(counts, HaomaError) else "",
            ended_at=now,
        )
        if spent is Spent.YES:
            row = row._replace(state=REFUSED if isinstance(counts, HaomaError) else DONE)
            if isinstance(counts, PlatformRefusal) and not row.after_unknown:
                # What the platform refuses once it refuses again. It need not be remembered for longer than its
                # answer, so that made-up codes fill nothing.
                row = row._replace(remember_until=min(row.remember_until, row.answer_until))
        elif spent is Spent.NO and not row.after_unknown:
            row = row._replace(state=FREE)
        else:  # "not spent" after an unknown outcome speaks of the second try alone
            row = row._replace(state=UNKNOWN)
        view.put(LEDGER, row)
        return counts

    def _count(self, app: str, outcome: Outcome, link: Callable[[View], Outcome] | None) -> Callable[[View], Concluded]:
        # An envelope without a login has nothing that can be used once, so its row has a place of its own.
        place = os.urandom(32)

        def decide(view: View) -> Concluded:
            counts = outcome if link is None else link(view)
            fence, now = view.fence(), view.now
            error = counts.code if isinstance(counts, HaomaError) else ""
            state = REFUSED if error else DONE
            view.put(
                LEDGER,
                Used(place, fence, app, "envelope", state, fence, b"", now, now, 0, 0, 0, None, error, now, now),
            )
            return Concluded(counts)

        return decide


def _spent(outcome: Outcome) -> Spent:
    return outcome.spent if isinstance(outcome, HaomaError) else Spent.YES


def _rows_of(table: Table, places: tuple[bytes, ...]) -> tuple[tuple[Table, bytes], ...]:
    return tuple((table, place) for place in places)


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


def _is_under_way(row: Used, now: int) -> bool:
    return row.state == STARTED and row.lease_until > now


def _is_over(row: Used, now: int) -> bool:
    """Tell whether the value can no longer be used again, or never was."""
    return row.state == FREE or (not _is_under_way(row, now) and row.remember_until <= now)


def _moments(row: Tried | None) -> list[int]:
    return [] if row is None else list(struct.unpack(f">{len(row.moments) // 8}q", row.moments))


def _packed(moments: list[int]) -> bytes:
    return struct.pack(f">{len(moments)}q", *moments)
