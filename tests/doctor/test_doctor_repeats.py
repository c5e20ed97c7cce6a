"""What inspect repeats of a capture: no number, however it is spelt, no secret, however short, and no user's id."""

import json
import random
import re
import string
import unicodedata
from urllib.parse import quote

import pytest

from haoma.cli.output import language
from haoma.doctor.captures.inspect import inspect as look
from haoma.platforms.base.diagnosis import masked, our_address

FULL_WIDTH = str.maketrans("0123456789+-() ", "０１２３４５６７８９＋－（）　")
NUMBERS = [
    spelt
    for number in ("138{0}0013{0}8000", "+86{0}138{0}0013{0}8000", "852{0}5123{0}4567", "(852){0}51234567", "5{0}1{0}2{0}3{0}4{0}5{0}6{0}7")
    for between in ("", " ", "-", ".", "/", "_", "·", " - ", "\u200b", "\u00a0", "–", "*", ",", "  ")
    for spelt in (number.format(between), number.format(between).translate(FULL_WIDTH))
]  # fmt: skip
NUMBERS += [
    "138:0013:8000",
    "0086-13800138000",
    "١٣٨٠٠١٣٨٠٠٠",
    "一三八零零一三八零零零",
    "1380013800013900139000",
    "138.00.138.000",
]
ALPHABETS = {
    "digits": string.digits,
    "hex": "0123456789abcdef",
    "letters": string.ascii_letters,
    "small": string.ascii_lowercase,
    "base64": string.ascii_letters + string.digits + "+/",
    "base64url": string.ascii_letters + string.digits + "-_",
}


def secrets(seed):
    chosen = random.Random(seed)
    for alphabet in ALPHABETS.values():
        for length in (16, 22, 24, 32, 43):
            yield "".join(chosen.choices(alphabet, k=length))
    for length in (22, 28):  # a user's openid at WeChat and others
        yield "o" + "".join(chosen.choices(ALPHABETS["base64url"], k=length - 1))


def captures(text):
    """Yield captures with the text in every place whose content is told again."""
    for value in (
        {"errcode": 40029, "errmsg": f"invalid code {text} rid"},
        {"errcode": text, "errmsg": "x"},
        {"err_no": 28001005, "err_tips": f"of {text}"},
        {"errno": text, "msg": text},
        {"errno": 104, "msg": text, "logid": text},
        {"resultCode": 1, "resultDesc": text},
        {"code": 500, "msg": f"{text} is not known"},
        {"code": 50012, "message": "A" * (113 - len(text) // 2) + " " + text},
        {"code": text, "message": text, "requestid": text},
        {"access_token": "x", "expires_in": text},
        {"error_response": {"code": "40002", "sub_code": text, "sub_msg": text}},
        {f"{text}_response": {"code": "10000", text: 1}, "sign": "x"},
        {
            "code": "platform.code-rejected",
            "platform": text,
            "app": text,
            "platform_code": text,
            "platform_message": text,
        },
        {"code": "platform.ip-not-allowed", "platform": "wechat", "platform_message": text},
        {"errMsg": f"getPhoneNumber:fail {text}", "errno": 5},
        {"detail": {"errMsg": f"getPhoneNumber:fail {text}", "errno": text}},
        {"authorization": {text: text}},
        {text: {"response": "a", "sign": "b"}},
        {"phone_info": {"watermark": {"appid": text}, "purePhoneNumber": text}, "errcode": 0},
    ):
        yield json.dumps(value)
        yield json.dumps(value, ensure_ascii=False)
    yield f"errcode=40029 errmsg='{text}'"
    yield f"10:00:01 getPhoneNumber:fail {text}"
    yield f"trust.cannot-open platform=wechat app={text} platform_code={text}"
    yield f"GET /phone?{quote(text)}=1&encryptedData={quote(text)}"


def facts(sent):
    for each in look(sent.encode(), now=0.0).found:
        told = each.to_dict(language())
        yield from map(str, [told.get("where", ""), told.get("file", ""), *told.get("because", {}).values()])


@pytest.mark.parametrize("number", NUMBERS, ids=ascii)
def test_a_number_in_any_spelling(number):
    """Neither as text nor digit by digit."""
    digits = "".join(
        str(unicodedata.numeric(each, "")) for each in number if unicodedata.numeric(each, None) is not None
    )
    digits = re.sub(r"\.0", "", digits)[-8:]
    assert len(digits) == 8
    for sent in captures(number):
        for fact in facts(sent):
            plain = "".join(
                str(int(unicodedata.numeric(each))) for each in fact if unicodedata.numeric(each, None) is not None
            )
            assert digits not in plain, (sent, fact)


@pytest.mark.parametrize("seed", range(4))
def test_secrets_and_ids_of_users(seed):
    """Sixteen characters and more, of every alphabet; also where a text was cut before it was looked through."""
    for secret in secrets(seed):
        for sent in captures(secret):
            for fact in facts(sent):
                assert secret not in fact, (sent, fact)
                assert secret[:14] not in fact, (sent, fact)


@pytest.mark.parametrize(
    "text",
    ["secret: hunter2", "app_secret='Ab12'", "密钥：abc123", "token = x-9f", '"session_key":"tiihtN"', "openid=oABC12"],
)
def test_what_is_named_a_secret_may_be_short(text):
    """The name stays, the value goes."""
    said = masked(f"it says {text} here")
    assert "***" in said
    assert not re.search("hunter2|Ab12|abc123|x-9f|tiihtN|oABC12", said)


@pytest.mark.parametrize(
    "text",
    [
        "rid: 65a1b2c3-12345678-12345678",
        "isv.insufficient-isv-permissions",
        "0f1e2d3c-aaaa-bbbb-cccc-0123456789ab",
        "invalid ip 192.0.2.7 ipv6 ::ffff:192.0.2.7, not in whitelist",
        "1001502012",
        "28001005",
        "wx0123456789abcdef",
        "getRealtimePhoneNumber:fail no permission",
        "apps.wechat-errcode-40029",
        "alipay_system_oauth_token_response",
        "invalid credential, access_token is invalid or not latest, could get access_token by getStableAccessToken",
        "Forbidden.AccessDenied.AccessTokenPermissionDenied",
        "40002/isv.invalid-signature",
        "+86138****8000",
        "40001, 40013",
    ],
)  # fmt: skip
def test_what_helps_stays(text):
    """Codes, names of interfaces, addresses, ids of requests and of apps, and numbers that are masked already."""
    assert masked(text) == text


def test_an_address_is_an_address():
    """What merely looks like one is not told as ours."""
    assert our_address("invalid ip 138:0013:8000") == ""
    assert our_address("invalid ip 999.1.1.1 but 192.0.2.7") == "192.0.2.7"
