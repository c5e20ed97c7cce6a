"""Whatever is wrong with what was sealed under a session_key, refusing it is the same work: see ``session_keys.judge``.

How long it takes is measured by ``make bench``. This counts what is done, so that none of it is left out.
"""

from __future__ import annotations

import base64
import json
import random
import sys
from collections import Counter
from collections.abc import Iterator
from types import FrameType
from typing import Any

import pytest

from haoma.authorize import verify_with_session_key
from haoma.crypto import opening
from haoma.errors import CannotOpen
from haoma.platforms.base import session_keys
from support.wire import NOW, configured

APP_KEY = "AKEYAKEYAKEYAKEYAKEYAKEYAKEYAKEY"
SETTINGS: dict[str, dict[str, Any]] = {
    "baidu": {"app_key": APP_KEY, "app_secret": "a-secret-of-32-characters-abcdef"},
    "kuaishou": {"app_id": "ks0000000000000000", "app_secret": "a-secret-of-22-charact"},
    "xiaohongshu": {"app_id": "6" * 24, "app_secret": "a" * 32},
    "douyin": {"app_id": "tt0000000000000000", "app_secret": "a" * 40, "accept_encrypted_data": True},
    "wechat": {"app_id": "wx0000000000000000", "app_secret": "a" * 32, "accept_encrypted_data": True},
}


def _message(platform: str, number: str = "13800138000") -> dict[str, Any]:
    if platform == "baidu":
        return {"mobile": number}
    message: dict[str, Any] = {"countryCode": "86", "phoneNumber": number}
    if platform != "kuaishou":
        name = "appId" if platform == "xiaohongshu" else "appid"
        watermark = {"timestamp": int(NOW), name: SETTINGS[platform]["app_id"]}
        message |= {"purePhoneNumber": number, "watermark": watermark}
    return message


def _padded(platform: str, text: bytes) -> bytes:
    block = 16
    if platform == "baidu":
        text, block = bytes(16) + len(text).to_bytes(4) + text + APP_KEY.encode(), 32
    size = block - len(text) % block
    return text + bytes([size]) * size


def _wrong(platform: str) -> Iterator[tuple[str, bytes]]:
    """What can be wrong, and a text with it."""
    text = json.dumps(_message(platform)).encode()
    yield "padding", _padded(platform, text)[:-1] + b"\0"
    yield "padding", random.Random(1).randbytes(95) + b"\0"
    for other in (text[:-1] + b" ", b"[]", b"", b'{"mobile":"\xff"}'):
        yield "text", _padded(platform, other)
    for members in (
        {},
        {**_message(platform), "nickName": 1},
        _message(platform, "1380013800x"),
        _message(platform, "１３８００１３８０００"),
    ):
        yield "", _padded(platform, json.dumps(members).encode())


def _work(platform: str, padded: bytes) -> tuple[str | None, Counter[str]]:
    """Return what was wrong, and what was done to find out."""
    app = configured(platform, **SETTINGS[platform])
    key = bytes(range(24 if platform == "baidu" else 16))
    sealed = opening.aes_cbc(key, bytes(16)).encryptor().update(padded)
    sent = {name: base64.b64encode(each).decode() for name, each in (("encryptedData", sealed), ("iv", bytes(16)))}
    done: Counter[str] = Counter()

    def count(frame: FrameType, event: str, result: Any) -> None:
        if event == "return" and frame.f_code is opening.parse.__code__:
            done["an object" if result[0] is not None else "no object"] += 1
        elif event == "return" and frame.f_code is session_keys.reading.__code__:
            done["fields"] += 1

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        verify_with_session_key(app, sent, base64.b64encode(key).decode(), now=NOW)
    except CannotOpen as error:
        return error.diagnosis, done
    finally:
        sys.setprofile(before)
    return None, done


@pytest.mark.parametrize("platform", SETTINGS)
def test_every_failure_is_the_same_work(platform: str) -> None:
    """A text that is an object is parsed, and two that are none, and fields are read once; a number takes less."""
    assert _work(platform, _padded(platform, json.dumps(_message(platform)).encode())) == (
        None,
        {"an object": 1, "fields": 1},
    )
    for wrong, padded in _wrong(platform):
        diagnosis, done = _work(platform, padded)
        assert diagnosis is not None, padded
        assert diagnosis == wrong or not wrong
        assert done == {"an object": 1, "no object": 2, "fields": 1}, (diagnosis, padded)
