"""What the walk through a program keeps: its limits, what it saw, and what it could not follow."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeAlias

from haoma.doctor.mini_program.values import (
    AUTHORIZATION,
    UNDEFINED,
    Object,
    Tag,
    Value,
    all_tags,
    leaves,
    tagged,
)
from haoma.io import clock

if TYPE_CHECKING:
    from tree_sitter import Node

    from haoma.doctor.mini_program.modules import Modules
    from haoma.doctor.mini_program.scopes import Module
    from haoma.doctor.mini_program.values import Call

STEPS: Final = 30_000
"""Most expressions of one handler with all that it calls."""
DEPTH: Final = 110
"""Deepest nesting of expressions and calls together; each takes up to five frames of Python."""
CALLS: Final = 14
SECONDS: Final = 60.0
"""Longest time for a whole program."""


@dataclass(frozen=True)
class Place:
    """A line of a file."""

    path: str
    line: int


@dataclass(frozen=True)
class Send:
    """A request, or a call that hands something to what could not be followed.

    Attributes:
        place: Where it is.
        origin: The call in the handler's own file that leads to it.
        method: ``GET``, ``POST``; empty if none is given, ``?`` if it is not known.
        url: Its address.
        body: What it sends.
        by_default: True if the method is that of a request without one.
        to: The function that was not found; empty if it is a request.
    """

    place: Place
    origin: Place
    method: str
    url: Value
    body: Value
    by_default: bool = False
    to: str = ""

    @property
    def tags(self) -> frozenset[Tag]:
        """What is sent, in the address or the body."""
        return all_tags(self.body) | all_tags(self.url)


@dataclass(frozen=True)
class LoggedIn:
    """A call of the platform's login.

    Attributes:
        place: Where the handler calls it, or calls what leads to it.
        calls: The function of the handler that leads to it; empty if it is the login itself.
        defined_in: The other file in which it is called; empty if there is none.
        sure: False if it happens in case of a failure.
        branches: The branches around it.
    """

    place: Place
    calls: str = ""
    defined_in: str = ""
    sure: bool = True
    branches: tuple[int, ...] = field(default=(), compare=False)


@dataclass(frozen=True)
class Missed:
    """A read of what is not there, such as ``e.detail`` of a kit that hands over the detail itself.

    Attributes:
        place: Where it is.
        found: What is read.
        needed: What to read.
        of_kit: True if a kit hands over the detail.
        of_nothing: True if the event gives nothing at all, so that another of the same handler may be meant.
    """

    place: Place
    found: str
    needed: str
    of_kit: bool = False
    of_nothing: bool = False


@dataclass
class Seen:
    """What was seen, in the order of the program.

    Attributes:
        sends: Requests.
        before: Logins before a request that sends the authorization, and whether they certainly happen.
        missed: Reads of what is not there.
        lost: What was not followed: place, what, name.
        keys: Reads of a session_key.
        logins: Logins.
        passed_on: True if the authorization was handed to an event of a component.
        skipped: True if a branch was not taken, or something stood too deep.
    """

    sends: dict[Send, None] = field(default_factory=dict)
    before: dict[tuple[LoggedIn, Send], bool] = field(default_factory=dict)
    missed: dict[Missed, None] = field(default_factory=dict)
    lost: dict[tuple[Place, str, str], None] = field(default_factory=dict)
    keys: dict[Place, None] = field(default_factory=dict)
    logins: dict[LoggedIn, None] = field(default_factory=dict)
    passed_on: bool = False
    skipped: bool = False


class OutOfSteps(Exception):
    """A handler is too large to be followed."""


_KEPT: Final = (
    "storage", "app", "prototype", "query", "bus", "listeners", "props", "redux", "mutations", "actions", "api",
)  # fmt: skip
Applies: TypeAlias = "Callable[[Machine, Value, Call], Value]"
Imports: TypeAlias = "Callable[[Machine, str, Module], Value]"


class Machine:
    """The state of one walk.

    Attributes:
        modules: The program's files.
        apply: Calls whatever a value may be.
        imports: Returns what another file exports.
        seen: What was seen.
        kept: What outlives a call: storage, the app, stores, what is set on a prototype.
        emitted: What components handed to their own events, by name, and whether it is the argument itself.
        buttons: What JSX gave a button: by its syntax, its attributes.
        reducers: What actions of Redux change, by name: the state and the function.
        missed_at: Reads of what is not there, of which it is not known yet whether they matter.
        states: What ``useState`` and ``useRef`` keep, by where they are called.
        stack: The calls on the way: syntax, file and name of each.
        running: The functions on the way.
        pending: Logins after which nothing was sent yet.
        owner: The file that runs, to which the options of a page belong.
        sent: True once the authorization was sent; a login after that harms nothing.
        branches: The branches around what runs: what is assigned there may not be.
        counted: How many branches there were.
        turn: Counts the functions that the platform called.
        unsure: How many conditions are around what runs.
    """

    def __init__(self, modules: Modules, apply: Applies, imports: Imports) -> None:
        self.modules = modules
        self.apply = apply
        self.imports = imports
        self.seen = Seen()
        self.kept = {name: Object(kind="kept") for name in _KEPT}
        self.emitted: dict[tuple[str, bool], list[Value]] = {}
        self.buttons: dict[tuple[int, str], tuple[Node, Module, dict[str, Value]]] = {}
        self.stack: list[tuple[Node, Module, str]] = []
        self.running: list[object] = []
        self.pending: dict[LoggedIn, None] = {}
        self.owner: Module | None = None
        self.sent = False
        self.unsure = 0
        self.branches: tuple[int, ...] = ()
        self.counted = 0
        self.turn = 0
        self.steps = STEPS
        self.depth = 0
        self.until = clock.monotonic() + SECONDS
        self.reducers: dict[str, list[tuple[Value, Value]]] = {}
        self.missed_at: dict[Place, Missed] = {}
        self.states: dict[tuple[int, str], Object] = {}

    def step(self) -> None:
        """Count an expression.

        Raises:
            OutOfSteps: There have been too many.
        """
        self.steps -= 1
        if self.steps < 0 or (self.steps % 500 == 0 and self.is_late):
            raise OutOfSteps

    @property
    def is_late(self) -> bool:
        """True if the time for the whole program is over."""
        return clock.monotonic() > self.until

    @contextmanager
    def branch(self) -> Iterator[None]:
        """Walk what may not happen."""
        before = self.branches
        self.counted += 1
        self.branches = (*before, self.counted)
        try:
            yield
        finally:
            self.branches = before

    @contextmanager
    def unsurely(self) -> Iterator[None]:
        """Walk what happens only under a condition, such as a failure; logins in it do not count afterwards."""
        before = dict(self.pending)
        self.unsure += 1
        try:
            with self.branch():
                yield
        finally:
            self.unsure -= 1
            self.pending = before

    def place(self, node: Node, module: Module) -> Place:
        """Return where a node is."""
        return Place(module.source.path, module.line(node))

    def origin(self, node: Node, module: Module) -> Place:
        """Return the last call in the handler's own file, on the way to a node."""
        own = self.stack[0][1].source if self.stack else module.source
        calls = [(node, module), *((each, where) for each, where, _name in reversed(self.stack[1:]))]
        found = next((each for each in calls if each[1].source is own), calls[0])
        return self.place(*found)

    def lose(self, node: Node, module: Module, what: str, name: str = "") -> None:
        """Record what was not followed."""
        self.seen.lost[self.place(node, module), what, name[:60]] = None

    def read_from_nothing(self) -> None:
        """Record that a member of ``undefined`` is read, which ends the handler with an error."""
        if self.missed_at:
            self.seen.missed[next(reversed(self.missed_at.values()))] = None

    def log_in(self, node: Node, module: Module) -> None:
        """Record a login."""
        own = self.stack[0][1].source if self.stack else module.source
        calls = self.stack[1:]
        if module.source is not own:  # the last call in the handler's own file, which leads to the other
            calls = [each for each in reversed(calls) if each[1].source is own] or calls
        first, where, name = calls[0] if calls else (node, module, "")
        elsewhere = module.source.path if module.source is not where.source else ""
        found = LoggedIn(self.place(first, where), name, elsewhere, not self.unsure, self.branches)
        if not self.sent:
            self.pending[found] = None
        self.seen.logins[found] = None

    def emit(self, name: str, given: Value, *, direct: bool = False) -> None:
        """Keep what a component hands to its own event: as its detail, or directly as the argument."""
        self.emitted.setdefault((name, direct), []).append(given)
        self.seen.passed_on |= bool(all_tags(given) & AUTHORIZATION)

    def send(self, send: Send) -> Value:
        """Record a request. Return what it answers."""
        tags = send.tags
        self.seen.sends[send] = None
        absent = [leaf for leaf in leaves(send.body) if leaf.value == UNDEFINED]
        if absent:
            names = {leaf.name for leaf in absent}
            named = [each for each in self.missed_at.values() if each.found.rpartition(".")[2] in names]
            self.seen.missed |= dict.fromkeys(named or self.missed_at.values())
        if tags & AUTHORIZATION:
            self.sent = True
            for login in self.pending:
                # A login before a request in the same branch happens; one in another branch may not.
                sure = login.sure and self.branches[: len(login.branches)] == login.branches
                self.seen.before[login, send] = sure or self.seen.before.get((login, send), False)
        if send.to:
            return Value(frozenset({Tag.REPLY_TO_PHONE} if tags & AUTHORIZATION else ()), open=True)
        return tagged(Tag.REPLY_TO_PHONE if tags & AUTHORIZATION else Tag.REPLY)
