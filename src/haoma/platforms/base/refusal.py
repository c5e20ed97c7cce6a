"""From a platform's own code to one of our errors, by the platform's ``refusals.toml``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, TypeVar, cast

from haoma import catalogue
from haoma.errors import (
    BY_CODE,
    AppMismatch,
    CodeRejected,
    ConnectionLost,
    LoginCodeRejected,
    Next,
    NonsenseReply,
    OutcomeUnknown,
    PlatformRefusal,
    Refused,
    ReplyTooLarge,
    Spent,
    TimedOut,
)
from haoma.secret import Secret, scrub

if TYPE_CHECKING:
    from haoma.errors import HaomaError
    from haoma.steps import Flow

T = TypeVar("T")

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
    if entry and entry.ask_again:
        refused.next, refused.retry = Next.ASK_AGAIN, False
    return refused


def of_a_code(refused: PlatformRefusal) -> PlatformRefusal:
    """Return a refusal of a one-time code, for platforms that do not say what a used one gets.

    One that is in no table may be just that: it asks for another code, or the user would be stuck with this one.
    """
    if isinstance(refused, Refused):
        refused.next = Next.ASK_AGAIN
    return refused


def refuses_a_code(error: HaomaError) -> bool:
    """Tell whether a platform was asked about a code and refused it. What a front end says about itself is no call."""
    if "unverified" in error.because:
        return False
    if isinstance(error, (CodeRejected, LoginCodeRejected)) or CODE_REFUSED in error.because:
        return True
    return isinstance(error, (Refused, AppMismatch)) and (error.place in _CALLS or error.next is Next.ASK_AGAIN)


def sending_a_code(call: Flow[T], step: int) -> Flow[T]:
    """Make a call that may use a one-time code up: from the moment when it is sent, a failure does not tell.

    Raises:
        OutcomeUnknown: ``outside.outcome-unknown``: the connection failed after the code was sent.
        ReplyTooLarge, NonsenseReply: ``outside.*``, with ``spent`` UNKNOWN.
    """
    try:
        return (yield from call)
    except (TimedOut, ConnectionLost) as error:
        raise OutcomeUnknown(step=step, because=error.because, spent=Spent.UNKNOWN) from None
    except (ReplyTooLarge, NonsenseReply) as error:
        error.spent = Spent.UNKNOWN
        raise
