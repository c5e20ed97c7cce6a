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
    Method(
        "手机号 code",
        "phone code",
        _NEW[_TLS, False],
        "接口和字段来自官方文档；用过的 code 返回哪个错误码未说明，两种都按“已用”处理",
        "interface and fields are documented; which errcode a used code gets is not, and both are read as used",
        binds_login=False,
    ),
    Method(
        "手机号 code + 登录",
        "phone code + login",
        _NEW[_TLS, True],
        "文档说会核对 openid；不符时的错误码未说明，任何错误码都拒绝",
        "that the openid is compared is documented; the errcode when it differs is not, and any errcode refuses",
        binds_login=True,
    ),
    Method(
        '云托管边车（`token = "cloud"`）',
        'Cloud Run, by the sidecar (`token = "cloud"`)',
        _NEW[_SIDECAR, False],
        "地址和边车的行为来自官方文档；这一跳是容器内的明文 http，所以信任的是这个容器",
        "address and sidecar are documented; the hop is plain http inside the container, so the container is trusted",
        binds_login=False,
    ),
    Method(
        "云托管边车 + 登录",
        "Cloud Run, by the sidecar + login",
        _NEW[_SIDECAR, True],
        "同上；登录不能走云调用，仍用 `app_secret` 直接问微信",
        "the same; a login cannot be a cloud call, so WeChat is asked directly, with the `app_secret`",
        binds_login=True,
    ),
    Method(
        '云托管令牌文件（`token = "cloud-file"`）',
        'Cloud Run, by the token file (`token = "cloud-file"`)',
        _NEW[_TLS, False],
        "文件位置、参数名和更新周期来自官方文档；没有见过真实的文件",
        "place, parameter and renewal of the file are documented; no live file was seen",
        binds_login=False,
    ),
    Method(
        "第三方平台代商家",
        "third-party platform, for a merchant",
        _NEW[_TLS, False],
        "推送的验签解密与官方示例一致，接口来自官方文档；参数名两处文档不一，按各 SDK",
        "pushes are verified and opened as in WeChat's own example, the interfaces are documented; of one parameter's "
        "name two pages differ, and it is what SDKs send",
        binds_login=False,
    ),
    Method(
        "第三方平台代商家 + 登录",
        "third-party platform, for a merchant + login",
        _NEW[_TLS, True],
        "同上；登录用平台的令牌和商家的 AppID",
        "the same; the login is exchanged with the platform's token and the merchant's AppID",
        binds_login=True,
    ),
    Method(
        "API 安全模式",
        "API security mode",
        _NEW[_SIGNED, False],
        "请求和应答的签名、加密与官方示例一致（双向）；拒绝是否也签名未说明，未签名的只能是拒绝",
        "signing and sealing fit WeChat's own example in both directions; whether refusals are signed is not "
        "documented, and what is unsigned can only refuse",
        binds_login=False,
    ),
    Method(
        "API 安全模式 + 登录",
        "API security mode + login",
        _NEW[_SIGNED, True],
        "同上；登录接口不加密，仍由 TLS 保护",
        "the same; the login is not sealed, TLS alone protects it",
        binds_login=True,
    ),
    Method(
        "session_key 方式 encryptedData（默认关闭）",
        "session_key flow, `encryptedData` (off by default)",
        _NO_MAC,
        "算法来自官方文档；没有 MAC，谁拿到 session_key 就能伪造号码",
        "the algorithm is documented; without a MAC whoever has the session_key can write any number",
        binds_login=True,
    ),
    Method(
        "session_key 方式 + check_encrypted_message",
        "session_key flow + `check_encrypted_message`",
        _CHECKED,
        "接口来自官方文档；哈希按哪种形式计算未说明，由 `encrypted_hash` 选择，选错只会全部拒绝",
        "the interface is documented; what its hash is taken over is not, so `encrypted_hash` chooses, and a wrong "
        "choice refuses everything",
        binds_login=True,
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
