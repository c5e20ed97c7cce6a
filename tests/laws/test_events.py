"""What a button's event says, platform by platform: what is asked, what is opened, and why it is refused if not."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest

from haoma import catalogue
from haoma.authorize import verify_with_session_key
from haoma.errors import ConnectFailed, HaomaError, PlatformRefusal
from haoma.platforms.base.mirroring import Answer, Call
from support.vector_cases import VECTORS
from support.wire import NOW, Bench, configured


def _settings(case: str) -> dict[str, Any]:
    found: dict[str, Any] = tomllib.loads((VECTORS / case / "app.toml").read_text("utf-8"))["apps"]["shop"]
    return {name: value for name, value in found.items() if name != "accept_encrypted_data"}


WECHAT, DOUYIN = _settings("wechat/code-mainland"), _settings("douyin/code-mainland")
KEYLESS = {name: value for name, value in DOUYIN.items() if name != "app_private_key"}
OLD: dict[str, Any] = {"accept_encrypted_data": True}
APPS = {
    "wechat": configured(**WECHAT),
    "wechat-sealed": configured(**WECHAT, **OLD),
    "douyin": configured(**DOUYIN),
    "douyin-sealed": configured(**KEYLESS, **OLD),
    "douyin-both": configured(**DOUYIN, **OLD),
    "kuaishou": configured(**_settings("kuaishou/event-deny_fail")),
    "xiaohongshu": configured(**_settings("xiaohongshu/event-deny_fail")),
    "baidu": configured(**_settings("baidu/event-deny_fail")),
    "huawei-scope": configured(**_settings("huawei/scope-event-cancelled_fail")),
}
SEALED = {"encryptedData": "A" * 43 + "=", "iv": "A" * 22 + "=="}
DECLINED, FAILED, MISSING = "envelope.user-declined", "envelope.button-failed", "envelope.missing-field"
ASKED, OTHER_SHAPE, OFF = "outside.connect-failed", "envelope.unknown-shape", "envelope.encrypted-data-off"
UNDECLARED = "platform.privacy-not-declared"
LOGIN = (MISSING, "login_code")  # what sealed data needs once it has been found


class Unreachable:
    """A platform that cannot be asked: that it was tried to is seen."""

    def answer(self, _call: Call, _now: float) -> Answer:
        raise ConnectFailed


def _told(app: str, event: dict[str, Any]) -> tuple[str, object]:
    """The error, and what it says: the platform's own word, the field that is missing, or the errno."""
    error = Bench(Unreachable()).refused(APPS[app], {"authorization": event})
    if isinstance(error, PlatformRefusal):
        assert error.because == {"unverified": True}
        return error.code, error.platform_code
    said = error.because.get("field", error.because.get("errno"))
    assert said != "login_code" or error.step == 1
    return error.code, said


EVERYWHERE = [
    ({"errMsg": "getPhoneNumber:fail user DENY"}, (DECLINED, None)),
    ({"errMsg": "getPhoneNumber:fail cancel"}, (DECLINED, None)),
    ({"response": "x", "sign": "x"}, (OTHER_SHAPE, None)),
    *(
        ({"errMsg": words}, (MISSING, "THE-FIELD"))
        for words in ("getPhoneNumber:ok", "", None, 5, ["deny"], {"fail": 1})
    ),
]
FIELDS = {"huawei-scope": "code", "wechat": "code", "wechat-sealed": "code", "douyin": "code", "douyin-both": "code"}


@pytest.mark.parametrize("app", APPS)
@pytest.mark.parametrize(("event", "told"), EVERYWHERE)
def test_on_every_platform(app: str, event: dict[str, Any], told: tuple[str, object]) -> None:
    """A user who declined, another platform's envelope, and words that say nothing."""
    field = FIELDS.get(app, "encryptedData")
    if (app, event) == ("xiaohongshu", {"errMsg": "getPhoneNumber:ok"}):
        told = (FAILED, None)  # seen on its devices: ok, and nothing in hand
    assert _told(app, event) == tuple(field if each == "THE-FIELD" else each for each in told)


@pytest.mark.parametrize(
    ("app", "event", "told"),
    [
        # WeChat: the code comes first; an errno says more than words; a number that is none says nothing.
        ("wechat", {"code": "a-code", "errMsg": "getPhoneNumber:fail user deny"}, (ASKED, None)),
        ("wechat-sealed", {"code": "a-code", **SEALED}, (ASKED, None)),
        ("wechat", {"code": "", "errMsg": "getPhoneNumber:fail", **SEALED}, (FAILED, None)),
        ("wechat", {"errMsg": "getPhoneNumber:fail user deny", "errno": 102}, (DECLINED, None)),
        ("wechat", {"errMsg": "fail not declared in the privacy agreement"}, (UNDECLARED, "112")),
        ("wechat", {"errMsg": "fail Not Declared in the privacy agreement", "errno": 0}, (UNDECLARED, "112")),
        ("wechat", {"errMsg": "fail privacy permission is not authorized", "errno": "0"}, (UNDECLARED, "104")),
        ("wechat", {"errMsg": "fail not declared in the privacy agreement", "errno": 102}, ("platform.permission-missing", "102")),
        ("wechat", {"errMsg": "getPhoneNumber:fail"}, (FAILED, None)),
        ("wechat", {"errMsg": "getPhoneNumber:fail", "errno": 0}, (FAILED, None)),
        ("wechat", {"errno": 999999}, (FAILED, "999999")),
        ("wechat", {"errno": "9" * 21}, (FAILED, "9" * 20)),
        *(("wechat", {"errno": each}, (MISSING, "code")) for each in (None, "", 0, "0", True, [102], 1.5)),
        ("wechat", {"cloudID": "12_abc"}, (OTHER_SHAPE, None)),
        ("wechat-sealed", {"cloudID": "12_abc", **SEALED}, LOGIN),
        ("wechat", SEALED, (OFF, None)),
        ("wechat-sealed", SEALED, LOGIN),
        ("wechat-sealed", {**SEALED, "errMsg": "getPhoneNumber:fail"}, (FAILED, None)),
        # Douyin: a code is of use with a private key only; what is beside it is looked at if encrypted data is accepted.
        ("douyin", {"code": "a-code", "errMsg": "getPhoneNumber:fail auth deny"}, (ASKED, None)),
        ("douyin", {"code": "a-code", "encryptedData": 5, "iv": "x"}, (ASKED, None)),
        ("douyin-both", {"code": "a-code", **SEALED}, (ASKED, None)),
        ("douyin-both", {"code": "a-code", **SEALED, "iv": ""}, (ASKED, None)),
        ("douyin-both", {"code": "a-code", **SEALED, "encryptedData": ""}, (ASKED, None)),
        ("douyin-both", {"code": "a-code", "encryptedData": 5, "iv": "x"}, ("envelope.bad-field", "encryptedData")),
        ("douyin-sealed", {"code": "a-code"}, (MISSING, "encryptedData")),
        ("douyin-sealed", {"code": "a-code", **SEALED}, LOGIN),
        ("douyin-sealed", {**SEALED, "errMsg": "getPhoneNumber:fail"}, (FAILED, "")),
        ("douyin", SEALED, (OFF, None)),
        ("douyin", {"cloudId": "33_abc"}, (OTHER_SHAPE, None)),
        ("douyin", {"cloudID": "33_abc"}, (OTHER_SHAPE, None)),
        ("douyin-sealed", {"cloudId": "33_abc", **SEALED}, LOGIN),
        ("douyin", {"errMsg": "getPhoneNumber:fail auth deny"}, (DECLINED, None)),
        ("douyin", {"errMsg": "getPhoneNumber:fail"}, (FAILED, "")),
        ("douyin", {"errno": 10200}, (FAILED, "10200")),
        ("douyin", {"errno": "9" * 21}, (FAILED, "9" * 20)),
        *(("douyin", {"errno": each}, (MISSING, "code")) for each in (None, "", 0, "0", True, [102], 1.5)),
        # Kuaishou and Baidu: sealed data that is there is opened, whatever the words say.
        ("kuaishou", {**SEALED, "errMsg": "getPhoneNumber:fail user deny"}, LOGIN),
        ("kuaishou", {"encryptedData": "", "errMsg": "getPhoneNumber:fail user deny"}, (DECLINED, None)),
        ("kuaishou", {"errMsg": "getPhoneNumber:fail"}, (FAILED, None)),
        ("xiaohongshu", {**SEALED, "errMsg": "getPhoneNumber:fail auth deny"}, LOGIN),
        ("xiaohongshu", {"errMsg": "getPhoneNumber:fail auth deny"}, (DECLINED, None)),
        ("xiaohongshu", {"errMsg": "getPhoneNumber:ok", "encryptedData": "", "iv": ""}, (FAILED, None)),
        ("xiaohongshu", {"errMsg": "getPhoneNumber:ok", "iv": SEALED["iv"]}, (MISSING, "encryptedData")),
        ("xiaohongshu", {"errMsg": "getPhoneNumber:fail"}, (FAILED, None)),
        ("baidu", {**SEALED, "errMsg": "getPhoneNumber:fail user deny"}, LOGIN),
        ("baidu", {"data": SEALED["encryptedData"], "iv": SEALED["iv"]}, LOGIN),
        ("baidu", {"encryptedData": "", "data": "", "errMsg": "getPhoneNumber:fail user deny"}, (DECLINED, None)),
        ("baidu", {"errMsg": "getPhoneNumber:fail"}, (FAILED, None)),
    ],
)  # fmt: skip
def test_what_it_is_taken_for(app: str, event: dict[str, Any], told: tuple[str, object]) -> None:
    """What comes first where an event says several things, and what each of them is."""
    assert _told(app, event) == told


@pytest.mark.parametrize("app", ["wechat", "douyin", "kuaishou", "xiaohongshu", "baidu"])
def test_what_is_opened_under_a_known_key(app: str) -> None:
    """Sealed data, with a code or without; whatever else a button says is refused for what it is."""
    sealed = {"encryptedData": "A" * 22 + "==", "iv": "A" * 22 + "=="}
    no_code = (
        (MISSING, "encryptedData") if app in ("kuaishou", "xiaohongshu", "baidu") else ("envelope.bad-field", "code")
    )
    for event, expected in (
        (sealed, ("trust.cannot-open", None)),
        ({**sealed, "code": "a-code"}, ("trust.cannot-open", None)),
        ({"code": "a-code"}, no_code),
        ({"errMsg": ""}, (MISSING, "encryptedData")),
        ({"errMsg": "getPhoneNumber:fail user deny"}, (DECLINED, None)),
        ({"response": "x", "sign": "x"}, (OTHER_SHAPE, None)),
        ({"code": "a-code", "response": "x", "sign": "x"}, (OTHER_SHAPE, None)),
    ):
        with pytest.raises(HaomaError) as refused:
            verify_with_session_key(APPS[app], {"authorization": event}, "A" * 22 + "==", now=NOW)
        assert (refused.value.code, refused.value.because.get("field")) == expected, event


BUTTONS = [
    (platform, entry)
    for platform in ("wechat", "douyin", "kuaishou", "baidu")
    for entry in catalogue.refusals(platform).values()
    if entry.native.endswith("@button")
]


@pytest.mark.parametrize(("platform", "entry"), BUTTONS, ids=lambda each: getattr(each, "native", each))
def test_every_listed_refusal_of_a_button(platform: str, entry: catalogue.Entry) -> None:
    """WeChat's by its number, as a number or as text, the others' by their words; each is the error of the table."""
    native = entry.native.partition("@")[0]
    events: list[dict[str, Any]] = [{"errMsg": f"getPhoneNumber:fail {native.upper()}"}]
    if platform == "wechat":
        events = [{"errno": int(native), "errMsg": "getPhoneNumber:fail"}, {"errno": native}]
    for event in events:
        assert _told(platform, event) == (entry.code, native)
