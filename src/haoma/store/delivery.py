"""Sends the events of the outbox to the application's webhook."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections import Counter
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

from haoma import webhooks
from haoma.errors import HaomaError, InternalFault
from haoma.ids import written
from haoma.io import clock
from haoma.io.http import AsyncHttp, Limits
from haoma.platforms.base.table import origin
from haoma.steps import Request, Send
from haoma.store.accounts.records import event_body
from haoma.store.flows import ask_blocking, drive_async
from haoma.store.outbox import End, Ended, Outbox
from haoma.store.sealing import CannotUnseal
from haoma.store.version import reaching

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from haoma.steps import Reply
    from haoma.store.config import WebhookSettings
    from haoma.store.rows import Event
    from haoma.store.sealing import Sealer
    from haoma.store.store import Engine

R = TypeVar("R")

MOST: Final = 32
"""How many events one process sends at once."""
_LOOK_SECONDS: Final = 1.0
_AWAY_SECONDS: Final = 5.0
_TURN_SECONDS: Final = 8.0
"""How long further events of an account are begun."""
_MARGIN_SECONDS: Final = 10.0
_PATIENCE_SECONDS: Final = 5.0
_LONGEST_WAIT: Final = 3600
_SECONDS: Final = re.compile(r"[0-9]{1,6}")
_MANY_REQUESTS, _UNAVAILABLE = 429, 503


class Attempt(NamedTuple):
    """One try to send an event, for the operator.

    Attributes:
        id, kind: The event's.
        tries: How often it was tried, with this one.
        end: How it ended.
        reason: Our code, or ``http-500``; empty if it was delivered.
    """

    id: str
    kind: str
    tries: int
    end: End
    reason: str


class Delivery:
    """Sends events that are due.

    Args:
        engine: The database.
        sealer: Opens the events.
        settings: Where they are sent.
        ca_file, allow_insecure_upstreams: See `haoma.io.http.AsyncHttp`.
        tell: Is told of each try.
        on_circuit: See `haoma.io.circuit.OnCircuit`.
    """

    def __init__(
        self,
        engine: Engine,
        sealer: Sealer,
        settings: WebhookSettings,
        *,
        ca_file: str | None = None,
        allow_insecure_upstreams: bool = False,
        tell: Callable[[Attempt], None] = lambda _: None,
        on_circuit: Callable[[str, str, bool], None] | None = None,
    ) -> None:
        self._engine = engine
        self._sealer = sealer
        self._settings = settings
        self._tell = tell
        self._http = AsyncHttp(
            Limits(read=settings.timeout, total=settings.timeout),
            ca_file=ca_file,
            allow_insecure_upstreams=allow_insecure_upstreams,
            on_circuit=on_circuit,
        )
        self._connection: Any = None
        self._most = MOST
        self.stopping = asyncio.Event()

    async def once(self) -> list[Ended]:
        """Send what is due, as much as is sent at once; return how it ended.

        Raises:
            StoreUnavailable: ``internal.store-unavailable``. What was taken is sent again later.
        """
        seconds = _TURN_SECONDS + self._settings.timeout + _MARGIN_SECONDS
        taken = await self._ask(lambda outbox: outbox.take(self._most, seconds))
        by_account: dict[bytes, list[Event]] = {}
        for event in sorted(taken):
            by_account.setdefault(event.account or event.place, []).append(event)
        turns = await asyncio.gather(*map(self._in_turn, by_account.values()))
        reasons = {ended.event.place: reason for turn in turns for ended, reason in turn}
        tries = [ended for turn in turns for ended, _ in turn]
        if tries:
            # While nothing gets through, one event at a time is enough to find out whether it does again.
            delivered = any(each.end is End.DELIVERED for each in tries)
            self._most = MOST if delivered else 1
            tries = await self._ask(lambda outbox: outbox.end(tries))
        for event, end, _ in tries:
            if end is not End.NOT_TRIED:
                self._tell(Attempt(written(event.place), event.kind, event.tries, end, reasons[event.place]))
        return tries

    async def until_nothing_is_due(self) -> Counter[str]:
        """Send what is due until nothing is, or nothing gets through; return how many tries ended in which way.

        Raises:
            StoreUnavailable: ``internal.store-unavailable``.
        """
        counts: Counter[str] = Counter()
        try:
            while ended := await self.once():
                counts.update(each.end.value for each in ended)
                if not any(each.end is End.DELIVERED for each in ended):
                    break
        finally:
            await self.aclose()
        return counts

    async def run(self, tell: Callable[[HaomaError], None]) -> None:
        """Send until `stopping` is set. ``tell`` is told once each time why nothing can be sent."""
        away = False
        try:
            while not self.stopping.is_set():
                wait = _LOOK_SECONDS
                try:
                    ended = await self.once()
                except Exception as error:  # noqa: BLE001 - whatever it is, the next events have to be sent
                    if not away:
                        fault = InternalFault(because={"error": type(error).__name__})
                        tell(error if isinstance(error, HaomaError) else fault)
                    away, wait = True, _AWAY_SECONDS
                else:
                    away = False
                    waits = [each.seconds for each in ended if each.end is End.NOT_TRIED]
                    # With nothing taken there may be others behind; with a full turn there are more.
                    wait = max(waits, default=0.0) or (0.0 if len(ended) == MOST else wait)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self.stopping.wait(), wait)
        finally:
            await self.aclose()

    async def stop(self, running: asyncio.Task[None]) -> None:
        """End `run`: what is being sent has five seconds."""
        self.stopping.set()
        await asyncio.wait([running], timeout=_PATIENCE_SECONDS)
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running

    # --- sending ---

    async def _in_turn(self, events: Sequence[Event]) -> list[tuple[Ended, str]]:
        """Send the events of one account in order, up to the first that fails."""
        until = clock.monotonic() + _TURN_SECONDS
        ended: list[tuple[Ended, str]] = []
        for event in events:
            if ended and (ended[-1][0].end is not End.DELIVERED or clock.monotonic() > until):
                ended.append((Ended(event, End.NOT_TRIED), ""))
            else:
                ended.append(await self._send(event))
        return ended

    async def _send(self, event: Event) -> tuple[Ended, str]:
        settings = self._settings
        try:
            body = event_body(self._sealer, event)
        except CannotUnseal:
            return Ended(event, End.FAILED), "internal.store-unreadable"
        signed = webhooks.headers(settings.secrets, written(event.place), int(clock.now()), body)
        request = Request("POST", settings.url, headers=(("content-type", "application/json"), *signed), body=body)
        try:
            reply = await self._http.send(Send(request, (origin(settings.url),), app=_APP))
        except HaomaError as error:
            if error.code == "outside.circuit-open":
                return Ended(event, End.NOT_TRIED, error.retry_after), error.code
            return Ended(event, End.FAILED), error.code
        if 200 <= reply.status < 300:
            return Ended(event, End.DELIVERED), ""
        return Ended(event, End.FAILED, _asked_to_wait(reply)), f"http-{reply.status}"

    # --- the database ---

    async def _ask(self, flow: Callable[[Outbox], Generator[Any, Any, R]]) -> R:
        """Run a flow over a connection that stays open, but for SQLite, which a thread opens anew."""
        engine = self._engine

        def over(connection: Any) -> Generator[Any, Any, R]:
            return flow(Outbox(connection, engine.prefix, engine.tenant))

        with reaching():
            if engine.blocking:
                return await asyncio.to_thread(ask_blocking, engine, over)
            connection, self._connection = self._connection, None
            connection = connection or await engine.connect()
            try:
                found = await drive_async(over(connection))
            except BaseException:
                with contextlib.suppress(Exception):
                    await connection.close()
                raise
            self._connection = connection
            return found

    async def aclose(self) -> None:
        """Close the connection to the database."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(Exception):
                await connection.close()


_APP: Final = "webhooks"
"""In place of an app's scope: the circuit of the receiver is its own."""


def _asked_to_wait(reply: Reply) -> float:
    """Return the seconds of ``Retry-After``, if the receiver says that it has too much to do."""
    asked = reply.headers.get("retry-after", "")
    if reply.status not in (_MANY_REQUESTS, _UNAVAILABLE) or not _SECONDS.fullmatch(asked):
        return 0.0
    return float(min(int(asked), _LONGEST_WAIT))
