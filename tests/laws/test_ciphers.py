"""What opens, byte for byte: paddings, frames, blocks and tags, with the word that tells the operator why it does not."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS, PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA1, SHA256

from haoma.crypto.decrypting import decrypt_rsa, open_json_rsa
from haoma.crypto.gcm import open_gcm, seal_gcm
from haoma.crypto.opening import aes_cbc, decrypt, open_json, read_framed_json, read_json
from haoma.crypto.signing import is_pss, is_rsa2, is_rsa_sha1, sign_pss, sign_rsa2
from haoma.errors import CannotOpen

CIPHER = aes_cbc(b"k" * 16, b"i" * 16)
APP = b"an-app"
TEXT = b'{"a":1}'


def key_of_2049_bits() -> rsa.RSAPrivateKey:
    """A modulus that is not of whole bytes; OpenSSL makes none of an odd number of bits, but takes it."""
    longer, other = (rsa.generate_private_key(65537, bits).private_numbers().p for bits in (2050, 2048))
    private = pow(65537, -1, (longer - 1) * (other - 1))
    parts = (rsa.rsa_crt_dmp1(private, longer), rsa.rsa_crt_dmq1(private, other), rsa.rsa_crt_iqmp(longer, other))
    public = rsa.RSAPublicNumbers(65537, longer * other)
    return rsa.RSAPrivateNumbers(longer, other, private, *parts, public).private_key()


KEY = key_of_2049_bits()


def seal(raw: bytes) -> bytes:
    return CIPHER.encryptor().update(raw)


def why(question: Callable[[], object]) -> str:
    with pytest.raises(CannotOpen) as caught:
        question()
    return caught.value.diagnosis


def test_every_last_byte() -> None:
    """One to sixteen bytes that all say how many they are; nothing else is a padding, whatever the last byte is."""
    for last in range(256):
        whole = bytes(32) + bytes([last]) * 16
        if 1 <= last <= 16:
            assert decrypt(CIPHER, seal(whole)) == whole[:-last]
            assert decrypt(CIPHER, seal(whole[32:])) == whole[32:-last]
            assert decrypt(CIPHER, seal(bytes(32 - last) + whole[-last:])) == bytes(32 - last)
        else:
            assert why(lambda raw=whole: decrypt(CIPHER, seal(raw))) == "padding"  # type: ignore[misc]
        for size in range(2, last + 1 if last <= 16 else 2):
            broken = whole[:-size] + bytes([last ^ 1]) + whole[len(whole) - size + 1 :]
            assert why(lambda raw=broken: decrypt(CIPHER, seal(raw))) == "padding"  # type: ignore[misc]


@pytest.mark.parametrize("size", [0, 1, 15, 17, 31, 33])
def test_what_is_not_whole_blocks(size: int) -> None:
    """Whoever sent it can count, so it needs no hiding."""
    for read in (decrypt, read_json, open_json, lambda cipher, text: read_framed_json(cipher, text, APP)):
        assert why(lambda read=read: read(CIPHER, bytes(size))) == "length"  # type: ignore[misc]


def pad(raw: bytes, block: int) -> bytes:
    missing = block - len(raw) % block
    return raw + bytes([missing]) * missing


@pytest.mark.parametrize(
    ("raw", "fault"),
    [
        (pad(TEXT, 16), ""),
        (pad(b"{}", 16), ""),
        (pad(b'{"abcdefgh":12}', 16), ""),
        (pad(b"[]", 16), "text"),
        (pad(b"", 16), "text"),
        (pad(b'{"a":"\xff"}', 16), "text"),
        (pad(TEXT, 16)[:-1] + b"\0", "padding"),
        (TEXT + b" " * 9, "padding"),
    ],
)
def test_what_is_wrong_with_a_text(raw: bytes, fault: str) -> None:
    """The first fault is named; a text whose padding is wrong is read as far as it goes, for the sake of time alone."""
    opened = read_json(CIPHER, seal(raw))
    assert opened.fault == fault
    assert opened.found is not None or fault == "text" or raw[-1] == 0
    if fault:
        assert why(lambda: open_json(CIPHER, seal(raw))) == fault
    else:
        assert open_json(CIPHER, seal(raw)) == opened.found == json.loads(raw[: -raw[-1]])


def frame(text: bytes = TEXT, app: bytes = APP, length: int | None = None, block: int = 32) -> bytes:
    size = len(text) if length is None else length
    return pad(b"r" * 16 + size.to_bytes(4) + text + app, block)


LONG = b'{"a":"' + b"x" * 40 + b'"}'


@pytest.mark.parametrize(
    ("raw", "fault"),
    [
        (frame(), ""),
        (frame(LONG), ""),
        *[(frame(b'{"a":"' + b"x" * size + b'"}'), "") for size in range(32)],
        (frame(app=b"another"), "app-key"),
        (frame(app=b""), "app-key"),
        (frame(app=APP + b"x"), "app-key"),
        (frame(length=6), "app-key"),
        (frame(length=8), "app-key"),
        (frame(length=13), "app-key"),  # the text goes to the end: no room for an id
        (frame(length=14), "frame"),
        (frame(length=2**32 - 1), "frame"),
        (frame(length=2**24 + len(TEXT)), "frame"),
        (frame(b"[]"), "text"),
        (frame(b'{"a":"\xff"}'), "text"),
        (frame(b""), "text"),
        (frame()[:-1] + b"\0", "padding"),
        (frame()[:-2] + b"\1" + frame()[-1:], "padding"),
        (frame(LONG, block=16), "padding"),  # 80 bytes, rightly padded to blocks of 16
        (bytes(16) + b"\x10" * 16, "frame"),
        (bytes(16) + b"\x20" * 16, "padding"),
    ],
)
def test_what_is_wrong_with_a_frame(raw: bytes, fault: str) -> None:
    """Padding, length, id and text, in this order, and nothing of it raises."""
    opened = read_framed_json(CIPHER, seal(raw), APP)
    assert opened.fault == fault
    if not fault:
        assert opened.found == json.loads(raw[20 : 20 + int.from_bytes(raw[16:20])])


def test_a_block_of_rsa() -> None:
    """It is as long as the modulus, which need not be whole bytes; what opens into no object is refused as well."""
    size = 257

    def block(plain: bytes) -> bytes:
        return KEY.public_key().encrypt(plain, PKCS1v15())

    assert (KEY.key_size, len(block(TEXT))) == (2049, size)
    assert decrypt_rsa(KEY, block(TEXT)) == TEXT
    assert open_json_rsa(KEY, block(TEXT)) == {"a": 1}
    for wrong in (b"", bytes(size - 1), bytes(size + 1)):
        assert why(lambda raw=wrong: decrypt_rsa(KEY, raw)) == "length"  # type: ignore[misc]
    assert why(lambda: decrypt_rsa(KEY, b"\xff" * size)) == "padding"  # above the modulus
    for plain in (b"", b"[]", b"{", b'{"a":"\xff"}'):
        assert why(lambda raw=plain: open_json_rsa(KEY, block(raw))) == "text"  # type: ignore[misc]


def test_a_tag_covers_everything() -> None:
    """Key, IV, text, tag and what stands beside; an IV or a tag of another length is not even tried."""
    right: dict[str, Any] = {"key": b"k" * 32, "iv": b"i" * 12, "beside": b"beside"}
    sealed, tag = seal_gcm(right["key"], right["iv"], TEXT, right["beside"])
    assert (len(sealed), len(tag)) == (len(TEXT), 16)
    right |= {"sealed": sealed, "tag": tag}
    assert open_gcm(**right) == TEXT
    for name, value in right.items():
        changed = {**right, name: bytes([value[0] ^ 1]) + value[1:]}
        assert why(lambda given=changed: open_gcm(**given)) == "tag"  # type: ignore[misc]
    for name in ("iv", "tag"):
        for other in (b"", right[name][:-1], right[name] + b"x"):
            assert why(lambda given={**right, name: other}: open_gcm(**given)) == "length"  # type: ignore[misc]
    moved = {**right, "sealed": sealed[:-1], "tag": sealed[-1:] + tag[:-1]}
    assert why(lambda: open_gcm(**moved)) == "tag"


def test_one_signature_is_no_other() -> None:
    """Padding, hash and salt are the caller's: what was made with others does not verify."""
    public = KEY.public_key()
    made = {
        is_rsa2: [sign_rsa2(KEY, TEXT), KEY.sign(TEXT, PKCS1v15(), SHA256())],
        is_rsa_sha1: [KEY.sign(TEXT, PKCS1v15(), SHA1())],  # noqa: S303
        is_pss: [sign_pss(KEY, TEXT), KEY.sign(TEXT, PSS(MGF1(SHA256()), 32), SHA256())],
        len: [
            KEY.sign(TEXT, PSS(MGF1(SHA256()), 31), SHA256()),
            KEY.sign(TEXT, PSS(MGF1(SHA256()), 33), SHA256()),
            KEY.sign(TEXT, PSS(MGF1(SHA1()), 32), SHA256()),  # noqa: S303
            b"",
            bytes(257),
        ],
    }
    for kind, signatures in made.items():
        for signature in signatures:
            for ask in (is_rsa2, is_rsa_sha1, is_pss):
                assert ask(public, signature, TEXT) is (ask is kind)
                assert not ask(public, signature, TEXT + b" ")
