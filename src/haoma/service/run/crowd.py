"""All connections of a process together: how many there may be, and which of them goes when there is no room.

Without a bound of their own, a thousand connections that say nothing take all files that the process may open, and
nobody else is served. Files are kept back for calls to platforms and for what the process has open itself.
"""

from __future__ import annotations

import logging
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from haoma.service.addresses import group, parse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from haoma.settings.model import Network

ACCEPTED: Final = 16
"""Most connections that are accepted in one turn of the event loop. On EMFILE, asyncio of Python 3.11 to 3.13 tries,
logs and schedules a timer as often as this (``_accept_connection``)."""
_UNDER_WAY: Final = 4 * ACCEPTED  # it takes asyncio three turns to show a connection, and to close one
_OWN: Final = 48  # log, selector, port, files of the metrics, and what Python opens
_CALLS: Final = 100  # connections of the pool to the platforms: `haoma.io.http`
_FEWEST: Final = 16
_MOST: Final = 4096
_RAISED: Final = 65_536  # some systems set millions or no limit at all, and no process gets that
_HELD: Final = 32 * 1024 * 1024
_log: Final = logging.getLogger(__name__)


def raise_files() -> None:
    """Raise the soft limit of open files to the hard one, which is what it is there for."""
    if sys.platform == "win32":
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _RAISED if hard == resource.RLIM_INFINITY else min(hard, _RAISED)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        except (OSError, ValueError):  # macOS has a lower limit that it does not tell
            _log.warning("The limit of open files cannot be raised.")


def most_connections() -> int:
    """Return how many connections leave enough files for everything else."""
    if sys.platform == "win32":
        return _MOST
    import resource

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return _MOST
    return min(_MOST, max(_FEWEST, soft - _OWN - min(_CALLS, soft // 4) - _UNDER_WAY))


class Member(Protocol):
    """A connection, as far as the crowd is concerned."""

    def owes(self) -> bool:
        """Tell whether it is the caller's turn: a head, the rest of a request, or the reading of an answer."""

    def leave(self) -> None:
        """End at once."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much there may be.

    Attributes:
        all: Most connections.
        alone: Most connections of one address that is no trusted proxy's.
        held: Most bytes of unfinished requests and of answers that are not read.
    """

    all: int
    alone: int
    held: int = _HELD

    @classmethod
    def of_this_process(cls) -> Bounds:
        """Return the bounds that the limit of open files allows."""
        most = most_connections()
        return cls(most, most // 2)


class Crowd:
    """The connections of this process, those first that have been without a request for longest.

    When there are too many, one of those goes whose caller is to act: the oldest of the same address, if that has too
    many, and otherwise the oldest of all. A request that is being answered is never cut off: rather than that, the new
    connection goes, whose caller has not said anything yet.
    """

    def __init__(self, bounds: Bounds | None = None, proxies: Iterable[Network] = ()) -> None:
        self.bounds = bounds or Bounds.of_this_process()
        self._proxies = tuple(proxies)
        self._members: dict[Member, str] = {}
        self._of: dict[str, dict[Member, None]] = {}
        self._holds: dict[Member, int] = {}
        self._held = 0

    def enter(self, member: Member, host: str | None) -> None:
        """Take a new connection in, for which another one may have to go."""
        name = self._name(host)
        self._members[member] = name
        if name:
            together = self._of.setdefault(name, {})
            together[member] = None
            if len(together) > self.bounds.alone:
                self._make_room(together, _anybody)
                return
        if len(self._members) > self.bounds.all:
            self._make_room(self._members, _anybody)

    def leave(self, member: Member) -> None:
        """Forget a connection."""
        name = self._members.pop(member, "")
        if name and (together := self._of.get(name)) is not None:
            together.pop(member, None)
            if not together:
                del self._of[name]
        self.release(member)

    def touch(self, member: Member) -> None:
        """Note that a connection has sent a whole head: it is now the last to go."""
        name = self._members.pop(member, None)
        if name is None:
            return
        self._members[member] = name
        if name:
            together = self._of[name]
            del together[member]
            together[member] = None

    def hold(self, member: Member, size: int) -> None:
        """Note how many bytes are kept for a connection until its caller acts."""
        self._held += size - self._holds.get(member, 0)
        self._holds[member] = size
        while self._held > self.bounds.held and self._make_room(self._members, self._holds.__contains__):
            pass

    def release(self, member: Member) -> None:
        """Note that nothing is kept any more."""
        self._held -= self._holds.pop(member, 0)

    def _make_room(self, members: Iterable[Member], candidate: Callable[[Member], bool]) -> bool:
        found = next((each for each in members if candidate(each) and each.owes()), None)
        if found is None:
            return False
        _log.warning("A connection was closed to make room for others.")
        self.leave(found)
        found.leave()
        return True

    def _name(self, host: str | None) -> str:
        """Return the name under which connections are counted together; empty for a proxy, which has those of all."""
        if not host:
            return ""
        try:
            address = parse(host)
        except ValueError:
            return ""
        return "" if any(address in network for network in self._proxies) else group(address)


def _anybody(_member: Member) -> bool:
    return True
