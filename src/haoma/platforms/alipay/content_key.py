"""The content key of a merchant's mini program, which Alipay gives to the third-party application.

``alipay.open.auth.app.aes.get`` returns the key. ``alipay.open.auth.app.aes.set`` **makes a new key on every call**;
from then on the old key opens nothing that Alipay seals. No phone number flow calls either: only the command line and
the operator's own code do.

The steps, continued from ``gateway.py``:

5. The request is sealed under the third-party application's own content key. It carries no ``app_auth_token``.
6. The signature covers the quoted ciphertext, as with an envelope. The ciphertext is opened only after it is verified.
7. The key inside is 16 bytes in base64, or is sealed once more (the page and the SDKs differ; see the README).

Pages: https://opendocs.alipay.com/isv/04h0d4, https://opendocs.alipay.com/isv/04h682 (read 2026-11).
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any, Final

from cryptography.hazmat.primitives.padding import PKCS7

from haoma.crypto import keys
from haoma.crypto.opening import decrypt, open_json
from haoma.crypto.strict import decode_base64
from haoma.errors import (
    CannotOpen,
    CircuitOpen,
    ConfigFaults,
    ConnectFailed,
    EnvelopeError,
    Fault,
    HaomaError,
    PlatformRefusal,
)
from haoma.platforms.alipay.gateway import call, nonsense
from haoma.platforms.base.refusal import refusal
from haoma.secret import Secret

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers import Cipher

    from haoma.platforms.alipay.app import AlipayApp
    from haoma.steps import Flow

_GET: Final = "alipay.open.auth.app.aes.get"
_SET: Final = "alipay.open.auth.app.aes.set"


def fetch_content_key(app: AlipayApp, now: float) -> Flow[Secret]:
    """Return the content key of the merchant's mini program, as ``aes_key`` takes it.

    Raises:
        ConfigFaults: ``config.faults``: a required setting is missing.
        PlatformRefusal: ``platform.*``: the gateway's refusal.
        CannotOpen: ``trust.cannot-open``: the reply does not open under ``isv_aes_key``.
        HaomaError: see ``gateway.py``.
    """
    return (yield from _ask_for_key(app, _GET, now))


def replace_content_key(app: AlipayApp, now: float, *, confirm_app_id: str) -> Flow[Secret]:
    """Make Alipay create a new content key, and return it. **The old key dies at once**, in every service that uses it.

    Args:
        app: The app.
        now: Unix seconds.
        confirm_app_id: The id of the merchant's mini program, repeated, so that nobody calls this by mistake.

    Raises:
        ValueError: ``confirm_app_id`` is not the app's id. Raised at once, before there is a flow to run.
        HaomaError: as `fetch_content_key`. After any error but a refusal, call `fetch_content_key` to learn the
            current key.
    """
    if confirm_app_id != app.app_id:
        raise ValueError("confirm_app_id is not the id of the app whose content key would be replaced")
    return _replace(app, now)


def _replace(app: AlipayApp, now: float) -> Flow[Secret]:
    try:
        return (yield from _ask_for_key(app, _SET, now))
    except (PlatformRefusal, ConfigFaults, ConnectFailed, CircuitOpen):
        raise
    except HaomaError as error:  # it may have taken effect; sending it again would make yet another key
        raise error.evolve(because={"key_now": "ask with haoma alipay-aes-key, without --reset"}) from None


def _ask_for_key(app: AlipayApp, method: str, now: float) -> Flow[Secret]:
    needed = {"isv_app_id": app.isv_app_id, "isv_aes_key": app.isv_cipher, "app_private_key": app.private_key}
    missing = [
        Fault("config.missing-setting", f"apps.{app.name}.{name}") for name, found in needed.items() if not found
    ]
    if missing or app.isv_cipher is None:
        raise ConfigFaults(missing)
    # (5)
    asked = json.dumps({"merchant_app_id": app.app_id}, separators=(",", ":")).encode("ascii")
    business = {"biz_content": _seal(app.isv_cipher, asked), "encrypt_type": "AES"}
    answer = yield from call(app, method, business, now, for_merchant=False)
    node = answer.node
    # (6)
    was_sealed = isinstance(node, str)
    if isinstance(node, str):
        node = _open(app.isv_cipher, node)
    if answer.refused or node.get("code", "10000") != "10000":
        raise refusal(
            "alipay",
            str(node.get("code")),
            sub=str(node.get("sub_code", "")),
            message=str(node.get("sub_msg") or node.get("msg") or ""),
            step=6,
        )
    # (7)
    return _key(app.isv_cipher, node.get("aes_key"), may_be_clear=was_sealed)


def _seal(cipher: Cipher[Any], plain: bytes) -> str:
    padder = PKCS7(128).padder()
    encryptor = cipher.encryptor()
    sealed = encryptor.update(padder.update(plain) + padder.finalize()) + encryptor.finalize()
    return base64.b64encode(sealed).decode("ascii")


def _open(cipher: Cipher[Any], sealed: str) -> dict[str, Any]:
    try:
        return open_json(cipher, decode_base64(sealed, "response"))
    except EnvelopeError:
        raise nonsense("not base64") from None
    except CannotOpen as error:
        raise CannotOpen(step=6, diagnosis=error.diagnosis, because={"key": "isv_aes_key"}) from None


def _key(cipher: Cipher[Any], found: object, *, may_be_clear: bool) -> Secret:
    if not isinstance(found, str):
        raise nonsense("no aes_key")
    try:
        raw = decode_base64(found, "aes_key")
        text = found if may_be_clear and len(raw) == keys.AES_128 else decrypt(cipher, raw).decode("ascii")
        keys.parse_aes_key(text)
    except CannotOpen as error:
        raise CannotOpen(step=7, diagnosis=error.diagnosis, because={"key": "isv_aes_key"}) from None
    except (EnvelopeError, UnicodeDecodeError, keys.KeyProblem):
        raise nonsense("aes_key is not one") from None
    return Secret(text)
