"""What Douyin's replies, sealed numbers, codes, ids and settings look like."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from haoma.crypto.decrypting import open_json_rsa
from haoma.crypto.strict import decode_base64, repair_base64
from haoma.errors import BadBase64, CannotOpen
from haoma.platforms.base.diagnosis import Diagnosis, fault, good, note, of_error, warning
from haoma.platforms.base.symptoms import ERRCODE, Captured, Looked, ReplyFields, Symptoms, code_of, look_at_reply
from haoma.platforms.douyin.app import DouyinApp
from haoma.platforms.douyin.payload import read_payload

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

_BLOCKS: Final = (256, 384, 512)  # RSA-2048, 3072, 4096
_OUTSIDE: Final = ("length", "padding", "text")  # where an opening with a wrong key fails
_BARE: Final = re.compile(r"[A-Za-z0-9+/\s]{340,700}={0,2}")
_FIELDS: Final = ReplyFields(
    words=("err_tips", "err_msg"),
    ids=("log_id", "logid"),
    given=("anonymous_openid",),
)


def reply(captured: Captured) -> Looked | None:
    """Diagnose an answer of Douyin's API; return None if the capture is not one."""
    return look_at_reply(captured, "douyin", _codes, given=_given, fields=_FIELDS)


def _codes(found: Mapping[str, Any]) -> list[str] | None:
    inner = [each for name in ("data", "extra") if isinstance(each := found.get(name), Mapping)]
    codes = [*code_of(found.get("err_no")), *(code for each in inner for code in code_of(each.get("error_code")))]
    if {"errcode", "error", "message"} <= found.keys():  # jscode2session, version 1
        return code_of(found["errcode"]) or None
    return codes or None


def _given(captured: Captured) -> Iterator[Diagnosis] | None:
    data = captured.object.get("data")
    return _number(captured, data) if isinstance(data, str) else None


def bare(captured: Captured) -> Looked | None:
    """Diagnose a bare ciphertext; return None if it cannot be one. Its length also fits a signature."""
    text = captured.text.strip().strip('"')
    if not _BARE.fullmatch(text) or len(_block(text)) not in _BLOCKS:
        return None
    found = _number(captured, text)
    return Looked("douyin-sealed", [replace(each, guess=each.code == "doctor.wrong-private-key") for each in found])


def _block(text: str) -> bytes:
    try:
        return decode_base64(repair_base64(text), "data")
    except (BadBase64, ValueError):
        return b""


def _number(captured: Captured, text: str) -> Iterator[Diagnosis]:
    """Try the configured apps' private keys on what Douyin encrypted."""
    apps: list[DouyinApp] = [app for app in captured.apps("douyin") if app.private_keys]
    if not apps:
        yield note("doctor.no-configuration", "data")
        return
    block, inside = _block(text), dict[str, CannotOpen]()
    for app in apps:
        for key in app.private_keys:
            try:
                number = read_payload(app, open_json_rsa(key, block))
            except CannotOpen as error:
                if error.diagnosis not in _OUTSIDE:
                    inside[app.name] = error
                continue
            yield good("doctor.envelope-good", f"apps.{app.name}", number=number.masked)
            if captured.app and captured.app != app.name:
                yield fault("doctor.other-apps-envelope", f"apps.{captured.app}", belongs_to=app.name)
            return
    for name, refused in inside.items():  # a key opens it, but the contents are not this app's, or hold no number
        if refused.diagnosis == "watermark-app":
            yield fault("doctor.watermark-app", f"apps.{name}", failed_at=refused.diagnosis)
        yield of_error(refused.evolve(platform="douyin", app=name))
        return
    tried = sum(len(app.private_keys) for app in apps)
    bits = ", ".join(sorted({str(key.key_size) for app in apps for key in app.private_keys}))
    where = f"apps.{apps[0].name}.app_private_key"
    yield fault("doctor.wrong-private-key", where, keys_tried=tried, key_bits=bits, ciphertext_bits=8 * len(block))


def examine(app: DouyinApp) -> Iterator[Diagnosis]:
    """Yield what is unwise in an app's settings.

    The session_key flow has no signature, and a login needs the AppSecret.
    """
    if app.accept_encrypted_data:
        yield warning("doctor.encrypted-data-on", f"apps.{app.name}.accept_encrypted_data")
    if app.app_secret is None:
        yield note("doctor.no-login", f"apps.{app.name}.app_secret")


def _private_keys(app: DouyinApp) -> Sequence[RSAPrivateKey]:
    return app.private_keys


SYMPTOMS: Final = Symptoms(
    kinds=("douyin-reply", "douyin-sealed"),
    reply=reply,
    reply_fields=_FIELDS,
    turn=10,
    bare=bare,
    nobody=DouyinApp(name="", platform="douyin", app_id="", accept_encrypted_data=True),
    behind_cannot_open={5: "doctor.wrong-private-key"},  # of Douyin's reply, not of what the user sent
    code_fields={"err_no": 0, "error_code": 0, ERRCODE: 2},
    interfaces={
        r"oauth/(?:stable_)?client_token": "token",
        r"(?:toutiao\.com|douyin\.com|snssdk\.com)/api/apps/(?:v\d/)?jscode2session": "login",
        r"get_phonenumber_info": "phone",
    },
    app_id=re.compile(r"tt[0-9a-f]{16,18}"),
    knows_app_id=True,
    examine=examine,
    private_keys=_private_keys,
    api="tt",
    markup=".ttml",
    markup_binds=True,
)
