"""Handles what Alipay posts to the application's gateway: a user has cancelled the authorization.

Anybody can post to the address. So every failure is the one refusal `CannotOpen`, and the order of checks matters:

1. The body is a form: at most `_MOST` fields, each name once, no empty value, correct escapes.
2. One of Alipay's keys has signed the fields other than ``sign``: sorted by name, each as ``name=value``, joined with
   ``&``, unescaped. Alipay's SDKs leave ``sign_type`` out of that text or not, so both texts are tried. The
   configuration, not ``sign_type``, decides which hash counts.
3. The fields are exactly the documented ones, in their documented form. Without this, the signature of another
   notification might do: ``&`` is not escaped in the signed text, so a buyer who chooses the title of an order could
   put fields into it. Only ``biz_content`` may contain ``&``, and it must be JSON.
4. ``app_id`` is the app's, or that of its third-party application.
5. ``utc_timestamp`` is at most `_OLDEST` before now: as long as Alipay repeats a message.
6. Any other ``msg_method`` is answered and ignored, because Alipay repeats unanswered messages.
7. ``biz_content`` is strict JSON, encrypted with the app's content key if there is an ``encrypt_type``. It names the
   app, and the user by at least one id.
8. The withdrawal is acted on by the app's policy. ``notify_id`` identifies it.

Pages: https://opendocs.alipay.com/common/02km9j, https://opendocs.alipay.com/open/b4f0d4cf_alipay.open.auth.userauth.cancelled
(read 2026-12, in copies). The README lists what is uncertain.
"""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote_to_bytes

from haoma.crypto.opening import open_json
from haoma.crypto.signing import is_rsa2, is_rsa_sha1
from haoma.crypto.strict import decode_base64, parse_json_object
from haoma.errors import CannotOpen, EnvelopeError
from haoma.platforms.base.contract import Heard
from haoma.platforms.base.withdrawals import AUTHORIZATION, withdraw
from haoma.verified import Subject

if TYPE_CHECKING:
    from collections.abc import Mapping

    from haoma.platforms.alipay.app import AlipayApp
    from haoma.steps import Flow

_CANCELLED: Final = "alipay.open.auth.userauth.cancelled"
_HEARD: Final = "success"
_MOST: Final = 20
_OLDEST: Final = 26 * 3600.0
"""Alipay posts an unanswered message eight times within 25 hours. Whether a repeated one has a new ``utc_timestamp`` is
not documented."""
_EARLIEST: Final = 300.0
_BAD_ESCAPE: Final = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_NAME: Final = re.compile(rb"[a-z][a-z0-9_]{0,39}")
_FORMS: Final = MappingProxyType(
    {
        "app_id": re.compile(r"[0-9]{1,32}"),
        "biz_content": re.compile(r".+", re.DOTALL),
        "charset": re.compile(r"[0-9A-Za-z-]{1,20}"),
        "encrypt_type": re.compile(r"[0-9A-Za-z_]{1,10}"),
        "msg_app_id": re.compile(r"[0-9]{1,32}"),
        "msg_method": re.compile(r"[a-z0-9._]{1,100}"),
        "msg_type": re.compile(r"[a-z]{1,10}"),
        "msg_uid": re.compile(r"[0-9]{1,32}"),
        "notify_id": re.compile(r"[0-9A-Za-z_-]{1,64}"),
        "sign": re.compile(r"[0-9A-Za-z+/=]{1,1024}"),
        "sign_type": re.compile(r"[0-9A-Z]{1,10}"),
        "utc_timestamp": re.compile(r"[0-9]{13}"),
        "version": re.compile(r"1\.[01]"),
    }
)
"""The documented fields of a message. Those of older messages (``msg_…``) and of encryption may be missing."""
_NEEDED: Final = _FORMS.keys() - {"encrypt_type", "msg_app_id", "msg_type", "msg_uid"}
_TIME: Final = re.compile(r"[0-9]{13}")
_ID: Final = re.compile(r"[0-9A-Za-z_-]{6,64}")


def take_push(app: AlipayApp, _query: Mapping[str, str], body: bytes, now: float) -> Flow[Heard]:
    """Handle a message from Alipay.

    Raises:
        CannotOpen: ``trust.cannot-open``, for anything wrong with it.
    """
    # (1) to (5)
    message = read_message(app, body, now)
    # (6)
    if message["msg_method"] != _CANCELLED:
        return Heard(_HEARD, "other")
    # (7)
    content = _read_content(app, message)
    named = content.get("auth_app_id", content.get("app_id", message["app_id"]))
    if named != app.app_id:
        raise CannotOpen(step=7, diagnosis="app_id")
    who = Subject(openid=_id(content, "open_id"), unionid=_id(content, "union_id"), user_id=_id(content, "user_id"))
    if not (who.openid or who.user_id):
        raise CannotOpen(step=7, diagnosis="no user")
    at = str(content.get("cancel_time", message["utc_timestamp"]))
    if not _TIME.fullmatch(at) or int(at) / 1000 - now > _EARLIEST:
        raise CannotOpen(step=7, diagnosis="cancel_time")
    # (8)
    key = message["notify_id"]
    return (yield from withdraw(app, who, what=AUTHORIZATION, at=int(at) / 1000, key=key, said=_HEARD))


def read_message(app: AlipayApp, body: bytes, now: float) -> dict[str, str]:
    """Return the fields of a message that Alipay has signed for this app.

    Raises:
        CannotOpen: ``trust.cannot-open``, for any failure.
    """
    # (1)
    fields = _read_form(body)
    # (2)
    _check_signature(app, fields)
    # (3)
    unlisted = tuple(sorted(fields.keys() - _FORMS.keys()))
    if unlisted or not fields.keys() >= _NEEDED:
        raise CannotOpen(step=3, diagnosis="fields", unlisted=unlisted)
    try:
        found = {name: value.decode("utf-8") for name, value in fields.items()}
    except UnicodeDecodeError:
        raise CannotOpen(step=3, diagnosis="text") from None
    for name, value in found.items():
        if not _FORMS[name].fullmatch(value):
            raise CannotOpen(step=3, diagnosis=name)
    # (4)
    if found["app_id"] not in (app.app_id, app.isv_app_id):
        raise CannotOpen(step=4, diagnosis="app_id")
    # (5)
    if not -_EARLIEST <= now - int(found["utc_timestamp"]) / 1000 <= _OLDEST:
        raise CannotOpen(step=5, diagnosis="time")
    return found


def _read_form(body: bytes) -> dict[str, bytes]:
    pairs = [pair.partition(b"=") for pair in body.split(b"&", _MOST)]
    names = [name for name, _, _ in pairs]
    if len(pairs) > _MOST or len(set(names)) != len(names) or not all(map(_NAME.fullmatch, names)):
        raise CannotOpen(step=1, diagnosis="form")
    if not all(value for _, _, value in pairs) or _BAD_ESCAPE.search(body):
        raise CannotOpen(step=1, diagnosis="form")
    return {name.decode("ascii"): unquote_to_bytes(value.replace(b"+", b" ")) for name, _, value in pairs}


def _check_signature(app: AlipayApp, fields: dict[str, bytes]) -> None:
    try:
        signature = decode_base64(fields.get("sign", b"").decode("ascii"), "sign")
    except (UnicodeDecodeError, EnvelopeError):
        raise CannotOpen(step=2, diagnosis="sign") from None
    for without in (("sign", "sign_type"), ("sign",)):
        names = sorted(fields.keys() - set(without))
        signed = b"&".join(name.encode("ascii") + b"=" + fields[name] for name in names)
        for key in app.public_keys:
            if is_rsa2(key, signature, signed) or (app.allow_sha1_signatures and is_rsa_sha1(key, signature, signed)):
                return
    raise CannotOpen(step=2, diagnosis="signature", because={"keys_tried": len(app.public_keys)})


def _read_content(app: AlipayApp, message: dict[str, str]) -> dict[str, Any]:
    text = message["biz_content"]
    try:
        if "encrypt_type" not in message:
            return parse_json_object(text)
        sealed = decode_base64(text, "biz_content")
    except EnvelopeError:
        raise CannotOpen(step=7, diagnosis="biz_content") from None
    for cipher in (*app.ciphers, *([app.isv_cipher] if app.isv_cipher else [])):
        try:
            return open_json(cipher, sealed)
        except CannotOpen:
            continue
    raise CannotOpen(step=7, diagnosis="sealed")


def _id(content: dict[str, Any], name: str) -> str:
    """Return a user's id, or nothing if there is none.

    Raises:
        CannotOpen: ``trust.cannot-open``: it does not look like one.
    """
    value = content.get(name, "")
    if not isinstance(value, str) or (value and not _ID.fullmatch(value)):
        raise CannotOpen(step=7, diagnosis=name)
    return value
