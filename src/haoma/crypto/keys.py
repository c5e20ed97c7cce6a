"""Parsers for keys and certificates in every format that people paste.

Consoles and key tools export bare base64, PEM, one-line PEM, PKCS#1, PKCS#8, SubjectPublicKeyInfo and certificates.
Editors add line breaks, spaces and byte order marks. All of these are accepted. For anything else, and for the wrong
kind of key, a `KeyProblem` is raised; its code is explained in the catalogue.
"""

from __future__ import annotations

import binascii
import hashlib
import re
from typing import TYPE_CHECKING, Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_private_key,
    load_der_public_key,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

AES_128: Final = 16
_MIN_RSA2_BITS: Final = 2048
_PEM: Final = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----(.*?)-----END \1-----", re.DOTALL)
_ANY_DASHES: Final = r"[-\u2010-\u2015\uff0d]*"
_PEM_LINE: Final = re.compile(
    rf"{_ANY_DASHES}[ \t]*(?P<which>BEGIN|END)[ \t](?P<label>[A-Z0-9 ]{{0,40}}[A-Z0-9])[ \t]*{_ANY_DASHES}"
)
_DASHES: Final = "-----"
_RSA_OID_PREFIX: Final = "1.2.840.113549.1.1"
_LARGEST: Final = 64 * 1024
_SM2: Final = bytes.fromhex("06082a811ccf5501822d")  # the DER of the curve's object identifier, 1.2.156.10197.1.301


class KeyProblem(ValueError):
    """A problem with a pasted key.

    Attributes:
        code: A ``config.…`` code of the catalogue.
        because: Facts that are safe to show, never a part of the key.
    """

    def __init__(self, code: str, **because: object) -> None:
        super().__init__(code)
        self.code = code
        self.because = because


def _blocks(text: str) -> Iterator[tuple[str, bytes]]:
    """Yield the label and DER of each PEM block. Text without PEM lines is one block without a label."""
    text = text.lstrip("\ufeff").strip().replace("\\r", "").replace("\\n", "\n")  # PEM on one line of a .env file
    found = _PEM.findall(text) if "-----BEGIN" in text else [("", text)]
    for label, body in found:
        # In PEM, a line with a colon is a header such as Proc-Type. Elsewhere it is hexadecimal as OpenSSL prints it.
        lines = [line for line in re.split(r"[\r\n]+", body) if not label or ":" not in line]
        compact = re.sub(r"\s+", "", "".join(lines))
        if not label and re.fullmatch(r"[0-9a-fA-F:]+", compact):
            raise KeyProblem("config.key-unreadable", reason="hexadecimal, not base64")
        try:
            yield label, binascii.a2b_base64(compact + "=" * (-len(compact) % 4), strict_mode=True)
        except ValueError:
            yield label, b""


def _der(text: str) -> bytes:
    if len(text) > _LARGEST:
        raise KeyProblem("config.key-unreadable", reason="too long", characters=len(text))
    if text.lstrip().startswith("ssh-") or "OPENSSH" in text[:80]:
        raise KeyProblem("config.key-unreadable", reason="a key of SSH")
    label, der = next(_blocks(text), ("", b""))
    if der.startswith(b"-----BEGIN"):
        raise KeyProblem("config.key-unreadable", reason="PEM in base64 once more")
    if "ENCRYPTED" in label:
        raise KeyProblem("config.key-unreadable", reason="protected by a password")
    if not der:
        if damaged := damaged_line(text):
            raise damaged
        raise KeyProblem("config.key-unreadable", reason="not base64 or PEM")
    _refuse_sm2(der)
    _refuse_request(der)
    return der


def damaged_line(text: str) -> KeyProblem | None:
    """Return the problem of the first head or foot line of PEM that copying has damaged; None if there is none."""
    lines = text.lstrip("\ufeff").replace("\\n", "\n").splitlines()
    heads = [(number, line.strip(), _PEM_LINE.fullmatch(line.strip())) for number, line in enumerate(lines, 1)]
    found = [(number, line, match) for number, line, match in heads if match]
    for number, line, match in found:
        whole = f"{_DASHES}{match['which']} {match['label']}{_DASHES}"
        if line != whole:
            return KeyProblem("config.key-unreadable", reason="damaged on copying", in_line=number, needed=whole)
    if found and found[-1][2]["which"] == "BEGIN":
        return KeyProblem("config.key-unreadable", reason="cut off: there is no END line")
    return None


def _refuse_request(der: bytes) -> None:
    try:
        x509.load_der_x509_csr(der)
    except (ValueError, UnsupportedAlgorithm):
        return
    raise KeyProblem("config.certificate-request-pasted")


def _private(der: bytes) -> RSAPrivateKey | None:
    try:
        key = load_der_private_key(der, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None
    if not isinstance(key, RSAPrivateKey):
        raise KeyProblem("config.key-not-rsa")
    return key


def _refuse_sm2(der: bytes) -> None:
    # Most OpenSSL builds cannot read the curve, and "unreadable" would make people look for a typing error.
    if _SM2 in der:
        raise KeyProblem("config.key-not-rsa", algorithm="SM2")


def _public(der: bytes) -> RSAPublicKey | None:
    try:
        key = load_der_public_key(der)  # reads SubjectPublicKeyInfo and PKCS#1
    except (ValueError, UnsupportedAlgorithm):
        return None
    if not isinstance(key, RSAPublicKey):
        raise KeyProblem("config.key-not-rsa")
    return key


def _certificate(der: bytes) -> x509.Certificate | None:
    try:
        return x509.load_der_x509_certificate(der)
    except (ValueError, UnsupportedAlgorithm):
        return None


def _strong(key: RSAPublicKey) -> RSAPublicKey:
    if key.key_size < _MIN_RSA2_BITS:
        raise KeyProblem("config.key-too-short", bits=key.key_size, needed=_MIN_RSA2_BITS)
    return key


def parse_public_key(text: str) -> RSAPublicKey:
    """Return an RSA public key of at least 2048 bits, from SPKI, PKCS#1 or a certificate.

    Raises:
        KeyProblem: ``config.key-unreadable``, ``config.private-key-pasted``, ``config.key-not-rsa``,
            ``config.key-too-short``, ``config.certificate-request-pasted``.
    """
    der = _der(text)
    key = _public(der)
    if key is None and (certificate := _certificate(der)):
        key = certificate_key(certificate)
    if key is None:
        code = "config.private-key-pasted" if _private(der) else "config.key-unreadable"
        raise KeyProblem(code)
    return _strong(key)


def parse_private_key(text: str) -> RSAPrivateKey:
    """Return an RSA private key of at least 2048 bits, from PKCS#1 or PKCS#8.

    Raises:
        KeyProblem: ``config.key-unreadable``, ``config.public-key-pasted``, ``config.key-not-rsa``,
            ``config.key-too-short``, ``config.certificate-request-pasted``.
    """
    der = _der(text)
    key = _private(der)
    if key is None:
        code = "config.public-key-pasted" if _public(der) or _certificate(der) else "config.key-unreadable"
        raise KeyProblem(code)
    _strong(key.public_key())
    return key


def parse_certificates(text: str) -> list[x509.Certificate]:
    """Return the certificates of a bundle in order. Unreadable blocks are skipped.

    Alipay's root bundle contains two RSA roots, an SM2 root, and a block that ``cryptography`` cannot parse.

    Raises:
        KeyProblem: ``config.certificate-unreadable``: no certificate is readable; ``config.key-not-rsa`` if the reason
            is SM2; ``config.certificate-request-pasted`` if it is the request for one.
    """
    if len(text) > _LARGEST:
        raise KeyProblem("config.certificate-unreadable", characters=len(text))
    blocks = [der for _label, der in _blocks(text)]
    found = [certificate for der in blocks if (certificate := _certificate(der))]
    if not found:
        for der in blocks:
            _refuse_sm2(der)
            _refuse_request(der)
        raise KeyProblem("config.certificate-unreadable")
    return found


def certificate_key(certificate: x509.Certificate) -> RSAPublicKey:
    """Return the RSA key of a certificate.

    Raises:
        KeyProblem: ``config.key-not-rsa``.
    """
    _refuse_sm2(certificate.tbs_certificate_bytes)
    try:
        key = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm):
        raise KeyProblem("config.key-not-rsa") from None
    if not isinstance(key, RSAPublicKey):
        raise KeyProblem("config.key-not-rsa")
    return key


def strong_key(certificate: x509.Certificate) -> RSAPublicKey:
    """Return the RSA key of a certificate if it has at least 2048 bits.

    Raises:
        KeyProblem: ``config.key-not-rsa``, ``config.key-too-short``.
    """
    return _strong(certificate_key(certificate))


def leaf(certificates: list[x509.Certificate]) -> x509.Certificate:
    """Return the certificate that issued none of the others. Alipay's files hold the leaf and an intermediate."""
    issuers = {certificate.issuer for certificate in certificates if certificate.issuer != certificate.subject}
    return next((each for each in certificates if each.subject not in issuers), certificates[0])


def serial_name(certificate: x509.Certificate) -> str:
    """Return Alipay's "SN" of a certificate: the MD5 of issuer name and serial number, 32 hex digits.

    The issuer is in RFC 4514 order, the serial in decimal (alipay-easysdk, AntCertificationUtil).
    """
    named = certificate.issuer.rfc4514_string() + str(certificate.serial_number)
    return hashlib.md5(named.encode("utf-8"), usedforsecurity=False).hexdigest()


def root_serial_name(certificates: list[x509.Certificate]) -> str:
    """Return the "root SN": the SNs of the RSA-signed certificates, joined by ``_``."""
    return "_".join(serial_name(each) for each in certificates if is_rsa_signed(each))


def is_rsa_signed(certificate: x509.Certificate) -> bool:
    """Return True if a certificate has an RSA signature. Alipay's bundle also contains SM2 roots."""
    return certificate.signature_algorithm_oid.dotted_string.startswith(_RSA_OID_PREFIX)


def parse_aes_key(text: str) -> bytes:
    """Return the 16 bytes of Alipay's AES key, which the console shows as 24 base64 characters.

    Raises:
        KeyProblem: ``config.aes-key-is-rsa-key``, ``config.aes-key-not-base64``, ``config.aes-key-length``.
    """
    compact = re.sub(r"\s+", "", text.lstrip("\ufeff"))
    if "-----BEGIN" in text or len(compact) > 200:
        raise KeyProblem("config.aes-key-is-rsa-key", characters=len(compact))
    try:
        raw = binascii.a2b_base64(compact, strict_mode=True)
    except ValueError:
        raise KeyProblem("config.aes-key-not-base64", characters=len(compact)) from None
    if len(raw) != AES_128:
        raise KeyProblem("config.aes-key-length", bytes=len(raw), needed=AES_128)
    return raw


def same_key(one: RSAPublicKey, other: RSAPublicKey) -> bool:
    """Return True if two public keys are equal, whatever their original format."""
    return one.public_numbers() == other.public_numbers()


def fingerprint(key: RSAPublicKey) -> str:
    """Return 16 hex digits that identify a public key in logs and diagnoses."""
    spki = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(spki).hexdigest()[:16]
