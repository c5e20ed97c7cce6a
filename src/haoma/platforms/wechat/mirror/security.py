"""The simulated WeChat in API security mode. It shares no code with ``api_security.py``."""

from __future__ import annotations

import base64
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import msgspec
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from haoma.platforms.base.mirroring import Answer

if TYPE_CHECKING:
    from haoma.platforms.base.mirroring import Call, RandomBytes

_WECHAT: Final = "https://api.weixin.qq.com"
_PSS: Final = padding.PSS(mgf=padding.MGF1(SHA256()), salt_length=32)


@cache
def _key(name: str) -> rsa.RSAPrivateKey:
    del name  # the cache keeps one key per name and process: generating one takes a tenth of a second
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


class Console:
    """The security settings of one mini program, and WeChat's own keys."""

    def __init__(self, random_bytes: RandomBytes) -> None:
        self._random = random_bytes
        self._sym_key = random_bytes(32)
        self._sym_sn = random_bytes(16).hex()

    def settings(self) -> dict[str, Any]:
        """Return the settings for these keys."""
        private = _key("app").private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        public = _key("wechat").public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        return {
            "api_sym_key": base64.b64encode(self._sym_key).decode("ascii"),
            "api_sym_sn": self._sym_sn,
            "api_private_key": private.decode("ascii"),
            "api_certificate": public.decode("ascii"),
        }

    def read(self, call: Call, app_id: str) -> dict[str, Any] | int:
        """Return the contents of a request, or the errcode that refuses it."""
        headers = {name.lower(): value for name, value in call.headers.items()}
        time, signature = headers.get("wechatmp-timestamp", ""), headers.get("wechatmp-signature", "")
        for value, errcode in ((time, 40231), (signature, 40232), (headers.get("wechatmp-appid"), 40233)):
            if not value:
                return errcode
        signed = "\n".join((_WECHAT + call.path, app_id, time, call.body.decode("utf-8")))
        try:
            raw = base64.b64decode(signature)  # noqa: TID251
            _key("app").public_key().verify(raw, signed.encode(), _PSS, SHA256())
        except (InvalidSignature, ValueError):
            return 40234
        try:
            body = msgspec.json.decode(call.body, type=dict[str, bytes])  # bytes: msgspec decodes base64
            beside = "|".join((_WECHAT + call.path, app_id, time, self._sym_sn)).encode()
            plain = AESGCM(self._sym_key).decrypt(body["iv"], body["data"] + body["authtag"], beside)
        except (InvalidTag, KeyError, ValueError):
            return 40235
        found = msgspec.json.decode(plain, type=dict[str, Any])
        if found.get("_appid") != app_id:
            return 40236
        return found if len(found.get("_n", "")) >= 22 and str(found.get("_timestamp")) == time else 40240

    def say(self, path: str, app_id: str, answer: Answer, now: float, *, forged: bool = False) -> Answer:
        """Return an answer, sealed and signed; with ``forged``, signed by a key that is not WeChat's."""
        time = str(int(now))
        nonce = base64.b64encode(self._random(16)).decode("ascii").rstrip("=")
        own = {"_n": nonce, "_appid": app_id, "_timestamp": int(now)}
        plain = msgspec.json.encode({**own, **msgspec.json.decode(answer.body)})
        iv, beside = self._random(12), "|".join((_WECHAT + path, app_id, time, self._sym_sn)).encode()
        sealed = AESGCM(self._sym_key).encrypt(iv, plain, beside)
        body = msgspec.json.encode({"iv": iv, "data": sealed[:-16], "authtag": sealed[-16:]})
        signed = "\n".join((_WECHAT + path, app_id, time, body.decode("ascii"))).encode()
        signature = _key("app" if forged else "wechat").sign(signed, _PSS, SHA256())
        headers = {
            "wechatmp-appid": app_id,
            "wechatmp-timestamp": time,
            "wechatmp-serial": "1",
            "wechatmp-signature": base64.b64encode(signature).decode("ascii"),
        }
        return Answer(headers={**answer.headers, **headers}, body=body)
