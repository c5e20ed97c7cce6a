"""Escaping for text that may reach a terminal or a log: every unprintable character is spelt out.

A capture, a file name or a back end's message may contain escape sequences that rename the window, fill the clipboard
or clear the screen (ESC and the one-character C1 controls), line breaks that fake a line of ours, and characters that
reorder or hide text (bidirectional marks, zero-width characters). `str.isprintable` is false for all of them.
"""

from __future__ import annotations

import json
import re
from typing import Final

_NOT_OF_JSON: Final = re.compile(r"[^\n -~]")


def visible(text: str) -> str:
    r"""Return the text on one line, with every unprintable character escaped, such as ``\x1b``."""
    if text.isprintable():
        return text
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape", "backslashreplace").decode("ascii")
        for each in text
    )


def visible_json(text: str) -> str:
    r"""Return equivalent JSON with such characters escaped, as in ``\u202e``. Line breaks between tokens stay."""
    if text.isprintable():
        return text
    return _NOT_OF_JSON.sub(lambda found: found[0] if found[0].isprintable() else json.dumps(found[0])[1:-1], text)
