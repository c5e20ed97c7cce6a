"""Reads the files of a mini program, and finds where functions begin and end.

A file may be crafted to be slow, so everything here takes time proportional to its size: each file is searched once
for each thing, and the results are looked up by position.
"""

from __future__ import annotations

import os
import re
import stat
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

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
_SUFFIXES: Final = frozenset({
    *PAGES, ".js", ".mjs", ".cjs", ".ts", ".vue", ".nvue", ".uvue", ".jsx", ".tsx", ".json", ".wxs", ".sjs", ".env",
    ".html", ".ets", ".dart",
})  # fmt: skip
_PLAIN: Final = frozenset({".pem", ".key", ".p8", ".txt", ".yml", ".yaml", ".properties", ".toml", ".ini"})
_PLAIN_BYTES: Final = 64 * 1024
"""Keys have a few KiB. Anything longer is a list of packages, or prose."""
_MARKUP: Final = frozenset({*PAGES, ".vue", ".nvue", ".uvue", ".jsx", ".tsx", ".js"})
_SKIPPED: Final = frozenset({
    "node_modules", "miniprogram_npm", "dist", "unpackage", "build", "coverage", "cloudfunctions", "cloudfunction",
    "uniCloud-aliyun", "uniCloud-tcb", "uniCloud-alipay",
})  # fmt: skip
# Server code is not part of the front end, and build output is a copy.
_LOCKS: Final = frozenset({"package-lock.json", "npm-shrinkwrap.json"})
"""Lists of packages. They are larger than any source, and hold nothing that people write."""

_COMMENT: Final = re.compile(r"(?<![\w*\"'])/\*|<!--|(?<![:\w\"'])//")
_ENDS: Final = {"/*": "*/", "<!--": "-->", "//": "\n"}
API: Final = rf"(?:{'|'.join((*(each.api for each in _DECLARED if each.api), 'qq', 'jd', 'xhs', 'uni', 'Taro'))})"
_LOGIN: Final = re.compile(API + r"\s*\.\s*(?:login|getAuthCode|getLoginCode)\s*\(")
_REQUEST: Final = re.compile(
    r"\b(?:request|httpRequest|fetch|uploadFile|callFunction|callContainer|post|"
    r"(?:bind|save|send|submit|update|upload|loginBy|loginWith)\w{0,40}Phone\w{0,40})(?:<[^()]{0,200}>)?\s*\("
)
_GIVEN_DETAIL: Final = re.compile(
    r"(?<![\w$])(?:(?P<api>" + API + r")\s*\.\s*)?+(?P<name>[A-Za-z_$][\w$]*+)(?:<[^()]{0,200}>)?\s*\("
    r"(?=[^;()]{0,200}\bdetail\b)"
)
# Comments are blanked out with as many spaces, so each run between two words is tried only once.
_IMPORT: Final = re.compile(
    r"\b(?:import|const|let|var)\s++(?P<names>(?:(?:[\w$]++|[*{},:])\s*+){1,150}?)"
    r"(?:\bfrom\s*+|=\s*+require\s*+\(\s*+)[\"'](?P<path>[^\"'\n]{1,200})[\"']"
)
_NOT_SENDING: Final = frozenset({
    "if", "while", "switch", "log", "info", "warn", "error", "debug", "stringify", "setData", "setState", "showToast",
    "setStorageSync", "setStorage", "assign", "keys",
    "includes", "indexOf", "test", "match", "String", "Boolean", "parse",
})  # fmt: skip
_BUTTON: Final = re.compile(
    r"<\s*(?P<tag>[A-Za-z][\w.-]*+)(?P<attributes>(?:[^<>\"'{]|\"[^\"]*\"|'[^']*'|\{(?:[^{}]|\{[^{}]*\})*\})*?)/?>",
    re.DOTALL,
)
PHONE_TYPE: Final = re.compile(r"getPhoneNumber|getRealtimePhoneNumber|getAuthorize")
_ATTRIBUTE: Final = re.compile(
    r"(?<![:@\w.-])(?P<name>[:@\w.-]++)\s*+=\s*+(?P<value>\"[^\"]*\"|'[^']*'|\{(?:[^{}]|\{[^{}]*\})*\})"
)
_CONDITION: Final = re.compile(r"<!--\s*#(?:(ifn?def)\s([^>\n]{1,200}?)|(endif))\s*-->")
_OF_A_PLATFORM: Final = re.compile(r"(?:MP-|APP|QUICKAPP|H5|WEB)[A-Z-]*")
_OF_VUE: Final = re.compile(r"\bfrom\s*[\"']vue[\"'/]|\brequire\(\s*[\"']vue[\"']|\bdefineComponent\s*\(")
_OF_REACT: Final = re.compile(r"\bfrom\s*[\"']p?react[\"'/]|\brequire\(\s*[\"']p?react[\"']")

# Possessive: with two adjacent runs of white space, a plain quantifier would try every way to split them.
_FUNCTION: Final = re.compile(
    r"(?<![\w.$])(?:[\w$]++\.){0,3}+"
    r"(?!(?:if|for|while|switch|catch|function|return|with|await|async|else|do|new)\b)"
    r"(?P<name>[A-Za-z_$][\w$]*+)\s*+(?:<[^()]{0,100}>\s*+)?"
    r"(?:(?::\s*+[\w<>\[\]|&. ]{1,80}+)?[:=]\s*+(?:(?:\w+\.)?(?:useCallback|useMemoizedFn|debounce|throttle)\(\s*+)?"
    r"(?:async\b\s*+)?(?:function\b\s*+\w*+\s*+)?)?"
    r"(?:\((?:[^()]++|\([^()]*+\))*+\)\s*+(?:async\s*+)?(?::\s*+[\w<>\[\]|&., ]{1,120}+)?|\w++\s*+(?==>))"
    r"\s*+(?:(?:=>\s*+)?\{|=>\s*+)"
)
_BRACKET: Final = re.compile(r"[(){}\[\]]")
_END: Final = re.compile(r"[(){}\[\];,]|\n(?!\s*+[.?:)])")
_LONGEST: Final = 20_000
"""Most characters of a function that are examined."""
_STEPS: Final = 50
_CONDITIONS: Final = 2000


class Span(NamedTuple):
    """The body of a function, as positions in the code of its file."""

    start: int
    end: int


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
    def code(self) -> str:
        """The text with its comments blanked out; positions and lines stay the same."""
        parts, position, unclosed = [], 0, set[str]()
        while found := _COMMENT.search(self.text, position):
            closing = _ENDS[found[0]]
            end = -1 if closing in unclosed else self.text.find(closing, found.end())
            if end < 0:
                unclosed.add(closing)  # not a comment; a second search would be just as long, and also in vain
                end = len(self.text) if closing == "\n" else found.end()
                parts.append(self.text[position:end])
                position = end
                continue
            parts += [self.text[position : found.start()], re.sub(r"[^\n]", " ", self.text[found.start() : end])]
            position = end
        return "".join([*parts, self.text[position:]])

    @property
    def suffix(self) -> str:
        """The suffix, such as ``.vue``."""
        return os.path.splitext(self.path)[1]  # noqa: PTH122 - ".env" has no suffix for pathlib either

    @property
    def is_plain(self) -> bool:
        """True for files that are packed with the program but are not part of it: keys, notes and settings."""
        return self.suffix in _PLAIN

    @property
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
        """Return a diagnosis with its place."""
        return replace(found, file=self.path, line=self.line(position))

    @cached_property
    def buttons(self) -> list[tuple[int, str, dict[str, str]]]:
        """Position, tag and attributes of every button that requests a phone number."""
        found = []
        for each in _BUTTON.finditer(self.code) if self.suffix in _MARKUP else ():
            attributes = {one["name"]: one["value"][1:-1].strip() for one in _ATTRIBUTE.finditer(each["attributes"])}
            if re.search(r"\{\s*\.\.\.", each["attributes"]):
                attributes["..."] = ""
            if any(kind_of(name) == "opentype" for name in attributes) and (
                any(kind_of(name) == "opentype" and PHONE_TYPE.search(text) for name, text in attributes.items())
                or any("phonenumber" in name.lower() or "getauthorize" in name.lower() for name in attributes)
            ):
                found.append((each.start(), each["tag"], attributes))
        return found

    @cached_property
    def _conditions(self) -> list[tuple[int, list[tuple[bool, str]]]]:
        """Where uni-app's conditional compilation changes in a template, and what is asked from there on."""
        found, asked = list[tuple[int, list[tuple[bool, str]]]](), list[tuple[bool, str]]()
        for each in islice(_CONDITION.finditer(self.text), _CONDITIONS) if self.suffix in _MARKUP else ():
            asked = asked[:-1] if each[3] else [*asked[:_STEPS], (each[1] == "ifdef", each[2])]
            found.append((each.start(), asked))
        return found

    def is_compiled(self, position: int, own: re.Pattern[str]) -> bool:
        """Return whether a place in a template may be compiled for the platforms whose names match ``own``.

        Names that are no platform, such as ``VUE3``, decide nothing.
        """
        number = bisect_left(self._conditions, position, key=lambda each: each[0])
        for wanted, expression in self._conditions[number - 1][1] if number else ():
            choices = [[name.strip() for name in each.split("&&")] for each in expression.split("||")]
            true = any(all(name == "MP" or own.fullmatch(name) for name in names) for names in choices)
            false = not any(
                all(own.fullmatch(name) or not _OF_A_PLATFORM.fullmatch(name) for name in names) for names in choices
            )
            if false if wanted else true:
                return False
        return True

    @cached_property
    def framework(self) -> str:
        """The framework that the file itself uses, ``vue`` or ``react``; empty if nothing shows it."""
        return "vue" if _OF_VUE.search(self.code) else "react" if _OF_REACT.search(self.code) else ""

    @cached_property
    def asks_where_it_runs(self) -> bool:
        """True if the file chooses by platform, as Taro allows."""
        return "TARO_ENV" in self.code

    @cached_property
    def _closings(self) -> dict[int, int]:
        """The position of each closing bracket, by that of its opening bracket."""
        found, opened = dict[int, int](), list[int]()
        for each in _BRACKET.finditer(self.code):
            if each[0] in "({[":
                opened.append(each.start())
            elif opened and self.code[opened[-1]] + each[0] in ("()", "{}", "[]"):
                found[opened.pop()] = each.start()
        return found

    def braced(self, opening: int) -> Span:
        """Return what is between the bracket at ``opening`` and its closing bracket."""
        longest = min(opening + _LONGEST, len(self.code))
        return Span(opening + 1, min(self._closings.get(opening, longest), longest))

    def _expression(self, start: int) -> Span:
        """Return the body of an arrow function without braces."""
        position = start
        for _step in range(_STEPS):
            found = _END.search(self.code, position, start + _LONGEST // 10)
            if found is None:
                break
            closing = self._closings.get(found.start())
            if closing is None:
                return Span(start, found.start())
            position = closing + 1
        return Span(start, min(max(position, start), start + _LONGEST))

    @cached_property
    def functions(self) -> Mapping[str, Sequence[Span]]:
        """The bodies of functions by name: declarations, methods, and functions assigned to a name."""
        found = defaultdict[str, list[Span]](list)
        for each in _FUNCTION.finditer(self.code) if self.suffix != ".json" and not self.is_plain else ():
            braced = each[0].endswith("{")
            found[each["name"]].append(self.braced(each.end() - 1) if braced else self._expression(each.end()))
        return found

    @cached_property
    def _logins(self) -> list[int]:
        return [found.start() for found in _LOGIN.finditer(self.code)]

    def logins(self, within: Span) -> Sequence[int]:
        """Return where the platform's login is called."""
        return self._logins[bisect_left(self._logins, within.start) : bisect_left(self._logins, within.end)]

    @cached_property
    def _sent(self) -> list[int]:
        given = (
            found.start("name")
            for found in _GIVEN_DETAIL.finditer(self.code)
            if found["name"] not in _NOT_SENDING and not found["api"]
        )
        return sorted([*(found.start() for found in _REQUEST.finditer(self.code)), *given])

    def before_sending(self, body: Span) -> Span:
        """Return what a function does before it sends: by a request, or by passing the detail to another function."""
        number = bisect_left(self._sent, body.start)
        sent = self._sent[number] if number < len(self._sent) else body.end
        return Span(body.start, sent) if sent < body.end else body

    def end_of_block(self, position: int) -> int:
        """Return the end of the block that contains a position."""
        for _step in range(_STEPS):
            found = _BRACKET.search(self.code, position, position + _LONGEST)
            if found is None:
                break
            closing = self._closings.get(found.start())
            if closing is None:
                return found.start()
            position = closing + 1
        return len(self.code)

    @cached_property
    def imports(self) -> Mapping[str, str]:
        """The file from which a name is imported, without folder and suffix."""
        found = dict[str, str]()
        for each in _IMPORT.finditer(self.code):
            file = each["path"].rstrip("/").rpartition("/")[2]
            found |= dict.fromkeys(re.findall(r"[\w$]+", each["names"]), os.path.splitext(file)[0])  # noqa: PTH122
        return found


def kind_of(attribute: str) -> str:
    """Return an attribute's name independent of the framework: ``:open-type`` and ``openType`` are ``opentype``."""
    return re.sub(r"[:@.-]|v-bind", "", attribute).lower()


def read(folder: Path) -> tuple[list[Source], int]:
    """Return the files worth reading, and how many were left out because of their size or number."""
    sources: list[Source] = []
    size = left_out = 0
    waiting = [folder]
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
