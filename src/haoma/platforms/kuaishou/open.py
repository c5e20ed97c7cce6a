"""Opens ``encryptedData`` under the user's session_key.

AES-128-CBC without a MAC. The plain text is ``countryCode`` and ``phoneNumber`` and nothing else: no watermark and no
time. So only the session_key ties it to the app and the user, and haoma only ever uses a session_key that Kuaishou
returned for a login. `haoma.platforms.base.session_keys` handles custody, tries and the one refusal.

**Threats.** A client chooses the IV, and through it the first 16 bytes of anything sealed under the same key, including
user info with a nickname of the user's choice. The rest of such a message stays as Kuaishou wrote it, so it has other
members. A phone message must have these two and no others.

The checks, all of them step 3 of ``flow.py``:

* ``iv`` is base64 of 16 bytes and ``encryptedData`` of whole blocks, after the usual transport damage is repaired.
* A stored session_key opens it: PKCS#7, UTF-8, strict JSON object.
* ``countryCode`` and ``phoneNumber`` are present, and nothing else is.
* The number belongs to that country. It is not documented whether it starts with the country code, so it may be bare,
  start with ``+`` and the code, or, for the mainland, with ``86``. A number abroad that starts with its country code
  without ``+`` is ambiguous, so it is refused rather than guessed.

Page: https://mp.kuaishou.com/docs/develop/functionAccessGuide/getUserPhoneNumber.html (dated 2024-09-26).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from haoma.crypto.opening import aes_cbc, read_json
from haoma.phone import MAINLAND, from_parts
from haoma.platforms.base.session_keys import judge, key_bytes, number_of, open_under, read_sealed, reading, unlisted

if TYPE_CHECKING:
    from haoma.phone import PhoneNumber
    from haoma.platforms.base.contract import Sealed
    from haoma.platforms.base.session_keys import Reading, SealedMessage, SessionKey
    from haoma.platforms.kuaishou.app import KuaishouApp
    from haoma.secret import Secret
    from haoma.steps import Flow

SESSION_KEY_BYTES: Final = 16
_MOBILE: Final = re.compile(r"(?:\+?86)?(1[3-9][0-9]{9})")
_MEMBERS: Final = frozenset({"countryCode", "phoneNumber"})
_DECOY: Final = b'{"countryCode":"86","phoneNumber":"00000000000"}'


def open_sealed(
    app: KuaishouApp, message: SealedMessage, keys: tuple[SessionKey, ...]
) -> Flow[tuple[PhoneNumber, bool]]:
    """Return the number in a sealed message, and whether everything opened under its key is remembered.

    Raises:
        CannotOpen: ``trust.cannot-open``, for anything wrong with the message.
    """
    sealed = read_sealed(message)
    return (yield from open_under(app, keys, lambda key: _open(app, key, sealed)))


def open_under_key(app: KuaishouApp, sealed: Sealed, session_key: Secret) -> PhoneNumber:
    """Return the number in sealed data, opened under a given session_key.

    Raises:
        CannotOpen: ``trust.cannot-open``.
    """
    return number_of(_open(app, key_bytes(session_key, SESSION_KEY_BYTES), sealed))


def _open(app: KuaishouApp, key: bytes, sealed: Sealed) -> Reading:
    opened = read_json(aes_cbc(key, sealed.iv), sealed.ciphertext)
    return judge(opened, lambda found: _read(app, found), _DECOY)


def _read(app: KuaishouApp, found: dict[str, Any]) -> Reading:
    country_code, whole = found.get("countryCode"), found.get("phoneNumber")
    if isinstance(country_code, int):
        country_code = str(country_code)  # bool is an int: str(True) is 'True', which is no country code
    country_code = country_code if isinstance(country_code, str) else ""
    whole = whole if isinstance(whole, str) else ""
    others = unlisted(app, found, _MEMBERS)
    return reading(
        from_parts(country_code, _national(country_code, whole)),
        others,
        ("fields", country_code != "" and whole != ""),
        ("members", not others),
    )


def _national(country_code: str, whole: str) -> str:
    """Return the number without its country code; empty if that would be a guess."""
    if country_code == MAINLAND:
        mobile = _MOBILE.fullmatch(whole)
        return mobile[1] if mobile else ""
    if whole.startswith("+"):
        return whole[1 + len(country_code) :] if whole.startswith(f"+{country_code}") else ""
    return "" if whole.startswith(country_code) else whole
