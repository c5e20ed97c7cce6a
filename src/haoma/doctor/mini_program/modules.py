"""The scripts of a program, each parsed when it is first needed, and what one imports from another."""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING, Final

from haoma.doctor.mini_program import syntax
from haoma.doctor.mini_program.conditions import for_one_platform
from haoma.doctor.mini_program.scopes import Module
from haoma.doctor.mini_program.sources import VUE
from haoma.io import clock

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from haoma.doctor.mini_program.sources import Source

SECONDS: Final = 60.0
"""Longest time for a whole program."""
_LONGEST_LINE: Final = 20_000
_SUFFIXES: Final = (".ts", ".js", ".tsx", ".jsx", ".mjs", ".vue", ".json")
_ROOTS: Final = ("", "src/", "miniprogram/", "app/")
_TYPESCRIPT: Final = re.compile(r"\slang\s*=\s*[\"']?ts\b", re.IGNORECASE)


class Modules:
    """The scripts of a program.

    Attributes:
        lost: Files that were not parsed, and why.
    """

    def __init__(self, sources: Sequence[Source]) -> None:
        self.sources = {source.path: source for source in sources}
        self.lost: dict[str, str] = {}
        self._of_file: dict[str, list[Module]] = {}
        self._until = clock.monotonic() + SECONDS

    def of(self, source: Source) -> list[Module]:
        """Return the scripts of a file: one, or those of a Vue file."""
        if source.path not in self._of_file:
            self._of_file[source.path] = list(self._parsed(source))
        return self._of_file[source.path]

    def _parsed(self, source: Source) -> Iterable[Module]:
        for code, first_line, language in scripts(source):
            if clock.monotonic() > self._until:
                self.lost[source.path] = "no time left"
            elif max(map(len, code.split("\n"))) > _LONGEST_LINE or (tree := syntax.parse(code, language)) is None:
                self.lost[source.path] = "file too large to follow"
            else:
                if tree.root_node.has_error and "#if" in code:
                    tree = syntax.parse(for_one_platform(code), language) or tree
                yield Module(source, tree.root_node, first_line)

    @property
    def run(self) -> list[Module]:
        """The scripts that were run."""
        return [module for modules in self._of_file.values() for module in modules if module.evaluated]

    def find(self, path: str, source: Source) -> Source | None:
        """Return the file that an import names; None for a package."""
        if path.startswith("."):
            places = [posixpath.normpath(posixpath.join(posixpath.dirname(source.path), path))]
        elif path.startswith(("@/", "~@/", "~/", "/")):
            rest = path.lstrip("~@").lstrip("/")
            places = [root + rest for root in self._roots(source)]
        else:
            beside = posixpath.normpath(posixpath.join(posixpath.dirname(source.path), path))
            places = [beside, *(root + path for root in self._roots(source))] if "/" in path else []
        for place in places:
            for name in (place, *(place + each for each in _SUFFIXES), *(f"{place}/index{each}" for each in _SUFFIXES)):
                if name in self.sources and posixpath.splitext(name)[1] in (*_SUFFIXES, *VUE):
                    return self.sources[name]
        return None

    def _roots(self, source: Source) -> list[str]:
        """Return the folders that a path from the root may begin in, the nearest first."""
        parts = source.path.split("/")[:-1]
        own = ["/".join(parts[:number]) + "/" for number in range(len(parts), 0, -1)]
        return [*own, *(f"{each}src/" for each in own), *_ROOTS]


def scripts(source: Source) -> Iterable[tuple[str, int, str]]:
    """Yield the code of each script of a file, the line before it, and the grammar that reads it."""
    if source.suffix in VUE:
        page = syntax.parse(source.text, "html")
        for element in page.root_node.children if page else ():
            if element.type == "script_element":
                code = next((each for each in element.children if each.type == "raw_text"), None)
                typed = _TYPESCRIPT.search(syntax.text(element.children[0]))
                if code is not None:
                    yield syntax.text(code), code.start_point[0], "ts" if typed else "tsx"
    elif source.suffix in (".ts", ".ets"):
        yield source.text, 0, "ts"
    elif source.suffix in (".js", ".mjs", ".cjs", ".jsx", ".tsx"):
        yield source.text, 0, "tsx"
