"""The configuration of an Alipay mini program. Keys are parsed once, and common mistakes are named.

Settings: ``app_id``; ``alipay_public_key`` or ``alipay_cert`` (text or list); ``aes_key`` (text or list); for the login
``app_private_key`` and, in certificate mode, ``app_cert`` and ``alipay_root_cert``; ``gateway_url`` or ``sandbox``;
``allow_sha1_signatures``; ``on_withdrawn``.

A merchant's mini program under a third-party application (template, plugin): ``app_id`` and ``aes_key`` belong to the
merchant; ``isv_app_id`` and all other keys and certificates belong to the third-party application. The login needs
``app_auth_token``. With ``isv_aes_key``, haoma can ask Alipay for the merchant's ``aes_key``.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeVar

from haoma.crypto import keys
from haoma.crypto.chain import ChainBroken, check_chain, may_issue
from haoma.crypto.keys import KeyProblem
from haoma.crypto.opening import aes_cbc
from haoma.platforms.base.contract import App
from haoma.platforms.base.setting import ON_WITHDRAWN, SESSION_SECONDS, SHARED, Kind, Setting
from haoma.platforms.base.table import Table, origin

if TYPE_CHECKING:
    from collections.abc import Callable

    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
    from cryptography.hazmat.primitives.ciphers import Cipher

    from haoma.secret import Secret

GATEWAY: Final = "https://openapi.alipay.com/gateway.do"
SANDBOX: Final = "https://openapi-sandbox.dl.alipaydev.com/gateway.do"
OLD_SANDBOX: Final = "https://openapi.alipaydev.com/gateway.do"
SETTINGS: Final = (
    Setting("app_id", required=True),
    Setting("alipay_public_key", Kind.TEXTS, key=True),
    Setting("alipay_cert", Kind.TEXTS, key=True),
    Setting("aes_key", Kind.TEXTS, secret=True, key=True),
    Setting("app_private_key", secret=True, key=True),
    Setting("app_cert", key=True),
    Setting("alipay_root_cert", key=True),
    Setting("isv_app_id"),
    Setting("app_auth_token", secret=True),
    Setting("isv_aes_key", secret=True, key=True),
    Setting("gateway_url", Kind.ADDRESS, default=GATEWAY),
    Setting("sandbox", Kind.FLAG, choices=("old",)),
    Setting("allow_sha1_signatures", Kind.FLAG),
    *SHARED,
    SESSION_SECONDS,
    ON_WITHDRAWN,
)
_ZERO_IV: Final = bytes(16)  # the platform's choice; the README describes the consequences
_APP_ID: Final = re.compile(r"\d{16}")
_SOON: Final = 30 * 86400.0
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class AlipayApp(App):
    """One configured Alipay mini program.

    Attributes:
        public_keys: Alipay's keys. One of them must have signed.
        ciphers: AES-128-CBC with zero IV under each content key, newest first.
        private_key: The app's own key, for the login; None if the login is not configured.
        app_cert_sn, root_cert_sn: Sent with the login in certificate mode; else empty.
        gateway_url: Address of the gateway, for the login.
        allow_sha1_signatures: Also accept Alipay's legacy ``RSA`` type.
        isv_app_id: Id of the third-party application that calls for this merchant; else empty.
        app_auth_token: The merchant's grant to that application.
        isv_cipher: AES-128-CBC with zero IV under the third-party application's own content key.
        leaves, intermediates, roots: In certificate mode: Alipay's certificates, the certificates delivered with them,
            and the root bundle.
    """

    public_keys: tuple[RSAPublicKey, ...] = field(repr=False)
    ciphers: tuple[Cipher[Any], ...] = field(repr=False)
    private_key: RSAPrivateKey | None = field(default=None, repr=False)
    app_cert_sn: str = ""
    root_cert_sn: str = ""
    gateway_url: str = GATEWAY
    allow_sha1_signatures: bool = False
    isv_app_id: str = ""
    app_auth_token: Secret | None = None
    isv_cipher: Cipher[Any] | None = field(default=None, repr=False)
    leaves: tuple[x509.Certificate, ...] = field(default=(), repr=False)
    intermediates: tuple[x509.Certificate, ...] = field(default=(), repr=False)
    roots: tuple[x509.Certificate, ...] = field(default=(), repr=False)


def keeps_in_process(app: AlipayApp) -> str:
    """Return the setting for logins, if it is set. Opening an envelope alone needs no memory."""
    return "app_private_key" if app.private_key else ""


def configure(table: Table) -> AlipayApp | None:
    """Build the app from its settings. Faults go to the table."""
    table.declare(SETTINGS)
    app_id = _app_id(table, "app_id")
    isv_app_id = _app_id(table, "isv_app_id")
    private_key = _one(table, "app_private_key", table.parse_private_key)
    app_cert = _certificate(table, "app_cert")
    aes_keys, isv_aes_key = _aes_keys(table)
    app_auth_token = table.secret("app_auth_token")
    for setting in ("app_auth_token", "isv_aes_key"):
        if setting in table and not isv_app_id:
            table.fault("config.missing-setting", "isv_app_id", because_of=setting)
    if isv_app_id and isv_app_id == app_id:
        table.fault("config.app-ids-conflict", "isv_app_id", same_as="app_id")
    if isv_app_id and private_key and not app_auth_token and not isv_aes_key:  # then the private key has no use
        table.warn("config.missing-setting", "app_auth_token", because_of="app_private_key")
    roots = _one(table, "alipay_root_cert", keys.parse_certificates) or []
    root_cert_sn = _root_cert_sn(table, roots)
    certificates = _all(table, "alipay_cert", _chain)
    public_keys = _public_keys(table, certificates, private_key, app_cert)
    for chain in certificates:
        _check_chain(table, chain, roots)
    if private_key and app_cert and not keys.same_key(private_key.public_key(), keys.certificate_key(app_cert)):
        table.fault("config.key-pair-mismatch", "app_cert")
    if private_key and "alipay_cert" in table and not (app_cert and root_cert_sn):
        table.warn("config.cert-mode-incomplete", "app_private_key")
    gateway_url = _gateway_url(table)
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
        # The payload names no app. Two apps with one content key would accept each other's envelopes.
        exclusive=frozenset(hashlib.sha256(b"alipay" + key).digest() for key in aes_keys),
        reply=reply,
        public_keys=tuple(public_keys),
        ciphers=tuple(aes_cbc(key, _ZERO_IV) for key in aes_keys),
        private_key=private_key,
        app_cert_sn=keys.serial_name(app_cert) if app_cert and root_cert_sn else "",
        root_cert_sn=root_cert_sn if app_cert else "",
        gateway_url=gateway_url,
        allow_sha1_signatures=allow_sha1,
        isv_app_id=isv_app_id,
        app_auth_token=app_auth_token,
        isv_cipher=aes_cbc(isv_aes_key, _ZERO_IV) if isv_aes_key else None,
        leaves=tuple(chain[0] for chain in certificates),
        intermediates=tuple(each for chain in certificates for each in chain[1:]),
        roots=tuple(roots),
    )


def _app_id(table: Table, setting: str) -> str:
    found = table.text(setting)
    if found and not _APP_ID.fullmatch(found):
        table.warn("config.app-id-shape", setting, needed="16 digits")
    return found


def _gateway_url(table: Table) -> str:
    sandbox = table.flag_or("sandbox")
    if sandbox:
        table.warn("config.sandbox", "sandbox")
    standard = OLD_SANDBOX if sandbox == "old" else SANDBOX if sandbox else GATEWAY
    return table.url("gateway_url", default=standard)


def _aes_keys(table: Table) -> tuple[list[bytes], bytes | None]:
    """Read the merchant's content keys, and the third-party application's, which is easily mistaken for one of them."""
    isv_aes_key = _one(table, "isv_aes_key", keys.parse_aes_key)
    # With isv_aes_key, Alipay can be asked for the merchant's key. The app must load without aes_key to ask for it.
    asks = isv_aes_key is not None and "aes_key" not in table
    aes_keys = _all(table, "aes_key", keys.parse_aes_key, required=not asks)
    if asks:
        table.warn("config.missing-setting", "aes_key", or_else="haoma alipay-aes-key")
    if isv_aes_key in aes_keys:
        table.fault("config.shared-aes-key", "isv_aes_key", other="aes_key")
    return aes_keys, isv_aes_key


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
    table: Table,
    certificates: list[list[x509.Certificate]],
    private_key: RSAPrivateKey | None,
    app_cert: x509.Certificate | None,
) -> list[RSAPublicKey]:
    """Read Alipay's keys. The most common mistake is to paste the app's own public key here."""
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
    for certificate, *_ in certificates:
        key = keys.certificate_key(certificate)
        if any(keys.same_key(key, each) for each in own):
            table.fault("config.certificate-is-the-apps", "alipay_cert")
        if certificate.issuer == certificate.subject or may_issue(certificate):
            table.fault("config.certificate-is-root", "alipay_cert")
        _report_validity(table, "alipay_cert", certificate)
        found.append(key)
    return found


def _chain(text: str) -> list[x509.Certificate]:
    """Return the certificates of a file, leaf first."""
    certificates = keys.parse_certificates(text)
    leaf = keys.leaf(certificates)
    keys.strong_key(leaf)  # a key that is not RSA, or is too short, is a problem of this setting
    return [leaf, *(each for each in certificates if each is not leaf)]


def _check_chain(table: Table, chain: list[x509.Certificate], roots: list[x509.Certificate]) -> None:
    if not roots or chain[0].issuer == chain[0].subject:
        return
    try:
        check_chain(chain[0], chain[1:], roots, table.now)
    except ChainBroken as broken:
        # A missing or expired certificate is no fault; see `_report_validity` about dates.
        report = table.warn if broken.reason in ("no-issuer", "dates") else table.fault
        report("config.certificate-chain-broken", "alipay_cert", reason=broken.reason)


def _certificate(table: Table, setting: str) -> x509.Certificate | None:
    chain = _one(table, setting, _chain)
    if not chain:
        return None
    _report_validity(table, setting, chain[0])
    return chain[0]


def _report_validity(table: Table, setting: str, certificate: x509.Certificate) -> None:
    # Warnings, not faults. The key of an expired certificate still verifies what it signed, and a service that one
    # night refuses to start helps nobody. After Alipay has changed its certificate, it signs with a new key.
    starts, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if table.now < starts.timestamp():
        table.warn("config.certificate-not-yet-valid", setting, from_=starts.date().isoformat())
    elif table.now > ends.timestamp():
        table.warn("config.certificate-expired", setting, until=ends.date().isoformat())
    elif table.now > ends.timestamp() - _SOON:
        table.warn("config.certificate-expires-soon", setting, until=ends.date().isoformat())


def _root_cert_sn(table: Table, roots: list[x509.Certificate]) -> str:
    name = keys.root_serial_name(roots)
    if roots and not name:
        table.fault("config.certificate-unreadable", "alipay_root_cert", reason="no RSA root in it")
    return name
