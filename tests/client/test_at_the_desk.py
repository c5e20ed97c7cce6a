"""Opening without any I/O: who may, what is left alone, and what the errors say."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from haoma.authorize import authorize, verify_offline, verify_with_session_key
from haoma.crypto.forging import forge_cbc
from haoma.errors import BadField, CannotOpen, HaomaError, NoOfflineWay, WrongArgument
from haoma.secret import Secret
from haoma.settings.reader import from_mapping
from support.vector_cases import cases
from support.wire import NOW, configured

SHOP = next(case for case in cases("alipay") if case.name == "alipay/success-mainland")
ALIPAY = from_mapping({"apps": {"shop": SHOP.app}}).apps["shop"]
APP_ID = "wx0000000000000000"
KEY = bytes(range(16))
KEY_TEXT = base64.b64encode(KEY).decode()
NUMBER = {"phoneNumber": "13800138000", "purePhoneNumber": "13800138000", "countryCode": "86"}
MESSAGE = json.dumps({**NUMBER, "watermark": {"appid": APP_ID, "timestamp": int(NOW)}}).encode()
SEALED = {"encryptedData": forge_cbc(KEY, bytes(16), MESSAGE), "iv": base64.b64encode(bytes(16)).decode()}


def _wechat(**settings: Any) -> Any:
    return configured("wechat", app_id=APP_ID, app_secret="a" * 32, **settings)


def _refused(call: Any) -> HaomaError:
    with pytest.raises(HaomaError) as caught:
        call()
    return caught.value


@pytest.mark.parametrize("settings", [{}, {"accept_encrypted_data": False}, {"accept_encrypted_data": True}])
@pytest.mark.parametrize("key", [KEY_TEXT, Secret(KEY_TEXT)])
def test_whoever_holds_the_key_may_open(settings: dict[str, Any], key: str | Secret) -> None:
    """Whatever the app takes from strangers, whether or not a code came beside it."""
    for sent in (SEALED, json.dumps(SEALED), {**SEALED, "code": "a-code"}, {"authorization": SEALED}):
        assert verify_with_session_key(_wechat(**settings), sent, key, now=NOW).e164 == "+8613800138000"


def test_what_has_no_sealed_data() -> None:
    """A code alone cannot be opened at the desk; the error says what can, and of which app it is."""
    error = _refused(lambda: verify_with_session_key(_wechat(), {"code": "a-code"}, KEY_TEXT, now=NOW))
    assert type(error) is BadField
    assert error.because == {"field": "code", "needed": "encryptedData and iv"}
    assert (error.platform, error.app) == ("wechat", "shop")
    error = _refused(lambda: verify_with_session_key(_wechat(), SEALED, KEY_TEXT[::-1], now=NOW))
    assert (type(error), error.platform, error.app) == (CannotOpen, "wechat", "shop")


def test_what_a_platform_cannot() -> None:
    """Alipay has no session_keys, and nobody else's envelope opens without asking."""
    error = _refused(lambda: verify_with_session_key(ALIPAY, SHOP.sent, KEY_TEXT, now=NOW))
    assert (type(error), error.because["reason"]) == (NoOfflineWay, "this platform has no session_keys")
    assert (error.platform, error.app) == ("alipay", "shop")
    error = _refused(lambda: verify_offline(_wechat(), SEALED))
    assert (type(error), error.because["reason"]) == (NoOfflineWay, "this platform has no offline way")
    assert (error.platform, error.app) == ("wechat", "shop")


def test_an_envelope() -> None:
    """It opens; one that does not says of which app it is."""
    assert verify_offline(ALIPAY, SHOP.sent).e164 == SHOP.phone_number
    error = _refused(lambda: verify_offline(ALIPAY, {"response": "QUJD", "sign": "QUJD"}))
    assert (error.platform, error.app) == ("alipay", "shop")


@pytest.mark.parametrize("app", ["shop", None])
def test_an_app_is_an_app(app: Any) -> None:
    """Not its name."""
    for call in (
        lambda: verify_offline(app, SHOP.sent),
        lambda: verify_with_session_key(app, SEALED, KEY_TEXT, now=NOW),
        lambda: next(authorize(app, SEALED, now=NOW)),
    ):
        error = _refused(call)
        assert (type(error), error.because["argument"]) == (WrongArgument, "app")
