"""The problem object (RFC 9457) of an error, as the service and ``haoma open --json`` return it.

It has two forms. Callers with a server key, and operators at the command line, see the precise code and the remedy.
An anonymous caller, whose key may be in a mini program, sees a general public code; all errors with that code look the
same.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from haoma import catalogue
from haoma.errors import BY_CODE, Next, Public
from haoma.words import text

if TYPE_CHECKING:
    from haoma.errors import HaomaError

_NATIVE: Final = re.compile(r"-?\d{1,8}")
_PLATFORM_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._:-]{1,80}")
_FACTS: Final = (
    "field", "reason", "needed", "type", "not_proven", "looks_like", "host", "keys_tried", "kind", "max", "limit",
)  # fmt: skip
"""Facts of an error whose values come from our code or configuration. Others may quote what was sent."""


def problem(
    error: HaomaError, lang: str = "en", *, request_id: str = "", anonymous: bool = False, root: str = ""
) -> dict[str, Any]:
    """Return the problem object of an error.

    Args:
        error: The error.
        lang: ``zh`` or ``en``.
        request_id: The service's own id of the request.
        anonymous: True if the reader must not see the precise code.
        root: Prefix of the service's paths, such as ``/haoma``.
    """
    if anonymous:
        # A dispute is decided by proofs of both sides, so its id may be known.
        return _filled(_public(error, lang), dispute=error.because.get("dispute"), request_id=request_id)
    words = error.explain(lang)
    return _filled(
        {
            "type": f"{root}/errors/{error.code}",
            "title": words.title,
            "status": error.status,
            "detail": words.cause,
            "code": error.code,
            "next": str(error.next_action),
            "retry": error.retry,
        },
        remedy=words.remedy,
        who=str(words.who),
        see=words.see,
        request_id=request_id,
        platform=error.platform,
        app=error.app,
        step=error.step,
        platform_code=error.platform_code,
        platform_sub_code=error.platform_sub_code,
        platform_message=error.platform_message,
        platform_request_id=error.request_id,
        because={name: _plain(value) for name, value in error.because.items()},
    )


def particulars(error: HaomaError) -> dict[str, object]:
    """Return the details that the operator needs, without anything that the caller could have chosen."""
    facts = [f"{name}={error.because[name]}" for name in _FACTS if name in error.because]
    found: dict[str, object] = {}
    if diagnosis := "; ".join(filter(None, (error.diagnosis, *facts))):
        found["diagnosis"] = diagnosis
    if error.unlisted:
        found["unlisted"] = ",".join(error.unlisted)
    if error.step:
        found["step"] = error.step
    if _NATIVE.fullmatch(error.platform_code):
        both = f"{error.platform_code}/{error.platform_sub_code}"
        found["platform_code"] = both if both in catalogue.refusals(error.platform) else error.platform_code
    if error.place:
        found["place"] = error.place
    if _PLATFORM_REQUEST_ID.fullmatch(error.request_id):
        found["platform_request_id"] = error.request_id
    return found


def behaviour(code: str, *, ask_again: bool = False) -> str:
    """Return one line that describes the service's response for a code; empty if the service never returns it.

    Args:
        code: One of our codes.
        ask_again: True for a platform's code that needs a new authorization although our code usually does not.
    """
    cls = BY_CODE.get(code)
    if cls is None or code.startswith("config."):
        return ""
    following, retry = (Next.ASK_AGAIN, False) if ask_again else (cls.next_action, cls.retry)
    return f"HTTP {cls.status}, next: {following}, retry: {str(retry).lower()}"


def _public(error: HaomaError, lang: str) -> dict[str, Any]:
    # All untrusted authorizations get the same response, including ``next``. Otherwise the difference between "cannot
    # be decrypted" and "decrypted, but for another app" would confirm an attacker's guesses about the plaintext.
    following = Next.ASK_AGAIN if error.public_code is Public.NOT_VERIFIED else error.next_action
    return {
        "type": "about:blank",
        "title": text("problem", error.public_code, lang),
        "status": error.status,
        "code": str(error.public_code),
        "next": str(following),
        "retry": error.retry,
    }


def _filled(members: dict[str, Any], **optional: Any) -> dict[str, Any]:
    return members | {name: value for name, value in optional.items() if value}


def _plain(value: object) -> object:
    return value if isinstance(value, str | int | float | bool) else str(value)
