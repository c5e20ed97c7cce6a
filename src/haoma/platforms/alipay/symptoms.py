"""What Alipay's envelopes, replies, keys and settings look like, and which installed packages conflict."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from importlib import metadata
from typing import TYPE_CHECKING, Any, Final

import msgspec

from haoma import field_names
from haoma.crypto.signing import is_rsa2
from haoma.crypto.strict import decode_base64
from haoma.errors import HaomaError, MissingField, ReplySignatureMismatch, ReplyUnsigned
from haoma.platforms.alipay import envelope_symptoms
from haoma.platforms.alipay.read import in_error_message
from haoma.platforms.base.diagnosis import Diagnosis, Severity, fault, good, note, of_error, warning
from haoma.platforms.base.refusal import refusal
from haoma.platforms.base.symptoms import Captured, Looked, PlatformKeys, Symptoms

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    from haoma.authorization import Authorization
    from haoma.platforms.alipay.app import AlipayApp

_ENVELOPE: Final = field_names.ENVELOPE | {"errorMessage"}
_GRANTED: Final = frozenset({"authSuccessScopes", "authErrorScopes"})  # my.getAuthCode returns these with the code
_ERROR_DIGITS: Final = 5
_NODES: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_CLASHING: Final = ("alipay-sdk-python", "python-alipay-sdk")
"""Two distributions that both install a package named ``alipay`` and overwrite each other."""


# --- captures ---


def event(captured: Captured, sent: Authorization) -> Looked | None:
    """Diagnose what a mini program sent, if only Alipay's can have sent it; else return None."""
    claimed, named = sent.claimed, captured.named
    is_ours = named is not None and named.platform == "alipay"
    if str(captured.object.get("type", "")).lower() == "getauthorize" and "response" not in claimed:
        # The button only says that the user agreed. The envelope comes from my.getPhoneNumber.
        return Looked("alipay-event", [of_error(MissingField(platform="alipay", because={"field": "response"}))])
    if "authCode" in claimed and (_GRANTED & claimed.keys() or (captured.app and is_ours)):
        login = MissingField(platform="alipay", because={"field": "response", "found": "authCode"})
        return Looked("login-code", [of_error(login)])
    code = claimed.get("code")
    error_body = isinstance(code, str) and code.isdigit() and len(code) == _ERROR_DIGITS
    sealed = claimed.get("encryptedData")
    whole = isinstance(sealed, str) and sealed.lstrip().startswith("{")  # the platform's own string
    stock = "encryptedData" in claimed and "iv" not in claimed and ("code" not in claimed or whole)
    if isinstance(claimed.get("encryptedData"), str) and captured.apps():  # uni-app's only if such an app is configured
        stock = stock and (is_ours if named else bool(captured.apps("alipay")))
    if not (_ENVELOPE & claimed.keys() or error_body or stock or in_error_message(claimed)):
        return None
    looked = envelope_symptoms.look(captured, sent)
    if named is not None and not is_ours:
        other = fault("doctor.other-platform", f"apps.{named.name}", looks_like="alipay")
        return Looked(looked.kind, [other, *looked.found])
    return looked


def reply(captured: Captured) -> Looked | None:
    """Diagnose a reply of the gateway; return None if the capture is not one."""
    whole = captured.object
    name = next((each for each in whole if each.endswith("_response") and isinstance(whole[each], dict)), "")
    if not name:
        return None
    node = whole[name]
    found = list(_signature(captured, name, whole.get("sign")))
    code = node.get("code")
    if name == "error_response" or (code is not None and str(code) != "10000"):
        words = str(node.get("sub_msg") or node.get("msg") or "")
        error = refusal("alipay", str(code), sub=str(node.get("sub_code", "")), place="login", message=words)
        found.insert(0, of_error(error))
    elif all(each.severity is Severity.GOOD for each in found):
        found.append(good("doctor.reply-good", "", holds=", ".join(sorted(map(str, node)))[:120]))
    return Looked("alipay-reply", found)


def _signature(captured: Captured, name: str, sign: object) -> Iterator[Diagnosis]:
    if not isinstance(sign, str) or not sign:
        if name != "error_response":
            yield of_error(ReplyUnsigned(platform="alipay"))
        return
    apps: list[AlipayApp] = captured.apps("alipay")
    try:
        signature = decode_base64(sign, "sign")
        signed = bytes(_NODES(captured.text.encode("utf-8"))[name])
    except (HaomaError, msgspec.MsgspecError):
        signature, signed = b"", b""
    signer = next((app for app in apps for key in app.public_keys if is_rsa2(key, signature, signed)), None)
    if signer is not None:
        yield good("doctor.reply-good", f"apps.{signer.name}", signed=name)
    elif apps:
        tried = sum(len(app.public_keys) for app in apps)
        yield of_error(ReplySignatureMismatch(platform="alipay", because={"keys_tried": tried}))
        yield fault("doctor.wrong-public-key", f"apps.{apps[0].name}.alipay_public_key", guess=True)


# --- settings ---


def examine(app: AlipayApp) -> Iterator[Diagnosis]:
    """Yield what is unwise in an app's settings.

    No user can log in without a private key, or, for a third-party application, without the merchant's grant. An
    account number (PID) is not an app id.
    """
    where = f"apps.{app.name}"
    if app.private_key is None:
        yield note("doctor.no-login", f"{where}.app_private_key")
    elif app.isv_app_id and app.app_auth_token is None:
        yield note("doctor.no-login", f"{where}.app_auth_token")
    if app.app_id.startswith("2088"):
        yield warning("config.app-id-shape", f"{where}.app_id", found="2088..., the number of an account (PID)")


def platform_keys(app: AlipayApp, settings: Collection[str]) -> PlatformKeys:
    """Return Alipay's public keys, which verify envelopes and replies."""
    if "alipay_cert" in settings:
        return PlatformKeys("alipay_cert", "config.certificate-is-the-apps", app.public_keys)
    return PlatformKeys("alipay_public_key", "config.app-public-key-used", app.public_keys)


def _private_keys(app: AlipayApp) -> Sequence[RSAPrivateKey]:
    return () if app.private_key is None else (app.private_key,)


def _operator(app: AlipayApp) -> str:
    return app.isv_app_id


def packages(path: Sequence[str] | None) -> Iterator[Diagnosis]:
    """Check for the two installed packages that overwrite each other."""
    there: dict[str, Any] = {} if path is None else {"path": list(path)}
    # Asked for by name: reading the metadata of every package in a large environment would take longest of all.
    found: Mapping[str, str] = {
        name: each.version for name in _CLASHING for each in metadata.distributions(name=name, **there)
    }
    if len(found) == len(_CLASHING):
        yield warning("doctor.alipay-packages-clash", installed=", ".join(" ".join(each) for each in found.items()))
    elif "alipay-sdk-python" in found:
        yield note("doctor.alipay-sdk-broken", "", version=found["alipay-sdk-python"])


SYMPTOMS: Final = Symptoms(
    kinds=("alipay-envelope", "alipay-clear-text", "alipay-event", "alipay-reply"),
    reply=reply,
    turn=0,
    event=event,
    interfaces={r"alipay\.system\.oauth\.token": "login"},
    app_id=re.compile(r"20[0-3]\d{13}"),
    knows_app_id=True,
    examine=examine,
    platform_keys=platform_keys,
    private_keys=_private_keys,
    key_settings={"public key": "alipay_public_key", "certificate": "alipay_cert | app_cert"},
    operator=_operator,
    shared_settings=("isv_",),
    packages=packages,
    own_button=(
        r"mp-alipay|MP-ALIPAY|\bmy\s*\.\s*(?:getPhoneNumber|getAuthCode)|plugin-platform-alipay|--type[ =]alipay|"
        r"TARO_ENV\W+alipay|alipay:\s*\{|getAuthorize"
    ),
    api="my",
    markup=".axml",
)
