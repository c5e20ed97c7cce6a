"""Cases of what WeChat sends to a server: pushes to a third-party platform, and replies in API security mode.

They are made with pycryptodome, which shares nothing with haoma and accepts the salt of a signature from outside, so
the cases are the same on every run.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from Crypto.Cipher import AES
from Crypto.Hash import SHA256
from Crypto.PublicKey import RSA
from Crypto.Signature import pkcs1_15, pss

NOW = 1_790_000_000
PLATFORM = "wx0000000000000000"  # the component's app id
APP = "wx4f4bc4dec97d474b"
OTHER = "wx1111111111111111"
TOKEN = "throw-away-token"
TICKET = "ticket@@@throw-away"
OPEN = "trust.cannot-open"
REPLY = "trust.reply-signature-mismatch"
URL = "https://api.weixin.qq.com/wxa/business/getuserphonenumber"
Made = tuple[str, str, str, Any, dict[str, Any], int, str, str]
"""Name, method, group, input, keys, now, reason of the refusal (empty if it must be accepted), why."""


def _bytes(label: str, size: int) -> bytes:
    """Return bytes that look random but are the same on every run."""
    return hashlib.shake_128(label.encode()).digest(size)


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")


AES_KEY = _bytes("push", 32)
PUSH_KEYS = {"app_id": PLATFORM, "token": TOKEN, "encoding_aes_key": _base64(AES_KEY).rstrip("=")}
# An EncodingAESKey has 43 characters. Two bits of the last one mean nothing; here they are zero.


def _pad(frame: bytes) -> bytes:
    missing = 32 - len(frame) % 32
    return frame + bytes([missing]) * missing


def _xml(inside: str, *, head: str = "") -> str:
    return f"{head}<xml>{inside}</xml>"


def _ticket(element: str = f"<ComponentVerifyTicket><![CDATA[{TICKET}]]></ComponentVerifyTicket>") -> str:
    kind = "<InfoType><![CDATA[component_verify_ticket]]></InfoType>"
    return f"<AppId><![CDATA[{PLATFORM}]]></AppId><CreateTime>{NOW}</CreateTime>{kind}{element}"


def _frame(message: str, *, receiver: str = PLATFORM, length: int | None = None) -> bytes:
    content = message.encode()
    size = len(content) if length is None else length
    return _bytes("head", 16) + size.to_bytes(4, "big") + content + receiver.encode()


def _encrypt(padded: bytes, key: bytes = AES_KEY) -> str:
    return _base64(AES.new(key, AES.MODE_CBC, key[:16]).encrypt(padded))


def _signature(*parts: str) -> str:
    return hashlib.sha1("".join(sorted(parts)).encode()).hexdigest()


def _push(encrypted: str, *, body: str = "", token: str = TOKEN, **query: str) -> dict[str, Any]:
    stamp, nonce = str(NOW), "1320562132"
    asked = {"timestamp": stamp, "nonce": nonce, "msg_signature": _signature(token, stamp, nonce, encrypted), **query}
    body = body or _xml(f"<AppId><![CDATA[{PLATFORM}]]></AppId><Encrypt><![CDATA[{encrypted}]]></Encrypt>")
    return {"query": {name: value for name, value in asked.items() if value}, "body": body}


def pushes() -> Iterator[Made]:
    """Yield the cases of ``component_verify_ticket``."""
    good = _encrypt(_pad(_frame(_xml(_ticket()))))
    frame = _frame(_xml(_ticket()))
    other = _encrypt(_pad(_frame(_xml(_ticket().replace(TICKET, "ticket@@@another")))))
    entity = "<!DOCTYPE xml [<!ENTITY e 'ticket@@@entity'>]>"
    of_entity = _xml(_ticket("<ComponentVerifyTicket>&e;</ComponentVerifyTicket>"), head=entity)
    plain = _xml(f"<AppId><![CDATA[{PLATFORM}]]></AppId><Encrypt><![CDATA[{good}]]></Encrypt>")
    twice = _xml(f"<Encrypt><![CDATA[{other}]]></Encrypt><Encrypt><![CDATA[{good}]]></Encrypt>")
    outside = _xml(f"<Encrypt><![CDATA[{good}]]></Encrypt>", head=entity)
    uneven = _pad(frame)[:-2] + b"\x00" + _pad(frame)[-1:]
    swapped = {**_push(good), "body": plain.replace(good, other)}
    no_id = _frame(_xml(_ticket()), receiver="")
    two_tickets = _ticket() + "<ComponentVerifyTicket><![CDATA[ticket@@@second]]></ComponentVerifyTicket>"
    made: list[tuple[str, str, dict[str, Any], int, str]] = [
        ("ticket", "genuine", _push(good), 0, "A ticket as WeChat pushes it."),
        ("ticket-a-minute-late", "genuine", _push(good), 60, "Clocks differ, and networks take their time."),
        ("signature-missing", "unproven", _push(good, msg_signature=""), 0, "No msg_signature."),
        ("signature-one-bit", "unproven", _push(good, msg_signature=_flip(_push(good))), 0, "A digit is another."),
        ("signature-of-the-query", "unproven",
         _push(good, msg_signature="", signature=_signature(TOKEN, str(NOW), "1320562132")), 0,
         "Only `signature`, which covers the query and not the ciphertext."),
        ("signature-of-another-push", "unproven", swapped, 0, "The signature is that of another ciphertext."),
        ("signature-under-no-token", "unproven", _push(good, token=""), 0, "Signed by somebody without the token."),
        ("clear-text", "unproven", _push(good, body=_xml(_ticket())), 0, "The ticket in clear text."),
        ("other-component", "foreign", _push(_encrypt(_pad(_frame(_xml(_ticket()), receiver=OTHER)))), 0,
         "Behind the message stands another component's id."),
        ("no-component", "foreign", _push(_encrypt(_pad(no_id))), 0, "Behind the message stands no id."),
        ("other-key", "foreign", _push(_encrypt(_pad(frame), _bytes("another", 32))), 0, "Another EncodingAESKey."),
        ("replayed-after-an-hour", "stale", _push(good), 3600, "A capture, sent again an hour later."),
        ("of-the-next-hour", "stale", _push(good), -3600, "The timestamp is of the next hour."),
        ("length-overrun", "damaged", _push(_encrypt(_pad(_frame(_xml(_ticket()), length=2**31)))), 0,
         "The length is beyond the frame."),
        ("length-short", "damaged", _push(_encrypt(_pad(_frame(_xml(_ticket()), length=20)))), 0,
         "The length ends within the message."),
        ("frame-short", "damaged", _push(_encrypt(_pad(b"short"))), 0, "Too short for a frame."),
        ("padding-zero", "damaged", _push(_encrypt(frame + bytes(-len(frame) % 32 or 32))), 0, "Padded with zeros."),
        ("padding-uneven", "damaged", _push(_encrypt(uneven)), 0, "Not all bytes of the padding are the same."),
        ("padding-33", "damaged", _push(_encrypt(_pad(frame)[:-1] + b"\x21")), 0, "A padding of 33 bytes."),
        ("truncated", "damaged", _push(_base64(base64.b64decode(good)[:-16])), 0, "The last block is missing."),
        ("not-base64", "damaged", _push("*" + good[1:]), 0, "The ciphertext is no base64."),
        ("entity-inside", "ambiguous", _push(_encrypt(_pad(_frame(of_entity)))), 0, "The ticket is an entity."),
        ("dtd-outside", "strictness", _push(good, body=outside), 0, "The body declares a DTD, and makes no use of it."),
        ("encrypt-twice", "ambiguous", _push(good, body=twice), 0, "Two ciphertexts; the signature is of the second."),
        ("ticket-twice", "ambiguous", _push(_encrypt(_pad(_frame(_xml(two_tickets))))), 0, "Two tickets in a message."),
    ]  # fmt: skip
    for name, group, sent, later, why in made:
        reason = "" if group == "genuine" else OPEN
        yield f"push-{name}{'_fail' if reason else ''}", "push", group, sent, PUSH_KEYS, NOW + later, reason, why


def _flip(push: dict[str, Any]) -> str:
    signature: str = push["query"]["msg_signature"]
    return ("1" if signature[0] != "1" else "2") + signature[1:]


class _Sealed:
    """A reply in API security mode, any part of which can be replaced."""

    def __init__(self, key: RSA.RsaKey) -> None:
        self.key = key
        self.sym_key, self.sym_sn = _bytes("gcm", 32), _bytes("sn", 16).hex()
        self.keys = {
            "app_id": APP,
            "url": URL,
            "api_sym_key": _base64(self.sym_key),
            "api_sym_sn": self.sym_sn,
            "api_certificates": [key.public_key().export_key().decode("ascii")],
        }

    def reply(
        self,
        *,
        inside: dict[str, Any] | None = None,
        url: str = URL,
        sym_key: bytes = b"",
        spoil: Callable[[dict[str, bytes]], None] = lambda _parts: None,
        signer: Callable[[bytes], bytes] | None = None,
        headers: dict[str, str | None] | None = None,
    ) -> dict[str, Any]:
        """Return a reply. ``spoil`` changes its parts before they are signed."""
        plain = json.dumps({"_n": "throw-away", "_appid": APP, "_timestamp": NOW, **_phone(), **(inside or {})})
        cipher = AES.new(sym_key or self.sym_key, AES.MODE_GCM, nonce=_bytes("iv", 12))
        cipher.update(f"{url}|{APP}|{NOW}|{self.sym_sn}".encode())
        data, tag = cipher.encrypt_and_digest(plain.encode())
        parts = {"iv": _bytes("iv", 12), "data": data, "authtag": tag}
        spoil(parts)
        body = json.dumps({name: _base64(part) for name, part in parts.items()}, separators=(",", ":"))
        signed = f"{url}\n{APP}\n{NOW}\n{body}".encode()
        signature = _base64((signer or self.sign)(signed))
        sent = {
            "wechatmp-appid": APP,
            "wechatmp-timestamp": str(NOW),
            "wechatmp-signature": signature,
            **(headers or {}),
        }
        return {"headers": {name: value for name, value in sent.items() if value is not None}, "body": body}

    def sign(self, signed: bytes) -> bytes:
        """Sign as WeChat does, except for the salt, which is always the same."""
        return pss.new(self.key, salt_bytes=32, rand_func=lambda size: _bytes("salt", size)).sign(SHA256.new(signed))


def _phone(app_id: str = APP) -> dict[str, Any]:
    watermark = {"timestamp": NOW, "appid": app_id}
    number = {"phoneNumber": "13811112222", "purePhoneNumber": "13811112222", "countryCode": "86"}
    return {"errcode": 0, "errmsg": "ok", "phone_info": {**number, "watermark": watermark}}


def _spoiled(name: str) -> Callable[[dict[str, bytes]], None]:
    def spoil(parts: dict[str, bytes]) -> None:
        parts[name] = bytes([parts[name][0] ^ 1]) + parts[name][1:]

    return spoil


def secured(key: Path) -> Iterator[Made]:
    """Yield the cases of a reply to the phone code in API security mode."""
    sealed = _Sealed(RSA.import_key(key.read_bytes()))
    attacker = RSA.import_key((key.parent / "throw-away-2.pem").read_bytes())
    by_attacker = _Sealed(attacker).sign
    pss_20 = pss.new(sealed.key, salt_bytes=20, rand_func=lambda size: _bytes("salt", size))
    genuine = sealed.reply()
    clear = {"headers": {"content-type": "application/json"}, "body": json.dumps(_phone())}
    old = {"wechatmp-signature-deprecated": genuine["headers"]["wechatmp-signature"]}
    signed_by_new = _base64(by_attacker(f"{URL}\n{APP}\n{NOW}\n{genuine['body']}".encode()))
    made: list[tuple[str, str, dict[str, Any], int, str, str]] = [
        ("mainland", "genuine", genuine, 0, "", "A reply as WeChat seals and signs it."),
        ("certificate-rotation", "genuine", sealed.reply(headers={**old, "wechatmp-signature": signed_by_new}), 0, "",
         "WeChat has changed its certificate; the signature under the one that we know comes beside."),
        ("signature-missing", "unproven", sealed.reply(headers={"wechatmp-signature": None}), 0, REPLY,
         "No signature."),
        ("signature-one-bit", "unproven", sealed.reply(signer=lambda text: _one_bit(sealed.sign(text))), 0, REPLY,
         "A bit of the signature is another."),
        ("signature-attackers-key", "unproven", sealed.reply(signer=by_attacker), 0, REPLY,
         "Well signed, with a key that is not WeChat's."),
        ("signature-pkcs1", "unproven",
         sealed.reply(signer=lambda text: pkcs1_15.new(sealed.key).sign(SHA256.new(text))), 0, REPLY,
         "PKCS #1 v1.5 in place of PSS: the message does not choose the scheme."),
        ("signature-salt-20", "unproven", sealed.reply(signer=lambda text: pss_20.sign(SHA256.new(text))), 0, REPLY,
         "A salt of 20 bytes; it has to be 32."),
        ("body-changed", "unproven", {**genuine, "body": genuine["body"].replace('"}', '" }')}, 0, REPLY,
         "A blank was added to the body after it was signed."),
        ("clear-text", "unproven", clear, 0, REPLY, "A number in clear text, as if the mode were off."),
        ("other-app", "foreign", sealed.reply(headers={"wechatmp-appid": OTHER}), 0, REPLY,
         "The headers name another app."),
        ("other-app-inside", "foreign", sealed.reply(inside={"_appid": OTHER}), 0, REPLY, "Inside stands another app."),
        ("other-interface", "foreign", sealed.reply(url=URL.replace("getuserphonenumber", "other")), 0, REPLY,
         "The reply of another interface."),
        ("other-key", "foreign", sealed.reply(sym_key=_bytes("another", 32)), 0, REPLY, "Under another AES key."),
        ("foreign-watermark", "foreign", sealed.reply(inside=_phone(OTHER)), 0, "trust.wrong-app",
         "Well sealed and signed; the watermark names another app."),
        ("other-time-inside", "ambiguous", sealed.reply(inside={"_timestamp": NOW - 1}), 0, REPLY,
         "Inside stands another time than in the headers."),
        ("replayed-after-an-hour", "stale", genuine, 3600, REPLY, "A capture, sent again an hour later."),
        ("tag-one-bit", "damaged", sealed.reply(spoil=_spoiled("authtag")), 0, REPLY, "A bit of the tag is another."),
        ("iv-one-bit", "damaged", sealed.reply(spoil=_spoiled("iv")), 0, REPLY, "A bit of the IV is another."),
        ("data-one-bit", "damaged", sealed.reply(spoil=_spoiled("data")), 0, REPLY,
         "A bit of the ciphertext is another."),
        ("tag-short", "damaged", sealed.reply(spoil=lambda parts: parts.update(authtag=parts["authtag"][:4])), 0, REPLY,
         "A tag of four bytes, which takes four thousand million guesses and no key."),
    ]  # fmt: skip
    for name, group, sent, later, reason, why in made:
        yield (
            f"secured-{name}{'_fail' if reason else ''}",
            "secured-reply",
            group,
            sent,
            sealed.keys,
            NOW + later,
            reason,
            why,
        )


def _one_bit(raw: bytes) -> bytes:
    return raw[:-1] + bytes([raw[-1] ^ 1])


def forged_for_exponent_three(content: bytes, modulus: int) -> tuple[str, str]:
    """Return a public key with exponent 3, and a "signature" of ``content`` made without its private key.

    Bleichenbacher, 2006: a sloppy verifier ignores what follows the hash, so an attacker can write anything there and
    take a cube root. The key is made up; only its modulus is that of a real one.
    """
    size = (modulus.bit_length() + 7) // 8
    algorithm = bytes.fromhex("3031300d060960864801650304020105000420")
    start = b"\x00\x01" + b"\xff" * 8 + b"\x00" + algorithm + hashlib.sha256(content).digest()
    root = _cube_root(int.from_bytes(start + b"\xff" * (size - len(start)), "big"))
    if (root**3).to_bytes(size, "big")[: len(start)] != start:
        raise ValueError("no room for the cube root")
    public = RSA.construct((modulus, 3)).export_key("DER")
    return _base64(public), _base64(root.to_bytes(size, "big"))


def _cube_root(number: int) -> int:
    low, high = 0, 1 << (number.bit_length() // 3 + 1)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if middle**3 <= number else (low, middle - 1)
    return low
