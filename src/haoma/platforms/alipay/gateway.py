"""Alipay's gateway: call a method and verify the reply.

The steps:

1. Sign the request with the private key: parameters sorted by name, joined unencoded, RSA2. The timestamp is Beijing
   time, whatever the machine's time zone. For a merchant, the third-party application calls with its own id and key,
   and names the merchant by ``app_auth_token``.
2. Send it as a form.
3. Verify the gateway's signature over the raw text of the response node, byte for byte; parsing and serialising it
   would change it. An unsigned success is refused. An error may be unsigned; it is a refusal either way.
4. If the reply names a certificate that is not configured (``alipay_cert_sn``), download it, verify its chain up to the
   configured root, and keep it for a day. It is used for the gateway's replies only; see the README.

Pages: https://opendocs.alipay.com/common/02mriz (read 2026-11). The certificate is downloaded as in the official .NET
SDK (DefaultAopClient, LoadAlipayPublicKey). The README lists what captures add.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

import msgspec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID

from haoma.codecs import PUBLIC_KEY
from haoma.crypto import keys
from haoma.crypto.chain import ChainBroken, check_chain, is_current
from haoma.crypto.signing import is_rsa2, sign_rsa2
from haoma.crypto.strict import decode_base64, parse_json_object
from haoma.errors import (
    CertificateNotTrusted,
    EnvelopeError,
    NonsenseReply,
    OutsideError,
    ReplySignatureMismatch,
    ReplyUnsigned,
    Spent,
)
from haoma.platforms.base.code_exchange import sending_a_code
from haoma.platforms.base.contract import Redacted
from haoma.sharing import refresh
from haoma.steps import Request, Room, Send, Shelf, ask

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.x509 import Certificate

    from haoma.platforms.alipay.app import AlipayApp
    from haoma.steps import Flow, Reply

_ERROR_NODE: Final = "error_response"
_SUCCESS: Final = "10000"
_DOWNLOAD: Final = "alipay.open.app.alipaycert.download"
_BEIJING: Final = timezone(timedelta(hours=8))
_SN: Final = re.compile(r"[0-9a-f]{32}")
_DAY: Final = 86_400.0
_nodes: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class Answer(Redacted, frozen=True):
    """The response node of a reply. Unless it is a refusal, the gateway has signed it.

    Attributes:
        node: The object, or the base64 text of a sealed one.
        refused: Whether it is the gateway's refusal, which may be unsigned.
    """

    node: dict[str, Any] | str
    refused: bool


class _Reply(Redacted, frozen=True):
    """A reply that has been parsed and not yet verified."""

    name: str
    node: dict[str, Any] | str
    raw: bytes
    sign: str
    certificate: str


def call(app: AlipayApp, method: str, business: dict[str, str], now: float, *, for_merchant: bool) -> Flow[Answer]:
    """Call a method of the gateway.

    Args:
        app: The app. It has a private key.
        method: Name of the method.
        business: The parameters of the method.
        now: Unix seconds.
        for_merchant: Whether to send ``app_auth_token``, if there is one.

    Raises:
        OutcomeUnknown: ``outside.outcome-unknown``: the connection failed after the request was sent.
        ReplyUnsigned, ReplySignatureMismatch, CertificateNotTrusted: ``trust.…`` (steps 3 and 4).
        NonsenseReply: ``outside.nonsense-reply``.
    """
    found = yield from _exchange(app, method, business, now, for_merchant=for_merchant)
    refused = found.name == _ERROR_NODE or (
        isinstance(found.node, dict) and found.node.get("code", _SUCCESS) != _SUCCESS
    )
    # (3)
    if found.sign:
        yield from _check_signature(app, found, now)
    elif not refused:
        raise ReplyUnsigned(step=3, spent=Spent.YES)
    return Answer(found.node, refused)


def request_parameters(
    app: AlipayApp, method: str, business: dict[str, str], now: float, *, for_merchant: bool
) -> dict[str, str]:
    """Return the parameters of a request, without its signature."""
    parameters = {
        "app_id": app.isv_app_id or app.app_id,
        "method": method,
        "format": "JSON",
        "charset": "utf-8",
        "sign_type": "RSA2",
        "timestamp": datetime.fromtimestamp(now, UTC).astimezone(_BEIJING).strftime("%Y-%m-%d %H:%M:%S"),
        "version": "1.0",
        **business,
    }
    if for_merchant and app.app_auth_token:
        parameters["app_auth_token"] = app.app_auth_token.reveal()
    if app.app_cert_sn:
        parameters |= {"app_cert_sn": app.app_cert_sn, "alipay_root_cert_sn": app.root_cert_sn}
    return parameters


def string_to_sign(parameters: dict[str, str]) -> str:
    """Return the text to sign: non-empty parameters by name, ``k=v`` joined with ``&``, not URL-encoded."""
    return "&".join(f"{name}={value}" for name, value in sorted(parameters.items()) if value and name != "sign")


def _exchange(app: AlipayApp, method: str, business: dict[str, str], now: float, *, for_merchant: bool) -> Flow[_Reply]:
    if app.private_key is None:
        raise ValueError("no private key")  # callers check this first, with an error of their own
    # (1)
    parameters = request_parameters(app, method, business, now, for_merchant=for_merchant)
    signature = sign_rsa2(app.private_key, string_to_sign(parameters).encode("utf-8"))
    body = urlencode({**parameters, "sign": base64.b64encode(signature).decode("ascii")}).encode("ascii")
    headers = (("content-type", "application/x-www-form-urlencoded;charset=utf-8"),)
    # (2)
    request = Request("POST", app.gateway_url, headers=headers, body=body)
    reply = yield from sending_a_code(ask(Send(request, app.upstreams, app=app.scope)), 2)
    return _take_apart(reply, method.replace(".", "_") + "_response")


def _take_apart(reply: Reply, expected: str) -> _Reply:
    try:
        whole = parse_json_object(reply.body)
        raw_nodes = _nodes(reply.body)
    except (EnvelopeError, msgspec.MsgspecError):
        raise nonsense("not JSON", status=reply.status, bytes=len(reply.body)) from None
    name = expected if expected in whole else _ERROR_NODE
    node = whole.get(name)
    if not isinstance(node, (dict, str)) or (name == _ERROR_NODE and isinstance(node, str)):
        raise nonsense("no response node", status=reply.status, bytes=len(reply.body))
    sign, certificate = (
        found if isinstance(found := whole.get(each), str) else "" for each in ("sign", "alipay_cert_sn")
    )
    return _Reply(name, node, bytes(raw_nodes[name]), sign, certificate)


def nonsense(reason: str, **because: object) -> NonsenseReply:
    """Return the error for a reply that cannot be understood."""
    return NonsenseReply(step=3, because={"reason": reason, **because}, spent=Spent.UNKNOWN)


def _check_signature(app: AlipayApp, found: _Reply, now: float) -> Flow[None]:
    try:
        signature = decode_base64(found.sign, "sign")
    except EnvelopeError:
        signature = b""
    signed = [found.raw]
    if isinstance(found.node, str):  # a sealed node: sign the same text, whether the JSON around it writes / or \/
        signed.append(f'"{found.node}"'.encode())
    tried = list(app.public_keys)
    if any(is_rsa2(key, signature, text) for key in tried for text in signed):
        return
    # (4)
    if app.leaves and _SN.fullmatch(found.certificate) and found.certificate not in map(keys.serial_name, app.leaves):
        key = yield from _successor(app, found.certificate, now)
        if any(is_rsa2(key, signature, text) for text in signed):
            return
        tried.append(key)
    raise ReplySignatureMismatch(step=3, because={"keys_tried": len(tried)}, spent=Spent.UNKNOWN)


# --- the certificate that comes after the configured ones ---

_CERTIFICATES: Final = Shelf("alipay-certificate", Room.CUSTODY, PUBLIC_KEY)


def _successor(app: AlipayApp, serial_name: str, now: float) -> Flow[RSAPublicKey]:
    if not app.roots:
        raise _untrusted("no root", alipay_cert_sn=serial_name, needed="alipay_root_cert")
    # A certificate trusted under one app's roots must not be trusted by an app with other roots.
    roots = hashlib.sha256(b"".join(root.fingerprint(SHA256()) for root in app.roots)).hexdigest()
    place = _CERTIFICATES.place("", app.scope, roots, serial_name)
    try:
        return (yield from refresh(place, lambda: _download(app, serial_name, now)))
    except OutsideError as error:
        raise error.evolve(spent=Spent.UNKNOWN) from None  # the request before this one has already taken effect


def _download(app: AlipayApp, serial_name: str, now: float) -> Flow[tuple[RSAPublicKey, float]]:
    business = {"biz_content": json.dumps({"alipay_cert_sn": serial_name}, separators=(",", ":"))}
    # The signature of this reply proves nothing, because the requested key may have made it. The chain proves it.
    found = yield from _exchange(app, _DOWNLOAD, business, now, for_merchant=False)
    node = found.node if isinstance(found.node, dict) else {}
    content = node.get("alipay_cert_content")
    if not isinstance(content, str):
        raise _untrusted("not given", alipay_cert_sn=serial_name, answer=str(node.get("sub_code"))[:60])
    try:
        certificates = keys.parse_certificates(decode_base64(content, "alipay_cert_content").decode("utf-8"))
        key = _trusted_key(app, certificates, serial_name, now)
    except (EnvelopeError, UnicodeDecodeError, keys.KeyProblem):
        raise _untrusted("unreadable", alipay_cert_sn=serial_name) from None
    except ChainBroken as broken:
        raise _untrusted(broken.reason, alipay_cert_sn=serial_name) from None
    return key, _DAY


def _trusted_key(app: AlipayApp, certificates: list[Certificate], serial_name: str, now: float) -> RSAPublicKey:
    leaf = keys.leaf(certificates)
    if keys.serial_name(leaf) != serial_name:
        raise ChainBroken("another-certificate")
    # Under the same root, Alipay also certifies every app's key, and its own keys for every other company.
    if not any(leaf.issuer == each.issuer and _common_name(leaf) == _common_name(each) for each in app.leaves):
        raise ChainBroken("another-holder")
    if not is_current(leaf, now):
        raise ChainBroken("dates")
    check_chain(leaf, [*certificates, *app.intermediates], app.roots, now)
    return keys.strong_key(leaf)


def _common_name(certificate: Certificate) -> list[str | bytes]:
    return [each.value for each in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]


def _untrusted(reason: str, **because: object) -> CertificateNotTrusted:
    return CertificateNotTrusted(step=4, because={"reason": reason, **because}, spent=Spent.UNKNOWN)
