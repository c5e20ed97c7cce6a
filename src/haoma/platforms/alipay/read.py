"""Find the message in what the front end sent.

``res.response`` of ``my.getPhoneNumber`` is a string that holds ``{"response": "<ciphertext>", "sign": "…"}``. What
arrives is that string, the parsed object, the string or the object wrapped again as ``response`` or ``encryptedData``
(stock uni-app), or, when the console is not set up, an error body in clear text in one of three layouts.

Page: https://opendocs.alipay.com/common/02mse3 (read 2026-11). The layouts seen in practice are listed with their
sources in the README of this folder.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

from haoma.authorization import LOGIN_NAMES
from haoma.crypto.strict import parse_json_object
from haoma.errors import BadField, ButtonFailed, MissingField, UnknownShape, UserDeclined
from haoma.platforms.base.contract import Redacted

if TYPE_CHECKING:
    from haoma.authorization import Authorization
    from haoma.platforms.alipay.app import AlipayApp

_WRAPPERS: Final = range(4)  # bodies seen in practice wrap the envelope at most three times
_ENVELOPE_NAMES: Final = ("response", "encryptedData", "encrypted_data")
_DECLINED: Final = ("取消", "拒绝", "不允许", "cancel", "deny", "reject")


class SealedMessage(Redacted, frozen=True, gc=False):
    """Ciphertext with the signature that it claims; ``whole`` if it came in the string that the platform gave."""

    claimed_ciphertext: str
    claimed_sign: str | None
    whole: bool


class ClearMessage(Redacted, frozen=True):
    """A body in clear text. Anybody can write one, so it can only ever be a refusal."""

    unverified_body: dict[str, Any]


Message: TypeAlias = SealedMessage | ClearMessage


def read(app: AlipayApp | None, authorization: Authorization) -> Message:
    """Return the message.

    Raises:
        UnknownShape: ``envelope.unknown-shape``: none of the layouts; ``because`` tells what it looks like.
        MissingField: ``envelope.missing-field``: an object without ``response``.
        BadField: ``envelope.bad-field``: ``response`` or ``sign`` of another type, or a login inside the string.
        UserDeclined: ``envelope.user-declined``: the event of ``onError``.
        ButtonFailed: ``envelope.button-failed``: another failure of ``my.getPhoneNumber`` on the device.
    """
    del app
    node: dict[str, Any] = authorization.claimed
    whole = False
    for _ in _WRAPPERS:
        for name in _ENVELOPE_NAMES:
            if name in node:
                break
        else:
            return _without_envelope(node, authorization)
        inner = node[name]
        if isinstance(inner, str):
            text = inner.strip(" \t\r\n")
            if text[:1] != "{":
                return _sealed(node, inner, whole=whole)  # as it came: a space at its front may have been a plus
            inner = parse_json_object(text)
            whole = True
            for login in LOGIN_NAMES:
                if inner.get(login) is not None:  # it would be ignored there; the platform puts none into its string
                    raise BadField(because={"field": f"{name}.{login}", "needed": "beside the string, not inside it"})
        if not isinstance(inner, dict):
            raise BadField(because={"field": name, "type": type(inner).__name__, "needed": "string"})
        node = inner
    raise UnknownShape(because={"reason": "wrapped too many times"})


def _sealed(node: dict[str, Any], ciphertext: str, *, whole: bool) -> SealedMessage:
    sign = node.get("sign")
    if sign is not None and not isinstance(sign, str):
        raise BadField(because={"field": "sign", "type": type(sign).__name__, "needed": "string"})
    if not ciphertext.strip():
        raise MissingField(because={"field": "response", "reason": "empty"})
    return SealedMessage(ciphertext, sign or None, whole)


def _without_envelope(node: dict[str, Any], authorization: Authorization) -> ClearMessage:
    code = node.get("code")
    if isinstance(code, str) and (code.isdigit() or "msg" in node):
        return ClearMessage(node)
    if {"code", "iv", "cloudID"} & node.keys() or authorization.login_name.rpartition(".")[2] == "code":
        raise UnknownShape(because={"looks_like": "wechat", "needed": "response"})
    if any(name in node for name in ("errorMessage", "error", "errMsg")):
        words = str(node.get("errorMessage") or node.get("errMsg", "")).lower()
        if any(word in words for word in _DECLINED):
            raise UserDeclined
        raise ButtonFailed(because={"error": str(node.get("error", ""))[:20]})
    raise authorization.missing("response")
