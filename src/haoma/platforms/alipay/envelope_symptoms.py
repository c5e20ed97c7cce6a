"""Diagnoses an Alipay envelope: which configured app it belongs to, and which rule it breaks.

A service verifies, then decrypts, and stops at the first error. The doctor can look further: if the content key opens
an envelope that no key has signed, the public key is wrong. That answer has no other use. The contents of an unsigned
envelope are neither trusted nor shown.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from haoma.crypto.opening import open_json
from haoma.crypto.signing import is_rsa2, is_rsa_sha1
from haoma.crypto.strict import decode_base64, repair_base64
from haoma.errors import BadBase64, CannotOpen, HaomaError, SignatureMismatch, SignatureMissing
from haoma.platforms.alipay.open import refuse_clear
from haoma.platforms.alipay.read import ClearMessage, SealedMessage, read
from haoma.platforms.base.base64_damage import examine_base64
from haoma.platforms.base.diagnosis import Diagnosis, Severity, fault, good, note, of_error, warning
from haoma.platforms.base.symptoms import TOO_OFTEN, Captured, Looked

if TYPE_CHECKING:
    from collections.abc import Iterator

    from haoma.authorization import Authorization
    from haoma.platforms.alipay.app import AlipayApp

_SIGNATURES: Final = (128, 256, 384, 512)
_LONG: Final = 150  # characters; a success has 88, a refusal 152 or more


def look(captured: Captured, sent: Authorization) -> Looked:
    """Diagnose what an Alipay mini program sent."""
    found = list(_stock_shape(sent.claimed))
    try:
        message = read(None, sent)
    except HaomaError as error:
        kind = "alipay-envelope" if error.place else "alipay-event"  # something stands in place of a value
        return Looked(kind, [of_error(error.evolve(platform="alipay")), *found])
    if isinstance(message, ClearMessage):
        refused = refuse_clear(message).evolve(platform="alipay")
        return Looked("alipay-clear-text", [of_error(refused), *found])
    return Looked("alipay-envelope", [*_sealed(captured, sent, message), *found])


def _stock_shape(claimed: dict[str, Any]) -> Iterator[Diagnosis]:
    if "encryptedData" in claimed and "iv" not in claimed and "response" not in claimed:
        inner = claimed["encryptedData"]
        yield warning(
            "doctor.stock-uni-app", "encryptedData", holds="error body" if isinstance(inner, dict) else "ciphertext"
        )


def _sealed(captured: Captured, sent: Authorization, message: SealedMessage) -> Iterator[Diagnosis]:
    if message.claimed_sign is None and message.claimed_ciphertext.lstrip()[:1] in ('"', "{"):
        yield warning("doctor.inside-something", "response", how=TOO_OFTEN)
        return
    if _swapped(message):
        yield fault("doctor.swapped", "", fields="response, sign")
        return
    damaged = [
        *examine_base64("response", message.claimed_ciphertext),
        *examine_base64("sign", message.claimed_sign or ""),
    ]
    if not damaged and _is_damaged(message):
        damaged.append(
            fault("doctor.base64-damaged", "sign", how="cut off", characters=len(message.claimed_sign or ""))
        )
    apps: list[AlipayApp] = captured.apps("alipay")
    if message.claimed_sign is None:
        yield from _unsigned(captured, sent)
    elif not apps:
        yield note("doctor.no-configuration", "")
    else:
        yield from _tried(captured, sent, message, apps)
    yield from damaged
    if not apps and len(message.claimed_ciphertext) > _LONG:
        yield warning("doctor.error-inside", "response", guess=True, characters=len(message.claimed_ciphertext))


def _swapped(message: SealedMessage) -> bool:
    """Return whether the two were swapped: a signature has an RSA length, a ciphertext is shorter, in whole blocks."""
    try:
        text = decode_base64(repair_base64(message.claimed_ciphertext), "response")
        sign = decode_base64(repair_base64(message.claimed_sign or ""), "sign")
    except (BadBase64, ValueError):
        return False
    return len(text) in _SIGNATURES and len(sign) not in _SIGNATURES and len(sign) % 16 == 0


def _unsigned(captured: Captured, sent: Authorization) -> Iterator[Diagnosis]:
    # By itself, the object may be ``res.response`` as Alipay made it. Among other fields, the front end took it out.
    alone = captured.object.keys() == {"response"}
    bare = next((sent.claimed[name] for name in ("response", "encryptedData") if name in sent.claimed), "")
    if not alone and isinstance(bare, str) and not bare.lstrip().startswith("{"):
        yield fault("doctor.sign-lost", "response", guess=True)
    yield of_error(SignatureMissing(platform="alipay"))


def _tried(
    captured: Captured, sent: Authorization, message: SealedMessage, apps: list[AlipayApp]
) -> Iterator[Diagnosis]:
    errors: dict[str, HaomaError] = {}
    for app in apps:
        try:
            phone = captured.verify_offline(app, sent.claimed)
        except HaomaError as error:
            errors[app.name] = error
            if isinstance(error, SignatureMismatch | SignatureMissing | CannotOpen | BadBase64):
                continue
            yield of_error(error, f"apps.{app.name}")  # it opened, and holds a refusal
        else:
            yield good("doctor.envelope-good", f"apps.{app.name}", number=phone.masked)
        yield from _elsewhere(captured, app)
        return
    yield from _refused(captured, message, apps, errors)


def _elsewhere(captured: Captured, app: AlipayApp) -> Iterator[Diagnosis]:
    if captured.app and captured.app != app.name:
        yield fault("doctor.other-apps-envelope", f"apps.{captured.app}", belongs_to=app.name)


def _refused(
    captured: Captured, message: SealedMessage, apps: list[AlipayApp], errors: dict[str, HaomaError]
) -> Iterator[Diagnosis]:
    opener = next((app for app in apps if _opens(app, message)), None)
    signed = [name for name, error in errors.items() if isinstance(error, CannotOpen)]  # their keys fit the signature
    if signed and (opener is None or captured.app in signed):
        name = captured.app if captured.app in signed else signed[0]
        tried = sum(len(app.ciphers) for app in apps)
        fits: dict[str, Any] = {"fits_key_of": opener.name} if opener is not None and opener.name != name else {}
        yield fault("doctor.wrong-aes-key", f"apps.{name}.aes_key", keys_tried=tried, **fits)
        yield of_error(errors[name])
    elif opener is not None and isinstance(errors[opener.name], SignatureMismatch) and not _is_damaged(message):
        yield _why_not_signed(opener, message, signed)
        yield of_error(errors[opener.name])
        yield from _elsewhere(captured, opener)
    else:
        yield of_error(next(iter(errors.values())))


def _is_damaged(message: SealedMessage) -> bool:
    """Return whether the signature is damaged: bad base64, or not an RSA length. Then no key is to blame."""
    sign = message.claimed_sign or ""
    if any(each.severity is Severity.FAULT for each in examine_base64("sign", sign)):
        return True
    try:
        return len(decode_base64(repair_base64(sign), "sign")) not in _SIGNATURES
    except (BadBase64, ValueError):
        return False


def _parts(message: SealedMessage) -> tuple[bytes, bytes, bytes]:
    text = repair_base64(message.claimed_ciphertext)
    sign = decode_base64(repair_base64(message.claimed_sign or ""), "sign")
    return text.encode("ascii"), decode_base64(text, "response"), sign


def _opens(app: AlipayApp, message: SealedMessage) -> bool:
    try:
        _text, ciphertext, _sign = _parts(message)
    except (HaomaError, ValueError):
        return False
    for cipher in app.ciphers:
        try:
            if isinstance(open_json(cipher, ciphertext).get("code"), str):
                return True
        except CannotOpen:
            continue
    return False


def _why_not_signed(app: AlipayApp, message: SealedMessage, fitting: list[str]) -> Diagnosis:
    """Return which rule the signature breaks: the hash, the quotes or the key."""
    text, _ciphertext, sign = _parts(message)
    for key in app.public_keys:
        if is_rsa_sha1(key, sign, b'"' + text + b'"'):
            return fault("doctor.signature-sha1", f"apps.{app.name}", hash="SHA-1")
        if is_rsa2(key, sign, text):
            return fault("doctor.signed-without-quotes", f"apps.{app.name}")
    facts: dict[str, Any] = {"signature_bits": 8 * len(sign), "key_bits": app.public_keys[0].key_size}
    facts |= {"fits_key_of": ", ".join(fitting)} if fitting else {}
    return fault("doctor.wrong-public-key", f"apps.{app.name}.alipay_public_key", **facts)
