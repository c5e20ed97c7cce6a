"""The one rule for text that may reach a terminal or a log: every character that is not printable is spelt out.

A capture, the name of a file or a back end's words may hold escapes that rename the window, fill the clipboard or clear
the screen (ESC, and the C1 controls that are the same in one character), line breaks that fake a whole line of ours,
and marks that turn the order of what is read around or hide in it (bidirectional marks, characters without width).
None of them is printable in the sense of `str.isprintable`.
"""

from __future__ import annotations

import json
import re
from typing import Final

_NOT_OF_JSON: Final = re.compile(r"[^\n -~]")


def visible(text: str) -> str:
    r"""Return text on one line, with every character that is not printable as an escape, such as ``\x1b``."""
    if text.isprintable():
        return text
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape", "backslashreplace").decode("ascii")
        for each in text
    )


def visible_json(text: str) -> str:
    r"""Return a JSON text that means the same, with such characters as ``\u202e``; line breaks between tokens stay."""
    if text.isprintable():
        return text
    return _NOT_OF_JSON.sub(lambda found: found[0] if found[0].isprintable() else json.dumps(found[0])[1:-1], text)
