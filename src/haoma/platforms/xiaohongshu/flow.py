"""Xiaohongshu's flow.

1. Require a login (``login.py``), because its session_key encrypted the data.
2. Recall the user's session_keys.
3. Open the message (``open.py``).

The one-time value is the ciphertext. Its age is not judged, so it is remembered for as long as a session_key is kept. A
session_key that is older than this memory may have opened ciphertexts that are no longer remembered; the result then
says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from haoma.errors import MissingField, SessionUnknown
from haoma.platforms.base.contract import Finding, Method
from haoma.platforms.base.session_keys import one_time_of, recall
from haoma.platforms.xiaohongshu.open import open_sealed, open_under_key
from haoma.verified import Check, CheckName

if TYPE_CHECKING:
    from haoma.platforms.base.contract import GetLogin, Sealed
    from haoma.platforms.xiaohongshu.app import XiaohongshuApp
    from haoma.platforms.xiaohongshu.read import Message
    from haoma.secret import Secret
    from haoma.steps import Flow

_SEALED: Final = (
    Check(CheckName.SIGNATURE, False, "AES-CBC without MAC"),
    Check(CheckName.APP_BINDING, True, "the watermark names this app"),
    Check(CheckName.FRESHNESS, False, "the unit of the watermark's timestamp is not documented"),
)
_BOUND: Final = (*_SEALED, Check(CheckName.LOGIN_BINDING, True, "opened with a session_key of this login"))
_OPENED: Final = (
    *_BOUND,
    Check(CheckName.ONE_TIME_USE, True, "remembered by this service for as long as a session_key is kept"),
)
_OPENED_WITH_AN_OLD_KEY: Final = (
    *_BOUND,
    Check(CheckName.ONE_TIME_USE, False, "the session_key is older than what is remembered of used ciphertexts"),
)
_AT_HAND: Final = (
    *_SEALED,
    Check(CheckName.LOGIN_BINDING, False, "the session_key was given by hand"),
    Check(CheckName.ONE_TIME_USE, False, "opened by hand, not remembered"),
)

METHODS: Final = (Method("sealed", _OPENED, binds_login=True),)


def find(app: XiaohongshuApp, message: Message, get_login: GetLogin, now: float, after_unknown: bool) -> Flow[Finding]:  # noqa: FBT001
    """Open the sealed message of the logged-in user.

    Raises:
        MissingField: ``envelope.missing-field``: no login (step 1).
        SessionUnknown: ``trust.session-unknown``: the session_key has expired (step 2).
        CannotOpen: ``trust.cannot-open`` (step 3).
    """
    del now, after_unknown
    # (1)
    login = yield from get_login()
    if login is None:
        raise MissingField(step=1, because={"field": "login_code", "or": "session"})
    # (2)
    keys = yield from recall(app, login.subject.openid)
    if not keys:
        raise SessionUnknown(step=2, because={"expired": "session_key"})
    # (3)
    number, remembered = yield from open_sealed(app, message, keys)
    return Finding(number, login.subject, _OPENED if remembered else _OPENED_WITH_AN_OLD_KEY)


def find_under_key(app: XiaohongshuApp, sealed: Sealed, session_key: Secret, now: float) -> Finding:
    """Open sealed data under a given session_key.

    Raises:
        CannotOpen: ``trust.cannot-open``.
    """
    del now
    return Finding(open_under_key(app, sealed, session_key), None, _AT_HAND)


def one_time(app: XiaohongshuApp, message: Message) -> tuple[str, Secret]:
    """Return the ciphertext in the canonical form in which it is opened."""
    del app
    return one_time_of(message)
