"""A string that never prints its value."""

from __future__ import annotations

import hmac
import re
from typing import Final, NoReturn

MASK: Final = "***"


class Secret:
    """A secret string: a key, token, session_key or code.

    ``repr``, ``str``, ``format`` and ``%s`` give ``***``, and a secret cannot be pickled. Only `reveal` returns the
    value, so every use can be found by searching for its name.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the value. Never pass it to a log, an error or a URL that is logged."""
        return self._value

    def __repr__(self) -> str:
        return MASK

    __str__ = __repr__

    def __format__(self, _spec: str) -> str:
        return MASK

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(
            self._value.encode("utf-8", "surrogatepass"), other._value.encode("utf-8", "surrogatepass")
        )

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __bool__(self) -> bool:
        return bool(self._value)

    def __reduce__(self) -> NoReturn:
        msg = "a Secret cannot be pickled"
        raise TypeError(msg)


def scrub(text: str, *secrets: Secret | str | None, limit: int = 300) -> str:
    """Return ``text`` on one line, with the given secrets replaced by ``***``, cut to ``limit`` characters.

    Platforms sometimes echo the request in their error messages, also as it was written in an address or a form. The
    operator needs the message, but not our secrets.
    """
    values = [secret.reveal() if isinstance(secret, Secret) else secret or "" for secret in secrets]
    for value in sorted(values, key=len, reverse=True):  # longest first: one may be part of another
        if len(value) >= 4:
            text = text.replace(value, MASK)
            if "%" in text:
                text = _encoded(value).sub(MASK, text)
    text = "".join(character if character.isprintable() else " " for character in text)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _encoded(value: str) -> re.Pattern[str]:
    """Return what matches a text that is URL-encoded, whichever characters are, and whichever digits they have."""
    ways = []
    for character in value:
        plain, escaped = re.escape(character), "".join(f"%{byte:02X}" for byte in character.encode("utf-8", "replace"))
        ways.append(plain if character.isascii() and character.isalnum() else f"(?:{plain}|(?i:{escaped}))")
    return re.compile("".join(ways))
