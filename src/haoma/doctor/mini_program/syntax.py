"""The parser: tree-sitter, an extra that is installed with ``haoma[front-end]``.

One grammar reads JavaScript, JSX and TypeScript with JSX; another TypeScript, in which ``<T>x`` is a cast; a third the
markup of every platform. A file that takes too long is left alone: a crafted one can take minutes.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

from haoma.io import clock

if TYPE_CHECKING:
    from tree_sitter import Language, Node, Point, Tree

SECONDS: Final = 2.0
"""Longest time to parse one file. Half a megabyte that people wrote takes half a second."""
_NEEDED: Final = ("tree_sitter", "tree_sitter_html", "tree_sitter_typescript")
_PIECE: Final = 1 << 16


def is_installed() -> bool:
    """Return whether the parser is installed."""
    return all(find_spec(name) for name in _NEEDED)


@cache
def _language(name: str) -> Language:
    import tree_sitter
    import tree_sitter_html
    import tree_sitter_typescript

    grammars = {
        "html": tree_sitter_html.language,
        "ts": tree_sitter_typescript.language_typescript,
        "tsx": tree_sitter_typescript.language_tsx,
    }
    return tree_sitter.Language(grammars[name]())


def parse(code: bytes, language: str, seconds: float = SECONDS) -> Tree | None:
    """Return the syntax of a text; None if it takes too long.

    Args:
        code: The text, in UTF-8.
        language: ``tsx``, ``ts`` or ``html``.
        seconds: The longest time.
    """
    import tree_sitter

    until = clock.monotonic() + seconds

    def piece(offset: int, point: Point) -> bytes:
        del point
        return code[offset : offset + _PIECE]

    try:
        return tree_sitter.Parser(_language(language)).parse(
            piece, progress_callback=lambda _offset, _error: clock.monotonic() > until
        )
    except ValueError:  # it was stopped
        return None


def text(node: Node | None) -> str:
    """Return the text of a node; empty for none."""
    return node.text.decode("utf-8", "replace") if node is not None and node.text is not None else ""


def line(node: Node) -> int:
    """Return the line of a node in its text, starting at 1."""
    return node.start_point[0] + 1


def walk(node: Node, *, into: frozenset[str] | None = None) -> Iterator[Node]:
    """Yield a node and all nodes in it, in their order. It does not call itself: code may be nested without end.

    Args:
        node: Where to begin.
        into: Kinds of nodes to enter; None for all.
    """
    cursor = node.walk()
    while True:
        here = cursor.node
        if here is not None:
            yield here
            if (into is None or here.type in into or here.id == node.id) and cursor.goto_first_child():
                continue
        while not cursor.goto_next_sibling():
            if not cursor.goto_parent() or cursor.depth == 0:
                return
