"""The budgets of refused codes in the service: see `haoma.io.clients`. A publishable key is public.

For keys and apps there is an alarm instead. An address is in no metric, and in the log only when its budget is used up.
"""

from __future__ import annotations

from asyncio import get_running_loop
from typing import TYPE_CHECKING, Final

from haoma.io import clients
from haoma.io.clients import Account, attributed
from haoma.io.clock import monotonic

if TYPE_CHECKING:
    from asyncio import Future
    from collections.abc import Sequence

    from starlette.types import Scope

    from haoma.settings.model import Network

_ALARM: Final = 10
"""The alarm is raised at this many times an address's budget, for one key and one app."""


def client(scope: Scope, proxies: Sequence[Network], *, trusted: bool) -> str:
    """Return the address to which a request is attributed, or an empty string if there is none.

    Args:
        scope: The request.
        proxies: Networks of the trusted proxies.
        trusted: True for a server key.
    """
    peer, server = scope.get("client"), scope.get("server")
    if not peer and not (server and server[1] is None):  # no UNIX socket either
        return ""
    named = b",".join(value for name, value in scope["headers"] if name == b"x-forwarded-for")
    return attributed(peer[0] if peer else "", named.decode("latin-1"), proxies, trusted=trusted)


class Refused:
    """The refused codes of each address and of each key. They are still counted when the configuration is read again.

    Attributes:
        accounts: See `haoma.io.clients.Budgets`.
        keys: When counting began, and how many there were, for each app and key.
    """

    def __init__(self) -> None:
        self.accounts: dict[str, Account] = {}
        self.keys: dict[tuple[str, str], tuple[float, int]] = {}


class Budgets(clients.Budgets):
    """The budgets of a service. Where too many requests of an address are in progress, further ones wait.

    Args:
        limit: Maximum number of refused codes of an address within ``seconds``.
        seconds: Length of the window.
        refused: What was counted so far.
    """

    def __init__(self, limit: int, seconds: float, refused: Refused | None = None) -> None:
        super().__init__(limit, seconds, None if refused is None else refused.accounts)

    async def take(self, address: str) -> Account:
        """Take a place for a request. Wait if too many are in progress.

        Raises:
            TooManyRefusedCodes: ``caller.too-many-refused-codes``.
        """
        every = self.enter(address)
        try:
            while (full := self.full(every)) is not None:
                turn: Future[None] = get_running_loop().create_future()
                full.waiting.append(turn)
                await turn
                if not self.is_full(full) and any(map(self.is_full, every)):
                    self._wake_next(full)  # another request can use this place
        except BaseException:
            for each in every:
                each.inside -= 1
                self._wake_next(each)
            raise
        for each in every:
            each.under_way += 1
        return every[0]

    def give_back(self, account: Account, *, refused: bool) -> str:
        """Give a place back. Return the address or network whose budget this request used up, if any."""
        used_up = self.leave(account, refused=refused)
        for each in (account, *account.networks):
            self._wake_next(each)
        return used_up

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
