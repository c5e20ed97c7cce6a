"""Line numbers of the settings in a TOML file, for error messages. ``tomllib`` does not provide them.

The scanner knows only enough of the grammar to skip values, so its input must be text that ``tomllib`` has accepted.
Keys are joined with dots, and array elements are counted from 0: ``apps.shop.aes_key.1``.
"""

from __future__ import annotations

import re
import tomllib
from typing import Final

_BLANK: Final = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_KEY: Final = re.compile(r"""[ \t]*("(?:[^"\\]|\\.)*"|'[^']*'|[A-Za-z0-9_-]+)[ \t]*""")
_STRING: Final = re.compile(
    r'"""(?:[^\\]|\\.)*?"{3,5}|' + r"'''.*?'{3,5}|" + r'"(?:[^"\\]|\\.)*"|' + r"'[^']*'",
    re.DOTALL,
)
_OPENING: Final = re.compile(r"\[\[?")
_CLOSING: Final = re.compile(r"\]\]?")
_PLAIN: Final = re.compile(r"[^,\]}#\n]+")
_AT: Final = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")


class Lines:
    """Line numbers of the keys, tables and array elements of a document.

    Args:
        text: A valid TOML document.
    """

    def __init__(self, text: str) -> None:
        self._text = text.replace("\r\n", "\n")
        self._at = 0
        self._lines: dict[str, int] = {}
        self._document()

    def of(self, where: str) -> int:
        """Return the line of a path such as ``apps.shop.aes_key``, or of its nearest existing parent, or 1."""
        while where not in self._lines and where:
            where = where.rpartition(".")[0]
        return self._lines.get(where, 1)

    def _document(self) -> None:
        table: tuple[str, ...] = ()
        while True:
            self._skip(_BLANK)
            start = self._at
            if start == len(self._text):
                return
            if self._skip(_OPENING):
                table = self._key()
                self._note(table, start)
                self._skip(_CLOSING)
            else:
                self._pair(table)

    def _pair(self, table: tuple[str, ...]) -> None:
        start = self._at
        path = (*table, *self._key())
        self._note(path, start)
        self._at += 1  # "="
        self._value(path)

    def _key(self) -> tuple[str, ...]:
        parts = []
        while match := _KEY.match(self._text, self._at):
            self._at = match.end()
            parts.append(_spelt_out(match[1]))
            if not self._text.startswith(".", self._at):
                break
            self._at += 1
        return tuple(parts)

    def _value(self, path: tuple[str, ...]) -> None:
        self._skip(_BLANK)
        opening = self._text[self._at]
        if opening in "[{":
            self._at += 1
            self._members(path, "]" if opening == "[" else "}")
        elif not self._skip(_STRING):
            self._skip(_PLAIN)

    def _members(self, path: tuple[str, ...], closing: str) -> None:
        count = 0
        while True:
            self._skip(_BLANK)
            if self._text[self._at] == ",":
                self._at += 1
            elif self._text[self._at] == closing:
                self._at += 1
                return
            elif closing == "}":
                self._pair(path)
            else:
                element = (*path, str(count))
                self._note(element, self._at)
                self._value(element)
                count += 1

    def _skip(self, pattern: re.Pattern[str]) -> bool:
        match = pattern.match(self._text, self._at)
        if match is None or match.end() == self._at:
            return False
        self._at = match.end()
        return True

    def _note(self, path: tuple[str, ...], start: int) -> None:
        line = self._text.count("\n", 0, start) + 1
        for length in range(1, len(path) + 1):  # a dotted key defines its parent tables
            self._lines.setdefault(".".join(path[:length]), line)
        self._lines[".".join(path)] = line


def _spelt_out(key: str) -> str:
    """Return a key without quotes and escapes."""
    return next(iter(tomllib.loads(f"{key} = 0"))) if key[0] in "\"'" else key


def syntax_fault(error: tomllib.TOMLDecodeError, text: str) -> tuple[int, str]:
    """Return the line and the reason of a syntax error, without the text that ``tomllib`` quotes from the file."""
    message = str(error)
    at = _AT.search(message)
    line = int(at[1]) if at and at[1] else text.rstrip().count("\n") + 1
    # Remove everything from the first quote or bracket to the last one: quoted text may contain quotes itself.
    reason = re.sub(r"[\"'(].{3,}[\"')]", "…", message[: at.start()] if at else message, flags=re.DOTALL)
    return line, reason[:120]
