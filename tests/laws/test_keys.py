"""Every shape in which a key is pasted, before every reader: read as the same key, or called what it is."""

from __future__ import annotations

import base64
import hashlib
import itertools
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from haoma.crypto import keys
from haoma.crypto.keys import KeyProblem

KEY = rsa.generate_private_key(65537, 2048)
SHORT = rsa.generate_private_key(65537, 2040)  # noqa: S505 - that is the point
OTHER = ec.generate_private_key(ec.SECP256R1())
SM2 = bytes.fromhex("3059301306072a8648ce3d020106082a811ccf5501822d034200") + b"\x04" + bytes(64)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])


def _certificate(subject: str, issuer: str, key: Any = KEY) -> x509.Certificate:
    starts, ends = (datetime(year, 1, 1, tzinfo=UTC) for year in (2020, 2040))
    builder = x509.CertificateBuilder(_name(issuer), _name(subject), key.public_key(), 7, starts, ends)
    return builder.sign(KEY, SHA256())


def _private(key: Any, form: PrivateFormat) -> bytes:
    made: bytes = key.private_bytes(Encoding.DER, form, NoEncryption())
    return made


def _public(key: Any, form: PublicFormat = PublicFormat.SubjectPublicKeyInfo) -> bytes:
    made: bytes = key.public_key().public_bytes(Encoding.DER, form)
    return made


CERTIFICATE = _certificate("Alipay", "Root")
PRIVATE = {
    "PRIVATE KEY": _private(KEY, PrivateFormat.PKCS8),
    "RSA PRIVATE KEY": _private(KEY, PrivateFormat.TraditionalOpenSSL),
}
PUBLIC = {
    "PUBLIC KEY": _public(KEY),
    "RSA PUBLIC KEY": _public(KEY, PublicFormat.PKCS1),
    "CERTIFICATE": CERTIFICATE.public_bytes(Encoding.DER),
}
FORMATS = [*PRIVATE.items(), *PUBLIC.items()]


def _text(der: bytes) -> str:
    return base64.b64encode(der).decode()


def _pem(label: str, der: bytes, newline: str = "\n", headers: str = "") -> str:
    lines = newline.join(_text(der)[at : at + 64] for at in range(0, len(_text(der)), 64))
    return f"-----BEGIN {label}-----{newline}{headers}{lines}{newline}-----END {label}-----{newline}"


SHAPES: dict[str, Callable[[str, bytes], str]] = {
    "base64": lambda _, der: _text(der),
    "base64 without its padding": lambda _, der: _text(der).rstrip("="),
    "base64 in lines": lambda _, der: "\n".join(_text(der)[at : at + 64] for at in range(0, len(_text(der)), 64)),
    "base64 behind a byte order mark, with blanks": lambda _, der: f"\ufeff \t{_text(der)[:9]} \r\n{_text(der)[9:]} ",
    "PEM": _pem,
    "PEM from Windows": lambda label, der: _pem(label, der, "\r\n"),
    "PEM from an old Mac": lambda label, der: _pem(label, der, "\r"),
    "PEM on one line": lambda label, der: _pem(label, der, "\\n"),
    "PEM from Windows on one line": lambda label, der: _pem(label, der, "\\r\\n"),
    "PEM with words around it": lambda label, der: f"Bag Attributes\n{_pem(label, der)}the end",
    "PEM with a header": lambda label, der: _pem(label, der, headers="Comment: mine\n\n"),
    "PEM without its padding": lambda label, der: _pem(label, der).replace("=", ""),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_is_read_or_named(shape: str) -> None:
    """A reader takes all formats of its own kind, and calls the other kind by its name."""
    for label, der in FORMATS:
        text = SHAPES[shape](label, der)
        if label in PRIVATE:
            assert keys.parse_private_key(text).private_numbers() == KEY.private_numbers()
            assert problem(keys.parse_public_key, text) == ("config.private-key-pasted", {})
        else:
            assert keys.same_key(keys.parse_public_key(text), KEY.public_key())
            assert problem(keys.parse_private_key, text) == ("config.public-key-pasted", {})
        if label == "CERTIFICATE":
            assert keys.parse_certificates(text) == [CERTIFICATE]
        else:
            assert problem(keys.parse_certificates, text) == ("config.certificate-unreadable", {})


def problem(read: Callable[[str], object], text: str) -> tuple[str, dict[str, object]]:
    with pytest.raises(KeyProblem) as caught:
        read(text)
    assert str(caught.value) == caught.value.code
    return caught.value.code, caught.value.because


UNREADABLE = "config.key-unreadable"
LOCKED = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x")).decode()
WRONG: list[tuple[str, str, dict[str, object]]] = [
    ("", UNREADABLE, {"reason": "not base64 or PEM"}),
    ("!", UNREADABLE, {"reason": "not base64 or PEM"}),
    ("Z" * 9, UNREADABLE, {"reason": "not base64 or PEM"}),
    ("-----BEGIN PUBLIC KEY-----", UNREADABLE, {"reason": "cut off: there is no END line"}),
    (_pem("PUBLIC KEY", PUBLIC["PUBLIC KEY"]).replace("END PUBLIC", "END PRIVATE"), UNREADABLE,
     {"reason": "not base64 or PEM"}),
    (_text(PUBLIC["PUBLIC KEY"]).replace("A", "*A", 1), UNREADABLE, {"reason": "not base64 or PEM"}),
    ("-----BEGIN X-----\n*\n-----END X-----\n" + _pem("PUBLIC KEY", PUBLIC["PUBLIC KEY"]), UNREADABLE,
     {"reason": "not base64 or PEM"}),
    (PUBLIC["PUBLIC KEY"].hex(), UNREADABLE, {"reason": "hexadecimal, not base64"}),
    (PUBLIC["PUBLIC KEY"].hex(":").upper(), UNREADABLE, {"reason": "hexadecimal, not base64"}),
    (LOCKED, UNREADABLE, {"reason": "protected by a password"}),
    ("A" * 65_537, UNREADABLE, {"reason": "too long", "characters": 65_537}),
    (_text(b"no key at all"), UNREADABLE, {}),
    (_text(_public(OTHER)), "config.key-not-rsa", {}),
    (_text(_private(OTHER, PrivateFormat.PKCS8)), "config.key-not-rsa", {}),
    (_text(SM2), "config.key-not-rsa", {"algorithm": "SM2"}),
    (_text(_public(SHORT)), "config.key-too-short", {"bits": 2040, "needed": 2048}),
]  # fmt: skip


@pytest.mark.parametrize(("text", "code", "because"), WRONG, ids=range(len(WRONG)))
def test_what_is_no_key(text: str, code: str, because: dict[str, object]) -> None:
    """Both readers say the same, but that a short public key is for the other one a public key."""
    assert problem(keys.parse_public_key, text) == (code, because)
    expected = ("config.public-key-pasted", {}) if code == "config.key-too-short" else (code, because)
    assert problem(keys.parse_private_key, text) == expected


def test_short_keys_in_other_places() -> None:
    """A private key and a certificate are measured as well; below 2048 bits there is no exception."""
    expected = ("config.key-too-short", {"bits": 2040, "needed": 2048})
    assert problem(keys.parse_private_key, _text(_private(SHORT, PrivateFormat.PKCS8))) == expected
    certificate = _certificate("Alipay", "Root", SHORT)
    assert problem(keys.parse_public_key, _text(certificate.public_bytes(Encoding.DER))) == expected
    assert problem(lambda _: keys.strong_key(certificate), "") == expected
    for read in (keys.certificate_key, keys.strong_key):
        with pytest.raises(KeyProblem) as caught:
            read(_certificate("Alipay", "Root", OTHER))
        assert caught.value.code == "config.key-not-rsa"  # of a curve, whatever its size
    assert keys.same_key(keys.strong_key(CERTIFICATE), KEY.public_key())
    assert not keys.same_key(SHORT.public_key(), KEY.public_key())


def test_bundles() -> None:
    """Blocks that are no certificate are passed over, wherever they stand; a bundle without any is none."""
    pem = CERTIFICATE.public_bytes(Encoding.PEM).decode()
    blocks = ("!", "ABCD")  # the second one is base64, though of hexadecimal digits alone
    others = [_pem("CERTIFICATE", SM2), *(f"-----BEGIN X-----\n{block}\n-----END X-----\n" for block in blocks)]
    for order in itertools.permutations([pem, *others]):
        assert keys.parse_certificates("".join(order)) == [CERTIFICATE]
    assert problem(keys.parse_certificates, "".join(others[1:])) == ("config.certificate-unreadable", {})
    assert problem(keys.parse_certificates, "".join(others)) == ("config.key-not-rsa", {"algorithm": "SM2"})


def test_the_leaf_of_a_file() -> None:
    """It is found in any order; an authority alone, or a ring of them, has the first one in its place."""
    chain = [_certificate("Leaf", "Middle"), _certificate("Middle", "Root"), _certificate("Root", "Root")]
    for size in (1, 2, 3):
        for order in itertools.permutations(chain[:size]):
            assert keys.leaf(list(order)) is chain[0]
    assert keys.leaf(chain[2:]) is chain[2]
    alone = [chain[2], _certificate("Leaf", "Elsewhere")]
    assert keys.leaf(alone) is alone[0]  # which has issued none but itself
    ring = [_certificate("One", "Two"), _certificate("Two", "One")]
    assert keys.leaf(ring) is ring[0]


AES = _text(bytes(range(16)))


def test_content_keys() -> None:
    """Sixteen bytes in canonical base64, with what an editor adds; all else is called what it is."""
    for text in (AES, f" {AES}\r\n", f"\ufeff{AES}", f"{AES[:7]} \n{AES[7:]}"):
        assert keys.parse_aes_key(text) == bytes(range(16))
    for wrong, code, because in (
        (_text(bytes(15)), "config.aes-key-length", {"bytes": 15, "needed": 16}),
        (_text(bytes(17)), "config.aes-key-length", {"bytes": 17, "needed": 16}),
        ("", "config.aes-key-length", {"bytes": 0, "needed": 16}),
        (AES[:-1], "config.aes-key-not-base64", {"characters": 23}),
        (f"{AES[:9]}*{AES[9:]}", "config.aes-key-not-base64", {"characters": 25}),
        ("A" * 199, "config.aes-key-not-base64", {"characters": 199}),
        ("A" * 200, "config.aes-key-length", {"bytes": 150, "needed": 16}),
        ("A" * 201, "config.aes-key-is-rsa-key", {"characters": 201}),
        ("-----BEGIN A-----", "config.aes-key-is-rsa-key", {"characters": 16}),
    ):
        assert problem(keys.parse_aes_key, wrong) == (code, because)


def test_the_fingerprint() -> None:
    """It is the digest of the key itself, whatever it was pasted as: its first 16 digits."""
    expected = hashlib.sha256(PUBLIC["PUBLIC KEY"]).hexdigest()[:16]
    assert {keys.fingerprint(keys.parse_public_key(_text(der))) for der in PUBLIC.values()} == {expected}
