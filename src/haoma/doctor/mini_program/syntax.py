"""The parser: tree-sitter, an extra that is installed with ``haoma[front-end]``.

One grammar reads JavaScript, JSX and TypeScript with JSX; another TypeScript, in which ``<T>x`` is a cast; a third the
markup of every platform. A file that is too long is left alone: a crafted one takes time by the square of its length.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from tree_sitter import Language, Node, Tree

BYTES: Final = 150_000
"""Longest text that is parsed. People write no longer scripts; one of quotes alone takes four seconds."""
_USING: Final = re.compile(r"\busing\b(?!\s+[\w$]+\s*=)")
_NEEDED: Final = ("tree_sitter", "tree_sitter_html", "tree_sitter_typescript")


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


def parse(code: str, language: str) -> Tree | None:
    """Return the syntax of a text; None if it is too long.

    Args:
        code: The text.
        language: ``tsx``, ``ts`` or ``html``.
    """
    import tree_sitter

    # The grammar takes every `using` for the keyword of a declaration, also where it is a name.
    code = _USING.sub("us1ng", code) if "using" in code else code
    content = code.encode("utf-8", "replace")
    return tree_sitter.Parser(_language(language)).parse(content) if len(content) <= BYTES else None


def text(node: Node | None) -> str:
    """Return the text of a node; empty for none."""
    return node.text.decode("utf-8", "replace") if node is not None and node.text is not None else ""


def line(node: Node) -> int:
    """Return the line of a node in its text, starting at 1."""
    return node.start_point[0] + 1


def error(root: Node) -> Node | None:
    """Return the first place that is no syntax that the grammar knows; None if there is none."""
    if not root.has_error:
        return None
    return next((node for node in walk(root) if node.is_error or node.is_missing), root)


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
