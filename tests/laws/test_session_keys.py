"""Laws of session_keys over random logins, taps and replays, for the platforms whose ciphertexts have no time in them."""

from __future__ import annotations

import base64
import json
import random
from dataclasses import dataclass
from typing import Any

import pytest

from haoma.authorize import log_in
from haoma.crypto.forging import forge_cbc
from haoma.errors import AlreadyUsed, CannotOpen
from haoma.session_keys import recall
from wire import Bench, Given, configured

KEY = "AKEYAKEYAKEYAKEYAKEYAKEYAKEYAKEY"
SETTINGS: dict[str, dict[str, Any]] = {
    "baidu": {"app_key": KEY, "app_secret": "a-secret-of-32-characters-abcdef"},
    "kuaishou": {"app_id": "ks0000000000000000", "app_secret": "a-secret-of-22-charact"},
    "douyin": {"app_id": "tt0000000000000000", "app_secret": "a" * 40, "old_way": True},
}
PATHS = ("/oauth/jscode2sessionkey", "/oauth2/mp/code2session", "/api/apps/v2/jscode2session")
WATERMARK = {"watermark": {"appid": SETTINGS["douyin"]["app_id"], "timestamp": 1}}
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
SECONDS = 7200.0


@dataclass
class Used:
    """A ciphertext that was opened, and whether its session_key was forgotten since."""

    body: dict[str, str]
    key: bytes
    forgotten: bool = False


def _sealed(platform: str, key: bytes, source: random.Random, blanks: int = 0) -> dict[str, str]:
    iv, mobile = source.randbytes(16), f"138{source.randrange(10**8):08}"
    members: dict[str, Any] = {"phoneNumber": mobile, "countryCode": "86"}
    if platform == "baidu":
        members = {"mobile": mobile}
    elif platform == "douyin":
        members |= {"purePhoneNumber": mobile, **WATERMARK}
    content = json.dumps(members).encode() + b" " * blanks
    if platform == "baidu":
        frame = source.randbytes(16) + len(content).to_bytes(4) + content + KEY.encode()
        ciphertext = forge_cbc(key, iv, frame, block=32)
    else:
        ciphertext = forge_cbc(key, iv, content)
    return {"encryptedData": ciphertext, "iv": base64.b64encode(iv).decode()}


def _logins(key: bytes) -> Given:
    """Answer every platform's login with this session_key."""
    found = {"openid": "the-user", "open_id": "the-user", "session_key": base64.b64encode(key).decode()}
    return Given({path: {"result": 1, "err_no": 0, **found, "data": found} for path in PATHS})


@pytest.mark.parametrize("platform", SETTINGS)
@pytest.mark.parametrize("seed", range(6))
def test_no_ciphertext_opens_twice_while_its_key_is_kept(platform: str, seed: int) -> None:
    """Whatever logins come between, with the same session_key or another, and however long it takes."""
    source = random.Random(seed)
    app = configured(platform, **SETTINGS[platform])
    keys = [source.randbytes(24 if platform == "baidu" else 16) for _ in range(3)]
    bench = Bench({})
    used: list[Used] = []
    session = ""
    refused = 0
    for _ in range(120):
        bench.now += source.random() * SECONDS / 2
        kept = [base64.b64decode(each.key.reveal()) for each in bench.run(recall(app, "the-user", bench.now))]
        for each in used:
            each.forgotten = each.forgotten or each.key not in kept
        if not kept or source.random() < 0.5:
            bench.side = _logins(source.choice(keys))
            session, login = bench.run(log_in(app, {"login_code": f"code-{bench.now}"}, now=bench.now))
            assert login.subject.openid == "the-user"
        else:
            key = source.choice(kept)
            body = _sealed(platform, key, source)
            bench.find(app, {"session": session, "authorization": body})
            used.append(Used(body, key))
        for each in used:
            if not each.forgotten:
                error = bench.refused(app, {"session": session, "authorization": each.body}, "another caller")
                assert isinstance(error, AlreadyUsed)
                refused += 1
    assert refused > 100


@pytest.mark.parametrize("platform", SETTINGS)
def test_no_other_spelling_opens_what_was_used(platform: str) -> None:
    """The ciphertext is claimed as a text, so no second text may stand for the same bytes."""
    source = random.Random(7)
    app = configured(platform, **SETTINGS[platform])
    key = source.randbytes(24 if platform == "baidu" else 16)
    bench = Bench(_logins(key))
    session, _ = bench.run(log_in(app, {"login_code": "a-code"}, now=bench.now))
    lengths = set()
    for size in range(0, 192, 8):
        body = _sealed(platform, key, source, size)
        text = body["encryptedData"]
        bench.find(app, {"session": session, "authorization": body})
        lengths.add(text.count("="))
        bare = text.rstrip("=")
        others = [bare + "=" * more for more in range(5)]
        others += [text + "\n", text.replace("+", " "), text.replace("+", "-")]
        others += [bare[:-1] + last + text[len(bare) :] for last in ALPHABET]
        raw = base64.b64decode(text)
        for other in others:
            if base64.b64decode(other.replace("-", "+").replace(" ", "+").rstrip("=") + "==") != raw:
                continue  # other bytes: not another spelling
            sent = {"session": session, "authorization": body | {"encryptedData": other}}
            assert isinstance(bench.refused(app, sent, "another caller"), AlreadyUsed | CannotOpen), other
    assert lengths == {0, 1, 2}
