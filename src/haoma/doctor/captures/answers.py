"""Answers: WeChat's, Alipay's gateway's, and haoma's own."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import msgspec

from haoma import catalogue
from haoma.crypto.signing import is_rsa2
from haoma.crypto.strict import decode_base64, parse_json
from haoma.doctor.captures.capture import Captured, Looked
from haoma.doctor.captures.native_codes import has_meaning, meanings, place_of
from haoma.doctor.captures.unwrap import is_of_a_back_end
from haoma.doctor.diagnosis import Diagnosis, Severity, fault, good, masked, note, of_error, warning
from haoma.errors import BY_CODE, HaomaError, ReplySignatureMismatch, ReplyUnsigned
from haoma.phone import from_parts
from haoma.platforms.alipay.app import AlipayApp
from haoma.platforms.base.refusal import refusal
from haoma.platforms.registry import PLATFORMS

if TYPE_CHECKING:
    from collections.abc import Iterator

_DEAD_TOKEN: Final = ("40001", "40014", "42001")
_WELL: Final = ("0", "200")
_SHORT: Final = 4  # digits: HTTP's numbers, and counters that mean something else everywhere
_NODES: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_E164: Final = re.compile(r"\+(\d{1,3}?)(\d{5,14})")


# --- WeChat ---


def wechat(captured: Captured) -> Looked | None:
    """Look at an answer of WeChat's API; None if it is none."""
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
    # A token is fetched with the secret, and its refusal names it; nothing tells the other calls apart.
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
        yield _number(phone if isinstance(phone, Mapping) else {}, f"apps.{owner.name}" if owner else "")


def _number(phone: Mapping[str, Any], where: str) -> Diagnosis:
    number = from_parts(str(phone.get("countryCode", "")), str(phone.get("purePhoneNumber", "")))
    if number is None:
        return fault("outside.nonsense-reply", where, field="purePhoneNumber")
    return good("doctor.reply-good", where, number=number.masked)


# --- Alipay's gateway ---


def gateway(captured: Captured) -> Looked | None:
    """Look at an answer of Alipay's gateway; None if it is none."""
    whole = captured.object
    name = next((each for each in whole if each.endswith("_response") and isinstance(whole[each], dict)), "")
    if not name:
        return None
    node = whole[name]
    found = list(_signature(captured, name, node, whole.get("sign")))
    code = node.get("code")
    if name == "error_response" or (code is not None and str(code) != "10000"):
        words = str(node.get("sub_msg") or node.get("msg") or "")
        error = refusal("alipay", str(code), sub=str(node.get("sub_code", "")), place="login", message=words)
        found.insert(0, of_error(error))
    elif all(each.severity is Severity.GOOD for each in found):
        found.append(good("doctor.reply-good", "", holds=", ".join(sorted(map(str, node)))[:120]))
    return Looked("alipay-reply", found)


def _signature(captured: Captured, name: str, node: Mapping[str, Any], sign: object) -> Iterator[Diagnosis]:
    if not isinstance(sign, str) or not sign:
        if name != "error_response":
            yield of_error(ReplyUnsigned(platform="alipay"))
        return
    apps = [app for app in captured.apps("alipay") if isinstance(app, AlipayApp)]
    try:
        signature = decode_base64(sign, "sign")
        signed = bytes(_NODES(captured.text.encode("utf-8"))[name])
    except (HaomaError, msgspec.MsgspecError):
        signature, signed = b"", b""
    signer = next((app for app in apps for key in app.public_keys if is_rsa2(key, signature, signed)), None)
    if signer is not None:
        yield good("doctor.reply-good", f"apps.{signer.name}", signed=name)
    elif apps:
        del node
        yield of_error(
            ReplySignatureMismatch(platform="alipay", because={"keys_tried": sum(len(app.public_keys) for app in apps)})
        )
        yield fault("doctor.wrong-public-key", f"apps.{apps[0].name}.alipay_public_key", guess=True)


# --- a back end's ---


def of_a_back_end(captured: Captured) -> Looked | None:
    """Look at an answer of somebody's own program; None if it is none. What is told inside is for others to say."""
    found = captured.object
    if not is_of_a_back_end(found):
        return None
    code, words = str(found["code"]), str(found.get("msg") or found.get("message") or "")
    known = [platform for platform in PLATFORMS if len(code) > _SHORT and has_meaning(platform, code)]
    handed_on = meanings(captured, known[0], code, words) if len(known) == 1 else ()
    say = note if code in _WELL else warning
    itself = say("doctor.own-back-end", "", answered=code[:12], says=masked(words)[:120])
    return Looked("back-end", [*(replace(each, guess=True) for each in handed_on), itself])


# --- haoma's own ---


def problem(captured: Captured) -> Looked | None:
    """Look at a refusal that haoma answered; None if it is none."""
    found = captured.object
    code = found.get("code")
    if not isinstance(code, str) or code not in catalogue.codes():
        return None
    cls = BY_CODE.get(code)
    platform, native = str(found.get("platform", "")), str(found.get("platform_code", ""))
    if cls is None or code == "config.faults":
        return Looked("haoma-problem", [Diagnosis(code, Severity.FAULT)])
    error = cls(
        platform=platform,
        app=str(found.get("app", "")),
        step=int(step) if isinstance(step := found.get("step"), int) else 0,
        platform_code=native,
        place=place_of(platform, native, code),
        platform_sub_code=str(found.get("platform_sub_code", "")),
        platform_message=masked(str(found.get("platform_message", "")))[:300],
    )
    if code == "platform.ip-not-allowed":
        error = error.evolve(platform_message=str(found.get("platform_message", ""))[:300])
    return Looked("haoma-problem", [of_error(error), *_behind(code, platform, error.step)])


def _behind(code: str, platform: str, step: int) -> Iterator[Diagnosis]:
    """Say what a refusal that tells callers little usually means."""
    if code == "platform.token-rejected":
        yield warning("doctor.token-war", "", guess=True)
    elif code == "platform.code-rejected":
        yield warning("doctor.login-code-as-phone-code", "", guess=True)
    elif code == "trust.cannot-open" and (platform, step) == ("douyin", 5):  # its reply, not what the user sent
        yield warning("doctor.wrong-private-key", "", guess=True)
    elif code == "trust.cannot-open" and platform != "alipay":
        yield warning("doctor.session-key-stale", "", guess=True)
    elif code == "trust.signature-mismatch":
        yield warning("doctor.wrong-public-key", "", guess=True)


def results(captured: Captured) -> Looked | None:
    """Look at results of haoma, one a line or in a list; None if they are none.

    One number with several users is what becomes two accounts of one person, or one account of two.
    """
    given: Iterable[object] = captured.value if isinstance(captured.value, list) else [captured.value]
    if captured.value is None:
        given = (_line(line) for line in captured.text.splitlines() if line.strip())
    listed: list[Mapping[str, Any]] = []
    for each in given:
        if not isinstance(each, Mapping) or not {"masked", "checks"} <= each.keys():
            return None
        listed.append(each)
    return Looked("haoma-results", list(_duplicates(listed))) if listed else None


def _line(text: str) -> object:
    try:
        return parse_json(text)
    except HaomaError:
        return None


def _duplicates(listed: list[Mapping[str, Any]]) -> Iterator[Diagnosis]:
    users: dict[str, dict[tuple[str, str], set[str]]] = defaultdict(lambda: defaultdict(set))
    shown: dict[str, str] = {}
    for each in listed:
        number = str(each.get("phone_number") or each["masked"])
        shown[number] = str(each["masked"])
        subject = each.get("subject")
        place = str(each.get("platform", "")), str(each.get("app", ""))
        if isinstance(subject, Mapping):
            users[number][place].add(str(subject.get("openid") or subject.get("user_id") or ""))
        else:
            yield note("doctor.no-login", f"apps.{place[1]}", number=shown[number])
    clean = True
    for number, places in users.items():
        count = sum(len(ids) for ids in places.values())
        if count > 1:
            clean = False
            apps = ", ".join(dict.fromkeys(app for _platform, app in places))
            yield warning("doctor.account-duplicate", "", number=shown[number], users=count, apps=apps)
    if clean:
        yield good("doctor.reply-good", "", results=len(listed))
