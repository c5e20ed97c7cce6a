"""Follows calls in a mini program by name, from function to function and into other files.

Text contains only names. So anything followed into another file is a guess, and a name that several functions have
says something only if each of them logs in.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from itertools import islice
from typing import Final, NamedTuple

from haoma.doctor.mini_program.sources import API, Source, Span

LEVELS: Final = 2
"""Levels of calls. A callback may call a function that calls the function that logs in."""
_CALLS: Final = (0, 40, 200)
"""Calls to examine in a function, by the levels that are left."""
_BEARERS: Final = 20
_CALLED: Final = re.compile(r"(?<![\w$])(?P<name>[A-Za-z_$][\w$]*+)\s*+\(")
_OF: Final = re.compile(r"(?P<name>[\w$]+)?\s*(?:\(\s*\)\s*)?\)?\s*[?!]?\.\s*$")
_DECLARED: Final = re.compile(r"\bfunction\s*$")
_OF_THE_API: Final = re.compile(API)
_ITSELF: Final = frozenset({"this", "that", "self", "_this", "_self", "vm", "me"})
_REQUESTS: Final = frozenset({
    "request", "httpRequest", "fetch", "uploadFile", "callFunction", "callContainer", "post",
})  # fmt: skip
# Many of these log in if there is no token yet. Calling them is no mistake.
_OF_EVERY_FILE: Final = frozenset({
    "then", "catch", "finally", "success", "fail", "complete", "resolve", "reject", "onLoad", "onShow", "onReady",
    "onLaunch", "onHide", "created", "mounted", "attached", "ready", "setup",
})  # fmt: skip
_LEAVES: Final = re.compile(r"\breturn\b[^;{}]{0,40};?\s*$")


class Login(NamedTuple):
    """A login that a function leads to.

    Attributes:
        position: Where the function calls it, or calls what leads to it.
        calls: The function that leads to it; empty if it is the platform's own login.
        path: The other file into which it was followed; empty if there is none.
    """

    position: int
    calls: str = ""
    path: str = ""


class Calls:
    """The call graph of a mini program."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self._sources = sources
        self._found: dict[tuple[str, str, str | None, int], tuple[bool, str]] = {}

    def login(self, source: Source, body: Span, levels: int = LEVELS) -> Login | None:
        """Return the login that a function calls before it sends anything, or None."""
        before = source.before_sending(body)
        for position in source.logins(before):
            if not _leaves(source, position, body):
                return Login(position)
        for called in islice(_CALLED.finditer(source.code, *before), _CALLS[levels]):
            logs_in, path = self._followed(source, called, levels - 1)
            if logs_in and not _leaves(source, called.start(), body):
                return Login(called.start(), called["name"], path)
        # The function that receives the detail may log in before it sends.
        sends = _CALLED.match(source.code, before.end, body.end) if levels and before != body else None
        if sends and sends["name"] not in _REQUESTS:
            logs_in, path = self._followed(source, sends, 0)
            if logs_in:
                return Login(sends.start(), sends["name"], path)
        return None

    def takers(self, source: Source, body: Span, levels: int = LEVELS) -> Iterator[tuple[Source, Span]]:
        """Yield the functions to which a function passes the data to send, directly or indirectly."""
        before = source.before_sending(body)
        called = _CALLED.match(source.code, before.end, body.end) if before != body else None
        places = list(islice(self._places(source, called["name"], _receiver(source, called)), 2)) if called else []
        if len(places) == 1 and places[0] != (source, body):
            yield places[0]
            if levels > 1:
                yield from self.takers(*places[0], levels - 1)

    def _followed(self, source: Source, called: re.Match[str], levels: int) -> tuple[bool, str]:
        """Return whether every function with the called name logs in, and the other file that was followed."""
        name = called["name"]
        if name not in self._functions:
            return False, ""
        receiver = _receiver(source, called)
        if _OF_THE_API.fullmatch(receiver or "") or _DECLARED.search(
            source.code, max(0, called.start() - 60), called.start()
        ):
            return False, ""
        key = (source.path, name, receiver, levels)
        if key not in self._found:
            self._found[key] = False, ""  # for functions that call themselves
            places = list(islice(self._places(source, name, receiver), _BEARERS + 1))
            found = [self.login(*place, levels) for place in places[:_BEARERS]]
            elsewhere = [where.path for where, _body in places if where is not source]
            elsewhere += [each.path for each in found if each and each.path]
            self._found[key] = 0 < len(places) <= _BEARERS and None not in found, next(iter(elsewhere), "")
        return self._found[key]

    def _places(self, source: Source, name: str, receiver: str | None) -> Iterator[tuple[Source, Span]]:
        own = source.functions.get(name, ())
        if own and (receiver is None or receiver in _ITSELF):
            yield from ((source, body) for body in own)
        elif name not in _OF_EVERY_FILE:
            bearers = self._functions.get(name, ())
            file = source.imports.get(receiver or name) or {"app": "app", "getApp": "app"}.get(receiver or "", "")
            stems = re.compile(rf"(?:.*/)?{re.escape(file)}(?:/index)?", re.IGNORECASE)
            imported = [each for each in bearers if file and stems.fullmatch(each[0].stem)]
            yield from imported or bearers

    @cached_property
    def _functions(self) -> Mapping[str, Sequence[tuple[Source, Span]]]:
        found = defaultdict[str, list[tuple[Source, Span]]](list)
        for source in self._sources:
            for name, bodies in source.functions.items():
                found[name] += [(source, body) for body in bodies]
        return dict(found)


def _receiver(source: Source, called: re.Match[str]) -> str | None:
    """Return the receiver of a method call: ``auth`` in ``this.auth.login()``; None for a function."""
    of = _OF.search(source.code, max(0, called.start() - 60), called.start())
    return (of["name"] or "") if of else None


def _leaves(source: Source, position: int, body: Span) -> bool:
    """Return whether a block returns after its login without sending, as when the user has declined."""
    end = source.end_of_block(position)
    block = Span(position, end)
    return (
        end < body.end
        and _LEAVES.search(source.code, max(position, end - 60), end) is not None
        and source.before_sending(block) == block
    )
