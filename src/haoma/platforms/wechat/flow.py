"""The flow of WeChat.

New way, ``code``:

1. If the front end sent a login, exchange it (``login.py``), or look it up. This comes first, because the phone code
   costs money: a bad login must not use it up, and WeChat binds the code to the ``openid`` only if it is told.
2. Get an access_token (``token.py``).
3. to 7. Exchange the code (``fetch.py``).

Old way, ``encryptedData`` and ``iv``, only if the app has turned it on:

1. There is a login: its session_key is what the data was encrypted with.
2. The session_keys of that user are recalled.
3. Open (``open.py``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from haoma.contract import Finding, Way
from haoma.crypto.strict import repair_base64
from haoma.errors import BadField, MissingField, SessionUnknown
from haoma.platforms.wechat.fetch import exchange
from haoma.platforms.wechat.open import open_sealed, open_under_key
from haoma.platforms.wechat.read import CodeMessage, Message, SealedMessage
from haoma.secret import Secret
from haoma.session_keys import recall
from haoma.verified import Check, CheckName

if TYPE_CHECKING:
    from haoma.contract import GetLogin
    from haoma.platforms.wechat.app import WeChatApp
    from haoma.steps import Flow

_NEW: Final = (
    Check(CheckName.SIGNATURE, True, "WeChat answered our own TLS request"),
    Check(CheckName.APP_BINDING, True, "the watermark names this app"),
    Check(CheckName.FRESHNESS, True, "a code lives five minutes"),
)
_CODE_ONCE: Final = Check(CheckName.ONE_TIME_USE, True, "WeChat takes a code once")
_UNBOUND: Final = (*_NEW, Check(CheckName.LOGIN_BINDING, False, "no login was sent along"), _CODE_ONCE)
_BOUND: Final = (
    *_NEW,
    Check(CheckName.LOGIN_BINDING, True, "WeChat was told the openid of the login and matched the code to it"),
    _CODE_ONCE,
)
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

PROVES: Final = (
    Way(
        "手机号 code",
        "phone code",
        _UNBOUND,
        "接口和字段来自官方文档；用过的 code 返回哪个错误码未说明，两种都按“已用”处理",
        "interface and fields are documented; which errcode a used code gets is not, and both are read as used",
    ),
    Way(
        "手机号 code + 登录",
        "phone code + login",
        _BOUND,
        "文档说会核对 openid；不符时的错误码未说明，任何错误码都拒绝",
        "that the openid is compared is documented; the errcode when it differs is not, and any errcode refuses",
    ),
    Way(
        "旧方式 encryptedData（默认关闭）",
        "old way, `encryptedData` (off by default)",
        _NO_MAC,
        "算法来自官方文档；没有 MAC，谁拿到 session_key 就能伪造号码",
        "the algorithm is documented; without a MAC whoever has the session_key can write any number",
    ),
    Way(
        "旧方式 + check_encrypted_message",
        "old way + `check_encrypted_message`",
        _CHECKED,
        "接口来自官方文档；哈希按哪种形式计算未说明，由 `encrypted_hash` 选择，选错只会全部拒绝",
        "the interface is documented; what its hash is taken over is not, so `encrypted_hash` chooses, and a wrong "
        "choice refuses everything",
    ),
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
    return Finding(number, subject, _BOUND if subject else _UNBOUND)


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


def find_under_key(app: WeChatApp, message: Message, session_key: Secret, now: float) -> Finding:
    """Open a sealed message under a session_key that is at hand.

    Raises:
        CannotOpen: ``trust.cannot-open``.
        BadField: ``envelope.bad-field``: it is a code, which no session_key opens.
    """
    if not isinstance(message, SealedMessage):
        raise BadField(because={"field": "code", "needed": "encryptedData and iv"})
    return Finding(open_under_key(app, message, session_key, now), None, _AT_HAND)


def one_time(app: WeChatApp, message: Message) -> tuple[str, Secret] | None:
    """Return the code, or the ciphertext in the one form in which it is opened."""
    del app
    if isinstance(message, CodeMessage):
        return "code", message.code
    return "encrypted-data", Secret(repair_base64(message.claimed_ciphertext))
