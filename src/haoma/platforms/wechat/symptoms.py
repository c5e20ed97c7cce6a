"""What WeChat's replies, codes, ids and settings look like, and the free requests that the doctor makes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from haoma import catalogue
from haoma.crypto import keys
from haoma.errors import ButtonFailed, HaomaError, OutsideError
from haoma.phone import from_parts
from haoma.platforms.base.diagnosis import Diagnosis, Severity, fault, good, note, of_error, warning
from haoma.platforms.base.refusal import refusal
from haoma.platforms.base.symptoms import ERRCODE, Captured, Looked, PlatformKeys, Symptoms, meanings, number_in
from haoma.platforms.wechat.app import WeChatApp
from haoma.platforms.wechat.token import Access, without_harm
from haoma.platforms.wechat.usage import usage

if TYPE_CHECKING:
    from collections.abc import Collection

    from haoma.platforms.base.symptoms import Run

# Shapes seen in practice, not promised by WeChat: a phone code has 64 hex digits, a login code 32 characters.
_PHONE_CODE: Final = re.compile(r"[0-9a-f]{64}")
_LOGIN_CODE: Final = re.compile(r"[0-9A-Za-z_-]{32}")
_LOGIN_CODE_ALONE: Final = re.compile(r"0(?=\w*[A-Z])[0-9A-Za-z_-]{31}")
_ACCESS_TOKEN: Final = re.compile(r"\d{1,4}_[A-Za-z0-9_-]{60,600}")
_APP_SECRET: Final = re.compile(r"[0-9a-f]{32}")
_DEAD_TOKEN: Final = ("40001", "40014", "42001")
_NOT_PERMITTED: Final = "no permission"
_ITS_ERRNO: Final = "102"  # developers report the two together; no page documents it
_CHECK: Final = "/wxa/business/checkencryptedmsg"  # free, and uses nothing up
_UNKNOWN_HASH: Final = "0" * 64
_COMPONENTS: Final = {"getPhoneNumber": False, "getRealtimePhoneNumber": True}  # sold separately
_UNKNOWN: Final = ("1", "40097", "-1")  # possible answers with a good token: "not mine", "not a hash", busy


# --- captures ---


def reply(captured: Captured) -> Looked | None:
    """Diagnose an answer of WeChat's API; return None if the capture is not one."""
    found = captured.object
    if "errcode" in found:
        code = str(found["errcode"])
        if code == "0":
            return Looked("wechat-reply", list(_given(captured, found)))
        return Looked("wechat-reply", list(_refused(captured, code, str(found.get("errmsg", "")))))
    if {"purePhoneNumber", "watermark"} <= found.keys():
        return Looked("decrypted", list(_given(captured, {"phone_info": found})))
    if "session_key" in found and "openid" in found:
        return Looked("wechat-reply", [note("doctor.reply-good", "", holds="session_key, openid")])
    if "access_token" in found and "expires_in" in found:
        return Looked(
            "wechat-reply",
            [note("doctor.reply-good", "", holds="access_token", expires_in=str(found["expires_in"])[:8])],
        )
    return None


def _refused(captured: Captured, code: str, words: str) -> Iterator[Diagnosis]:
    # A token is fetched with the secret, and its refusal names the secret. Nothing tells the other calls apart.
    said = words.lower()
    from_token = ("appsecret" in said or "invalid grant_type" in said) and catalogue.find_refusal("wechat", code)
    yield from meanings(captured, "wechat", code, words, place="token" if from_token else "")
    if code in _DEAD_TOKEN:
        yield warning("doctor.token-war", "", guess=True, platform_code=code)


def _given(captured: Captured, found: Mapping[str, Any]) -> Iterator[Diagnosis]:
    phone = found.get("phone_info")
    watermark = phone.get("watermark") if isinstance(phone, Mapping) else None
    app_id = watermark.get("appid") if isinstance(watermark, Mapping) else None
    apps = captured.apps("wechat")
    owner = next((app for app in apps if app.app_id == app_id), None)
    wrong = app_id is not None and apps and (owner is None or (captured.app and owner.name != captured.app))
    if wrong:
        belongs: dict[str, Any] = {"belongs_to": owner.name} if owner else {}
        yield fault(
            "doctor.watermark-app", f"apps.{captured.app}" if captured.app else "", appid=str(app_id)[:18], **belongs
        )
    elif "phone_info" not in found:
        yield good("doctor.reply-good", "")
    else:
        given: Mapping[str, Any] = phone if isinstance(phone, Mapping) else {}
        number = from_parts(str(given.get("countryCode", "")), str(given.get("purePhoneNumber", "")))
        yield number_in(number, "purePhoneNumber", f"apps.{owner.name}" if owner else "")


def value(text: str) -> Looked | None:
    """Diagnose a bare value without its name: a code, a token, a secret; return None if it has no known shape."""
    for shape, kind, found in (
        (_PHONE_CODE, "phone-code", note("doctor.code-not-asked", "", guess=True, characters=len(text))),
        (_LOGIN_CODE_ALONE, "login-code", note("doctor.code-not-asked", "", guess=True, characters=len(text))),
        (_ACCESS_TOKEN, "secret", warning("doctor.secret-pasted", "", guess=True, what="access_token")),
        (_APP_SECRET, "secret", warning("doctor.secret-pasted", "", guess=True, what="AppSecret")),
    ):
        if shape.fullmatch(text):
            return Looked(kind, [found])
    return None


def is_login_code(code: str) -> bool:
    """Return whether a code has the shape of a login code."""
    return _LOGIN_CODE.fullmatch(code) is not None and _PHONE_CODE.fullmatch(code) is None


def refine(error: HaomaError, words: str) -> Diagnosis | None:
    """Return the missing permission that an event names only in its message."""
    if isinstance(error, ButtonFailed) and _NOT_PERMITTED in words and "errno" not in error.because:
        permission = refusal("wechat", _ITS_ERRNO, place="button", message=words)
        return replace(of_error(permission), guess=True)
    return None


# --- settings ---


def examine(app: WeChatApp) -> Iterator[Diagnosis]:
    """Yield what is unwise in an app's settings.

    The session_key flow has no signature, but WeChat can be asked whether a ciphertext is its own. Without an AppSecret
    no user can log in, except on a third-party platform, which uses its own token. WeChat's replies are verified with
    WeChat's certificate; with the app's own certificate in its place, every reply is refused.
    """
    where = f"apps.{app.name}"
    if app.accept_encrypted_data and not app.check_encrypted_message:
        yield warning("doctor.encrypted-data-on", f"{where}.accept_encrypted_data")
    if app.component is None and app.app_secret is None:
        yield note("doctor.no-login", f"{where}.app_secret")
    security = app.security
    if security and any(keys.same_key(security.private_key.public_key(), each) for each in security.platform_keys):
        yield fault("doctor.own-key-as-wechats", f"{where}.api_certificate")


def platform_keys(app: WeChatApp, _settings: Collection[str]) -> PlatformKeys | None:
    """Return WeChat's public keys, which verify its replies."""
    if app.security is None:
        return None
    return PlatformKeys("api_certificate", "doctor.own-key-as-wechats", tuple(app.security.platform_keys))


# --- questions ---


def ask_with_token(app: WeChatApp, run: Run) -> Iterator[Diagnosis]:
    """Use the token for a free request. If a fresh token is dead, somebody else has replaced it."""
    if app.in_cloud:
        return
    access = Access(without_harm(app))
    try:
        answer = run(access.post(_CHECK, {"encrypted_msg_hash": _UNKNOWN_HASH}))
    except OutsideError as error:
        yield of_error(_placed(error, app), severity=Severity.WARNING, asked="checkencryptedmsg")
        return
    except HaomaError:
        return  # there is no token, which has been reported already
    if answer.says_token_is_dead():
        yield fault("doctor.token-war", f"apps.{app.name}", platform_code=answer.errcode)
        return
    if access.renewed:
        yield warning("doctor.token-war", f"apps.{app.name}", platform_code="40001")
    if answer.refused and answer.errcode not in _UNKNOWN:
        refused = answer.refusal("check", 0, app.app_secret)
        yield of_error(_placed(refused, app), asked="checkencryptedmsg", severity=Severity.WARNING)


def ask_for_quota(app: WeChatApp, run: Run) -> Iterator[Diagnosis]:
    """Warn before the paid quota is used up. After that, the button fails on the device and no server learns of it."""
    where = f"apps.{app.name}"
    if app.in_cloud or app.component is not None:
        yield note("doctor.quota-unknown", where, token=app.issuer)
        return
    for component, realtime in _COMPONENTS.items():
        try:
            found = run(usage(without_harm(app), realtime=realtime))
        except HaomaError as error:
            # The ids of the products are undocumented, so a refusal says nothing about the app. But operators who
            # rely on the warning must learn that nothing is watching.
            why: dict[str, Any] = {"platform_code": error.platform_code} if error.platform_code else {}
            yield note("doctor.quota-unknown", where, component=component, reason=error.code, **why)
            continue
        if found.low:
            yield warning("doctor.quota-low", where, component=component, left=found.left, total=found.total)


def _placed(error: HaomaError, app: WeChatApp) -> HaomaError:
    return error.evolve(platform=error.platform or app.platform, app=error.app or app.name)


SYMPTOMS: Final = Symptoms(
    kinds=("wechat-reply",),
    reply=reply,
    turn=70,
    value=value,
    usual=True,
    nobody=WeChatApp(name="", platform="wechat", app_id="", accept_encrypted_data=True),
    refine=refine,
    is_login_code=is_login_code,
    code_fields={ERRCODE: 0},
    interfaces={
        r"(?:weixin\.qq\.com|(?<![\w.]))/sns/(?:component/)?jscode2session|(?<![\w./])jscode2session": "login",
        r"getuserphonenumber": "phone",
        r"checkencryptedmsg": "check",
        r"/component/api_(?:component_token|authorizer_token|create_preauthcode|query_auth)": "component",
        r"/cgi-bin/token|/cgi-bin/stable_token|grant_type=client_credential\b": "token",
    },
    missing={"component_verify_ticket": "no-ticket@component"},
    dead_token=_DEAD_TOKEN,
    pushed={"no-ticket": "component"},
    app_id=re.compile(r"wx[0-9a-f]{16}"),
    knows_app_id=True,
    app_secret=re.compile(r"[0-9a-fA-F]{32}"),
    examine=examine,
    platform_keys=platform_keys,
    shared_settings=("component_", "provider_"),
    certificates={"api_certificate": "doctor.certificate-of-wechat-ends"},
    probes=(ask_with_token, ask_for_quota),
    api="wx",
    markup=".wxml",
    markup_binds=True,
    realtime_button=True,
)
