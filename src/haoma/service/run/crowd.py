"""Limits on the connections of a process: how many there may be, and which one is closed when there are too many.

Without a limit, a thousand silent connections would use all file descriptors of the process, and nobody else would be
served. Some descriptors are reserved for calls to platforms and for the process itself.
"""

from __future__ import annotations

import logging
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from haoma.io.client_addresses import group, parse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from haoma.settings.model import Network

ACCEPTED: Final = 16
"""Maximum number of connections accepted in one turn of the event loop. On EMFILE, asyncio in Python 3.11 to 3.13
retries, logs and schedules a timer this many times (``_accept_connection``)."""
_UNDER_WAY: Final = 4 * ACCEPTED  # asyncio needs three turns to report a new connection, and to close one
_OWN: Final = 48  # the log, the selector, the port, metrics files, and files that Python opens
_CALLS: Final = 100  # connections to the platforms, see `haoma.io.http`
_FEWEST: Final = 16
_MOST: Final = 4096
_RAISED: Final = 65_536  # some systems set millions or no limit, but a process cannot have that many
_HELD: Final = 32 * 1024 * 1024
_log: Final = logging.getLogger(__name__)


def raise_files() -> None:
    """Raise the soft limit of open files to the hard limit."""
    if sys.platform == "win32":
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _RAISED if hard == resource.RLIM_INFINITY else min(hard, _RAISED)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        except (OSError, ValueError):  # macOS has a lower limit that it does not report
            _log.warning("The limit of open files cannot be raised.")


def most_connections() -> int:
    """Return how many connections there may be so that enough files remain for everything else."""
    if sys.platform == "win32":
        return _MOST
    import resource

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return _MOST
    return min(_MOST, max(_FEWEST, soft - _OWN - min(_CALLS, soft // 4) - _UNDER_WAY))


class Member(Protocol):
    """The interface of a connection in a `Crowd`."""

    def owes(self) -> bool:
        """Return True if it waits for the client: for a head, the rest of a request, or to read a response."""

    def expects(self) -> bool:
        """Return True if a request may be on its way."""

    def leave(self) -> None:
        """Close the connection at once."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """The limits.

    Attributes:
        all: Maximum number of connections.
        alone: Maximum number of connections from one address that is not a trusted proxy.
        held: Maximum bytes of unfinished requests and unread responses.
    """

    all: int
    alone: int
    held: int = _HELD

    @classmethod
    def of_this_process(cls) -> Bounds:
        """Return the limits that the process's limit of open files allows."""
        most = most_connections()
        return cls(most, most // 2)


class Crowd:
    """The connections of this process, ordered by their last request, oldest first.

    If there are too many, one that waits for its client is closed: the oldest from the same address if that address
    has too many, otherwise the oldest of all. A request that is being answered is never cut off. If all are being
    answered, the new connection is closed, because its client has not sent anything yet.
    """

    def __init__(self, bounds: Bounds | None = None, proxies: Iterable[Network] = ()) -> None:
        self.bounds = bounds or Bounds.of_this_process()
        self._proxies = tuple(proxies)
        self._members: dict[Member, str] = {}
        self._of: dict[str, dict[Member, None]] = {}
        self._holds: dict[Member, int] = {}
        self._held = 0

    def trust(self, proxies: Iterable[Network]) -> None:
        """Replace the trusted proxies. Connections that are open count as before."""
        self._proxies = tuple(proxies)

    def enter(self, member: Member, host: str | None) -> None:
        """Add a new connection. Another one may be closed to make room."""
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
        """Remove a connection."""
        name = self._members.pop(member, "")
        if name and (together := self._of.get(name)) is not None:
            together.pop(member, None)
            if not together:
                del self._of[name]
        self.release(member)

    def expects(self) -> bool:
        """Return True if a request may be on its way."""
        return any(member.expects() for member in self._members)

    def touch(self, member: Member) -> None:
        """Record that a connection has sent a complete head. It is now the last to be closed."""
        name = self._members.pop(member, None)
        if name is None:
            return
        self._members[member] = name
        if name:
            together = self._of[name]
            del together[member]
            together[member] = None

    def hold(self, member: Member, size: int) -> None:
        """Record how many bytes are buffered for a connection until its client acts."""
        self._held += size - self._holds.get(member, 0)
        self._holds[member] = size
        while self._held > self.bounds.held and self._make_room(self._members, self._holds.__contains__):
            pass

    def release(self, member: Member) -> None:
        """Record that nothing is buffered for a connection any more."""
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
        """Return the name under which connections are counted; empty for a proxy, which serves many clients."""
        if not host:
            return ""
        try:
            address = parse(host)
        except ValueError:
            return ""
        return "" if any(address in network for network in self._proxies) else group(address)


def _anybody(_member: Member) -> bool:
    return True
