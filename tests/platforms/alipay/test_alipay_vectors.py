"""The vector folders as a whole, and what other implementations have published."""

from __future__ import annotations

import base64
import json
from pathlib import Path

from haoma.crypto import keys, opening
from haoma.crypto.forging import forge_cbc
from haoma.crypto.signing import is_rsa2, is_rsa_sha1
from support.vector_cases import cases

CASES = cases("alipay")
PUBLISHED = Path(__file__).parent / "published"


def test_most_cases_fail_and_say_why() -> None:
    """More than half of the cases must fail, and each says in its README why it is there and where it came from."""
    assert sum(bool(case.code) for case in CASES) > len(CASES) / 2
    for case in CASES:
        title, why, source = (case.path / "README.md").read_text("utf-8").strip().split("\n\n")
        assert title == f"# {case.path.name}"
        assert why.endswith((".", "?"))
        assert source.startswith("Source: ")
        assert {each.name for each in case.path.iterdir()} == {
            "README.md",
            "authorization.txt",
            "app.toml",
            "expect.toml",
        }


def test_real_signature() -> None:
    """A reply that Alipay's real gateway signed verifies as RSA2, and not when a byte is changed, nor as SHA-1."""
    published = json.loads((PUBLISHED / "real-reply.json").read_text("utf-8"))
    key = keys.parse_public_key(published["alipay_public_key_b64"])
    sign = base64.b64decode(published["sign_b64"])
    signed = published["signed_string"].encode("utf-8")
    assert is_rsa2(key, sign, signed)
    assert not is_rsa_sha1(key, sign, signed)
    assert not is_rsa2(key, sign, signed.replace(b"Success", b"success"))
    assert not is_rsa2(key, sign, signed.replace(b",", b", ", 1))


def test_peer_aes() -> None:
    """The AES vector of alipay-easysdk, whose three languages agree on it."""
    key = base64.b64decode("aa4BtZ4tspm2wnXLb1ThQA==")
    assert forge_cbc(key, bytes(16), b"test1234567") == "ILpoMowjIQjfYMR847rnFQ=="
    decryptor = opening.aes_cbc(key, bytes(16)).decryptor()
    assert decryptor.update(base64.b64decode("ILpoMowjIQjfYMR847rnFQ==")).startswith(b"test1234567")


def test_peer_serial_names() -> None:
    """The SNs of the app certificate and of Alipay's root bundle are those that alipay-sdk (Node) publishes.

    The bundle has an SM2 root, which does not count, and a block that `cryptography` cannot parse.
    """
    app = keys.parse_certificates((PUBLISHED / "app-certificate.pem").read_text("ascii"))
    assert keys.serial_name(keys.leaf(app)) == "866efef280dec9137a87d047ac446315"
    root = keys.parse_certificates((PUBLISHED / "root-bundle.pem").read_text("ascii"))
    assert keys.root_serial_name(root) == "687b59193f3f462dd5336e5abf83c5d8_02941eef3187dddf3d3b83462e1dfcf6"
