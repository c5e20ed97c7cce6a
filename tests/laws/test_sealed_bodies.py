"""What can be wrong with a body that has ``encryptedData`` and ``iv``."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from haoma.authorize import verify_with_session_key
from haoma.crypto.forging import forge_cbc
from haoma.crypto.opening import aes_cbc
from haoma.errors import BadField, CannotOpen, HaomaError, MissingField
from haoma.platforms.base.session_keys import find_sealed
from support.wire import NOW, configured

KEY = bytes(range(16))
IV = bytes(range(16, 32))
APP = configured("kuaishou", app_id="ks0000000000000000", app_secret="a-secret-of-22-charact")
SEALED = forge_cbc(KEY, IV, b'{"countryCode":"86","phoneNumber":"13800138000"}')
IV_TEXT = base64.b64encode(IV).decode()
RAW = base64.b64decode(SEALED)


def _body(ciphertext: str = SEALED, iv: str = IV_TEXT) -> str:
    return f'{{"encryptedData":"{ciphertext}","iv":"{iv}"}}'


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _outcome(sent: Any) -> tuple[Any, ...]:
    try:
        return (verify_with_session_key(APP, sent, _base64(KEY), now=NOW).e164,)
    except HaomaError as error:
        return error.code, error.next_action, error.diagnosis


@pytest.mark.parametrize("name", ["encryptedData", "iv"])
def test_a_part_that_is_missing_is_named(name: str) -> None:
    """A part that is absent, null or empty is missing; one of another type is no text."""
    whole = {"encryptedData": SEALED, "iv": IV_TEXT}
    for value in (None, ""):
        with pytest.raises(MissingField) as missing:
            find_sealed({**whole, name: value})
        assert missing.value.because == {"field": name}
    with pytest.raises(MissingField):
        find_sealed({each: whole[each] for each in whole if each != name})
    for number in (5, ["x"], True):
        with pytest.raises(BadField) as bad:
            find_sealed({**whole, name: number})
        assert bad.value.because == {"field": name, "type": type(number).__name__, "needed": "string"}


def test_the_form_of_the_json_does_not_count() -> None:
    """A body with blanks in it, which another parser reads, has the same outcome."""
    for ciphertext in (SEALED, _base64(RAW[:-16]), _base64(bytes(16)), _base64(RAW[:-1] + b"x")):
        sent = _body(ciphertext)
        assert _outcome(sent) == _outcome(json.dumps(json.loads(sent), indent=1))


def test_a_name_stands_once() -> None:
    """Of two IVs, another reader might take the other one."""
    assert _outcome(_body()[:-1] + f',"iv":"{IV_TEXT}"}}')[0] == "envelope.not-json"


@pytest.mark.parametrize("sent", [_body("!"), _body(iv="!")])
def test_what_is_no_base64_cannot_be_opened(sent: str) -> None:
    """It is the one refusal of all openings; the operator reads what it was."""
    assert _outcome(sent)[::2] == ("trust.cannot-open", "base64")


@pytest.mark.parametrize("key", ["!", "", _base64(KEY[1:]), _base64(KEY + b"x")])
def test_what_is_no_session_key(key: str) -> None:
    """A key that somebody pasted is refused with what one looks like."""
    with pytest.raises(CannotOpen) as refused:
        verify_with_session_key(APP, _body(), key, now=NOW)
    assert refused.value.diagnosis == "session-key"
    assert refused.value.because == {"needed": "base64 of 16 bytes"}


def test_names_of_what_is_not_padded_are_not_shown() -> None:
    """A text may be JSON though its padding is wrong; what it says is nobody's word, not even the operator's."""
    text = b'{"countryCode":"86","phoneNumber":"13800138000","remark":"x"}'
    for padded, diagnosis, unlisted in (
        (text + b" " * (-len(text) % 16 or 16), "padding", ()),
        (None, "members", ("remark",)),
    ):
        ciphertext = _base64(aes_cbc(KEY, IV).encryptor().update(padded)) if padded else forge_cbc(KEY, IV, text)
        with pytest.raises(CannotOpen) as refused:
            verify_with_session_key(APP, _body(ciphertext), _base64(KEY), now=NOW)
        assert (refused.value.diagnosis, refused.value.unlisted) == (diagnosis, unlisted)


def test_what_transport_did_to_the_base64_is_undone() -> None:
    """Padding that was cut off, a line break in the middle: the number comes out all the same."""
    for ciphertext in (SEALED.rstrip("="), SEALED[:20] + "\\n" + SEALED[20:]):
        assert ciphertext != SEALED
        assert _outcome(_body(ciphertext)) == ("+8613800138000",)
