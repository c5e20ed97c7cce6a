"""A phone message under a session_key has the documented members: all of them, and no other."""

from __future__ import annotations

import base64
import json
import pickle
import random
from typing import Any

import pytest

from haoma.authorize import verify_with_session_key
from haoma.crypto.forging import forge_cbc
from haoma.errors import CannotOpen
from haoma.platforms.base.contract import App
from haoma.platforms.base.table import Table
from haoma.platforms.registry import PLATFORMS
from haoma.problem import problem
from haoma.verified import ALL_CHECKS, CheckName, VerifiedPhone
from support.wire import NOW, configured

APP_KEY = "AKEYAKEYAKEYAKEYAKEYAKEYAKEYAKEY"
SETTINGS: dict[str, dict[str, Any]] = {
    "baidu": {"app_key": APP_KEY, "app_secret": "a-secret-of-32-characters-abcdef"},
    "kuaishou": {"app_id": "ks0000000000000000", "app_secret": "a-secret-of-22-charact"},
    "xiaohongshu": {"app_id": "6" * 24, "app_secret": "a" * 32},
    "douyin": {"app_id": "tt0000000000000000", "app_secret": "a" * 40, "accept_encrypted_data": True},
    "wechat": {"app_id": "wx0000000000000000", "app_secret": "a" * 32, "accept_encrypted_data": True},
}
PLAIN = {"countryCode": "86", "phoneNumber": "13800138000"}
MARKED = ("douyin", "wechat", "xiaohongshu")
NAMED = {"xiaohongshu": "appId"}
NOTHING: tuple[Any, ...] = (None, 1.5, [], {})


def _message(platform: str) -> dict[str, Any]:
    if platform == "baidu":
        return {"mobile": "13800138000"}
    if platform == "kuaishou":
        return dict(PLAIN)
    watermark = {"timestamp": int(NOW), NAMED.get(platform, "appid"): SETTINGS[platform]["app_id"]}
    return {**PLAIN, "purePhoneNumber": "13800138000", "watermark": watermark}


def _at_the_desk(app: App, members: dict[str, Any]) -> VerifiedPhone:
    key, iv = random.Random(5).randbytes(24 if app.platform == "baidu" else 16), bytes(16)
    text, size = json.dumps(members).encode(), 16
    if app.platform == "baidu":
        text, size = bytes(16) + len(text).to_bytes(4) + text + APP_KEY.encode(), 32
    sent = {"encryptedData": forge_cbc(key, iv, text, block=size), "iv": base64.b64encode(iv).decode()}
    return verify_with_session_key(app, sent, base64.b64encode(key).decode(), now=NOW)


def _open(app: App, members: dict[str, Any]) -> str:
    return _at_the_desk(app, members).e164


def _refused(app: App, members: dict[str, Any]) -> CannotOpen:
    with pytest.raises(CannotOpen) as refused:
        _open(app, members)
    return refused.value


def _broken(members: dict[str, Any], unjudged: str = "") -> list[dict[str, Any]]:
    """The members without each of them, and with what none of them can be."""
    less = [{each: value for each, value in members.items() if each != name} for name in members]
    return less + [{**members, name: value} for name in members if name != unjudged for value in NOTHING]


@pytest.mark.parametrize("platform", SETTINGS)
def test_each_member_has_to_be_there(platform: str) -> None:
    """Without any one of them, in the watermark too, or with what it cannot be, it is refused; whole, it opens."""
    app, whole = configured(platform, **SETTINGS[platform]), _message(platform)
    assert _open(app, whole) == "+8613800138000"
    unjudged = "timestamp" if platform == "douyin" else ""  # its unit is not documented
    broken = _broken(whole) + [{**whole, "watermark": each} for each in _broken(whole.get("watermark", {}), unjudged)]
    for each in broken:
        error = _refused(app, each)
        assert (error.step, error.diagnosis) == (3, "fields"), each


@pytest.mark.parametrize(
    ("platform", "proven"),
    [
        ("baidu", {CheckName.APP_BINDING}),
        ("kuaishou", set()),
        ("xiaohongshu", {CheckName.APP_BINDING}),
        ("douyin", {CheckName.APP_BINDING}),
        ("wechat", {CheckName.APP_BINDING, CheckName.FRESHNESS}),
    ],
)
def test_what_is_proven_at_the_desk(platform: str, proven: set[CheckName]) -> None:
    """What stands in the message, and nothing of who sent it or how often; all five checks are listed."""
    phone = _at_the_desk(configured(platform, **SETTINGS[platform]), _message(platform))
    assert tuple(check.name for check in phone.checks) == ALL_CHECKS
    assert {check.name for check in phone.checks if check.proven} == proven
    assert phone.subject is None


@pytest.mark.parametrize("platform", ["douyin", "wechat"])
def test_the_forms_of_a_number(platform: str) -> None:
    """A country code may be a number; the whole number may have it in front, if it is that one and all of it."""
    app, whole = configured(platform, **SETTINGS[platform]), _message(platform)
    assert _open(app, {**whole, "countryCode": 86}) == "+8613800138000"
    abroad = {**whole, "countryCode": "852", "purePhoneNumber": "51234567"}
    long_way = "0085251234567"
    for good in ("51234567", "85251234567", "+85251234567", "+852 5123-4567", *([long_way] * (platform == "douyin"))):
        assert _open(app, {**abroad, "phoneNumber": good}) == "+85251234567"
    for bad in ("+51234567", "852", "+852", "85351234567", "+85151234567", "0051234567", "00852", "51234568", long_way):
        if (platform, bad) != ("douyin", long_way):
            assert _refused(app, {**abroad, "phoneNumber": bad}).diagnosis == "number"


@pytest.mark.parametrize("platform", SETTINGS)
def test_a_number_with_something_around_it(platform: str) -> None:
    """Whatever stands before or behind it, it is none; where a mainland number is told by its form, digits as well."""
    app, whole = configured(platform, **SETTINGS[platform]), _message(platform)
    for more in ("x", " ", "\n", "\0", "+", "１", *(() if platform in ("douyin", "wechat") else ("0", "86"))):
        for number in ("13800138000" + more, more + "13800138000"):
            if (platform, number) == ("kuaishou", "8613800138000"):
                continue  # that is the number
            fields = [name for name in whole if name in ("mobile", "phoneNumber", "purePhoneNumber")]
            assert _refused(app, {**whole, **dict.fromkeys(fields, number)}).step == 3


@pytest.mark.parametrize("platform", SETTINGS)
def test_no_other_member_may_be_there(platform: str) -> None:
    """Whatever its name and value, in the watermark too; the names go to the operator, and nowhere else."""
    app, whole = configured(platform, **SETTINGS[platform]), _message(platform)
    for name, value in (("carrier", None), ("nickName", "x"), ("mobile " if platform == "baidu" else "mobile", {})):
        error = _refused(app, {**whole, name: value})
        assert error.diagnosis == ("user-info" if name == "nickName" else "members")
        assert error.unlisted == ("***" if " " in name else name,)
    error = _refused(app, {**whole, **{f"member_{number}": 1 for number in range(100)}})
    assert error.unlisted == tuple(f"member_{number}" for number in range(8))
    for shown in (str(error), repr(error), error.facts(), repr(problem(error)), repr(problem(error, anonymous=True))):
        assert "member_" not in shown
    assert pickle.loads(pickle.dumps(error)).unlisted == error.unlisted == error.again().unlisted  # noqa: S301
    if platform in MARKED:
        inside = {**whole, "watermark": {**whole["watermark"], "sign": "x"}}
        assert _refused(app, inside).unlisted == ("watermark.sign",)
        assert _refused(app, {**whole, "watermark.sign": "x"}).unlisted == ("***",)


def _accepting(platform: str, *names: str) -> tuple[App | None, list[tuple[str, str, bool]]]:
    table = Table("shop", {"platform": platform, **SETTINGS[platform], "accept_members": list(names)}, now=NOW)
    app: App | None = PLATFORMS[platform].configure(table)
    return app, [(fault.code, fault.where, fault.warning) for fault in table.faults]


@pytest.mark.parametrize("platform", SETTINGS)
def test_an_app_may_accept_a_member(platform: str) -> None:
    """That one, at that place, and no other; all else is checked as before; and it warns."""
    app, faults = _accepting(platform, "carrier", "watermark.sign")
    assert app is not None
    assert faults == [("config.members-accepted", "apps.shop.accept_members", True)]
    whole = _message(platform)
    assert _open(app, whole) == _open(app, {**whole, "carrier": "13900139000"}) == "+8613800138000"
    assert _refused(app, {**whole, "carrier": 1, "sign": 1}).unlisted == ("sign",)
    assert _refused(app, {**whole, "carrier": 1, "watermark.sign": 1}).unlisted == ("***",)
    number = "mobile" if platform == "baidu" else "phoneNumber"
    for wrong in ("138001380", "１３８００１３８０００", "138****8000", 13800138000, None):
        assert _refused(app, {**whole, "carrier": 1, number: wrong}).diagnosis in ("number", "fields")
    if platform in MARKED:
        watermark = {**whole["watermark"], "sign": 1}
        assert _open(app, {**whole, "watermark": watermark}) == "+8613800138000"
        assert _refused(app, {**whole, "watermark": {**watermark, "carrier": 1}}).unlisted == ("watermark.carrier",)
        foreign = {**watermark, NAMED.get(platform, "appid"): "another"}
        assert _refused(app, {**whole, "watermark": foreign}).diagnosis == "watermark-app"


@pytest.mark.parametrize("name", ["", "a b", "a.b.c", ".a", "1a", "a" * 41, "名", "***"])
def test_what_is_no_name_is_not_accepted(name: str) -> None:
    """And the fault does not repeat it: it may be anything that was pasted into the wrong place."""
    app, faults = _accepting("baidu", "carrier", name)
    assert app is None
    assert {(where, warning) for _, where, warning in faults} == {("apps.shop.accept_members", False)}


@pytest.mark.parametrize("platform", [name for name in PLATFORMS if name not in SETTINGS])
def test_other_platforms_have_no_such_setting(platform: str) -> None:
    """Where there is no session_key, nothing is passed over under one."""
    table = Table("shop", {"platform": platform, "accept_members": ["carrier"]}, now=NOW)
    PLATFORMS[platform].configure(table)
    assert ("config.unknown-setting", "apps.shop.accept_members") in [(each.code, each.where) for each in table.faults]
