"""Finds the message in what the front end sent.

``res.response`` of ``my.getPhoneNumber`` is a string that contains ``{"response": "<ciphertext>", "sign": "…"}``. The
front end sends that string, the parsed object, or either one wrapped again as ``response`` or ``encryptedData`` (stock
uni-app). If the console is not set up, it sends an error body in clear text, in one of three layouts.

Page: https://opendocs.alipay.com/common/02mse3 (read 2026-11). The README lists the layouts seen in practice with their
sources.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

from haoma import field_names
from haoma.authorization import placeholder
from haoma.crypto.strict import parse_json_object
from haoma.errors import BadField, ButtonFailed, EnvelopeError, MissingField, UnknownShape, UserDeclined
from haoma.platforms.base.contract import Redacted

if TYPE_CHECKING:
    from haoma.authorization import Authorization
    from haoma.platforms.alipay.app import AlipayApp

_WRAPPERS: Final = range(4)  # in practice, bodies wrap the envelope at most three times
SEALED: Final = ("response", "encryptedData")
"""Names that the envelope may have."""
_LOGINS: Final = frozenset(field_names.LOGIN)
_DECLINED: Final = ("取消", "拒绝", "不允许", "cancel", "deny", "reject")


class SealedMessage(Redacted, frozen=True, gc=False):
    """Ciphertext with its claimed signature. ``whole`` if it came inside the platform's own string."""

    claimed_ciphertext: str
    claimed_sign: str | None
    whole: bool


class ClearMessage(Redacted, frozen=True):
    """A body in clear text. Anybody can write one, so it can only become a refusal."""

    unverified_body: dict[str, Any]


Message: TypeAlias = SealedMessage | ClearMessage


def read(app: AlipayApp | None, authorization: Authorization) -> Message:
    """Return the message.

    Raises:
        UnknownShape: ``envelope.unknown-shape``: none of the layouts; ``because`` says what it resembles.
        MissingField: ``envelope.missing-field``: an object without ``response``.
        BadField: ``envelope.bad-field``: ``response`` or ``sign`` has the wrong type, or the string contains a login.
        UserDeclined: ``envelope.user-declined``: the event of ``onError``.
        ButtonFailed: ``envelope.button-failed``: ``my.getPhoneNumber`` failed on the device for another reason.
    """
    del app
    node: dict[str, Any] = authorization.claimed
    whole = False
    for _ in _WRAPPERS:
        for name in (*SEALED, "encrypted_data"):
            if name in node:
                break
        else:
            return _without_envelope(node, authorization)
        inner = node[name]
        if isinstance(inner, str):
            text = inner.strip(" \t\r\n")
            if text[:1] != "{":
                return _sealed(node, inner, whole=whole)  # unstripped: a leading space may have been a plus
            inner = parse_json_object(text)
            whole = True
            for login in inner:
                # It would be ignored there; the platform's string never has one.
                usual = field_names.usual(login)
                named_code = usual == "code" and "msg" not in inner and not str(inner[login]).isdigit()
                if (usual in _LOGINS or named_code) and inner[login] not in (None, ""):
                    raise BadField(because={"field": f"{name}.{login}", "needed": "beside the string, not inside it"})
        if not isinstance(inner, dict):
            raise BadField(because={"field": name, "type": type(inner).__name__, "needed": "string"})
        node = inner
    raise UnknownShape(because={"reason": "wrapped too many times"})


def _sealed(node: dict[str, Any], ciphertext: str, *, whole: bool) -> SealedMessage:
    sign = node.get("sign")
    if sign is not None and not isinstance(sign, str):
        raise BadField(because={"field": "sign", "type": type(sign).__name__, "needed": "string"})
    for name, value in (("response", ciphertext), ("sign", sign)):
        if missing := placeholder(value, name):
            raise missing
    if not ciphertext.strip():
        raise MissingField(because={"field": "response", "reason": "empty"})
    return SealedMessage(ciphertext, sign or None, whole)


def _without_envelope(node: dict[str, Any], authorization: Authorization) -> ClearMessage:
    code = node.get("code")
    if isinstance(code, str) and (code.isdigit() or "msg" in node):
        return ClearMessage(node)
    if {"code", "iv", "cloudID"} & node.keys() or authorization.login_name.rpartition(".")[2] == "code":
        raise UnknownShape(because={"looks_like": "wechat", "needed": "response"})
    if (inner := in_error_message(node)) is not None:
        return _without_envelope(inner, authorization)
    if any(name in node for name in ("errorMessage", "error", "errMsg")):
        words = str(node.get("errorMessage") or node.get("errMsg", "")).lower()
        if any(word in words for word in _DECLINED):
            raise UserDeclined
        raise ButtonFailed(because={"error": str(node.get("error", ""))[:20]})
    raise authorization.missing("response")


def in_error_message(node: dict[str, Any]) -> dict[str, Any] | None:
    """Return the error that uni-app's ``getPhoneNumber:fail Error: {…}`` quotes; None if it quotes none.

    What it quotes is never opened: it can only become a refusal.
    """
    words = node.get("errMsg")
    if not isinstance(words, str) or "fail" not in words or not words.rstrip().endswith("}"):
        return None
    try:
        found = parse_json_object(words[words.index("{") :])
    except (ValueError, EnvelopeError):
        return None
    inner = found.get("response", found)
    if isinstance(inner, dict) and not {"code", "error", "errorMessage"}.isdisjoint(inner) and "errMsg" not in inner:
        return inner
    return None
