"""Messages cut up and joined anew: nothing that a user can make of what is sealed under his session_key is a number.

AES-CBC has no MAC, and a phone message is not the only one under a session_key. A user has them all, knows what is in
them, and has chosen some of the texts. Without the key he can begin with any block of any of them and give it the plain
text that he likes, through the IV; behind a frame's first block, which means nothing, through that block. All later
blocks go on meaning what they meant.
"""

from __future__ import annotations

import base64
import json
import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from haoma.authorize import log_in, verify_with_session_key
from haoma.crypto.forging import forge_cbc
from haoma.doctor.captures.inspect import inspect
from haoma.errors import CannotOpen
from haoma.platforms.base.contract import App
from haoma.platforms.base.session_keys import told
from haoma.platforms.base.table import Table
from haoma.platforms.registry import PLATFORMS
from haoma.secret import Secret
from haoma.settings.model import Settings
from support.wire import NOW, Bench, Given, configured

LOGIN_PATHS = (
    "/oauth/jscode2sessionkey", "/oauth2/mp/code2session", "/api/apps/v2/jscode2session", "/sns/jscode2session",
    "/api/rmp/session", "/api/rmp/token",
)  # fmt: skip
BLOCK = 16
VICTIM = "13900139000"
APP_KEY = "AKEYAKEYAKEYAKEYAKEYAKEYAKEYAKEY"
SETTINGS: dict[str, dict[str, Any]] = {
    "baidu": {"app_key": APP_KEY, "app_secret": "a-secret-of-32-characters-abcdef"},
    "kuaishou": {"app_id": "ks0000000000000000", "app_secret": "a-secret-of-22-charact"},
    "xiaohongshu": {"app_id": "6" * 24, "app_secret": "a" * 32},
    "douyin": {"app_id": "tt0000000000000000", "app_secret": "a" * 40, "accept_encrypted_data": True},
    "wechat": {"app_id": "wx0000000000000000", "app_secret": "a" * 32, "accept_encrypted_data": True},
}
MARKED = ("wechat", "douyin", "xiaohongshu")

Layout = Callable[[str, str], dict[str, Any]]
"""The members of a message, from the user's id and a text of his choice."""


def _marked(platform: str) -> dict[str, Any]:
    if platform not in MARKED:
        return {}
    name = "appId" if platform == "xiaohongshu" else "appid"
    return {"watermark": {name: SETTINGS[platform]["app_id"], "timestamp": int(NOW)}}


# What each platform is known to seal, and kinds of message that it may come to seal: a remark, an address. With a text
# that is chosen as the last member none is known. On Baidu, whose phone message is one member and whose second block
# can be written at will, such a one would be enough; its README says so.
LAYOUTS: dict[str, dict[str, Layout]] = {
    "baidu": {
        "user info": lambda openid, text: {"openid": openid, "nickname": text, "headimgurl": "https://a.b/c", "sex": 1},
        "remark": lambda openid, text: {"mobile": VICTIM, "remark": text, "openid": openid},
    },
    "kuaishou": {
        "user info": lambda openid, text: {"openId": openid, "nickName": text, "headUrl": "https://a.b/c", "sex": "M"},
        "address": lambda openid, text: {"userName": text, "telNumber": VICTIM, "detailInfo": text, "openId": openid},
    },
    "douyin": {
        "user info": lambda openid, text: {
            "openId": openid, "nickName": text, "gender": 0, "city": text, "avatarUrl": "https://a.b/c",
            **_marked("douyin"),
        },
        "group": lambda openid, text: {"openGid": openid + text, **_marked("douyin")},
        "address": lambda _, text: {"userName": text, "telNumber": VICTIM, "detailInfo": text, **_marked("douyin")},
    },
    "wechat": {
        "user info": lambda openid, text: {
            "openId": openid, "nickName": text, "gender": 1, "language": "zh_CN", "city": text, "avatarUrl": "",
            **_marked("wechat"),
        },
        "group": lambda openid, text: {"openGId": openid + text, **_marked("wechat")},
        "run data": lambda _, text: {"stepInfoList": [{"timestamp": int(NOW), "step": len(text)}], **_marked("wechat")},
        "address": lambda _, text: {"userName": text, "telNumber": VICTIM, "detailInfo": text, **_marked("wechat")},
    },
    "xiaohongshu": {
        "user info": lambda openid, text: {
            "openId": openid, "nickName": text, "gender": 1, "avatarUrl": "https://a.b/c", **_marked("xiaohongshu"),
        },
        "address": lambda _, text: {"userName": text, "telNumber": VICTIM, "detailInfo": text, **_marked("xiaohongshu")},
    },
}  # fmt: skip
TEXTS = (VICTIM[1:], f'{VICTIM}"', f'","phoneNumber":"{VICTIM}","countryCode":"86', "\\" * 7)
LIKELY = {
    "baidu": '{"mobile":"1', "kuaishou": '{"phoneNumber":"', "douyin": '{"phoneNumber":"', "wechat": '{"phoneNumber":"',
    "xiaohongshu": '{"phoneNumber":"',
}  # fmt: skip
HEADS = (
    f'{{"mobile":"{VICTIM}', '{"mobile":"', '{"countryCode":"', '{"purePhoneNumber":"', '{"countryCode":86,"phoneNumber":"',
    '{"phoneNumber":"1', '{"watermark":{"appid":"', '{"a":"', '{"":"', '{"a":"b","c":"', "{", "",
)  # fmt: skip


@dataclass(frozen=True)
class Message:
    """A ciphertext of the platform's, and all that its user knows of it."""

    iv: bytes
    plain: bytes
    ciphertext: bytes

    def block(self, number: int) -> bytes:
        return self.ciphertext[BLOCK * number : BLOCK * (number + 1)]

    def decrypted(self, number: int) -> bytes:
        """Return what AES makes of a block, which everybody knows who knows the plain text."""
        return _xor(self.plain[BLOCK * number : BLOCK * (number + 1)], self.block(number - 1) if number else self.iv)

    def __len__(self) -> int:
        return len(self.ciphertext) // BLOCK


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(left ^ right for left, right in zip(one, other, strict=True))


def _sealed(platform: str, key: bytes, members: dict[str, Any], source: random.Random) -> Message:
    """Seal a message as the platform does."""
    iv, size = source.randbytes(BLOCK), BLOCK
    plain = json.dumps(members, separators=(",", ":"), ensure_ascii=False).encode()
    if platform == "baidu":
        size = 2 * BLOCK
        plain = source.randbytes(BLOCK) + len(plain).to_bytes(4) + plain + APP_KEY.encode()
    ciphertext = base64.b64decode(forge_cbc(key, iv, plain, block=size))
    padding = size - len(plain) % size
    return Message(iv, plain + bytes([padding]) * padding, ciphertext)


def _beginnings(platform: str, message: Message, number: int, source: random.Random) -> Iterator[bytes]:
    """Yield plain texts that a user would like to stand in the first block that he can write."""
    framed = platform == "baidu"
    size = BLOCK - 4 if framed else BLOCK
    rest = message.plain[BLOCK * (number + 1) :]
    for head in (LIKELY[platform], *source.sample(HEADS, 2)):
        text = head[:size].ljust(size).encode()
        yield (size + max(rest.find(APP_KEY.encode()), 0)).to_bytes(4) + text if framed else text


def _splices(platform: str, key: bytes, source: random.Random) -> Iterator[tuple[bytes, bytes]]:
    """Yield IV and ciphertext of everything that is made of one message, or of the beginning and end of two."""
    lead = 1 if platform == "baidu" else 0
    phone = {"mobile": "13800138000"} if platform == "baidu" else {"countryCode": "86", "phoneNumber": "13800138000"}
    if platform in MARKED:
        phone |= {"purePhoneNumber": "13800138000"} | _marked(platform)
    own = _sealed(platform, key, phone, source)
    for layout in LAYOUTS[platform].values():
        for text in TEXTS:
            for shift in range(2 * BLOCK if lead else BLOCK):
                message = _sealed(platform, key, layout("the-openid-of-a-user", "u" * shift + text), source)
                for number in range(lead, len(message)):
                    for wanted in _beginnings(platform, message, number, source):
                        first = _xor(message.decrypted(number), wanted)
                        tail = message.ciphertext[BLOCK * number :]
                        yield (source.randbytes(BLOCK), first + tail) if lead else (first, tail)
                if shift % 8:
                    continue
                for number in range(1, len(message)):
                    for other in range(1, len(own)):
                        yield message.iv, message.ciphertext[: BLOCK * number] + own.ciphertext[BLOCK * other :]
                        yield own.iv, own.ciphertext[: BLOCK * other] + message.ciphertext[BLOCK * number :]


def _outcome(app: App, key: str, iv: bytes, ciphertext: bytes) -> str:
    """Return what was wrong with a message; empty if a number came out."""
    sent = {"encryptedData": base64.b64encode(ciphertext).decode(), "iv": base64.b64encode(iv).decode()}
    try:
        verify_with_session_key(app, sent, key, now=NOW)
    except CannotOpen as error:
        return error.diagnosis
    return ""


@pytest.mark.parametrize("platform", SETTINGS)
def test_nothing_that_is_joined_is_a_number(platform: str) -> None:
    """Every message of a platform, cut at every block, with every beginning: none is accepted."""
    source = random.Random(platform)
    app = configured(platform, **SETTINGS[platform])
    key = source.randbytes(24 if platform == "baidu" else 16)
    session_key = base64.b64encode(key).decode()
    outcomes = Counter(_outcome(app, session_key, iv, ciphertext) for iv, ciphertext in _splices(platform, key, source))
    assert outcomes[""] == 0, outcomes
    # Many got as far as a JSON object, or the law would say nothing.
    assert outcomes["members"] + outcomes["fields"] + outcomes["watermark-app"] > 100, outcomes


def test_a_platform_with_session_keys_is_in_the_law() -> None:
    """A new platform comes with its list of messages."""
    assert (
        {name for name, platform in PLATFORMS.items() if platform.find_under_key} == SETTINGS.keys() == LAYOUTS.keys()
    )


def test_what_is_accepted_beside_the_number_opens_the_way() -> None:
    """The same cuts give any number as soon as an app accepts the names that user info has: that is why it warns."""
    source = random.Random(1)
    table = Table("shop", {"platform": "baidu", **SETTINGS["baidu"], "accept_members": ["headimgurl", "sex"]}, now=NOW)
    app = PLATFORMS["baidu"].configure(table)
    assert app is not None
    assert [(fault.code, fault.warning) for fault in table.faults] == [("config.members-accepted", True)]
    key = source.randbytes(24)
    session_key = base64.b64encode(key).decode()
    found = (_outcome(app, session_key, iv, ciphertext) for iv, ciphertext in _splices("baidu", key, source))
    assert "" in found


@pytest.mark.parametrize("platform", SETTINGS)
def test_user_info_is_called_that(platform: str) -> None:
    """It opens, and is no number: the operator reads so, in one diagnosis; a caller reads what all failures say."""
    app = configured(platform, **SETTINGS[platform])
    key = random.Random(platform).randbytes(24 if platform == "baidu" else 16)
    message = _sealed(platform, key, LAYOUTS[platform]["user info"]("an-openid", "a name"), random.Random(1))
    sent = {"encryptedData": base64.b64encode(message.ciphertext).decode(), "iv": base64.b64encode(message.iv).decode()}
    given = {"openid": "an-openid", "open_id": "an-openid", "session_key": base64.b64encode(key).decode()}
    said = {"result": 1, "err_no": 0, "success": True, "code": 0, **given, "data": given}
    token = {**said, "data": {"access_token": "a-token", "expire_in": 7200}}
    bench = Bench(Given({path: token if path.endswith("token") else said for path in LOGIN_PATHS}))
    session, _login = bench.run(log_in(app, {"login_code": "a-code"}, now=NOW))
    error = bench.refused(app, {"session": session, "authorization": sent})
    assert (type(error), error.diagnosis, error.place) == (CannotOpen, "user-info", "")
    assert error.explain("en").cause == CannotOpen(platform=platform).explain("en").cause
    assert "getUserInfo" in told(error).explain("en").cause
    looked = inspect(
        json.dumps(sent).encode(),
        Settings(apps={app.name: app}),
        app=app.name,
        session_key=Secret(given["session_key"]),
        now=NOW,
    )
    (found,) = looked.found
    assert (found.code, found.words("zh").title) == ("trust.cannot-open", "解密成功，但内容是用户信息，没有手机号")
