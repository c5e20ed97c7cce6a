"""Finds and reads the files of a mini program, within limits of size and number."""

from __future__ import annotations

import os
import re
import stat
from bisect import bisect_left
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

from haoma.doctor.platforms import all_symptoms

if TYPE_CHECKING:
    from haoma.platforms.base.diagnosis import Diagnosis

FILE_BYTES: Final = 512 * 1024
FILES: Final = 10_000
ALL_BYTES: Final = 32 * 1024 * 1024

_DECLARED: Final = [each for _name, each in all_symptoms()]
_OTHERS: Final = (".qml", ".jxml", ".xhsml")  # of platforms that are not here, like their qq, jd and xhs below
PAGES: Final = frozenset({*(each.markup for each in _DECLARED if each.markup), *_OTHERS})
"""Suffixes of the platforms' own pages."""
BINDS: Final = frozenset({*(each.markup for each in _DECLARED if each.markup_binds), *_OTHERS})
"""Those in which events are named ``bind…``."""
REALTIME: Final = frozenset({*(each.markup for each in _DECLARED if each.realtime_button), ".qml"})
"""Those whose button has the type ``getRealtimePhoneNumber``."""
VUE: Final = frozenset({".vue", ".nvue", ".uvue"})
PROGRAMS: Final = frozenset({".js", ".mjs", ".cjs", ".ts", ".jsx", ".tsx", ".ets", ".wxs", ".sjs"})
_SUFFIXES: Final = frozenset({*PAGES, *VUE, *PROGRAMS, ".json", ".env", ".html", ".dart", ".wpy", ".mpx"})
_PLAIN: Final = frozenset({".pem", ".key", ".p8", ".txt", ".yml", ".yaml", ".properties", ".toml", ".ini"})
_PLAIN_BYTES: Final = 64 * 1024
"""Keys have a few KiB. Anything longer is a list of packages, or prose."""
_SKIPPED: Final = frozenset({
    "node_modules", "miniprogram_npm", "dist", "unpackage", "build", "coverage", "cloudfunctions", "cloudfunction",
    "uniCloud-aliyun", "uniCloud-tcb", "uniCloud-alipay",
})  # fmt: skip
# Server code is not part of the front end, and build output is a copy.
_LOCKS: Final = frozenset({"package-lock.json", "npm-shrinkwrap.json"})
"""Lists of packages. They are larger than any source, and hold nothing that people write."""
_ROOM: Final = re.compile(r"\"(cloudfunctionRoot|miniprogramRoot)\"\s*:\s*\"([^\"\n]{1,100})\"")
APIS: Final = frozenset({*(each.api for each in _DECLARED if each.api), "qq", "jd", "xhs", "uni", "Taro"})
"""The global objects of platforms and frameworks."""


@dataclass(frozen=True)
class Source:
    """A file of the mini program.

    Attributes:
        path: Its path in the folder.
        text: Its text.
    """

    path: str
    text: str

    @cached_property
    def suffix(self) -> str:
        """The suffix, such as ``.vue``."""
        return os.path.splitext(self.path)[1]  # noqa: PTH122 - ".env" has no suffix for pathlib either

    @property
    def is_plain(self) -> bool:
        """True for files that are packed with the program but are not part of it: keys, notes and settings."""
        return self.suffix in _PLAIN

    @cached_property
    def stem(self) -> str:
        """The path without the suffix, which a page and its script share."""
        return os.path.splitext(self.path)[0]  # noqa: PTH122

    @cached_property
    def _ends_of_lines(self) -> list[int]:
        return [found.start() for found in re.finditer("\n", self.text)]

    def line(self, position: int) -> int:
        """Return the line of a position, starting at 1."""
        return bisect_left(self._ends_of_lines, position) + 1

    def at(self, position: int, found: Diagnosis) -> Diagnosis:
        """Return a diagnosis with its place, from a position in the text."""
        return self.on(self.line(position), found)

    def on(self, line: int, found: Diagnosis) -> Diagnosis:
        """Return a diagnosis with its place, from a line."""
        return replace(found, file=self.path, line=line)


def read(folder: Path) -> tuple[list[Source], int]:
    """Return the files worth reading, and how many were left out because of their size or number."""
    sources: list[Source] = []
    size = left_out = 0
    waiting = [folder]
    server, program = _rooms(folder)
    while waiting:  # not `os.walk`, which is recursive in Python 3.11: folders may be nested a thousand deep
        directory = waiting.pop()
        try:
            with os.scandir(directory) as found:
                entries = sorted(found, key=lambda each: each.name)
        except OSError:
            left_out += 1
            continue
        folders = {each.name: None for each in entries if _is_folder(each)}  # keeps the order
        wanted = [name for name in folders if name not in _SKIPPED and not name.startswith(".")]
        wanted = [name for name in wanted if directory / name != server]
        if program and directory == folder:
            wanted = [name for name in wanted if folder / name == program]
        waiting += [directory / name for name in reversed(wanted)]
        for name in (each.name for each in entries if each.name not in folders):
            path = directory / name
            plain = path.suffix in _PLAIN
            if not (plain or path.suffix in _SUFFIXES or name.startswith(".env")) or path.is_symlink():
                continue
            if name in _LOCKS:
                continue
            length = _length(path)
            if plain and length > _PLAIN_BYTES:
                continue
            if length < 0 or length > FILE_BYTES or len(sources) >= FILES or size + length > ALL_BYTES:
                left_out += 1
                continue
            size += length
            try:
                sources.append(Source(path.relative_to(folder).as_posix(), _decoded(path.read_bytes())))
            except (OSError, ValueError):
                left_out += 1
    return sources, left_out


def _rooms(folder: Path) -> tuple[Path | None, Path | None]:
    """Return the folder of the cloud functions, and the only folder that is packed, if a project's settings say so."""
    path = folder / "project.config.json"
    if path.is_symlink() or not 0 <= _length(path) <= FILE_BYTES:
        return None, None
    try:
        text = _decoded(path.read_bytes())
    except (OSError, ValueError):
        return None, None
    named = {found[1]: found[2].strip("./") for found in _ROOM.finditer(text)}
    cloud, packed = named.get("cloudfunctionRoot", ""), named.get("miniprogramRoot", "")
    inside = folder / packed
    # Frameworks name their output there, which is no source.
    is_source = packed and "/" not in packed and packed not in _SKIPPED and (inside / "app.json").is_file()
    return (folder / cloud if cloud else None), (inside if is_source else None)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir(follow_symlinks=False)
    except OSError:
        return False


def _length(path: Path) -> int:
    """Return the length of a file; -1 if it is not a regular file, such as a pipe, which would block."""
    try:
        found = path.stat()
    except OSError:
        return -1
    return found.st_size if stat.S_ISREG(found.st_mode) else -1


def _decoded(content: bytes) -> str:
    """Return the text of a file: UTF-8, or the encoding of older Chinese editors."""
    if b"\0" in content:
        raise ValueError("not a text")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("gb18030")
