"""An Alipay mini program as it is configured: keys parsed once, classic mistakes named.

Settings: ``app_id``; ``alipay_public_key`` or ``alipay_cert`` (text or list); ``aes_key`` (text or list); for the login
``app_private_key`` and, in certificate mode, ``app_cert`` and ``alipay_root_cert``; ``gateway_url``;
``allow_sha1_signatures``.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeVar

from haoma.contract import App, Table, origin
from haoma.crypto import keys
from haoma.crypto.keys import KeyProblem
from haoma.crypto.opening import aes_cbc

if TYPE_CHECKING:
    from collections.abc import Callable

    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
    from cryptography.hazmat.primitives.ciphers import Cipher

GATEWAY: Final = "https://openapi.alipay.com/gateway.do"
KEY_SETTINGS: Final = frozenset({
    "alipay_public_key", "alipay_cert", "aes_key", "app_private_key", "app_cert", "alipay_root_cert",
})  # fmt: skip
_ZERO_IV: Final = bytes(16)  # the platform's choice; see the README about what follows from it
_APP_ID: Final = re.compile(r"\d{16}")
_SOON: Final = 30 * 86400.0
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class AlipayApp(App):
    """One configured Alipay mini program.

    Attributes:
        public_keys: Alipay's keys, of which one has to have signed.
        ciphers: AES-128-CBC with zero IV under each content key, newest first.
        private_key: Our key, for the login; None if the login is not configured.
        app_cert_sn, root_cert_sn: Sent with the login in certificate mode; else empty.
        gateway_url: Where the login goes.
        allow_sha1_signatures: Accept Alipay's legacy ``RSA`` type too.
    """

    public_keys: tuple[RSAPublicKey, ...] = field(repr=False)
    ciphers: tuple[Cipher[Any], ...] = field(repr=False)
    private_key: RSAPrivateKey | None = field(default=None, repr=False)
    app_cert_sn: str = ""
    root_cert_sn: str = ""
    gateway_url: str = GATEWAY
    allow_sha1_signatures: bool = False


def configure(table: Table) -> AlipayApp | None:
    """Build the app from its settings; faults go to the table."""
    app_id = table.text("app_id", required=True)
    if app_id and not _APP_ID.fullmatch(app_id):
        table.warn("config.app-id-shape", "app_id", needed="16 digits")
    private_key = _one(table, "app_private_key", keys.parse_private_key)
    app_cert = _certificate(table, "app_cert")
    public_keys = _public_keys(table, private_key, app_cert)
    aes_keys = _all(table, "aes_key", keys.parse_aes_key, required=True)
    root_cert_sn = _root_cert_sn(table)
    if private_key and app_cert and not keys.same_key(private_key.public_key(), keys.certificate_key(app_cert)):
        table.fault("config.key-pair-mismatch", "app_cert")
    if private_key and "alipay_cert" in table and not (app_cert and root_cert_sn):
        table.warn("config.cert-mode-incomplete", "app_private_key")
    gateway_url = table.url("gateway_url", default=GATEWAY)
    allow_sha1 = table.flag("allow_sha1_signatures")
    if allow_sha1:
        table.warn("config.sha1-allowed", "allow_sha1_signatures")
    policy, reply = table.policy(), table.reply()
    table.finish()
    if table.broken:
        return None
    return AlipayApp(
        name=table.name,
        platform="alipay",
        app_id=app_id,
        upstreams=(origin(gateway_url),),
        policy=policy,
        # The payload names no app: two apps with one content key would accept each other's envelopes.
        exclusive=frozenset(hashlib.sha256(b"alipay" + key).digest() for key in aes_keys),
        reply=reply,
        public_keys=tuple(public_keys),
        ciphers=tuple(aes_cbc(key, _ZERO_IV) for key in aes_keys),
        private_key=private_key,
        app_cert_sn=keys.serial_name(app_cert) if app_cert and root_cert_sn else "",
        root_cert_sn=root_cert_sn if app_cert else "",
        gateway_url=gateway_url,
        allow_sha1_signatures=allow_sha1,
    )


def _all(table: Table, setting: str, parse: Callable[[str], T], *, required: bool = False) -> list[T]:
    found = []
    for text in table.texts(setting, required=required):
        try:
            found.append(parse(text))
        except KeyProblem as problem:
            table.fault(problem.code, setting, **problem.because)
    return found


def _one(table: Table, setting: str, parse: Callable[[str], T]) -> T | None:
    found = _all(table, setting, parse)
    return found[0] if found else None


def _public_keys(
    table: Table, private_key: RSAPrivateKey | None, app_cert: x509.Certificate | None
) -> list[RSAPublicKey]:
    """Read Alipay's keys; the number-one mistake is to paste the app's own public key here."""
    by_key, by_cert = "alipay_public_key" in table, "alipay_cert" in table
    if by_key and by_cert:
        table.fault("config.key-and-certificate", "alipay_public_key")
    if not by_key and not by_cert:
        table.fault("config.missing-setting", "alipay_public_key", or_else="alipay_cert")
    found = _all(table, "alipay_public_key", keys.parse_public_key)
    own = [private_key.public_key()] if private_key else []
    own += [keys.certificate_key(app_cert)] if app_cert else []
    for key in found:
        if any(keys.same_key(key, each) for each in own):
            table.fault("config.app-public-key-used", "alipay_public_key")
    for certificate in _all(table, "alipay_cert", _leaf):
        key = keys.certificate_key(certificate)
        if any(keys.same_key(key, each) for each in own):
            table.fault("config.certificate-is-the-apps", "alipay_cert")
        if certificate.issuer == certificate.subject:
            table.fault("config.certificate-is-root", "alipay_cert")
        _report_validity(table, "alipay_cert", certificate)
        found.append(key)
    return found


def _leaf(text: str) -> x509.Certificate:
    certificate = keys.leaf(keys.parse_certificates(text))
    keys.certificate_key(certificate)  # a certificate without an RSA key is a problem of this setting
    return certificate


def _certificate(table: Table, setting: str) -> x509.Certificate | None:
    certificate = _one(table, setting, _leaf)
    if certificate:
        _report_validity(table, setting, certificate)
    return certificate


def _report_validity(table: Table, setting: str, certificate: x509.Certificate) -> None:
    # Warnings, not faults: the key of an expired certificate still verifies what it signed, and a service that
    # refuses to start one night helps nobody. Alipay signs with a new key after it has changed its certificate.
    starts, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if table.now < starts.timestamp():
        table.warn("config.certificate-not-yet-valid", setting, from_=starts.date().isoformat())
    elif table.now > ends.timestamp():
        table.warn("config.certificate-expired", setting, until=ends.date().isoformat())
    elif table.now > ends.timestamp() - _SOON:
        table.warn("config.certificate-expires-soon", setting, until=ends.date().isoformat())


def _root_cert_sn(table: Table) -> str:
    bundle = _one(table, "alipay_root_cert", keys.parse_certificates)
    if not bundle:
        return ""
    name = keys.root_serial_name(bundle)
    if not name:
        table.fault("config.certificate-unreadable", "alipay_root_cert", reason="no RSA root in it")
    return name
