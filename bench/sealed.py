"""Douyin's RSA reply and Baidu's sealed data: a floor and haoma, in one call each.

The floors do only what is unavoidable, and none of haoma's checks:

* Douyin: JSON, base64, one RSA-2048 decryption under a key parsed beforehand, JSON. haoma's figure is the exchange of a
  code: the cached token, the request, and the reply, which is already in memory. The whole call, which also reads what
  the front end sent and reserves the code, is shown too; it has no floor.
* Baidu: base64, AES-192-CBC under the user's own session_key (nothing can be kept for it), the padding, the frame,
  JSON; once from the message, and once from the JSON body around it, as in the public call.
"""

from __future__ import annotations

import json
import os
from base64 import b64decode, b64encode
from itertools import count
from time import perf_counter
from typing import TYPE_CHECKING, Final, cast

import msgspec
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7
from cryptography.hazmat.primitives.serialization import load_der_private_key

import haoma
from bench.goals import Goal, Row, Section
from bench.rounds import Rounds
from haoma.authorization import read as read_authorization
from haoma.authorize import authorize, verify_with_session_key
from haoma.crypto.forging import forge_cbc, forge_rsa
from haoma.io.blocking import World, run
from haoma.io.memory import Memory
from haoma.platforms.baidu.flow import find_under_key
from haoma.platforms.baidu.mirror import BaiduMirror
from haoma.platforms.baidu.read import read as find_message
from haoma.platforms.base.session_keys import read_sealed
from haoma.platforms.douyin.fetch import exchange
from haoma.platforms.douyin.mirror import DouyinMirror
from haoma.secret import Secret
from haoma.steps import Reply, Send

if TYPE_CHECKING:
    from collections.abc import Callable

    from haoma.io.http import Http
    from haoma.platforms.baidu.app import BaiduApp
    from haoma.platforms.douyin.app import DouyinApp

MOBILE: Final = "13811112222"
NOW: Final = 1_790_000_000.0
_GOAL: Final = 1.25
_TOKEN: Final = {"data": {"access_token": "token", "expires_in": 7200, "error_code": 0}, "message": "success"}


def measure(rounds: int) -> Section:
    """Run every contender in turn, ``rounds`` times."""
    section = Section("Douyin RSA, Baidu AES, offline  离线打开抖音、百度密文", ("µs", "× floor 下限"))
    for contenders in (_douyin(), *_baidu()):
        runs = {label: _timed(call) for label, call in contenders.items()}
        times = Rounds(runs, rounds)
        floor, ours, *_ = runs
        for label in runs:
            ratio = times.ratio(label, floor)
            section.rows.append(Row(label, (f"{times.seconds(label) * 1e6:.1f}", f"{ratio:.2f}")))
        section.goals.append(Goal(f"{ours} / floor 下限", times.ratio(ours, floor), "<=", _GOAL))
    return section


def _timed(call: Callable[[], str]) -> Callable[[int], float]:
    if call() not in (MOBILE, f"+86{MOBILE}"):  # a fast wrong answer does not count
        raise AssertionError(call())

    def timed(calls: int) -> float:
        started = perf_counter()
        for _ in range(calls):
            call()
        return perf_counter() - started

    return timed


class _AtHand:
    """Returns Douyin's replies from memory: a token, then the number."""

    def __init__(self, reply: bytes) -> None:
        self._reply = Reply(200, {"content-type": "application/json"}, reply)
        self._token = Reply(200, {"content-type": "application/json"}, msgspec.json.encode(_TOKEN))

    def send(self, step: Send) -> Reply:
        """Replace the network."""
        return self._token if "token" in step.request.url else self._reply


def _douyin() -> dict[str, Callable[[], str]]:
    settings = DouyinMirror(os.urandom).settings("https://open.douyin.com")["douyin"]
    app = cast("DouyinApp", haoma.configure(**settings))
    key = load_der_private_key(b64decode(settings["app_private_key"]), None)
    if not isinstance(key, RSAPrivateKey):
        raise TypeError(key)
    payload = {
        "phoneNumber": MOBILE,
        "purePhoneNumber": MOBILE,
        "countryCode": "86",
        "watermark": {"appid": app.app_id, "timestamp": int(NOW)},
    }
    sealed = forge_rsa(key.public_key(), msgspec.json.encode(payload), os.urandom)
    reply = msgspec.json.encode({"err_no": 0, "err_msg": "", "log_id": "20260101000000", "data": sealed})
    decrypt, padding, parse = key.decrypt, PKCS1v15(), msgspec.json.decode
    world, codes = World(cast("Http", _AtHand(reply)), Memory()), count()

    def floor() -> str:
        mobile: str = parse(decrypt(b64decode(parse(reply)["data"]), padding))["purePhoneNumber"]
        return mobile

    def whole() -> str:
        sent = f'{{"code":"{next(codes):048}"}}'  # a code works once
        return run(authorize(app, sent, now=NOW), world).e164

    def asking() -> str:
        return run(exchange(app, Secret("code"), after_unknown=False), world).e164

    return {"Douyin: floor": floor, "Douyin: haoma, exchange of a code": asking, "Douyin: haoma, its whole way": whole}


def _baidu() -> tuple[dict[str, Callable[[], str]], ...]:
    settings = BaiduMirror(os.urandom).settings("https://spapi.baidu.com")["baidu"]
    app = cast("BaiduApp", haoma.configure(**settings))
    app_key, raw_key, iv = settings["app_key"].encode("ascii"), os.urandom(24), os.urandom(16)
    content = msgspec.json.encode({"mobile": MOBILE})
    frame = os.urandom(16) + len(content).to_bytes(4) + content + app_key
    sealed = {
        "encryptedData": forge_cbc(raw_key, iv, frame, block=32),
        "iv": b64encode(iv).decode("ascii"),
    }
    sent = json.dumps(sealed, separators=(",", ":"))
    session_key, parse, pkcs7 = b64encode(raw_key).decode("ascii"), msgspec.json.decode, PKCS7(256)

    message = find_message(app, read_authorization(sent))
    secret = Secret(session_key)

    def floor(found: dict[str, str]) -> str:
        cipher = Cipher(algorithms.AES(b64decode(session_key)), modes.CBC(b64decode(found["iv"])))
        decryptor, unpadder = cipher.decryptor(), pkcs7.unpadder()
        padded = decryptor.update(b64decode(found["encryptedData"])) + decryptor.finalize()
        opened = unpadder.update(padded) + unpadder.finalize()
        end = 20 + int.from_bytes(opened[16:20])
        if opened[end:] != app_key:
            raise ValueError
        mobile: str = parse(opened[20:end])["mobile"]
        return mobile

    def opening() -> str:
        return find_under_key(app, read_sealed(message), secret, NOW).number.e164

    def whole() -> str:
        return verify_with_session_key(app, sent, secret, now=NOW).e164

    return (
        {"Baidu, message: floor": lambda: floor(sealed), "Baidu, message: haoma": opening},
        {"Baidu, body: floor": lambda: floor(parse(sent)), "Baidu, body: haoma": whole},
    )
