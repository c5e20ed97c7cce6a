"""Maps a platform's own error codes to haoma's errors, using the platform's ``refusals.toml``."""

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
"""Fact of another error: the platform code with which an earlier code was refused."""
_CALLS: Final = ("phone", "login", "code")
"""Calls that carry a code. Other calls that carry one mark each of their refusals as ``ask_again``."""
_PHONE_LIKE: Final = re.compile(r"(?<!\d)(?:(?:00)?86)?1[3-9]\d{9}(?!\d)")


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
    """Return the error for a platform code, or `Refused` if no table lists the code.

    Args:
        platform: Name of the platform.
        native: The platform's code.
        sub: The platform's sub code.
        place: The call that answered, if a code has two meanings: ``token``, ``phone``, ``login``, ``check``.
        message: The platform's message. Secrets and anything like a phone number are masked in it.
        request_id: The platform's id of the request.
        step: Number of the step that refused.
        secrets: Values that were sent and must not be echoed in the message.
        because: Further safe facts.
    """
    # The platform may echo a secret in any of these, codes and ids included.
    native, sub, request_id = (
        _PHONE_LIKE.sub("***", scrub(word, *secrets, limit=limit))
        for word, limit in ((native, 80), (sub, 80), (request_id, 80))
    )
    entry = catalogue.find_refusal(platform, native, sub, place)
    cls = cast("type[PlatformRefusal]", BY_CODE[entry.code]) if entry else Refused
    # An unlisted answer to a one-time code says nothing about the code. It may be tried again, and must not be
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
    """Return the refusal of a one-time code, for platforms that do not document their answer to a used code.

    An unlisted refusal may mean that the code is already used, so it asks for a new one. Otherwise the user could never
    recover.
    """
    return refused.evolve(next_action=Next.ASK_AGAIN) if isinstance(refused, Refused) else refused


def refuses_a_code(error: HaomaError) -> bool:
    """Return whether a platform refused a code. An error that the front end reports does not count."""
    if "unverified" in error.because:
        return False
    if isinstance(error, (CodeRejected, LoginCodeRejected)) or CODE_REFUSED in error.because:
        return True
    return isinstance(error, (Refused, AppMismatch)) and (error.place in _CALLS or error.next_action is Next.ASK_AGAIN)
