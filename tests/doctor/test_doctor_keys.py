"""Keys as people paste them: what the settings say of one, ``haoma doctor`` and ``haoma inspect`` say too.

The cases are in ``cases/keys.toml``. Each takes a key that is made here, and does to it what copying does.
"""

import base64
import re
import tomllib
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    pkcs12,
)
from test_doctor_captures import CERTIFICATE, KEY, OF_EC, PKCS1, PRIVATE, PUBLIC

from haoma import configure
from haoma.doctor.captures.inspect import inspect
from haoma.doctor.configuration import offline
from haoma.errors import ConfigFaults

CASES = tomllib.loads((Path(__file__).parent / "cases" / "keys.toml").read_text("utf-8"))["case"]
AES = base64.b64encode(bytes(range(1, 17))).decode()
SHORT = rsa.generate_private_key(65537, 1024)  # noqa: S505 - to be refused
_NAME = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "shop")])
_PEM, _SPKI = Encoding.PEM, PublicFormat.SubjectPublicKeyInfo
_PKCS8 = PrivateFormat.PKCS8
ALIPAYS = tomllib.loads((Path(__file__).parents[2] / "docs/example/haoma.toml").read_text())["apps"]["shop"][
    "alipay_public_key"
]
MADE = {
    "private": PRIVATE,
    "pkcs1": PKCS1,
    "public": PUBLIC,
    "public-pkcs1": KEY.public_key().public_bytes(_PEM, PublicFormat.PKCS1).decode(),
    "certificate": CERTIFICATE,
    "request": x509.CertificateSigningRequestBuilder(_NAME).sign(KEY, hashes.SHA256()).public_bytes(_PEM).decode(),
    "encrypted": KEY.private_bytes(_PEM, _PKCS8, BestAvailableEncryption(b"x")).decode(),
    "encrypted-pkcs1": KEY.private_bytes(_PEM, PrivateFormat.TraditionalOpenSSL, BestAvailableEncryption(b"x")).decode(),
    "ec": OF_EC,
    "ec-public": ec.generate_private_key(ec.SECP256R1()).public_key().public_bytes(_PEM, _SPKI).decode(),
    "ed25519": ed25519.Ed25519PrivateKey.generate().private_bytes(_PEM, _PKCS8, NoEncryption()).decode(),
    "short": SHORT.private_bytes(_PEM, _PKCS8, NoEncryption()).decode(),
    "short-public": SHORT.public_key().public_bytes(_PEM, _SPKI).decode(),
    "ssh": KEY.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode(),
    "ssh-private": KEY.private_bytes(_PEM, PrivateFormat.OpenSSH, NoEncryption()).decode(),
    "pkcs12": base64.b64encode(pkcs12.serialize_key_and_certificates(b"x", KEY, None, None, NoEncryption())).decode(),
    "aes": AES,
}  # fmt: skip


def damaged(case):
    """Return the key with everything done to it."""
    text = MADE[case["of"]]
    for what, *more in case.get("do", ()):
        match what:
            case "bare":
                text = "".join(line for line in text.splitlines() if "-----" not in line)
            case "for":
                text = text.replace(more[0], more[1])
            case "cut":
                text = text[: more[0]]
            case "without line":
                lines = text.splitlines(keepends=True)
                text = "".join(lines[: more[0] - 1] + lines[more[0] :])
            case "around":
                text = more[0] + text + more[1]
            case "hex":
                text = base64.b64decode("".join(text.splitlines()[1:-1])).hex()
            case "wrapped":
                text = "\n".join(re.findall(f".{{1,{more[0]}}}", text))
            case "base64":
                text = base64.b64encode(text.encode()).decode()
            case _:
                raise AssertionError(what)
    return text


def settings_of(setting, text):
    given = {"alipay_public_key": ALIPAYS, "aes_key": AES, setting: text}
    if setting == "alipay_cert":
        del given["alipay_public_key"]
        given |= {"app_private_key": PRIVATE, "app_cert": CERTIFICATE, "alipay_root_cert": CERTIFICATE}
    return given


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_a_key_in_a_setting(case):
    """The settings take it, or name what is wrong with it, where, and nothing of the key."""
    text = damaged(case)
    try:
        configure("alipay", name="shop", app_id="2021000000000000", **settings_of(case["setting"], text))
        found = []
    except ConfigFaults as error:
        found = [each for each in error.faults if not each.warning]
    assert [each.code for each in found] == ([case["code"]] if case["code"] else [])
    if found:
        assert case.get("because", {}).items() <= found[0].because.items()
        assert MADE["private"][100:140] not in str(found[0])


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_a_key_that_is_inspected(case):
    """It is a key, and called what the settings call it, unless only its place is wrong."""
    looked = inspect(damaged(case).encode(), now=0.0)
    assert looked.kind == case.get("is", "key")
    wrong = [each.code for each in looked.found if each.severity in ("fault", "warning")]
    here = case.get("inspected", case["code"])
    assert wrong == ([here] if here else [])
    if here == case["code"] and here:
        assert case.get("because", {}).items() <= looked.found[0].because.items()
    assert MADE["private"][100:140] not in str(looked)


@pytest.mark.parametrize("name", ["a head with four dashes", "a certificate request for a public key"])
def test_a_key_file_of_a_haoma_toml(tmp_path, name):
    """``haoma doctor`` says it of the file that the setting names."""
    (case,) = [each for each in CASES if each["name"] == name]
    (tmp_path / "key.txt").write_text(damaged(case))
    lines = [
        f'{setting} = "{text}"'
        for setting, text in settings_of(case["setting"], "").items()
        if text and "\n" not in text
    ]
    config = tmp_path / "haoma.toml"
    config.write_text(
        "\n".join(["[apps.shop]", 'platform = "alipay"', 'app_id = "2021000000000000"', *lines,
                   f'{case["setting"]} = {{ file = "key.txt" }}'])
    )  # fmt: skip
    _settings, _known, found = offline.examine(str(config))
    told = next(each for each in found if each.code == case["code"])
    assert told.where == f"apps.shop.{case['setting']}"
    assert case["because"].items() <= told.because.items()


def test_there_are_sixty():
    """So many ways to paste a key are known, and none stands twice."""
    assert len(CASES) >= 60
    assert len({each["name"] for each in CASES}) == len(CASES)
