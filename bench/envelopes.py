"""One Alipay envelope, verified and opened: by a floor, by haoma, and by what people use today.

The floor does only what is unavoidable (two JSON parses, base64, RSA-2048 verification, AES-CBC, PKCS#7), with both
keys parsed beforehand and none of haoma's checks. The goal is relative to it. A second floor also keeps its cipher
object, as haoma does; the distance to it is the cost of haoma's own checks and results.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from base64 import b64decode
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import IO, TYPE_CHECKING, Any, Final

import msgspec
from Crypto.Cipher import AES
from Crypto.Hash import SHA256 as PEER_SHA256
from Crypto.PublicKey import RSA
from Crypto.Signature import pkcs1_15
from Crypto.Util.Padding import unpad
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.padding import PKCS7
from cryptography.hazmat.primitives.serialization import load_der_public_key

import haoma
from bench.goals import Goal, Row, Section
from bench.rounds import Rounds
from haoma.platforms.alipay.mirror import ALIPAY, AlipayMirror

if TYPE_CHECKING:
    from collections.abc import Callable

MOBILE: Final = "13811112222"
_NODE: Final = Path(__file__).parent / "node"
_FLOOR, _BARE = "floor: cryptography + msgspec, keys kept", "the same, cipher object kept too"
_STR, _BYTES = "haoma.verify_offline(str)", "haoma.verify_offline(bytes)"
_PEER, _SDK = "pycryptodome, key parsed each time", "alipay-sdk (npm)"


def measure(rounds: int) -> Section:
    """Run every contender in turn, ``rounds`` times."""
    section = Section("Alipay envelope, offline  离线打开支付宝报文", ("µs", "× floor 下限"))
    mirror = AlipayMirror(os.urandom)
    settings = mirror.settings("https://openapi.alipay.com")[ALIPAY]
    envelope = mirror.envelope("ok", MOBILE)
    contenders: dict[str, Callable[[int], float]] = {
        _FLOOR: _timed(_floor(settings), envelope),
        _BARE: _timed(_floor(settings, keep_cipher=True), envelope),
        _STR: _timed(_haoma(settings), envelope),
        _BYTES: _timed(_haoma(settings), envelope.encode("utf-8")),
        _PEER: _timed(_pycryptodome(settings), envelope),
    }
    node = _AlipaySdk.start(settings, envelope)
    if node is None:
        section.notes.append(f"{_SDK}: not measured; install Node.js and run: npm ci --prefix bench/node  未安装，未测")
    else:
        contenders[_SDK] = node.run
    try:
        times = Rounds(contenders, rounds)
    finally:
        if node is not None:
            node.stop()
    section.rows = [
        Row(name, (f"{times.seconds(name) * 1e6:.1f}", f"{times.ratio(name, _FLOOR):.2f}")) for name in contenders
    ]
    section.goals = [
        Goal("haoma / floor 下限", max(times.ratio(name, _FLOOR) for name in (_STR, _BYTES)), "<=", 1.25),
        Goal("pycryptodome / haoma", times.ratio(_PEER, _STR), ">=", 8),
    ]
    if _SDK in contenders:
        section.goals.append(Goal("alipay-sdk / haoma", times.ratio(_SDK, _STR), ">=", 6))
    return section


def _timed(open_: Callable[[Any], Any], envelope: str | bytes) -> Callable[[int], float]:
    found = open_(envelope)
    if getattr(found, "e164", found) not in (MOBILE, f"+86{MOBILE}"):  # a fast wrong answer does not count
        raise AssertionError(f"{open_}: {found}")

    def run(calls: int) -> float:
        started = perf_counter()
        for _ in range(calls):
            open_(envelope)
        return perf_counter() - started

    return run


def _haoma(settings: dict[str, Any]) -> Callable[[str | bytes], haoma.VerifiedPhone]:
    return partial(haoma.verify_offline, haoma.configure(**settings))


def _floor(settings: dict[str, Any], *, keep_cipher: bool = False) -> Callable[[str], str]:
    key = load_der_public_key(b64decode(settings["alipay_public_key"]))
    if not isinstance(key, RSAPublicKey):
        raise TypeError(key)
    verify, padding, sha256 = key.verify, PKCS1v15(), SHA256()
    aes_key, iv, pkcs7 = algorithms.AES(b64decode(settings["aes_key"])), bytes(16), PKCS7(128)
    kept = Cipher(aes_key, modes.CBC(iv)) if keep_cipher else None
    parse = msgspec.json.decode

    def floor(envelope: str) -> str:
        message = parse(envelope)
        ciphertext = message["response"]
        verify(b64decode(message["sign"]), f'"{ciphertext}"'.encode(), padding, sha256)
        cipher = kept or Cipher(aes_key, modes.CBC(iv))
        decryptor, unpadder = cipher.decryptor(), pkcs7.unpadder()
        padded = decryptor.update(b64decode(ciphertext)) + decryptor.finalize()
        mobile: str = parse(unpadder.update(padded) + unpadder.finalize())["mobile"]
        return mobile

    return floor


def _pycryptodome(settings: dict[str, Any]) -> Callable[[str], str]:
    """Return the handler that tutorials show: it parses all settings for every request."""
    alipay_public_key, aes_key = settings["alipay_public_key"], settings["aes_key"]

    def pycryptodome(envelope: str) -> str:
        message = json.loads(envelope)
        key = RSA.import_key(f"-----BEGIN PUBLIC KEY-----\n{alipay_public_key}\n-----END PUBLIC KEY-----")
        signed = PEER_SHA256.new(f'"{message["response"]}"'.encode())
        pkcs1_15.new(key).verify(signed, b64decode(message["sign"]))
        padded = AES.new(b64decode(aes_key), AES.MODE_CBC, bytes(16)).decrypt(b64decode(message["response"]))
        mobile: str = json.loads(unpad(padded, AES.block_size))["mobile"]
        return mobile

    return pycryptodome


class _AlipaySdk:
    """The npm package in a process of its own. It times itself, so that pipes do not count."""

    def __init__(self, process: subprocess.Popen[str], lines: IO[str], answers: IO[str]) -> None:
        self._process = process
        self._lines, self._answers = lines, answers

    @classmethod
    def start(cls, settings: dict[str, Any], envelope: str) -> _AlipaySdk | None:
        """Return the running contender, or None if Node or the package is missing."""
        node = shutil.which("node")
        if node is None or not (_NODE / "node_modules" / "alipay-sdk").is_dir():
            return None
        pipe = subprocess.PIPE
        process = subprocess.Popen([node, _NODE / "envelope.mjs"], stdin=pipe, stdout=pipe, text=True, encoding="utf-8")
        if process.stdin is None or process.stdout is None:
            raise OSError("no pipes")
        contender = cls(process, process.stdin, process.stdout)
        found = contender._ask({"settings": settings, "envelope": envelope})
        if found["mobile"] != MOBILE:
            raise AssertionError(f"alipay-sdk: {found}")
        return contender

    def run(self, calls: int) -> float:
        seconds: float = self._ask({"calls": calls})["seconds"]
        return seconds

    def stop(self) -> None:
        self._lines.close()
        self._process.wait(10)
        self._answers.close()

    def _ask(self, asked: dict[str, Any]) -> dict[str, Any]:
        self._lines.write(json.dumps(asked) + "\n")
        self._lines.flush()
        answer: dict[str, Any] = json.loads(self._answers.readline())
        return answer
