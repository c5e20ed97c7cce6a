"""Captures and messages from the field, rebuilt with invented values: the true cause is said, first and without doubt.

The cases are in ``cases/captures.toml`` and ``cases/messages.toml``. In their texts ``<name>`` is one of `VALUES`.
"""

import base64
import json
import re
import tomllib
from pathlib import Path

import pytest

from haoma.crypto.forging import forge_cbc
from haoma.doctor.captures.inspect import inspect
from haoma.secret import Secret
from haoma.settings.model import Settings
from haoma.settings.reader import from_mapping

ROOT = Path(__file__).parents[2]
NOW = 1_790_000_000.0
KEY, IV = b"session-key-12!!", bytes(range(16))
APP_ID = "wx1234567890abcdef"
ENVELOPE = (ROOT / "docs" / "example" / "envelope.json").read_text("utf-8").strip()
SHOP = tomllib.loads((ROOT / "docs" / "example" / "haoma.toml").read_text("utf-8"))["apps"]["shop"]
SECRET = "0a1b2c3d4e5f60718293a4b5c6d7e8f9"


def sealed(members, app_id=APP_ID, age=60):
    watermark = {"timestamp": int(NOW) - age, "appid": app_id}
    return forge_cbc(KEY, IV, json.dumps({**members, "watermark": watermark}).encode())


NUMBER = {"phoneNumber": "13900002222", "purePhoneNumber": "13900002222", "countryCode": "86"}
DATA = next(
    text for more in range(200) if "+" in (text := sealed({**NUMBER}, age=60 + more))[8:60]
)  # what a form turns into a blank
VALUES = {
    "session_key": base64.b64encode(KEY).decode(),
    "session_key%": "c2Vzc2lvbi1rZXktMTIhIQ%3D%3D",
    "data": DATA,
    "data with blanks": DATA.replace("+", " "),
    "data%": DATA.replace("+", "%2B").replace("/", "%2F").replace("=", "%3D"),
    "data of another app": sealed(NUMBER, "wx0000000000000009"),
    "old data": sealed(NUMBER, age=9_000_000),
    "user info": sealed({"openId": "o-of-a-user", "nickName": "n", "gender": 0, "avatarUrl": "https://a.b/c"}),
    "iv": base64.b64encode(IV).decode(),
    "phone code": "5f3c" * 16,
    "login code": "0a1B2c3D4e5F6g7H8i9J0kLmNoPqRsTu",
    "token": "57_" + "qwErTyUiOpAsDfGhJkLz-_" * 4,
    "secret": SECRET,
    "app id": APP_ID,
    "envelope": ENVELOPE,
    "response": json.loads(ENVELOPE)["response"],
    "sign": json.loads(ENVELOPE)["sign"],
}
SECRETS = (VALUES["session_key"], VALUES["token"], SECRET, "13900002222")
APPS = {
    "wechat": {"app_id": APP_ID, "app_secret": SECRET, "accept_encrypted_data": True},
    "alipay": {name: each for name, each in SHOP.items() if name != "platform"},
    "douyin": {"app_id": "tt1234567890abcdef01", "app_secret": "01" * 20, "accept_encrypted_data": True},
    "baidu": {"app_key": "4fecoAqgCIUtzIyA4FAPgoyrc4oUc25c", "app_secret": "aabbccddeeff00112233445566778899"},
    "kuaishou": {"app_id": "ks700000000000000001", "app_secret": "abcDEF0123456789abcdef"},
    "huawei": {"client_id": "100000000000000001", "client_secret": "fedcba9876543210" * 4},
    "dingtalk": {"client_id": "ding0123456789abcdef", "client_secret": "abcdefghijklmnop" * 4},
    "xiaohongshu": {"app_id": "0123456789abcdef01234567", "app_secret": "76543210" * 4},
}


def cases(name):
    found = tomllib.loads((Path(__file__).parent / "cases" / f"{name}.toml").read_text("utf-8"))["case"]
    return [pytest.param(each, id=f"{name}-{each['name']}") for each in found]


CAPTURES, MESSAGES = cases("captures"), cases("messages")


@pytest.fixture(scope="module")
def apps():
    return from_mapping({"apps": {name: {"platform": name, **settings} for name, settings in APPS.items()}}).apps


def filled(text):
    def value(found):
        name, _, times = found[1].partition(" x")
        return VALUES[name] * int(times or 1)

    return re.sub(
        r"<((?:" + "|".join(map(re.escape, sorted(VALUES, key=len, reverse=True))) + r")(?: x\d+)?)>", value, text
    )


@pytest.mark.parametrize("case", [*CAPTURES, *MESSAGES])
def test_a_case_of_the_field(apps, case):
    """What is wrong is said, the true cause first; nothing else is; and no secret is repeated."""
    text = filled(case["text"]) * case.get("times", 1)
    known = {name: apps[name] for name in case.get("apps", ())}
    key = Secret(filled(case["session_key"])) if "session_key" in case else None
    looked = inspect(
        text.encode(), Settings(apps=known) if known else None, app=case.get("app", ""), session_key=key, now=NOW
    )
    wrong = [each.code for each in looked.found if each.severity in ("fault", "warning")]
    assert wrong == case["says"]
    codes = [each.code for each in looked.found]
    assert set(case.get("notes", ())) <= set(codes)
    if "is" in case:
        assert looked.kind == case["is"]
    if "because" in case:
        facts = {name: str(value) for name, value in looked.found[0].because.items()}
        assert {name: str(value) for name, value in case["because"].items()}.items() <= facts.items()
    if "cause" in case:
        assert case["cause"] in looked.found[0].words("zh").cause + looked.found[0].words("zh").remedy
    said = str([(each.to_dict("zh"), each.to_dict("en")) for each in looked.found])
    assert not [secret for secret in SECRETS if secret in said]


@pytest.mark.parametrize("found", [CAPTURES, MESSAGES], ids=["captures", "messages"])
def test_there_are_sixty(found):
    """So many of each kind, each with a name of its own and where it was seen."""
    assert len(found) >= 60
    assert len({each.id for each in found}) == len(found)
    assert all(each.values[0]["source"] for each in found)
