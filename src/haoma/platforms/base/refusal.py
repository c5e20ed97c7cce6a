"""From a platform's own code to one of our errors, by the platform's ``refusals.toml``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, cast

from haoma import catalogue
from haoma.errors import (
    BY_CODE,
    AppMismatch,
    CodeRejected,
    LoginCodeRejected,
    Next,
    PlatformRefusal,
    Refused,
    Spent,
)
from haoma.secret import Secret, scrub

if TYPE_CHECKING:
    from haoma.errors import HaomaError

CODE_REFUSED: Final = "code_refused"
"""Among the facts of another error: the platform's code with which it had refused a code before."""
_CALLS: Final = ("phone", "login")
"""Calls with a code. Some platforms have others, but say of each refusal there that it takes another code."""
_PHONE_LIKE: Final = re.compile(r"(?<!\d)(?:86)?1[3-9]\d{9}(?!\d)")


def refusal(
    platform: str,
    native: str,
    *,
    sub: str = "",
    place: str = "",
    message: str = "",
    request_id: str = "",
    step: int = 0,
    secrets: tuple[Secret | str | None, ...] = (),
    because: dict[str, object] | None = None,
) -> PlatformRefusal:
    """Return the error that a platform's code stands for; `Refused` for a code that is in no table.

    Args:
        platform: Name of the platform.
        native: The platform's code.
        sub: The platform's sub code.
        place: Which call answered, where one code means two things: ``token``, ``phone``, ``login``, ``check``.
        message: The platform's words. Our secrets and anything like a phone number are masked in them.
        request_id: The platform's id of the request.
        step: Number of the step that refused.
        secrets: What was sent and must not come back in the words.
        because: Further safe facts.
    """
    # An echo may sit in any of its words, codes and ids included.
    native, sub, request_id = (
        _PHONE_LIKE.sub("***", scrub(word, *secrets, limit=limit))
        for word, limit in ((native, 80), (sub, 80), (request_id, 80))
    )
    entry = catalogue.find_refusal(platform, native, sub, place)
    cls = cast("type[PlatformRefusal]", BY_CODE[entry.code]) if entry else Refused
    # An unlisted answer to a one-time code says nothing about the code: it may be tried again, and must not be
    # reported as a bad code when the second answer says "used".
    spent = Spent(entry.spent) if entry else Spent.UNKNOWN
    refused = cls(
        platform=platform,
        step=step,
        platform_code=native,
        platform_sub_code=sub,
        place=place,
        platform_message=_PHONE_LIKE.sub("***", scrub(message, *secrets)),
        request_id=request_id,
        because=because,
        spent=spent,
    )
    return refused.evolve(next_action=Next.ASK_AGAIN, retry=False) if entry and entry.ask_again else refused


def of_a_code(refused: PlatformRefusal) -> PlatformRefusal:
    """Return a refusal of a one-time code, for platforms that do not say what a used one gets.

    One that is in no table may be just that: it asks for another code, or the user would be stuck with this one.
    """
    return refused.evolve(next_action=Next.ASK_AGAIN) if isinstance(refused, Refused) else refused


def refuses_a_code(error: HaomaError) -> bool:
    """Tell whether a platform was asked about a code and refused it. What a front end says about itself is no call."""
    if "unverified" in error.because:
        return False
    if isinstance(error, (CodeRejected, LoginCodeRejected)) or CODE_REFUSED in error.because:
        return True
    return isinstance(error, (Refused, AppMismatch)) and (error.place in _CALLS or error.next_action is Next.ASK_AGAIN)
