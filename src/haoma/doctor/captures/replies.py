"""Answers of Douyin, Baidu, Kuaishou, Huawei and DingTalk.

Each platform says yes and no in a way of its own; what its flow reads, the doctor has to recognise without being told
whose it is. The shapes are those of the platforms' ``api.py`` and ``fetch.py``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from haoma import catalogue
from haoma.crypto.decrypting import open_json_rsa
from haoma.crypto.strict import decode_base64, repair_base64
from haoma.doctor.captures.capture import Captured, Looked
from haoma.doctor.captures.native_codes import meanings
from haoma.doctor.diagnosis import Diagnosis, fault, good, note, of_error
from haoma.errors import BadBase64, CannotOpen
from haoma.phone import from_parts
from haoma.platforms.douyin.app import DouyinApp
from haoma.platforms.douyin.payload import read_payload

if TYPE_CHECKING:
    from collections.abc import Iterator

_NUMBER: Final = re.compile(r"-?\d{1,12}", re.ASCII)
_WORDS: Final = (
    "err_tips", "err_msg", "error_msg", "msg", "error_description", "description", "resultDesc", "message", "error",
)  # fmt: skip
_IDS: Final = ("log_id", "logid", "request_id", "requestid", "requestId")
_GIVEN: Final = (
    "session_key", "openid", "open_id", "openId", "unionid", "unionId", "access_token", "accessToken", "refresh_token",
    "refreshToken", "expires_in", "expireIn", "anonymous_openid",
)  # fmt: skip
_BLOCKS: Final = (256, 384, 512)  # RSA-2048, 3072, 4096
_OUTSIDE: Final = ("length", "padding", "text")  # where it ends with a key that is not the right one
_BARE: Final = re.compile(r"[A-Za-z0-9+/\s]{340,700}={0,2}")


def look(captured: Captured) -> Looked | None:
    """Look at an answer of one of these platforms; None if it is none."""
    found = captured.object
    if not found or {"errMsg", "detail", "authorization"} & found.keys():
        return None  # what a front end has
    for platform, read in _READERS.items():
        codes = read(found)
        if codes is not None:
            app = captured.named
            told = [*_elsewhere(captured, platform)] if app is not None and captured.app else []
            return Looked(f"{platform}-reply", [*told, *_answered(captured, platform, codes)])
    return None


def _elsewhere(captured: Captured, platform: str) -> Iterator[Diagnosis]:
    app = captured.named
    if app is not None and app.platform != platform:
        yield fault("doctor.other-platform", f"apps.{app.name}", looks_like=platform)


def _answered(captured: Captured, platform: str, codes: list[str]) -> Iterator[Diagnosis]:
    found = captured.object
    code = next((each for each in codes if each != _SUCCESS.get(platform, "0")), "")
    holders = [found, *(each for name in ("data", "extra") if isinstance(each := found.get(name), Mapping))]
    if code:
        request_id = _text(holders, _IDS)
        yield from meanings(captured, platform, code, _text(holders, _WORDS), request_id=request_id[:80])
    elif platform == "douyin" and isinstance(found.get("data"), str):
        yield from douyin_number(captured, found["data"])
    elif (number := _NUMBERS.get(platform, _no_number)(found)) is not None:
        yield from number
    elif platform == "dingtalk" and "accessToken" not in found:
        yield from meanings(captured, platform, "mobile-missing", place="phone")
    else:
        names = sorted({name for each in holders for name in _GIVEN if name in each})
        holds: dict[str, Any] = {"holds": ", ".join(names)} if names else {}
        yield note("doctor.reply-good", "", **holds)


def _text(holders: list[Mapping[str, Any]], names: tuple[str, ...]) -> str:
    texts = (holder.get(name) for holder in holders for name in names)
    return next((text for text in texts if isinstance(text, str) and text), "")


# --- whose it is: the codes in it, empty for a success without one, None if it is not this platform's ---------------


def _code(value: object) -> list[str]:
    if isinstance(value, int) and not isinstance(value, bool):
        return [str(value)]
    return [value] if isinstance(value, str) and _NUMBER.fullmatch(value) else []


def _douyin(found: Mapping[str, Any]) -> list[str] | None:
    inner = [each for name in ("data", "extra") if isinstance(each := found.get(name), Mapping)]
    codes = [*_code(found.get("err_no")), *(code for each in inner for code in _code(each.get("error_code")))]
    if {"errcode", "error", "message"} <= found.keys():  # jscode2session, version 1
        return _code(found["errcode"]) or None
    return codes or None


def _baidu(found: Mapping[str, Any]) -> list[str] | None:
    if {"errno", "error_code"} & found.keys():
        return [*_code(found.get("error_code")), *_code(found.get("errno"))] or None
    error = found.get("error")
    if isinstance(error, str) and ("error_description" in found or error in catalogue.refusals("baidu")):
        return [error]
    if {"access_token", "refresh_token", "scope"} <= found.keys():
        return []
    return [] if "openid" in found and _is_key_of(found.get("session_key"), 24) else None


def _is_key_of(value: object, size: int) -> bool:
    try:
        return isinstance(value, str) and len(decode_base64(value, "session_key")) == size
    except BadBase64:
        return False


def _kuaishou(found: Mapping[str, Any]) -> list[str] | None:
    if not {"error", "error_msg", "session_key", "open_id", "access_token"} & found.keys() and len(found) > 1:
        return None
    return _code(found.get("result")) or None


def _huawei(found: Mapping[str, Any]) -> list[str] | None:
    if "resultCode" in found:
        return _code(found["resultCode"]) or None
    return [] if {"phoneCountryCode", "purePhoneNumber"} <= found.keys() else None


def _dingtalk(found: Mapping[str, Any]) -> list[str] | None:
    code = found.get("code")
    if isinstance(code, str | int) and "message" in found and {"requestid", "requestId"} & found.keys():
        return [str(code)[:120]]
    if "errcode" in found and catalogue.find_refusal("dingtalk", str(found["errcode"])):  # of the older interface
        return [str(found["errcode"])]
    if {"accessToken", "expireIn"} <= found.keys():
        return []
    person = {"openId", "unionId", "nick", "mobile", "stateCode"} & found.keys()
    return [] if len(person) >= 2 and {"openId", "unionId"} & person else None


_READERS: Final[Mapping[str, Callable[[Mapping[str, Any]], list[str] | None]]] = {
    "douyin": _douyin, "huawei": _huawei, "dingtalk": _dingtalk, "kuaishou": _kuaishou, "baidu": _baidu,
}  # fmt: skip
_SUCCESS: Final = {"kuaishou": "1"}


# --- numbers ----------------------------------------------------------------------------------------------------------


def _number_of_huawei(found: Mapping[str, Any]) -> list[Diagnosis] | None:
    abroad = str(found.get("phoneCountryCode", "")).lstrip("+").lstrip("0")
    number = from_parts(abroad, str(found.get("purePhoneNumber", "")))
    if number is None:
        return [fault("outside.nonsense-reply", "", field="purePhoneNumber")]
    stale = {"phoneNumberValid": 0} if found.get("phoneNumberValid") == 0 else {}
    return [good("doctor.reply-good", "", number=number.masked, **stale)]


def _number_of_dingtalk(found: Mapping[str, Any]) -> list[Diagnosis] | None:
    if found.get("mobile") in (None, ""):
        return None
    number = from_parts(str(found.get("stateCode", "")).removeprefix("+"), str(found["mobile"]))
    if number is None:
        return [fault("outside.nonsense-reply", "", field="mobile")]
    return [good("doctor.reply-good", "", number=number.masked)]


def _no_number(_found: Mapping[str, Any]) -> list[Diagnosis] | None:
    return None


_NUMBERS: Final[Mapping[str, Callable[[Mapping[str, Any]], list[Diagnosis] | None]]] = {
    "huawei": _number_of_huawei, "dingtalk": _number_of_dingtalk,
}  # fmt: skip


def douyin_ciphertext(captured: Captured) -> Looked | None:
    """Look at a bare ciphertext of Douyin's; None if it cannot be one. By its length it may also be a signature."""
    text = captured.text.strip().strip('"')
    if not _BARE.fullmatch(text) or len(_block(text)) not in _BLOCKS:
        return None
    found = douyin_number(captured, text)
    return Looked("douyin-sealed", [replace(each, guess=each.code == "doctor.wrong-private-key") for each in found])


def _block(text: str) -> bytes:
    try:
        return decode_base64(repair_base64(text), "data")
    except (BadBase64, ValueError):
        return b""


def douyin_number(captured: Captured, text: str) -> Iterator[Diagnosis]:
    """Try the private keys of the configured apps on what Douyin encrypted."""
    apps = [app for app in captured.apps("douyin") if isinstance(app, DouyinApp) and app.private_keys]
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
    for name, refused in inside.items():  # a key opens it, but what it holds is not this app's, or no number
        if refused.diagnosis == "watermark-app":
            yield fault("doctor.watermark-app", f"apps.{name}", failed_at=refused.diagnosis)
        yield of_error(refused.evolve(platform="douyin", app=name))
        return
    tried = sum(len(app.private_keys) for app in apps)
    bits = ", ".join(sorted({str(key.key_size) for app in apps for key in app.private_keys}))
    where = f"apps.{apps[0].name}.app_private_key"
    yield fault("doctor.wrong-private-key", where, keys_tried=tried, key_bits=bits, ciphertext_bits=8 * len(block))
