"""Limits how many refused codes a client address may cause. Anybody can post a code to a mini program's back end.

Each refused code uses the app's quota. Only the client's address is limited, not a key or an app: otherwise anybody who
unpacks the mini program could lock out all users. With IPv6 the networks around an address are limited too, with a
larger budget, because their owner can use any number of addresses.

An address is kept only in memory, and only while it has refused codes or a request in progress.
"""

from __future__ import annotations

import math
import threading
from collections import deque
from typing import TYPE_CHECKING, Any, Final, TypeVar

from haoma.errors import HaomaError, TooManyRefusedCodes
from haoma.io.client_addresses import around, group, parse
from haoma.io.clock import monotonic
from haoma.io.process import PerProcess
from haoma.platforms.base.refusal import refuses_a_code

if TYPE_CHECKING:
    from collections.abc import Sequence
    from ipaddress import IPv4Network, IPv6Network

    from haoma.steps import Flow

T = TypeVar("T")

_ADDRESSES: Final = 10_000
_AT_ONCE: Final = 20
"""Requests of one address that may be in progress beyond its budget: many users may share an address, and simultaneous
requests alone are no reason to refuse one for long."""
_MOST_HOPS: Final = 20


def attributed(
    peer: str, forwarded: str, proxies: Sequence[IPv4Network | IPv6Network], *, trusted: bool = False
) -> str:
    """Return the address to which a request is attributed, or an empty string if there is none.

    ``X-Forwarded-For`` is read from the right, one hop per trusted proxy; whoever connects to a UNIX socket is one.
    Anybody can write what is to the left of the first untrusted address. A header that is not a list of addresses is
    ignored.

    Args:
        peer: The address that is connected; empty for a UNIX socket.
        forwarded: All headers ``X-Forwarded-For``, joined by commas.
        proxies: Networks of the trusted proxies.
        trusted: True for a back end. It serves many users, so its own address does not count. Only an address named by
            a trusted proxy does.
    """
    own = ""
    if peer:
        try:
            near = parse(peer)
        except ValueError:
            return ""
        own = "" if trusted else group(near)
        if not any(near in network for network in proxies):
            return own
    found = own
    for hop in reversed(forwarded.rsplit(",", _MOST_HOPS)):
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
        refused: When codes were refused, by the monotonic clock.
        inside: Requests in progress or waiting.
        under_way: Requests in progress.
        waiting: What requests wait for, where they wait.
    """

    __slots__ = ("inside", "name", "networks", "refused", "times", "under_way", "waiting")

    def __init__(self, name: str, times: int) -> None:
        self.name = name
        self.times = times
        self.networks: tuple[Account, ...] = ()
        self.refused: deque[float] = deque()
        self.inside = 0
        self.under_way = 0
        self.waiting: deque[Any] = deque()


class Budgets:
    """The refused codes of each address within a sliding window, and its requests in progress.

    A place is taken before the platform is called and given back afterwards. Otherwise a thousand parallel requests
    would all see an unused budget.

    An IPv6 address also counts in the accounts of its networks (`haoma.io.client_addresses.around`). All their budgets
    must have room.

    Args:
        limit: Maximum number of refused codes of an address within ``seconds``.
        seconds: Length of the window.
        accounts: What was counted so far: the accounts by address or network, the one that was used last at the end.
    """

    def __init__(self, limit: int, seconds: float, accounts: dict[str, Account] | None = None) -> None:
        self._limit = limit
        self._seconds = seconds
        self._accounts: dict[str, Account] = {} if accounts is None else accounts

    def enter(self, address: str) -> list[Account]:
        """Return the accounts of an address and its networks. A request is inside them until it has left."""
        every = [self._taken_out(name, times) for name, times in ((address, 1), *around(address))]
        every[0].networks = tuple(every[1:])
        self._forget_some(monotonic())
        for each in every:
            self._accounts[each.name] = each  # now the last to be forgotten
            each.inside += 1
        return every

    def _taken_out(self, name: str, times: int) -> Account:
        found = self._accounts.pop(name, None)
        return Account(name, times) if found is None else found

    def full(self, every: Sequence[Account]) -> Account | None:
        """Return an account in which too many requests are in progress; None if a place may be taken.

        Raises:
            TooManyRefusedCodes: ``caller.too-many-refused-codes``.
        """
        now = monotonic()
        for each in every:
            limit = self._limit * each.times
            while each.refused and each.refused[0] <= now - self._seconds:
                each.refused.popleft()
            if len(each.refused) >= limit:
                again = each.refused[-limit] + self._seconds - now
                raise TooManyRefusedCodes(retry_after=max(1, math.ceil(again)))
        return next((each for each in every if self.is_full(each)), None)

    def is_full(self, account: Account) -> bool:
        """Return True if another request must wait."""
        return account.under_way >= self._limit * account.times - len(account.refused) + _AT_ONCE

    def leave(self, account: Account, *, refused: bool) -> str:
        """Give a place back. Return the address or network whose budget this request used up, if any."""
        used_up = ""
        for each in (account, *account.networks):
            each.inside -= 1
            each.under_way -= 1
            if refused:
                each.refused.append(monotonic())
                if len(each.refused) == self._limit * each.times:
                    used_up = each.name
            self.forget(each)
        return used_up

    def forget(self, account: Account) -> None:
        """Forget an account of which there is nothing to know."""
        if not account.inside and not account.refused and self._accounts.get(account.name) is account:
            del self._accounts[account.name]

    def _forget_some(self, now: float) -> None:
        """Forget the least recently seen addresses whose window is over, and any beyond the maximum number."""
        while self._accounts:
            name, account = next(iter(self._accounts.items()))
            over = not account.inside and (not account.refused or account.refused[-1] <= now - self._seconds)
            if not over and len(self._accounts) < _ADDRESSES:
                return
            del self._accounts[name]


class Clients:
    """The addresses of users, for the integrations: threads and event loops may share it, each process counts alone.

    Args:
        proxies: Networks of the trusted proxies.
        limit: Maximum number of refused codes of an address within ``seconds``.
        seconds: Length of the window.
    """

    def __init__(self, proxies: Sequence[IPv4Network | IPv6Network], limit: int, seconds: float) -> None:
        self._proxies = proxies
        # A child of a fork counts anew, in place of what its parent was changing at that moment.
        self._process = PerProcess(lambda _before: (threading.Lock(), Budgets(limit, seconds)))

    def address(self, peer: str | None, forwarded: str, *, trusted: bool = False) -> str:
        """Return the address to which a request is attributed, or an empty string if there is none; see `attributed`.

        Without trusted proxies, a peer that is on this machine or in a private network is none: it is a proxy that
        nobody has named, and all users would count as one.

        Args:
            peer: The client's address as the framework says it, which may have read ``X-Forwarded-For`` itself.
            forwarded: All headers ``X-Forwarded-For``, joined by commas.
            trusted: True if back ends ask.
        """
        if peer and not self._proxies:
            try:
                if not parse(peer).is_global:
                    return ""
            except ValueError:
                return ""
        return attributed(peer or "", forwarded, self._proxies, trusted=trusted)

    def within_budget(self, flow: Flow[T], address: str) -> Flow[T]:
        """Return a flow that counts a code that is refused.

        It is counted inside the flow, which runs to its end even if the caller leaves.

        Args:
            flow: The flow.
            address: Whose budget it is; empty for none.

        Raises:
            TooManyRefusedCodes: ``caller.too-many-refused-codes``.
        """
        if not address:
            return (yield from flow)
        lock, budgets = self._process.get()
        with lock:
            account = _taken(budgets, address)
        refused = False
        try:
            return (yield from flow)
        except HaomaError as error:
            refused = refuses_a_code(error)
            raise
        finally:
            with lock:
                budgets.leave(account, refused=refused)


def _taken(budgets: Budgets, address: str) -> Account:
    every = budgets.enter(address)
    try:
        full = budgets.full(every) is not None
    except TooManyRefusedCodes as error:
        refusal = error
    else:
        if not full:
            for each in every:
                each.under_way += 1
            return every[0]
        refusal = TooManyRefusedCodes(retry_after=1)
    for each in every:
        each.inside -= 1
        budgets.forget(each)
    raise refusal
