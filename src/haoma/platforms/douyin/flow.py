"""Douyin's flows.

Code flow, ``code``:

1. If the front end sent a login, exchange it (``login.py``) or look it up. This comes first, because the phone code
   works once and a bad login must not use it up.
2. Get a client_token (``token.py``).
3. to 5. Exchange the code and open the reply (``fetch.py``).

Douyin is not told who is logged in, and its reply does not say whose number it is. A login in the same request names
the subject, but nothing proves that the number belongs to this user.

session_key flow, ``encryptedData`` and ``iv``, only if the app has enabled it:

1. Require a login, because its session_key encrypted the data.
2. Recall the user's session_keys.
3. Open the message (``open.py``).

New base libraries send both. Then the code is used first. The session_key flow follows if Douyin has refused the code
as unusable (and it is certain that no earlier try used it up), the app accepts encrypted data, and there is a login
with a session_key. The ciphertext is then reserved as well; otherwise it could be sent again with another bad code.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from haoma.errors import AlreadyUsed, CodeRejected, HaomaError, MissingField, SessionUnknown, Spent
from haoma.platforms.base.contract import Finding, Method
from haoma.platforms.base.refusal import CODE_REFUSED
from haoma.platforms.base.session_keys import SealedMessage, one_time_of, recall
from haoma.platforms.douyin.fetch import exchange
from haoma.platforms.douyin.open import open_sealed, open_under_key
from haoma.platforms.douyin.read import CodeMessage, Message
from haoma.steps import Reserve, Reserved, Settle, ask
from haoma.verified import Check, CheckName

if TYPE_CHECKING:
    from haoma.platforms.base.contract import GetLogin, Login, Sealed
    from haoma.platforms.douyin.app import DouyinApp
    from haoma.secret import Secret
    from haoma.steps import Flow

_APP: Final = Check(CheckName.APP_BINDING, True, "the watermark names this app")
_NEW: Final = (
    Check(CheckName.SIGNATURE, True, "Douyin answered our own TLS request"),
    _APP,
    Check(CheckName.FRESHNESS, True, "a code lives five minutes"),
)
_CODE_ONCE: Final = Check(CheckName.ONE_TIME_USE, True, "Douyin takes a code once")
_UNBOUND: Final = (*_NEW, Check(CheckName.LOGIN_BINDING, False, "no login was sent along"), _CODE_ONCE)
_BESIDE: Final = (
    *_NEW,
    Check(CheckName.LOGIN_BINDING, False, "tap and login came in one request, but Douyin does not match them"),
    _CODE_ONCE,
)
_AGELESS: Final = Check(CheckName.FRESHNESS, False, "the unit of the watermark's timestamp is not documented")
_NO_MAC: Final = (Check(CheckName.SIGNATURE, False, "AES-CBC without MAC"), _APP, _AGELESS)
_BOUND: Final = (*_NO_MAC, Check(CheckName.LOGIN_BINDING, True, "opened with a session_key of this login"))
_OLD: Final = (
    *_BOUND,
    Check(CheckName.ONE_TIME_USE, True, "remembered by this service, for as long as a session lives"),
)
_OLD_WITH_AN_OLD_KEY: Final = (
    *_BOUND,
    Check(CheckName.ONE_TIME_USE, False, "the session_key is older than what is remembered of used ciphertexts"),
)
_AT_HAND: Final = (
    *_NO_MAC,
    Check(CheckName.LOGIN_BINDING, False, "the session_key was given by hand"),
    Check(CheckName.ONE_TIME_USE, False, "opened by hand, not remembered"),
)

METHODS: Final = (
    Method("phone-code", _UNBOUND, binds_login=False),
    Method("phone-code-login", _BESIDE, binds_login=False),
    Method("sealed", _OLD, binds_login=True),
)


def find(app: DouyinApp, message: Message, get_login: GetLogin, now: float, after_unknown: bool) -> Flow[Finding]:  # noqa: FBT001
    """Exchange the code, or open the sealed message.

    Raises:
        HaomaError: see ``login.py``, ``token.py``, ``fetch.py`` and ``open.py``.
    """
    # (1)
    login = yield from get_login()
    if isinstance(message, SealedMessage):
        return (yield from _find_sealed(app, message, login))
    del now  # the unit of the watermark's timestamp is not documented
    # (2) to (5)
    try:
        number = yield from exchange(app, message.code, after_unknown=after_unknown)
    except CodeRejected as refused:
        if message.sealed is None or login is None:
            raise
        return (yield from _fall_back(app, message, message.sealed, login, refused))
    subject = login.subject if login else None
    return Finding(number, subject, _BESIDE if subject else _UNBOUND)


def _find_sealed(app: DouyinApp, message: SealedMessage, login: Login | None) -> Flow[Finding]:
    if login is None:
        raise MissingField(step=1, because={"field": "login_code", "or": "session"})
    # (2)
    keys = yield from recall(app, login.subject.openid)
    if not keys:
        raise SessionUnknown(step=2, because={"expired": "session_key"})
    # (3)
    number, remembered = yield from open_sealed(app, message, keys)
    return Finding(number, login.subject, _OLD if remembered else _OLD_WITH_AN_OLD_KEY)


def _fall_back(
    app: DouyinApp, message: CodeMessage, sealed: SealedMessage, login: Login, refused: CodeRejected
) -> Flow[Finding]:
    """Open the sealed data that came with a code that Douyin has refused.

    Raises:
        CodeRejected: ``platform.code-rejected``: no session_key is left.
        AlreadyUsed: ``trust.already-used``: the ciphertext came in an earlier request.
        CannotOpen: ``trust.cannot-open``.
    """
    keys = yield from recall(app, login.subject.openid)
    if not keys:
        raise refused
    kind, value = one_time_of(sealed)
    try:
        reserved = yield from ask(Reserve(app.scope, kind, value, message.fingerprint, app.policy.code_seconds))
        if not isinstance(reserved, Reserved):
            raise AlreadyUsed(because={"kind": kind})
        try:
            number, remembered = yield from open_sealed(app, sealed, keys)
        except HaomaError as error:
            yield from ask(Settle(reserved.ref, error.spent))
            raise
    except HaomaError as error:
        # This is about the code: Douyin has refused it for good.
        raise error.evolve(spent=Spent.YES, because={CODE_REFUSED: refused.platform_code}) from None
    # The code's reservation holds the answer for this same request. This reservation stops every other request.
    yield from ask(Settle(reserved.ref, Spent.YES))
    return Finding(number, login.subject, _OLD if remembered else _OLD_WITH_AN_OLD_KEY)


def find_under_key(app: DouyinApp, sealed: Sealed, session_key: Secret, now: float) -> Finding:
    """Open sealed data under a given session_key.

    Raises:
        CannotOpen: ``trust.cannot-open``.
    """
    del now
    return Finding(open_under_key(app, sealed, session_key), None, _AT_HAND)


def one_time(app: DouyinApp, message: Message) -> tuple[str, Secret] | None:
    """Return the code, or the ciphertext in the canonical form in which it is opened."""
    del app
    return ("code", message.code) if isinstance(message, CodeMessage) else one_time_of(message)
