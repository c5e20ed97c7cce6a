"""Names: the scopes of functions, and the files that import one another."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from haoma.doctor.mini_program.values import NOTHING, Object, Value, join

if TYPE_CHECKING:
    from tree_sitter import Node

    from haoma.doctor.mini_program.sources import Source


@dataclass(eq=False)
class Scope:
    """The names of a function or a file.

    Attributes:
        outer: The scope around it.
        names: What its names hold.
        this: What ``this`` is in it.
        turn: The turn of the machine in which it was made; -1 for what outlives a turn.
        imported: What its names import, for files that import one another in a circle.
        depths: How many branches were around the declaration of its names.
    """

    outer: Scope | None = None
    names: dict[str, Value] = field(default_factory=dict)
    this: Value = NOTHING
    turn: int = -1
    depths: dict[str, int] = field(default_factory=dict)
    imported: dict[str, tuple[Object, str]] = field(default_factory=dict)

    def find(self, name: str) -> Value | None:
        """Return what a name holds; None if no scope has it."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.names:
                return scope.own(name)
            scope = scope.outer
        return None

    def own(self, name: str) -> Value:
        """Return what a name of this scope holds; what is imported may have come only after the import."""
        value = self.names[name]
        exports, key = self.imported.get(name, (None, ""))
        held = value.objects or value.functions or value.tags or value.texts
        if exports is not None and (not held or exports in value.objects):
            return exports.find(key) or value
        return value

    def declare(self, name: str, value: Value, depth: int = 0) -> None:
        """Give a name of this scope its value."""
        self.names[name] = value
        self.depths[name] = depth

    def assign(self, name: str, value: Value, turn: int = 0, depth: int = 0) -> None:
        """Change what a name may hold, wherever it was declared.

        What certainly happens replaces what it held: in the same turn, under no more branches than the declaration.
        """
        scope: Scope | None = self
        while scope is not None:
            if name in scope.names:
                certain = scope.turn == turn and depth <= scope.depths.get(name, 0)
                scope.names[name] = value if certain else join(scope.names[name], value)
                return
            scope = scope.outer
        self.names[name] = value


@dataclass(eq=False)
class Module:
    """One script: a file, or the script of a Vue file.

    Attributes:
        source: The file.
        root: Its syntax.
        first_line: The line of the file on which the script begins, less one.
        scope: The names of the file.
        exports: What it exports.
        evaluated: True once it was run.
        options: What was given to ``Page``, ``Component`` and the like.
    """

    source: Source
    root: Node
    first_line: int = 0
    scope: Scope = field(default_factory=Scope)
    exports: Object = field(default_factory=Object)
    evaluated: bool = False
    options: list[Value] = field(default_factory=list)

    def line(self, node: Node) -> int:
        """Return the line of a node in the file."""
        return node.start_point[0] + 1 + self.first_line


class Frame(NamedTuple):
    """Where a statement runs.

    Attributes:
        module: Its file.
        scope: Its names.
        returned: What its function returns.
    """

    module: Module
    scope: Scope
    returned: list[Value]

    def inner(self) -> Frame:
        """Return the frame of a block in it."""
        return Frame(self.module, Scope(self.scope, this=self.scope.this, turn=self.scope.turn), self.returned)
