"""Which app and which field is to blame, where several are configured: envelopes of two apps, and halves of them."""

import base64
import json
import os

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from haoma import configure
from haoma.doctor.captures.inspect import inspect as look
from haoma.secret import Secret
from haoma.settings.model import Settings

NUMBER = "13800138000"
KEYS = [rsa.generate_private_key(65537, 2048) for _ in range(2)]  # Alipay's, one for each app
AES = [bytes([each]) * 16 for each in (1, 2)]


def public(key):
    return base64.b64encode(key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()


def app(name, key, aes):
    number = "12"[AES.index(aes)] * 16
    return configure(
        "alipay", app_id=number, name=name, alipay_public_key=public(KEYS[key]), aes_key=base64.b64encode(aes).decode()
    )


def envelope(key, aes):
    plain = json.dumps({"code": "10000", "msg": "Success", "mobile": NUMBER}).encode()
    size = 16 - len(plain) % 16
    writer = Cipher(algorithms.AES(aes), modes.CBC(bytes(16))).encryptor()
    text = base64.b64encode(writer.update(plain + bytes([size]) * size) + writer.finalize()).decode()
    sign = KEYS[key].sign(f'"{text}"'.encode(), padding.PKCS1v15(), hashes.SHA256())
    return {"response": text, "sign": base64.b64encode(sign).decode()}


def found(sent, *apps, app=""):
    looked = look(json.dumps(sent).encode(), Settings(apps={each.name: each for each in apps}), app=app, now=0.0)
    return looked.kind, {each.code: each for each in looked.found}


@pytest.mark.parametrize("named", ["shop2", ""])
def test_public_keys_of_two_apps_that_were_swapped(named):
    """The app whose AES key opens it is the owner; its public key is wrong, and the other app has the right one."""
    apps = app("shop", 1, AES[0]), app("shop2", 0, AES[1])
    _kind, codes = found(envelope(1, AES[1]), *apps, app=named)
    assert "doctor.other-apps-envelope" not in codes
    wrong = codes["doctor.wrong-public-key"]
    assert (wrong.where, wrong.because["fits_key_of"]) == ("apps.shop2.alipay_public_key", "shop")


def test_aes_keys_of_two_apps_that_were_swapped():
    """The signature fits the app that was named, and the other app's AES key opens it: the AES key is wrong."""
    apps = app("shop", 0, AES[0]), app("shop2", 1, AES[1])
    _kind, codes = found(envelope(0, AES[1]), *apps, app="shop")
    assert codes.keys() == {"doctor.wrong-aes-key", "trust.cannot-open"}
    wrong = codes["doctor.wrong-aes-key"]
    assert (wrong.where, wrong.because) == ("apps.shop.aes_key", {"keys_tried": 2, "fits_key_of": "shop2"})


def test_an_envelope_that_no_key_opens():
    """Without any key that opens it, nobody else is blamed."""
    apps = app("shop", 0, AES[0]), app("shop2", 1, AES[1])
    _kind, codes = found(envelope(0, os.urandom(16)), *apps)
    assert codes["doctor.wrong-aes-key"].because == {"keys_tried": 2}
    assert codes.keys() == {"doctor.wrong-aes-key", "trust.cannot-open"}


def test_an_envelope_of_the_other_app():
    """What is whole and belongs to another app is called that."""
    apps = app("shop", 0, AES[0]), app("shop2", 1, AES[1])
    _kind, codes = found(envelope(1, AES[1]), *apps, app="shop")
    assert codes["doctor.other-apps-envelope"].because == {"belongs_to": "shop2"}


@pytest.mark.parametrize("configured", [True, False])
def test_a_sign_that_was_cut_off(configured):
    """A signature has the length of a key; with another one it was cut, and no key is to blame."""
    sent = envelope(0, AES[0])
    sent["sign"] = sent["sign"][:300]
    _kind, codes = found(sent, *([app("shop", 0, AES[0])] if configured else []))
    cut = codes["doctor.base64-damaged"]
    assert (cut.where, cut.severity, cut.because) == ("sign", "fault", {"how": "cut off", "characters": 300})
    assert "doctor.wrong-public-key" not in codes


def as_hex(text):
    return base64.b64decode(text).hex()


@pytest.mark.parametrize("fields", [("response", "sign"), ("sign",), ("response",)])
@pytest.mark.parametrize("configured", [True, False])
def test_an_envelope_in_hexadecimal(fields, configured):
    """Whole blocks in hexadecimal are base64 too, of something else: they are called what they are, and no key is wrong."""
    sent = envelope(0, AES[0])
    sent |= {name: as_hex(sent[name]) for name in fields}
    looked = look(
        json.dumps(sent).encode(), Settings(apps={"shop": app("shop", 0, AES[0])} if configured else {}), now=0.0
    )
    damaged = {each.where: each.because["how"] for each in looked.found if each.code == "doctor.base64-damaged"}
    assert damaged == dict.fromkeys(fields, "hexadecimal, not base64")
    assert "doctor.wrong-public-key" not in {each.code for each in looked.found}


@pytest.mark.parametrize("fields", [("encryptedData", "iv"), ("iv",), ("encryptedData",)])
@pytest.mark.parametrize("key", [None, Secret(base64.b64encode(bytes(16)).decode())])
def test_sealed_data_in_hexadecimal(fields, key):
    """The same of WeChat's two fields, with the session_key and without."""
    shop = configure(
        "wechat", app_id="wx0123456789abcdef", app_secret="01" * 16, accept_encrypted_data=True, name="shop"
    )
    sent = {"encryptedData": base64.b64encode(bytes(range(160))).decode(), "iv": base64.b64encode(bytes(16)).decode()}
    sent |= {name: as_hex(sent[name]).upper() for name in fields}
    looked = look(json.dumps(sent).encode(), Settings(apps={"shop": shop}), session_key=key, now=0.0)
    damaged = {each.where: each.because["how"] for each in looked.found if each.code == "doctor.base64-damaged"}
    assert damaged == dict.fromkeys(fields, "hexadecimal, not base64")


@pytest.mark.parametrize("accept_encrypted_data", [True, False])
def test_an_iv_that_is_missing(accept_encrypted_data):
    """``encryptedData`` by itself, sent to an app of WeChat, is what it is, and nothing of Alipay's."""
    shop = configure(
        "wechat",
        app_id="wx0123456789abcdef",
        app_secret="01" * 16,
        accept_encrypted_data=accept_encrypted_data,
        name="shop",
    )
    sent = {"encryptedData": base64.b64encode(bytes(160)).decode()}
    kind, codes = found(sent, shop, app="shop")
    if accept_encrypted_data:
        assert (kind, set(codes)) == ("sealed", {"envelope.missing-field"})
        assert codes["envelope.missing-field"].because["field"] == "iv"
    else:  # the service refuses it before it looks for the iv
        assert (kind, set(codes)) == ("sealed", {"envelope.encrypted-data-off"})
    assert found(sent)[0] == "alipay-envelope"  # as long as nobody knows the app, it may be uni-app's


@pytest.mark.parametrize("more, named", [({"authSuccessScopes": ["auth_user"]}, ""), ({}, "shop")])
def test_a_login_of_alipay(more, named):
    """What my.getAuthCode gave is a login: the envelope is missing, and no other platform is to blame."""
    sent = {"authCode": "0123456789abcdef0123456789abcdef", **more}
    kind, codes = found(sent, app("shop", 0, AES[0]), app=named)
    assert (kind, set(codes)) == ("login-code", {"envelope.missing-field"})
    assert codes["envelope.missing-field"].because["field"] == "response"
