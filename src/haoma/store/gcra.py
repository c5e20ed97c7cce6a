"""Rate limits by the generic cell rate algorithm (GCRA), in whole microseconds.

A counter is one number: the moment at which it would be empty (the "theoretical arrival time", TAT). A request adds
``interval`` to it. It is allowed if the TAT is then at most ``burst`` intervals ahead of now. There are no windows, so
nothing is allowed twice at the edge of one, and a refused request changes nothing. A moment further ahead than any
count makes comes from a limit that was higher, or from a clock that was set back: it becomes the furthest, so that
nobody is locked out and nobody begins anew.

`Local` counts in the memory of a process, `SCRIPT` counts in Valkey, by the same arithmetic. Several counters are taken
together or not at all: who is refused because of one limit uses up nothing of the others.

Source: ITU-T I.371, annex A (virtual scheduling).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

_SECOND: Final = 1_000_000


class Rate(NamedTuple):
    """A limit: so many requests in so many seconds, and so many at once.

    Attributes:
        requests: How many.
        seconds: The seconds in which they may come.
        burst: How many may come at once.
    """

    requests: int
    seconds: int
    burst: int

    def meter(self, kind: str, name: str, times: int = 1) -> Meter:
        """Return the counter of one key, app, address or login, with the limit multiplied by ``times``."""
        interval = -(-self.seconds * _SECOND // (self.requests * times))  # rounded up: never more than the limit
        return Meter(kind, name, interval, self.burst * times)


class Meter(NamedTuple):
    """One counter.

    Attributes:
        kind: ``key``, ``app``, ``address`` or ``login``.
        name: Which one of them.
        interval: Microseconds that each request takes.
        burst: How many requests may come at once.
    """

    kind: str
    name: str
    interval: int
    burst: int


class Refusal(NamedTuple):
    """The answer to a request over a limit.

    Attributes:
        kind: The limit that lets the request wait longest.
        microseconds: How long.
    """

    kind: str
    microseconds: int


class Local:
    """Counters in the memory of this process.

    Args:
        most: How many of each kind are kept. The ones that were not used for longest are forgotten, and those that
            would be empty.
    """

    def __init__(self, most: int = 20_000) -> None:
        self._most = most
        self._tats: dict[str, dict[str, int]] = {}

    def take(self, meters: Sequence[Meter], now: int) -> Refusal | None:
        """Count a request in all of ``meters``, or in none of them. ``now``: microseconds by a clock never set back."""
        found = []
        longest, which = 0, ""
        for kind, name, interval, burst in meters:
            tats = self._of(kind)
            tat, ahead = tats.get(name, 0), interval * burst
            if tat > now + ahead:  # the limit was higher before, or the clock was set back: the counter is full
                tat = tats[name] = now + ahead
            tat = max(tat, now) + interval
            wait = tat - ahead - now
            if wait > longest:
                longest, which = wait, kind
            found.append((tats, name, tat))
        if longest:
            return Refusal(which, longest)
        for tats, name, tat in found:
            tats.pop(name, None)
            tats[name] = tat  # now the last to be forgotten
            oldest = next(iter(tats))
            if tats[oldest] <= now or len(tats) > self._most:  # addresses and openids are not kept for nothing
                del tats[oldest]
        return None

    def give_back(self, meters: Sequence[Meter]) -> None:
        """Undo `take`."""
        for kind, name, interval, _ in meters:
            tats = self._of(kind)
            if name in tats:
                tats[name] -= interval

    def _of(self, kind: str) -> dict[str, int]:
        found = self._tats.get(kind)
        if found is None:
            found = self._tats[kind] = {}
        return found


SCRIPT: Final = """\
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local tats, longest, which = {}, 0, 0
for i, key in ipairs(KEYS) do
  local interval, burst = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])
  local tat = tonumber(redis.call('GET', key) or '0') or 0
  if tat > now + interval * burst then
    tat = now + interval * burst
    redis.call('SET', key, string.format('%.0f', tat), 'PX', math.ceil(interval * burst / 1000))
  end
  tats[i] = math.max(tat, now) + interval
  local wait = tats[i] - interval * burst - now
  if wait > longest then longest, which = wait, i end
end
if which > 0 then return {which, longest} end
for i, key in ipairs(KEYS) do
  redis.call('SET', key, string.format('%.0f', tats[i]), 'PX', math.ceil((tats[i] - now) / 1000))
end
return {0, 0}
"""
"""What Valkey does: the arguments are interval and burst of each key. Returns the number of the key with the longest
wait, and the wait; or twice 0. Its numbers are doubles, which are exact up to 2^53, more than 200 years in
microseconds."""
