"""Opens a signed message: AES-128-CBC with zero IV, PKCS#7, UTF-8, strict JSON. Then reads the result.

The steps, continued from ``verify.py``:

5. One of the app's AES keys opens the ciphertext into a JSON object with a text ``code``. Every failure on the way is
   the one refusal `CannotOpen`. (A wrong key passes the padding check once in 256 times.) An app may load without a key
   in order to ask Alipay for it. It opens nothing until then, and its refusal says ``stop``, because tapping again
   would not help.
6. ``code`` is ``10000``; any other code is Alipay's refusal.
7. ``mobile`` is a phone number: bare digits are a mainland number of any length, ``cc-digits`` is a number abroad.
   An empty ``mobile`` means that the Alipay account has no phone.

Page: https://opendocs.alipay.com/mini/api/getphonenumber (read 2026-11). The README lists the forms of the number.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from haoma.crypto.opening import open_json
from haoma.errors import CannotOpen, ClearTextSuccess, Next, NonsenseReply, NoPhoneBound
from haoma.phone import MAINLAND, PhoneNumber, from_parts
from haoma.platforms.base.refusal import refusal

if TYPE_CHECKING:
    from haoma.errors import HaomaError
    from haoma.platforms.alipay.app import AlipayApp
    from haoma.platforms.alipay.read import ClearMessage
    from haoma.platforms.alipay.verify import SignedMessage

_SUCCESS: Final = "10000"


def open_message(app: AlipayApp, message: SignedMessage) -> PhoneNumber:
    """Return the number in a signed message.

    Raises:
        CannotOpen: ``trust.cannot-open`` (step 5).
        PlatformRefusal: ``platform.*`` (step 6).
        NoPhoneBound: ``platform.no-phone-bound`` (step 7).
        NonsenseReply: ``outside.nonsense-reply``: signed, but not a phone number (step 7).
    """
    body = _open(app, message.ciphertext)
    # (6)
    if body["code"] != _SUCCESS:
        raise _refused(body, step=6)
    # (7)
    mobile = body.get("mobile")
    if mobile is None or mobile == "":
        raise NoPhoneBound(step=7, platform_code=_SUCCESS, platform_message="mobile is empty")
    number = _number(mobile) if isinstance(mobile, str) else None
    if number is None:
        raise NonsenseReply(step=7, because={"field": "mobile", "type": type(mobile).__name__}, diagnosis="mobile")
    return number


def _open(app: AlipayApp, ciphertext: bytes) -> dict[str, Any]:
    # (5)
    if not app.ciphers:
        refused = CannotOpen(step=5, diagnosis="no key", because={"keys_tried": 0, "needed": "aes_key"})
        raise refused.evolve(next_action=Next.STOP)
    diagnosis = ""
    for cipher in app.ciphers:
        try:
            body = open_json(cipher, ciphertext)
        except CannotOpen as error:
            diagnosis = error.diagnosis
            continue
        if isinstance(body.get("code"), str):
            return body
        diagnosis = "code"
    raise CannotOpen(step=5, diagnosis=diagnosis, because={"keys_tried": len(app.ciphers)})


def _number(mobile: str) -> PhoneNumber | None:
    country_code, national_number = mobile.split("-", 1) if "-" in mobile else (MAINLAND, mobile)
    return from_parts(country_code, national_number)


def refuse_clear(message: ClearMessage) -> HaomaError:
    """Return the refusal for a clear-text body. A "success" in clear text has a refusal of its own.

    The body is unsigned: it may be Alipay's word about the console's settings, or anybody's. Because it can only become
    a refusal, believing it does no harm.
    """
    body = message.unverified_body
    if body.get("code") == _SUCCESS or "mobile" in body:
        return ClearTextSuccess()
    return _refused(body, step=0, unverified=True)


def _refused(body: dict[str, Any], *, step: int, unverified: bool = False) -> HaomaError:
    # This API uses camelCase, the gateway snake_case.
    sub = body.get("subCode", body.get("sub_code", ""))
    message = body.get("subMsg", body.get("sub_msg", "")) or body.get("msg", "")
    return refusal(
        "alipay",
        str(body.get("code", "")),
        sub=str(sub),
        message=str(message),
        step=step,
        because={"unverified": True} if unverified else None,
    )
