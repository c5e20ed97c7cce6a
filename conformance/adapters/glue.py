"""What the Python adapters share: the protocol, and the few fields that they read themselves.

A field that is missing or is not a text is a refusal by the adapter. Any crash is then the library's own.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

UNSUPPORTED = {"unsupported": True}


class Missing(Exception):
    """The adapter has found nothing to pass to the library."""


def read(sent: str | bytes) -> object:
    """Parse JSON."""
    try:
        found: object = json.loads(sent)
    except RecursionError:
        raise Missing("JSON") from None
    return found


def text(found: object, name: str) -> str:
    """Return a field that must be a text."""
    value = found.get(name) if isinstance(found, dict) else None
    if not isinstance(value, str):
        raise Missing(name)
    return value


def number(found: object) -> dict[str, Any]:
    """Return the answer for a message that WeChat or Douyin sealed."""
    return {"phone_number": f"+{text(found, 'countryCode')}{text(found, 'purePhoneNumber')}"}


def answer(judge: Callable[[dict[str, Any]], dict[str, Any]], *refusals: type[Exception]) -> None:
    """Answer one case after another. ``refusals`` are the library's own exceptions."""
    no: tuple[type[Exception], ...] = (Missing, ValueError, *refusals)
    for line in sys.stdin:
        try:
            said = judge(json.loads(line))
        except no as error:
            said = {"refused": type(error).__name__}
        print(json.dumps(said), flush=True)
