"""What the front end sends, in every layout: the envelope is found in it, or it is called what it is."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from typing import Any

import pytest

from haoma.authorization import LOGIN_NAMES
from haoma.authorize import verify_offline
from haoma.errors import HaomaError
from haoma.platforms.alipay.app import configure
from haoma.platforms.alipay.mirror import AlipayMirror
from haoma.platforms.base.table import Table

MIRROR = AlipayMirror(random.Random(1).randbytes)
APP = configure(Table("shop", MIRROR.settings("https://gateway.example")["alipay"], now=1_800_000_000))
WHOLE = MIRROR.envelope("ok")
PARTS: dict[str, str] = json.loads(WHOLE)
NAMES = ("response", "encryptedData", "encrypted_data")


def refused(sent: Any) -> tuple[str, Mapping[str, object]]:
    assert APP is not None
    with pytest.raises(HaomaError) as caught:
        verify_offline(APP, sent)
    return caught.value.code, caught.value.because


def opens(sent: Any) -> bool:
    assert APP is not None
    return verify_offline(APP, sent).e164 == "+8613811112222"


@pytest.mark.parametrize("name", NAMES)
def test_wrapped_three_times_and_no_more(name: str) -> None:
    """As the string or as an object, under each of the names."""
    text: Any = WHOLE
    parts: Any = PARTS
    for _ in range(3):
        text, parts = json.dumps({name: text}), {name: parts}
        assert opens(text)
        assert opens(parts)
    for sent in (json.dumps({name: text}), {name: parts}):
        assert refused(sent) == ("envelope.unknown-shape", {"reason": "wrapped too many times"})


@pytest.mark.parametrize("name", NAMES[:2])
@pytest.mark.parametrize("login", LOGIN_NAMES)
def test_no_login_inside_the_string(name: str, login: str) -> None:
    """It would be passed over there, and whoever sends the envelope would go without a name."""
    needed = {"field": f"{name}.{login}", "needed": "beside the string, not inside it"}
    assert refused({name: json.dumps({**PARTS, login: "c"})}) == ("envelope.bad-field", needed)
    assert opens({name: json.dumps({**PARTS, login: None})})


WECHAT = {"looks_like": "wechat", "needed": "response"}
UNVERIFIED = {"unverified": True}


@pytest.mark.parametrize(
    ("sent", "code", "because"),
    [
        ({"code": "40003"}, "platform.user-not-authorized", UNVERIFIED),
        ({"code": "x", "msg": "m"}, "platform.refused", UNVERIFIED),
        ({"code": "10000"}, "trust.clear-text-success", {}),
        ({"code": "40003", "mobile": "13811112222"}, "trust.clear-text-success", {}),
        ({"code": "x"}, "envelope.unknown-shape", WECHAT),
        ({"response": {"code": "x"}}, "envelope.unknown-shape", WECHAT),
        ({"response": {"code": "40003"}}, "platform.user-not-authorized", UNVERIFIED),
        ({"code": 40003, "msg": "m"}, "envelope.unknown-shape", WECHAT),
        ({"iv": "x"}, "envelope.unknown-shape", WECHAT),
        ({"cloudID": "x"}, "envelope.unknown-shape", WECHAT),
        ({"authorization": {"code": "x"}}, "envelope.unknown-shape", WECHAT),
        ({"error": 11, "errorMessage": "用户取消授权"}, "envelope.user-declined", {}),
        ({"errorMessage": "", "errMsg": "getPhoneNumber:fail user DENY"}, "envelope.user-declined", {}),
        ({"errorMessage": "x", "errMsg": "cancel"}, "envelope.button-failed", {"error": ""}),
        ({"errMsg": "x"}, "envelope.button-failed", {"error": ""}),
        ({"error": 11}, "envelope.button-failed", {"error": "11"}),
        ({"error": "e" * 30, "errorMessage": "x"}, "envelope.button-failed", {"error": "e" * 20}),
        ({}, "envelope.missing-field", {"field": "response", "found": ""}),
        ({"cancel": "x"}, "envelope.missing-field", {"field": "response", "found": "cancel"}),
        ({"response": " \n", "sign": "x"}, "envelope.missing-field", {"field": "response", "reason": "empty"}),
        ({"response": None}, "envelope.bad-field", {"field": "response", "type": "NoneType", "needed": "string"}),
        ({"response": []}, "envelope.bad-field", {"field": "response", "type": "list", "needed": "string"}),
        ({**PARTS, "sign": 1}, "envelope.bad-field", {"field": "sign", "type": "int", "needed": "string"}),
        ({**PARTS, "sign": ""}, "trust.signature-missing", {}),
        ({**PARTS, "sign": None}, "trust.signature-missing", {}),
        ({"response": " {"}, "envelope.not-json", {"reason": "syntax", "at": 1}),
    ],
)  # fmt: skip
def test_what_is_no_envelope(sent: Any, code: str, because: dict[str, object]) -> None:
    """Each layout that is none is told what it looks like, and what is missing in it."""
    assert refused(sent) == (code, because)
