"""Open ``encryptedData`` under the user's session_key.

AES-128-CBC with an IV that the client chooses, and no MAC. The plain text is ``countryCode`` and ``phoneNumber``, and
nothing else: no watermark and no time. So nothing but the session_key ties it to the app and the user, and the only
session_key that is ever used is the one that Kuaishou gave us for a login. Custody, tries and the one refusal are those
of ``haoma.session_keys``.

The list, continued from ``flow.py``; all of it is step 3:

* ``iv`` is base64 of 16 bytes and ``encryptedData`` of whole blocks, after the usual damage of transport is repaired.
* A kept session_key opens it: PKCS#7, UTF-8, strict JSON object.
* ``countryCode`` and ``phoneNumber`` are there. Whether the number has the country code in front is not documented: it
  may stand bare, with ``+`` and the code, and for the mainland with ``86`` alone. A number abroad that begins with its
  country code without ``+`` can be read in two ways, so it is refused, not guessed.

Page: https://mp.kuaishou.com/docs/develop/functionAccessGuide/getUserPhoneNumber.html (dated 2024-09-26).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from haoma.crypto.opening import aes_cbc, open_json
from haoma.errors import CannotOpen
from haoma.phone import MAINLAND, from_parts
from haoma.session_keys import STEP, key_bytes, open_under, read_sealed

if TYPE_CHECKING:
    from haoma.contract import Sealed
    from haoma.phone import PhoneNumber
    from haoma.platforms.kuaishou.app import KuaishouApp
    from haoma.secret import Secret
    from haoma.session_keys import SealedMessage
    from haoma.steps import Flow

SESSION_KEY_BYTES: Final = 16
_MOBILE: Final = re.compile(r"(?:\+?86)?(1[3-9][0-9]{9})")


def open_sealed(app: KuaishouApp, message: SealedMessage, keys: tuple[Secret, ...]) -> Flow[PhoneNumber]:
    """Return the number in a sealed message.

    Raises:
        CannotOpen: ``trust.cannot-open``, whatever is wrong with the message.
    """
    sealed = read_sealed(message)
    return (yield from open_under(app, keys, lambda key: _open(key, sealed)))


def open_under_key(sealed: Sealed, session_key: Secret) -> PhoneNumber:
    """Return the number in sealed data under a session_key that is at hand.

    Raises:
        CannotOpen: ``trust.cannot-open``.
    """
    return _open(key_bytes(session_key, SESSION_KEY_BYTES), sealed)


def _open(key: bytes, sealed: Sealed) -> PhoneNumber:
    found = open_json(aes_cbc(key, sealed.iv), sealed.ciphertext)
    country_code, whole = _text(found, "countryCode"), _text(found, "phoneNumber")
    number = from_parts(country_code, _national(country_code, whole))
    if number is None:
        raise CannotOpen(step=STEP, diagnosis="number")
    return number


def _text(found: dict[str, Any], name: str) -> str:
    value = found.get(name)
    if name == "countryCode" and isinstance(value, int):
        value = str(value)  # that of a bool is a word, and no number
    if not isinstance(value, str) or not value:
        raise CannotOpen(step=STEP, diagnosis="fields")
    return value


def _national(country_code: str, whole: str) -> str:
    """Return the number without its country code; empty if that would be a guess."""
    if country_code == MAINLAND:
        mobile = _MOBILE.fullmatch(whole)
        return mobile[1] if mobile else ""
    if whole.startswith("+"):
        return whole[1 + len(country_code) :] if whole.startswith(f"+{country_code}") else ""
    return "" if whole.startswith(country_code) else whole
