"""Checks a user's session_key with WeChat, or resets it.

Both calls prove possession of the key without sending it: ``signature`` is the HMAC-SHA256 of the empty text. The HMAC
key is the session_key as text, not decoded from base64 (WeChat's example under "用户登录态签名" verifies only so).

Neither call rescues an authorization that does not open. ``reset_session_key`` creates a key under which nothing has
been encrypted yet, and what a user sent before was encrypted under the old one. So no flow calls it. Use it when a
session_key has leaked: WeChat forgets the old key, and so does haoma.

Pages: https://developers.weixin.qq.com/miniprogram/dev/server/API/user-login/api_checksessionkey,
https://developers.weixin.qq.com/miniprogram/dev/server/API/user-login/api_resetusersessionkey (read 2026-11).
"""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING, Final

from haoma.errors import Spent
from haoma.platforms.base import session_keys
from haoma.platforms.wechat.token import Access

if TYPE_CHECKING:
    from haoma.platforms.wechat.api import Answer
    from haoma.platforms.wechat.app import WeChatApp
    from haoma.secret import Secret
    from haoma.steps import Flow

_CHECK: Final = "/wxa/checksession"
_RESET: Final = "/wxa/resetusersessionkey"
_NOT_CURRENT: Final = "87009"


def check_session(app: WeChatApp, openid: str) -> Flow[bool]:
    """Return whether a user's newest stored session_key is WeChat's current one.

    "No" does not mean that data encrypted under it cannot be opened with it.

    Raises:
        SessionUnknown: ``trust.session-unknown``: none is stored. Without ``accept_encrypted_data``, none ever is.
        PlatformRefusal, OutsideError: WeChat could not be asked.
    """
    answer, access, key = yield from _ask(app, _CHECK, openid)
    if answer.errcode == _NOT_CURRENT:
        return False
    if answer.refused:
        raise answer.refusal("session", 0, access.token, key)
    return True


def reset_session_key(app: WeChatApp, openid: str) -> Flow[None]:
    """Make WeChat replace a user's session_key. The new key is stored, the older ones are forgotten.

    Raises:
        SessionUnknown: ``trust.session-unknown``: none is stored.
        PlatformRefusal, OutsideError: WeChat refused, or returned no key.
    """
    answer, access, key = yield from _ask(app, _RESET, openid)
    if answer.refused:
        raise answer.refusal("session", 0, access.token, key)
    newest = session_keys.read_session_key(answer.found.get("session_key"), 16)
    if newest is None or answer.found.get("openid", openid) != openid:
        raise answer.nonsense("session_key", 0, Spent.NO)
    yield from session_keys.replace(app, openid, newest)


def sign(session_key: Secret, message: bytes = b"") -> str:
    """Return WeChat's "signature of the user's session" for a message. These calls sign the empty message."""
    return hmac.digest(session_key.reveal().encode("ascii"), message, hashlib.sha256).hex()


def _ask(app: WeChatApp, path: str, openid: str) -> Flow[tuple[Answer, Access, Secret]]:
    key = yield from session_keys.newest_of(app, openid)
    access = Access(app)
    query = (("openid", openid), ("signature", sign(key)), ("sig_method", "hmac_sha256"))
    return (yield from access.get(path, query)), access, key
