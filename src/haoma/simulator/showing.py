"""How values are shown: what is secret as its start and length, a number masked, all else as it is."""

from __future__ import annotations

import re
from typing import Any, Final

from haoma.crypto.strict import parse_json_object
from haoma.errors import EnvelopeError

_SECRET: Final = frozenset({
    "login_code", "code", "response", "sign", "encryptedData", "iv", "data", "session", "session_key", "token",
    "authorizationCode", "authCode", "openID", "unionID", "openid", "unionid", "ariverRpcTraceId",
})  # fmt: skip
_NUMBERS: Final = frozenset({"mobile", "phone_number", "phoneNumber", "purePhoneNumber", "national_number"})
_LONG: Final = 40
_SHORTEST: Final = 6
_SHOWN: Final = 4
_WORD: Final = re.compile(r"[^\s\u3400-\u9fff]+")
_NUMBER: Final = re.compile(r"(?<![\dA-Za-z])(?:\+?86)?(1[3-9]\d)\d{4}(\d{4})(?!\d)")
_DEEPEST: Final = 6


def shown(value: object, name: str = "", depth: int = 0) -> Any:
    """Return what a page may show of a value: as JSON, with ``{"short", "size"}`` and ``{"masked"}`` in it."""
    if depth > _DEEPEST:
        return "…"
    if isinstance(value, dict):
        return {str(key)[:_LONG]: shown(each, str(key), depth + 1) for key, each in value.items()}
    if isinstance(value, list):
        return [shown(each, name, depth + 1) for each in value[:20]]
    if isinstance(value, bool) or value is None:
        return value
    return _text(str(value), name, depth) if isinstance(value, str) or name in _NUMBERS else value


def _text(told: str, name: str, depth: int) -> Any:
    if told.startswith("{"):
        try:
            return shown(parse_json_object(told), name, depth + 1)
        except EnvelopeError:
            pass
    if name in _NUMBERS:
        return {"masked": f"{told[:3]}****{told[-4:]}" if len(told) > 10 else "*" * len(told)}
    if (name in _SECRET and len(told) >= _SHORTEST) or (len(told) > _LONG and _WORD.fullmatch(told)):
        return {"short": f"{told[:_SHOWN]}…", "size": len(told)}
    return masked(told)


def one_line(value: object) -> str:
    """Return a value on one line, as a terminal shows it: ``{code: e423…(64)}``."""
    return _line(shown(value))


def _line(value: object) -> str:
    if not isinstance(value, dict):
        return str(value)
    if value.keys() == {"short", "size"}:
        return f"{value['short']}({value['size']})"
    if value.keys() == {"masked"}:
        return str(value["masked"])
    return "{" + ", ".join(f"{name}: {_line(each)}" for name, each in value.items()) + "}"


def masked(told: str) -> str:
    """Return a text with the numbers of mobiles masked."""
    return _NUMBER.sub(r"\1****\2", told)[:1000]
