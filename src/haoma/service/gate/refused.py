"""How many codes of one client a platform may refuse: a publishable key is public, and anybody can try codes with it.

Each refused code is a call on the app's quota. Only the client's address is held back; a key or an app is not, or
anybody who has unpacked the mini program could lock everybody out. For those there is an alarm. With IPv6 the networks
around an address are held back as well, later: whoever has one of them has as many addresses as he likes.

An address is kept for as long as it has refused codes to its name or a request under way, in memory alone. It is in no
metric, and in the log only in the line that says that its budget is used up.
"""

from __future__ import annotations

import math
from asyncio import get_running_loop
from collections import deque
from typing import TYPE_CHECKING, Final

from haoma.errors import TooManyRefusedCodes
from haoma.io.clock import monotonic
from haoma.service.addresses import around, group, parse

if TYPE_CHECKING:
    from asyncio import Future
    from collections.abc import Sequence

    from starlette.types import Scope

    from haoma.settings.model import Network

_ADDRESSES: Final = 10_000
_AT_ONCE: Final = 20
"""Requests of one address under way beyond what its budget allows. Further ones wait: many users may share an address,
and nobody is refused for coming at the same time as others."""
_ALARM: Final = 10
"""Times the budget of an address, refused under one key for one app, is an alarm."""
_MOST_HOPS: Final = 20


def client(scope: Scope, proxies: Sequence[Network], *, trusted: bool) -> str:
    """Return the address that a request counts for, or nothing when there is none.

    ``X-Forwarded-For`` is read from the right, one hop for each proxy that is trusted; what stands to the left of the
    first stranger anybody can write. A header that is no list of addresses counts for nothing.

    Args:
        scope: The request.
        proxies: Whose word counts.
        trusted: True for a server key. It speaks for many users, so that its own address does not count; only one
            that a trusted proxy names does.
    """
    peer = scope.get("client")
    if (trusted and not proxies) or not peer:
        return ""
    try:
        near = parse(peer[0])
    except ValueError:
        return ""  # a UNIX socket
    own = "" if trusted else group(near)
    if not any(near in network for network in proxies):
        return own
    named = b",".join(value for name, value in scope["headers"] if name == b"x-forwarded-for")
    hops = named.decode("latin-1").rsplit(",", _MOST_HOPS)
    found = own
    for hop in reversed(hops):
        try:
            address = parse(_host(hop.strip()))
        except ValueError:
            return own
        if not any(address in network for network in proxies):
            return group(address)
        found = own and group(address)  # a proxy, and perhaps the client itself
    return found


def _host(hop: str) -> str:
    """Return the address of ``192.0.2.1``, ``192.0.2.1:8080``, ``2001:db8::1`` or ``[2001:db8::1]:8080``."""
    if hop.startswith("["):
        return hop[1:].partition("]")[0]
    return hop.partition(":")[0] if hop.count(":") == 1 else hop


class Account:
    """What is known about one address, or about a network around it.

    Attributes:
        name: The address or network.
        limit: Refused codes that it may have within the window.
        networks: The accounts of the networks around the address.
    """

    __slots__ = ("inside", "limit", "name", "networks", "refused", "under_way", "waiting")

    def __init__(self, name: str, limit: int) -> None:
        self.name = name
        self.limit = limit
        self.networks: tuple[Account, ...] = ()
        self.refused: deque[float] = deque()  # when, by the monotonic clock
        self.inside = 0  # requests that are under way or wait
        self.under_way = 0
        self.waiting: deque[Future[None]] = deque()

    @property
    def is_full(self) -> bool:
        """True if another request has to wait."""
        return self.under_way >= self.limit - len(self.refused) + _AT_ONCE


class Budgets:
    """The refused codes of each address within a sliding window, and the places of requests under way.

    A place is taken before the platform is asked and given back afterwards: otherwise a thousand requests at once
    would all find a budget that none of them has used yet.

    An address of IPv6 has accounts around it (`haoma.service.addresses.around`), of which none may be used up either.

    Args:
        limit: Refused codes that an address may have within ``seconds``.
        seconds: The window.
    """

    def __init__(self, limit: int, seconds: float) -> None:
        self._limit = limit
        self._seconds = seconds
        self._accounts: dict[str, Account] = {}

    async def take(self, address: str) -> Account:
        """Take a place for a request, and wait for one if there are too many under way.

        Raises:
            TooManyRefusedCodes: ``caller.too-many-refused-codes``.
        """
        every = [self._taken_out(name, times) for name, times in ((address, 1), *around(address))]
        account = every[0]
        account.networks = tuple(every[1:])
        self._forget_some(monotonic())
        for each in every:
            self._accounts[each.name] = each  # the last to go
            each.inside += 1
        try:
            while True:
                now = monotonic()
                for each in every:
                    self._check(each, now)
                full = next((each for each in every if each.is_full), None)
                if full is None:
                    break
                turn: Future[None] = get_running_loop().create_future()
                full.waiting.append(turn)
                await turn
                if not full.is_full and any(each.is_full for each in every):
                    self._wake_next(full)  # its place is for somebody else
        except BaseException:
            for each in every:
                each.inside -= 1
                self._wake_next(each)
            raise
        for each in every:
            each.under_way += 1
        return account

    def give_back(self, account: Account, *, refused: bool) -> str:
        """Give a place back; return the address or network whose budget is used up from now on, if there is one."""
        used_up = ""
        for each in (account, *account.networks):
            each.inside -= 1
            each.under_way -= 1
            if refused:
                each.refused.append(monotonic())
                if len(each.refused) == each.limit:
                    used_up = each.name
            self._wake_next(each)
            if not each.inside and not each.refused and self._accounts.get(each.name) is each:
                del self._accounts[each.name]
        return used_up

    def _taken_out(self, name: str, times: int) -> Account:
        return self._accounts.pop(name, None) or Account(name, self._limit * times)

    def _check(self, account: Account, now: float) -> None:
        while account.refused and account.refused[0] <= now - self._seconds:
            account.refused.popleft()
        if len(account.refused) >= account.limit:
            again = account.refused[-account.limit] + self._seconds - now
            raise TooManyRefusedCodes(retry_after=max(1, math.ceil(again)))

    def _forget_some(self, now: float) -> None:
        """Forget addresses, from the one not seen for longest: whose window is over, and those beyond the bound."""
        while self._accounts:
            name, account = next(iter(self._accounts.items()))
            over = not account.inside and (not account.refused or account.refused[-1] <= now - self._seconds)
            if not over and len(self._accounts) < _ADDRESSES:
                return
            del self._accounts[name]

    @staticmethod
    def _wake_next(account: Account) -> None:
        """Let the next that waits look again; whoever cannot use its turn passes it on."""
        while account.waiting:
            turn = account.waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return


class Alarm:
    """Tells once in a window that very many codes were refused under one key for one app."""

    def __init__(self, limit: int, seconds: float) -> None:
        self._most = limit * _ALARM
        self._seconds = seconds
        self._counts: dict[tuple[str, str], tuple[float, int]] = {}

    def rings(self, app: str, caller: str) -> bool:
        """Count a refused code; return True with the one that is too many."""
        now = monotonic()
        began, count = self._counts.get((app, caller), (now, 0))
        if now - began >= self._seconds:
            began, count = now, 0
        self._counts[app, caller] = began, count + 1
        return count + 1 == self._most
