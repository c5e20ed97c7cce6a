"""Wycheproof through the functions that production uses: nothing may be accepted that must not be."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from conftest import corpus_json
from haoma.crypto.decrypting import decrypt_rsa
from haoma.crypto.gcm import IV_BYTES, TAG_BYTES, open_gcm, seal_gcm
from haoma.crypto.keys import parse_public_key
from haoma.crypto.opening import aes_cbc, decrypt
from haoma.crypto.signing import is_pss, is_rsa2
from haoma.errors import CannotOpen


@pytest.mark.parametrize("bits", [2048, 3072, 4096])
def test_rsa2_signatures(bits: int) -> None:
    """Every RSA-SHA256 case is judged as the corpus says, with the key read from the PEM that it gives."""
    tested = 0
    for group in corpus_json(f"wycheproof/rsa_signature_{bits}_sha256_test.json")["testGroups"]:
        key = parse_public_key(group["publicKeyPem"])
        assert isinstance(key, RSAPublicKey)
        for case in group["tests"]:
            found = is_rsa2(key, bytes.fromhex(case["sig"]), bytes.fromhex(case["msg"]))
            if case["result"] != "acceptable":
                assert found is (case["result"] == "valid"), (case["tcId"], case["comment"])
            tested += 1
    assert tested > 250


def test_aes_cbc_padding() -> None:
    """Every AES-CBC-PKCS5 case opens as the corpus says, and all refusals are the same refusal."""
    refusals = set()
    tested = 0
    for group in corpus_json("wycheproof/aes_cbc_pkcs5_test.json")["testGroups"]:
        for case in group["tests"]:
            cipher = aes_cbc(bytes.fromhex(case["key"]), bytes.fromhex(case["iv"]))
            try:
                plain: bytes | None = decrypt(cipher, bytes.fromhex(case["ct"]))
            except CannotOpen as error:
                plain = None
                refusals.add((error.code, str(error), error.status, error.next_action))
            expected = bytes.fromhex(case["msg"]) if case["result"] == "valid" else None
            assert plain == expected, (case["tcId"], case["comment"])
            tested += 1
    assert tested == 216
    assert len(refusals) == 1


@pytest.mark.parametrize("bits", [2048, 3072, 4096])
def test_rsa_decryption(bits: int) -> None:
    """Every RSAES-PKCS1-v1_5 case: what is valid opens, nothing else gives its message, and all refusals are one."""
    refusals = set()
    tested = 0
    for group in corpus_json(f"wycheproof/rsa_pkcs1_{bits}_test.json")["testGroups"]:
        # Every group has a key of its own; to validate them all would take half a minute.
        key = load_pem_private_key(group["privateKeyPem"].encode(), None, unsafe_skip_rsa_key_validation=True)
        assert isinstance(key, RSAPrivateKey)
        for case in group["tests"]:
            try:
                plain: bytes | None = decrypt_rsa(key, bytes.fromhex(case["ct"]))
            except CannotOpen as error:
                plain = None
                refusals.add((error.code, str(error), error.status, error.next_action))
            assert (plain == bytes.fromhex(case["msg"])) is (case["result"] == "valid"), (case["tcId"], case["comment"])
            tested += 1
    assert tested >= 30
    assert len(refusals) <= 1


def test_aes_gcm() -> None:
    """Every AES-GCM case with IV and tag of full length opens as the corpus says; all refusals are the same refusal."""
    refusals = set()
    tested = {"opened": 0, "refused": 0, "wrong length": 0}
    for group in corpus_json("wycheproof/aes_gcm_test.json")["testGroups"]:
        usual = (group["ivSize"], group["tagSize"]) == (8 * IV_BYTES, 8 * TAG_BYTES)
        for case in group["tests"]:
            key, iv, sealed, tag, beside = (bytes.fromhex(case[name]) for name in ("key", "iv", "ct", "tag", "aad"))
            try:
                plain: bytes | None = open_gcm(key, iv, sealed, tag, beside)
            except CannotOpen as error:
                plain = None
                refusals.add((error.code, str(error), error.status, error.next_action))
            valid = usual and case["result"] == "valid"
            assert plain == (bytes.fromhex(case["msg"]) if valid else None), (case["tcId"], case["comment"])
            if valid:
                assert seal_gcm(key, iv, bytes.fromhex(case["msg"]), beside) == (sealed, tag)
            tested["opened" if valid else "refused" if usual else "wrong length"] += 1
    assert sum(tested.values()) == 316
    assert min(tested.values()) > 40
    assert len(refusals) == 1


@pytest.mark.parametrize("bits", [2048, 3072, 4096])
def test_rsa2_signatures_are_no_pss_signatures(bits: int) -> None:
    """What is signed in the older way never passes as PSS under the same key."""
    for group in corpus_json(f"wycheproof/rsa_signature_{bits}_sha256_test.json")["testGroups"]:
        key = parse_public_key(group["publicKeyPem"])
        for case in group["tests"]:
            found = is_pss(key, bytes.fromhex(case["sig"]), bytes.fromhex(case["msg"]))
            assert not found or case["comment"] == "RSASSA-PSS signature", (case["tcId"], case["comment"])
