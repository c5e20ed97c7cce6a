"""Limits how many refused codes a client address may cause. A publishable key is public, so anybody can try codes.

Each refused code uses the app's quota. Only the client's address is limited, not the key or the app: otherwise anybody
who unpacks the mini program could lock out all users. For keys and apps there is an alarm instead. With IPv6 the
networks around an address are limited too, with a larger budget, because their owner can use any number of addresses.

An address is kept only in memory, and only while it has refused codes or a request in progress. It is in no metric, and
in the log only when its budget is used up.
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
"""Requests of one address that may be in progress beyond its budget. Further ones wait: many users may share an
address, and simultaneous requests alone are no reason to refuse one."""
_ALARM: Final = 10
"""The alarm is raised at this many times an address's budget, for one key and one app."""
_MOST_HOPS: Final = 20


def client(scope: Scope, proxies: Sequence[Network], *, trusted: bool) -> str:
    """Return the address to which a request is attributed, or an empty string if there is none.

    ``X-Forwarded-For`` is read from the right, one hop per trusted proxy; whoever connects to a UNIX socket is one.
    Anybody can write what is to the left of the first untrusted address. A header that is not a list of addresses is
    ignored.

    Args:
        scope: The request.
        proxies: Networks of the trusted proxies.
        trusted: True for a server key. Its back end serves many users, so its own address does not count. Only an
            address named by a trusted proxy does.
    """
    peer, server = scope.get("client"), scope.get("server")
    if peer:
        try:
            near = parse(peer[0])
        except ValueError:
            return ""
        own = "" if trusted else group(near)
        if not any(near in network for network in proxies):
            return own
    elif server and server[1] is None:
        own = ""  # a UNIX socket: whoever may open it is a proxy of this machine
    else:
        return ""
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
        found = own and group(address)  # a proxy, which may also be the client
    return found


def _host(hop: str) -> str:
    """Return the address of ``192.0.2.1``, ``192.0.2.1:8080``, ``2001:db8::1`` or ``[2001:db8::1]:8080``."""
    if hop.startswith("["):
        return hop[1:].partition("]")[0]
    return hop.partition(":")[0] if hop.count(":") == 1 else hop


class Account:
    """The counts of one address, or of a network around it.

    Attributes:
        name: The address or network.
        times: How many clients it counts as.
        networks: The accounts of the networks around the address.
    """

    __slots__ = ("inside", "name", "networks", "refused", "times", "under_way", "waiting")

    def __init__(self, name: str, times: int) -> None:
        self.name = name
        self.times = times
        self.networks: tuple[Account, ...] = ()
        self.refused: deque[float] = deque()  # times, by the monotonic clock
        self.inside = 0  # requests in progress or waiting
        self.under_way = 0
        self.waiting: deque[Future[None]] = deque()


class Refused:
    """The refused codes of each address and of each key. They are still counted when the configuration is read again.

    Attributes:
        accounts: The accounts by address or network, the one that was used last at the end.
        keys: When counting began, and how many there were, for each app and key.
    """

    def __init__(self) -> None:
        self.accounts: dict[str, Account] = {}
        self.keys: dict[tuple[str, str], tuple[float, int]] = {}


class Budgets:
    """The refused codes of each address within a sliding window, and its requests in progress.

    A place is taken before the platform is called and given back afterwards. Otherwise a thousand parallel requests
    would all see an unused budget.

    An IPv6 address also counts in the accounts of its networks (`haoma.service.addresses.around`). All their budgets
    must have room.

    Args:
        limit: Maximum number of refused codes of an address within ``seconds``.
        seconds: Length of the window.
        refused: What was counted so far.
    """

    def __init__(self, limit: int, seconds: float, refused: Refused | None = None) -> None:
        self._limit = limit
        self._seconds = seconds
        self._accounts = (refused or Refused()).accounts

    async def take(self, address: str) -> Account:
        """Take a place for a request. Wait if too many are in progress.

        Raises:
            TooManyRefusedCodes: ``caller.too-many-refused-codes``.
        """
        every = [self._taken_out(name, times) for name, times in ((address, 1), *around(address))]
        account = every[0]
        account.networks = tuple(every[1:])
        self._forget_some(monotonic())
        for each in every:
            self._accounts[each.name] = each  # now the last to be forgotten
            each.inside += 1
        try:
            while True:
                now = monotonic()
                for each in every:
                    self._check(each, now)
                full = next((each for each in every if self._is_full(each)), None)
                if full is None:
                    break
                turn: Future[None] = get_running_loop().create_future()
                full.waiting.append(turn)
                await turn
                if not self._is_full(full) and any(map(self._is_full, every)):
                    self._wake_next(full)  # another request can use this place
        except BaseException:
            for each in every:
                each.inside -= 1
                self._wake_next(each)
            raise
        for each in every:
            each.under_way += 1
        return account

    def give_back(self, account: Account, *, refused: bool) -> str:
        """Give a place back. Return the address or network whose budget this request used up, if any."""
        used_up = ""
        for each in (account, *account.networks):
            each.inside -= 1
            each.under_way -= 1
            if refused:
                each.refused.append(monotonic())
                if len(each.refused) == self._limit * each.times:
                    used_up = each.name
            self._wake_next(each)
            if not each.inside and not each.refused and self._accounts.get(each.name) is each:
                del self._accounts[each.name]
        return used_up

    def _taken_out(self, name: str, times: int) -> Account:
        return self._accounts.pop(name, None) or Account(name, times)

    def _is_full(self, account: Account) -> bool:
        """Return True if another request must wait."""
        return account.under_way >= self._limit * account.times - len(account.refused) + _AT_ONCE

    def _check(self, account: Account, now: float) -> None:
        limit = self._limit * account.times
        while account.refused and account.refused[0] <= now - self._seconds:
            account.refused.popleft()
        if len(account.refused) >= limit:
            again = account.refused[-limit] + self._seconds - now
            raise TooManyRefusedCodes(retry_after=max(1, math.ceil(again)))

    def _forget_some(self, now: float) -> None:
        """Forget the least recently seen addresses whose window is over, and any beyond the maximum number."""
        while self._accounts:
            name, account = next(iter(self._accounts.items()))
            over = not account.inside and (not account.refused or account.refused[-1] <= now - self._seconds)
            if not over and len(self._accounts) < _ADDRESSES:
                return
            del self._accounts[name]

    @staticmethod
    def _wake_next(account: Account) -> None:
        """Let the next waiting request check again. If it cannot proceed, it wakes the next one."""
        while account.waiting:
            turn = account.waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return


class Alarm:
    """An alarm for very many refused codes of one key for one app. It rings once per window.

    Args:
        limit, seconds: See `Budgets`.
        refused: What was counted so far.
    """

    def __init__(self, limit: int, seconds: float, refused: Refused | None = None) -> None:
        self._most = limit * _ALARM
        self._seconds = seconds
        self._counts = (refused or Refused()).keys

    def rings(self, app: str, caller: str) -> bool:
        """Count a refused code. Return True for the one that reaches the limit."""
        now = monotonic()
        began, count = self._counts.get((app, caller), (now, 0))
        if now - began >= self._seconds:
            began, count = now, 0
        self._counts[app, caller] = began, count + 1
        return count + 1 == self._most
