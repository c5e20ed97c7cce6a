"""WeChat's flows.

Code flow, ``code``:

1. If the front end sent a login, exchange it (``login.py``) or look it up. This comes first, because the phone code
   costs money: a bad login must not use it up, and WeChat binds the code to the ``openid`` only if it receives one.
2. Get an access_token (``token.py``).
3. to 7. Exchange the code (``fetch.py``).

session_key flow, ``encryptedData`` and ``iv``, only if the app has enabled it:

1. Require a login, because its session_key encrypted the data.
2. Recall the user's session_keys.
3. Open the message (``open.py``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from haoma.errors import MissingField, SessionUnknown
from haoma.platforms.base.contract import Finding, Method
from haoma.platforms.base.session_keys import SealedMessage, one_time_of, recall
from haoma.platforms.wechat.fetch import exchange
from haoma.platforms.wechat.open import open_sealed, open_under_key
from haoma.platforms.wechat.read import CodeMessage, Message
from haoma.verified import Check, CheckName

if TYPE_CHECKING:
    from haoma.platforms.base.contract import GetLogin, Sealed
    from haoma.platforms.wechat.app import WeChatApp
    from haoma.secret import Secret
    from haoma.steps import Flow

_TLS: Final = "WeChat answered our own TLS request"
_SIDECAR: Final = "WeChat answered through the sidecar of WeChat Cloud Run"
_SIGNED: Final = "WeChat signed its reply (API security mode)"


def _exchanged(how: str, *, bound: bool) -> tuple[Check, ...]:
    matched = "WeChat was told the openid of the login and matched the code to it"
    return (
        Check(CheckName.SIGNATURE, True, how),
        Check(CheckName.APP_BINDING, True, "the watermark names this app"),
        Check(CheckName.FRESHNESS, True, "a code lives five minutes"),
        Check(CheckName.LOGIN_BINDING, bound, matched if bound else "no login was sent along"),
        Check(CheckName.ONE_TIME_USE, True, "WeChat takes a code once"),
    )


_NEW: Final = {
    (how, bound): _exchanged(how, bound=bound) for how in (_TLS, _SIDECAR, _SIGNED) for bound in (False, True)
}
_OLD: Final = (
    Check(CheckName.APP_BINDING, True, "the watermark names this app"),
    Check(CheckName.FRESHNESS, True, "the watermark is young enough"),
    Check(CheckName.LOGIN_BINDING, True, "opened with a session_key of this login"),
    Check(CheckName.ONE_TIME_USE, True, "remembered by this service"),
)
_NO_MAC: Final = (Check(CheckName.SIGNATURE, False, "AES-CBC without MAC"), *_OLD)
_AT_HAND: Final = (
    *_NO_MAC[:3],
    Check(CheckName.LOGIN_BINDING, False, "the session_key was given by hand"),
    Check(CheckName.ONE_TIME_USE, False, "opened by hand, not remembered"),
)
_CHECKED: Final = (Check(CheckName.SIGNATURE, True, "WeChat confirmed the ciphertext (checkencryptedmsg)"), *_OLD)

METHODS: Final = (
    Method("phone-code", _NEW[_TLS, False], binds_login=False),
    Method("phone-code-login", _NEW[_TLS, True], binds_login=True),
    Method("cloud", _NEW[_SIDECAR, False], binds_login=False),
    Method("cloud-login", _NEW[_SIDECAR, True], binds_login=True),
    Method("cloud-file", _NEW[_TLS, False], binds_login=False),
    Method("component", _NEW[_TLS, False], binds_login=False),
    Method("component-login", _NEW[_TLS, True], binds_login=True),
    Method("secured", _NEW[_SIGNED, False], binds_login=False),
    Method("secured-login", _NEW[_SIGNED, True], binds_login=True),
    Method("sealed", _NO_MAC, binds_login=True),
    Method("sealed-checked", _CHECKED, binds_login=True),
)


def find(app: WeChatApp, message: Message, get_login: GetLogin, now: float, after_unknown: bool) -> Flow[Finding]:  # noqa: FBT001
    """Exchange the code, or open the sealed message.

    Raises:
        HaomaError: see ``login.py``, ``token.py``, ``fetch.py`` and ``open.py``.
    """
    if isinstance(message, SealedMessage):
        return (yield from _find_sealed(app, message, get_login, now))
    # (1)
    login = yield from get_login()
    subject = login.subject if login else None
    # (2) to (7)
    openid = subject.openid if subject else ""
    number = yield from exchange(app, message.code, openid, now=now, after_unknown=after_unknown)
    return Finding(number, subject, _NEW[_how(app), openid != ""])


def _how(app: WeChatApp) -> str:
    if app.security:
        return _SIGNED
    return _SIDECAR if app.cloud_base_url else _TLS


def _find_sealed(app: WeChatApp, message: SealedMessage, get_login: GetLogin, now: float) -> Flow[Finding]:
    # (1)
    login = yield from get_login()
    if login is None:
        raise MissingField(step=1, because={"field": "login_code", "or": "session"})
    # (2)
    keys = yield from recall(app, login.subject.openid)
    if not keys:
        raise SessionUnknown(step=2, because={"expired": "session_key"})
    # (3)
    number = yield from open_sealed(app, message, keys, now)
    return Finding(number, login.subject, _CHECKED if app.check_encrypted_message else _NO_MAC)


def find_under_key(app: WeChatApp, sealed: Sealed, session_key: Secret, now: float) -> Finding:
    """Open sealed data under a given session_key.

    Raises:
        CannotOpen: ``trust.cannot-open``.
    """
    return Finding(open_under_key(app, sealed, session_key, now), None, _AT_HAND)


def one_time(app: WeChatApp, message: Message) -> tuple[str, Secret] | None:
    """Return the code, or the ciphertext in the canonical form in which it is opened."""
    del app
    if isinstance(message, CodeMessage):
        return "code", message.code
    return one_time_of(message)
