"""pycryptodome on the other side: it opens what the mirrors seal, and haoma opens what it seals."""

from __future__ import annotations

import json
import os
from base64 import b64decode, b64encode
from functools import cache
from typing import Any

import pytest
from Crypto.Cipher import AES
from Crypto.Hash import SHA256
from Crypto.PublicKey import RSA
from Crypto.Signature import pkcs1_15
from Crypto.Util.Padding import pad, unpad

import haoma
from haoma.authorize import log_in
from haoma.errors import CannotOpen
from haoma.io.blocking import run
from haoma.platforms.alipay.mirror import ALIPAY, AlipayMirror
from haoma.platforms.base.contract import App
from haoma.steps import Reply, Send
from support.stage import NOW, Stage

alipay_key = cache(RSA.generate)  # takes seconds: not at import, which every worker does
AES_KEY = os.urandom(16)
MIRROR = AlipayMirror(os.urandom)
NUMBERS = [("13811112222", "+8613811112222"), ("852-51234567", "+85251234567"), ("1-2025550123", "+12025550123")]
PADDINGS = range(1, 17)


def sealed(plain: bytes, key: bytes = AES_KEY, iv: bytes = bytes(16)) -> str:
    return b64encode(AES.new(key, AES.MODE_CBC, iv).encrypt(pad(plain, AES.block_size))).decode("ascii")


def opened(text: str, key: bytes, iv: bytes = bytes(16)) -> Any:
    return json.loads(unpad(AES.new(key, AES.MODE_CBC, iv).decrypt(b64decode(text)), AES.block_size))


def envelope(plain: bytes, key: RSA.RsaKey) -> str:
    """Return an envelope that haoma's own code had no part in."""
    response = sealed(plain)
    sign = b64encode(pkcs1_15.new(key).sign(SHA256.new(f'"{response}"'.encode()))).decode("ascii")
    return json.dumps({"response": response, "sign": sign})


def configured(key: RSA.RsaKey, form: str) -> App:
    public = key.public_key().export_key(form)
    text = b64encode(public).decode("ascii") if form == "DER" else public.decode("ascii")
    aes_key = b64encode(AES_KEY).decode("ascii")
    return haoma.configure("alipay", app_id="2021000000000001", alipay_public_key=text, aes_key=aes_key)


@pytest.mark.parametrize("mobile, expected", NUMBERS)
@pytest.mark.parametrize("form", ["DER", "PEM"])
@pytest.mark.parametrize("bits", [2048, 3072])
def test_an_envelope_of_pycryptodome_opens(bits: int, form: str, mobile: str, expected: str) -> None:
    """Keys, signature, padding and cipher of another library, spaces in the JSON included."""
    key = alipay_key(bits)
    plain = json.dumps({"code": "10000", "msg": "Success", "mobile": mobile}).encode()
    assert haoma.verify_offline(configured(key, form), envelope(plain, key)).e164 == expected


@pytest.mark.parametrize("missing", PADDINGS)
def test_every_length_of_padding_opens(missing: int) -> None:
    """One to sixteen bytes of PKCS#7."""
    plain = b'{"code":"10000","mobile":"13811112222","x":"'
    plain += b"x" * ((-len(plain) - 2 - missing) % 16) + b'"}'
    assert (len(plain) + missing) % 16 == 0
    key = alipay_key(2048)
    assert haoma.verify_offline(configured(key, "PEM"), envelope(plain, key)).e164 == "+8613811112222"


@pytest.mark.parametrize("mobile", [mobile for mobile, _ in NUMBERS])
def test_pycryptodome_opens_an_envelope_of_the_mirror(mobile: str) -> None:
    """The usual handler: verify over the quoted ciphertext, decrypt, unpad; and a changed signature is refused."""
    settings = MIRROR.settings("https://openapi.alipay.com")[ALIPAY]
    message = json.loads(MIRROR.envelope("ok", mobile))
    verifier = pkcs1_15.new(RSA.import_key(b64decode(settings["alipay_public_key"])))
    signed = SHA256.new(f'"{message["response"]}"'.encode())
    sign = bytearray(b64decode(message["sign"]))
    verifier.verify(signed, bytes(sign))
    assert opened(message["response"], b64decode(settings["aes_key"]))["mobile"] == mobile
    sign[-1] ^= 1
    with pytest.raises(ValueError, match="Invalid signature"):
        verifier.verify(signed, bytes(sign))


class Listening(Stage):
    """A stage that keeps what the platforms answered."""

    def send(self, step: Send) -> Reply:
        """Answer, and remember the answer."""
        self.reply = super().send(step)
        return self.reply

    def log_in(self, login_code: str) -> tuple[str, bytes]:
        """Return the session handle, and the session_key that WeChat gave for it."""
        handle, _ = run(log_in(self.apps["wechat-sealed"], {"login_code": login_code}, now=self.now), self.world)
        return handle, b64decode(json.loads(self.reply.body)["session_key"])


def payload(app_id: str, country_code: str | int, national_number: str) -> bytes:
    return json.dumps(
        {
            "phoneNumber": national_number,
            "purePhoneNumber": national_number,
            "countryCode": country_code,
            "watermark": {"timestamp": int(NOW), "appid": app_id},
        }
    ).encode()


def test_pycryptodome_opens_sealed_data_of_the_mirror() -> None:
    """What WeChat's own sample code does with encryptedData, iv and session_key."""
    stage = Listening()
    tap = stage.tap("wechat", "sealed-ok")
    handle, session_key = stage.log_in(tap.login_code)
    sent = {name: tap.event[name] for name in ("encryptedData", "iv")}
    found = opened(sent["encryptedData"], session_key, b64decode(sent["iv"]))
    assert found["watermark"]["appid"] == stage.apps["wechat-sealed"].app_id
    ours = stage.authorize("wechat-sealed", {"session": handle, "authorization": sent}).e164
    assert ours == f"+{found['countryCode']}{found['purePhoneNumber']}" == tap.phone_number


@pytest.mark.parametrize(
    "country_code, national_number", [("86", "13800138000"), (86, "13800138000"), ("852", "51234567")]
)
def test_sealed_data_of_pycryptodome_opens(country_code: str | int, national_number: str) -> None:
    """Sealed by another library under the session's key; the same under another key is refused."""
    stage = Listening()
    handle, session_key = stage.log_in(stage.tap("wechat", "sealed-ok").login_code)
    plain, iv = payload(stage.apps["wechat-sealed"].app_id, country_code, national_number), os.urandom(16)

    def authorize(key: bytes) -> str:
        sent = {"encryptedData": sealed(plain, key, iv), "iv": b64encode(iv).decode("ascii")}
        return stage.authorize("wechat-sealed", {"session": handle, "authorization": sent}).e164

    with pytest.raises(CannotOpen):
        authorize(os.urandom(16))
    assert authorize(session_key) == f"+{country_code}{national_number}"
