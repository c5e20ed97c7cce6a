"""API security mode: requests are encrypted and signed; replies are verified, then decrypted.

AES-256-GCM and RSASSA-PSS (SHA-256, MGF1 with SHA-256, 32-byte salt). Both sides sign four lines: ``url``, ``app id``,
``timestamp``, ``body``. The ciphertext's associated data is ``url|app id|timestamp|number of the AES key``. The url is
WeChat's own, with scheme and without query, even if a proxy stands in between.

A reply is checked in this order:

1. Its headers name a time, and no other app. The signature covers both.
2. Its signature verifies under one of WeChat's configured keys. While WeChat changes its certificate, it sends a second
   signature under the old one. Either will do, so old and new certificate may be configured together. The number of the
   certificate that WeChat claims to have used is ignored: trust rests on the key.
3. Body and ciphertext are well formed, and the tag is valid. A plain-text refusal passes; it can only refuse.
4. ``_appid`` and ``_timestamp`` inside match the headers, and the time is close to ours.
5. A success has not been seen before. Nothing in a reply names its request: a TLS-terminating proxy could otherwise
   replay one user's reply for another user's code.

Any failure is the one refusal `ReplySignatureMismatch`; ``diagnosis`` says what failed. An unsigned reply can only
refuse, because WeChat has no other way to say that it cannot read a request.

SM2 and SM4, the other pair that the console offers, are not supported.

Page: https://developers.weixin.qq.com/miniprogram/dev/server/getting_started/api_signature.html (read 2026-11). The
number of the certificate is not among the signed lines: WeChat's own example verifies only without it.
"""

from __future__ import annotations

import base64
import hashlib
import re
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import msgspec

from haoma.crypto.gcm import open_gcm, seal_gcm
from haoma.crypto.keys import KeyProblem, parse_public_key
from haoma.crypto.signing import is_pss, sign_pss
from haoma.crypto.strict import decode_base64, parse_json, parse_json_object
from haoma.errors import CannotOpen, EnvelopeError, ReplySignatureMismatch, Spent
from haoma.platforms.base.setting import Kind, Setting
from haoma.steps import Key, Request, Room, TakeTry, ask

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

    from haoma.platforms.base.table import Table
    from haoma.steps import Flow, Reply

SETTINGS: Final = (
    Setting("api_sym_key", secret=True, key=True),
    Setting("api_sym_sn"),
    Setting("api_private_key", secret=True, key=True),
    Setting("api_certificate", Kind.TEXTS, key=True),
)
NAMES: Final = tuple(setting.name for setting in SETTINGS)
_KEY_BYTES: Final = 32
_AWAY: Final = 300  # most seconds between WeChat's clock and ours
_REMEMBERED: Final = 3.0 * _AWAY  # a reply is acceptable for 600 seconds, and its request may take some time
_STEP: Final = 4
_TIME: Final = re.compile(r"[0-9]{1,12}")
_SIGNATURES: Final = ("wechatmp-signature", "wechatmp-signature-deprecated")


@dataclass(frozen=True, kw_only=True)
class Security:
    """The keys of an app in API security mode.

    Attributes:
        sym_key, sym_sn: The AES key, and its number in the console.
        private_key: The app's own; the console has its public half.
        platform_keys: WeChat's keys, one or two.
    """

    sym_key: bytes = field(repr=False)
    sym_sn: str
    private_key: RSAPrivateKey = field(repr=False)
    platform_keys: tuple[RSAPublicKey, ...] = field(repr=False)

    def beside(self, url: str, app_id: str, timestamp: str) -> bytes:
        """Return the associated data of the ciphertext."""
        return f"{url}|{app_id}|{timestamp}|{self.sym_sn}".encode()


def configure(table: Table) -> Security | None:
    """Read the four settings; return None if none is set, or after a fault."""
    if not any(setting in table for setting in NAMES):
        return None
    sym_sn, sym_key = table.text("api_sym_sn", required=True), b""
    if text := table.text("api_sym_key", required=True):
        with suppress(EnvelopeError):
            sym_key = decode_base64(text, "api_sym_key")
        if len(sym_key) != _KEY_BYTES:
            table.fault("config.api-sym-key", "api_sym_key", characters=len(text), needed_bytes=_KEY_BYTES)
    private_key, platform_keys = None, []
    try:
        for text in table.texts("api_private_key", required=True):
            private_key = table.parse_private_key(text)
    except KeyProblem as problem:
        table.fault(problem.code, "api_private_key", **problem.because)
    try:
        platform_keys = [parse_public_key(text) for text in table.texts("api_certificate", required=True)]
    except KeyProblem as problem:
        table.fault(problem.code, "api_certificate", **problem.because)
    if private_key is None:  # already a fault, as is a missing key of WeChat: no app is built
        return None
    return Security(sym_key=sym_key, sym_sn=sym_sn, private_key=private_key, platform_keys=tuple(platform_keys))


def sealed_post(
    security: Security, url: str, app_id: str, content: dict[str, str], *, now: float, random: str, to: str
) -> Request:
    """Return the request.

    Args:
        security: The keys.
        url: WeChat's own address of the API.
        app_id: The app.
        content: The fields for WeChat.
        now: Unix seconds.
        random: 256 random bits, from which nonce and IV are derived.
        to: The address to send to: ``url``, or the same API behind a proxy.
    """
    drawn = hashlib.sha512(random.encode("ascii")).digest()
    timestamp = str(int(now))
    # The page allows 24 bytes. They need no padding, which the page's own example omits.
    own = {"_n": _text(drawn[:24]), "_appid": app_id, "_timestamp": int(now)}
    body = seal(security, url, app_id, timestamp, iv=drawn[24:36], plain=msgspec.json.encode({**own, **content}))
    signature = sign_pss(security.private_key, _lines(url, app_id, timestamp, body))
    headers = (
        ("content-type", "application/json"),
        ("wechatmp-appid", app_id),
        ("wechatmp-timestamp", timestamp),
        ("wechatmp-signature", _text(signature)),
    )
    return Request("POST", to, headers=headers, body=body)


def seal(security: Security, url: str, app_id: str, timestamp: str, *, iv: bytes, plain: bytes) -> bytes:
    """Return the body of a request."""
    sealed, tag = seal_gcm(security.sym_key, iv, plain, security.beside(url, app_id, timestamp))
    return msgspec.json.encode({"iv": _text(iv), "data": _text(sealed), "authtag": _text(tag)})


def open_reply(security: Security, url: str, app_id: str, reply: Reply, *, now: float) -> bytes:
    """Return the JSON inside a reply, or the reply itself if it is a plain-text refusal.

    Raises:
        ReplySignatureMismatch: ``trust.reply-signature-mismatch``, for any failure.
    """
    # (1)
    timestamp = reply.headers.get("wechatmp-timestamp", "")
    if reply.headers.get("wechatmp-appid", app_id) != app_id or not _TIME.fullmatch(timestamp):
        raise _refusal("headers")
    # (2)
    if not _is_signed(security, _lines(url, app_id, timestamp, reply.body), reply.headers):
        raise _refusal("signature")
    try:
        # (3)
        found = parse_json_object(reply.body)
        if "data" not in found and _refuses(found):
            return reply.body
        iv, sealed, tag = (decode_base64(str(found.get(name, "")), name) for name in ("iv", "data", "authtag"))
        plain = open_gcm(security.sym_key, iv, sealed, tag, security.beside(url, app_id, timestamp))
        inside = parse_json_object(plain)
    except (EnvelopeError, CannotOpen):
        raise _refusal("sealed") from None
    # (4)
    if (inside.get("_appid"), inside.get("_timestamp")) != (app_id, int(timestamp)):
        raise _refusal("inside")
    if abs(now - int(timestamp)) > _AWAY:
        raise _refusal("time")
    return plain


def take_once(app_id: str, reply: Reply) -> Flow[None]:
    """Remember an opened reply, or refuse it if it was accepted before (step 5).

    It is remembered by its body. Two signatures may verify, and each may be made anew; both cover the body.

    Raises:
        ReplySignatureMismatch: ``trust.reply-signature-mismatch``.
    """
    key = Key(Room.PROOFS, app_id, "reply", (hashlib.sha256(reply.body).hexdigest(),))
    if not (yield from ask(TakeTry(key, 1, _REMEMBERED))):
        raise _refusal("taken-before")


def is_unsigned_refusal(reply: Reply) -> bool:
    """Return whether a reply is an unsigned refusal: an errcode other than zero, or no JSON at all.

    A body that is not JSON is the page of a gateway in between; it says nothing about certificates.
    """
    if any(name in reply.headers for name in _SIGNATURES):
        return False
    try:
        found = parse_json(reply.body)
    except EnvelopeError:
        return True
    return isinstance(found, dict) and _refuses(found)


def _refuses(found: dict[str, Any]) -> bool:
    return found.get("errcode", 0) not in (0, "0", "", None)


def _is_signed(security: Security, lines: bytes, headers: dict[str, str]) -> bool:
    for name in _SIGNATURES:
        try:
            signature = decode_base64(headers.get(name, ""), name)
        except EnvelopeError:
            continue
        if any(is_pss(key, signature, lines) for key in security.platform_keys):
            return True
    return False


def _lines(url: str, app_id: str, timestamp: str, body: bytes) -> bytes:
    return f"{url}\n{app_id}\n{timestamp}\n".encode() + body


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")


def _refusal(diagnosis: str) -> ReplySignatureMismatch:
    return ReplySignatureMismatch(platform="wechat", step=_STEP, diagnosis=diagnosis, spent=Spent.UNKNOWN)
