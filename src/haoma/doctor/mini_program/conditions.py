"""uni-app's conditional compilation: comments that say for which platforms a part is compiled.

In a template they say where a button is. In a script all parts are read, unless they are no program together: then
those of one platform are.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Final

_CONDITION: Final = re.compile(
    r"(?:<!--|//|/\*)\s*#(?:(?P<kind>ifn?def)\s(?P<asked>[^>*\n]{1,200}?)|(?P<end>endif))\s*(?:-->|\*/|(?=\n)|$)"
)
_OF_A_PLATFORM: Final = re.compile(r"(?:MP-|APP|QUICKAPP|H5|WEB)[A-Z-]*")
_MINI_PROGRAM: Final = re.compile(r"\bMP-[A-Z]+")
_DEEPEST: Final = 50
_MOST: Final = 2000

Asked = Sequence[tuple[bool, str]]
"""What is asked around a place: whether each is wanted, and its expression."""


def places(text: str) -> Iterator[tuple[int, int, Asked]]:
    """Yield where each condition begins and ends, and what is asked from there on."""
    asked = list[tuple[bool, str]]()
    for each in islice(_CONDITION.finditer(text), _MOST):
        asked = asked[:-1] if each["end"] else [*asked[:_DEEPEST], (each["kind"] == "ifdef", each["asked"])]
        yield each.start(), each.end(), asked


def may_be_compiled(asked: Asked, own: re.Pattern[str]) -> bool:
    """Return whether a place may be compiled for the platforms whose names match ``own``.

    Names that are no platform, such as ``VUE3``, decide nothing.
    """
    for wanted, expression in asked:
        choices = [[name.strip() for name in each.split("&&")] for each in expression.split("||")]
        true = any(all(name == "MP" or own.fullmatch(name) for name in names) for names in choices)
        false = not any(
            all(name == "MP" or own.fullmatch(name) or not _OF_A_PLATFORM.fullmatch(name) for name in names)
            for names in choices
        )
        if false if wanted else true:
            return False
    return True


def for_one_platform(code: str) -> str:
    """Return a script as it is compiled for the platform that it names most; lines stay the same."""
    found = [(start, end, [(wanted, _as_vue_3(each)) for wanted, each in asked]) for start, end, asked in places(code)]
    expressions = [each for _start, _end, asked in found for _wanted, each in asked]
    named = Counter(name for each in expressions for name in _MINI_PROGRAM.findall(each))
    own = re.compile(re.escape(named.most_common(1)[0][0]) if named else "MP")
    parts, position, compiled = [], 0, True
    for start, end, asked in found:
        parts.append(code[position:start] if compiled else re.sub(r"[^\n]", " ", code[position:start]))
        parts.append(re.sub(r"[^\n]", " ", code[start:end]))
        position, compiled = end, may_be_compiled(asked, own)
    return "".join([*parts, code[position:]])


def _as_vue_3(expression: str) -> str:
    """Return an expression in which Vue 3 is true, as mini programs are, and Vue 2 and uni-app x are not."""
    return re.sub(r"\bVUE2\b|\bUNI-APP-X\b", "H5", re.sub(r"\bVUE3\b", "MP", expression))
