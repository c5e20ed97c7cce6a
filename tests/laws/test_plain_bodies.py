"""The short way for a body with ``encryptedData`` and ``iv`` and nothing else says what the long way says."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from haoma.authorize import verify_with_session_key
from haoma.crypto.forging import forge_cbc
from haoma.crypto.opening import aes_cbc
from haoma.errors import BadField, CannotOpen, HaomaError, MissingField
from haoma.platforms.base.session_keys import find_sealed, read_plain
from support.wire import NOW, configured

KEY = bytes(range(16))
IV = bytes(range(16, 32))
APP = configured("kuaishou", app_id="ks0000000000000000", app_secret="a-secret-of-22-charact")
SEALED = forge_cbc(KEY, IV, b'{"countryCode":"86","phoneNumber":"13800138000"}')
IV_TEXT = base64.b64encode(IV).decode()
RAW = base64.b64decode(SEALED)


class Safe(str):
    """A text such as frameworks make."""

    __slots__ = ()


def _body(ciphertext: str = SEALED, iv: str = IV_TEXT) -> str:
    return f'{{"encryptedData":"{ciphertext}","iv":"{iv}"}}'


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


PLAIN: list[Any] = [_body(), _body().encode()]
OTHERS: list[Any] = [
    Safe(_body()),
    bytearray(_body().encode()),
    {"encryptedData": SEALED, "iv": IV_TEXT},
    _body() + " " * 32_769,
    _body() + "\n",
    _body().replace(",", ", "),
    _body()[:-1] + ',"code":"x"}',
    _body()[:-1] + f',"iv":"{IV_TEXT}"}}',
    _body(iv=IV_TEXT.rstrip("=")),
    _body(iv=_base64(IV[1:])),
    _body(iv=_base64(IV + b"x")),
    _body(iv=""),
    _body(SEALED.replace("=", "")),
    _body(_base64(RAW[:-1])),
    _body(_base64(RAW + b"x")),
    _body(""),
    _body("!"),
    f'{{"iv":"{IV_TEXT}"}}',
    f'{{"encryptedData":"{SEALED}"}}',
    f'{{"encryptedData":"{SEALED}","iv":5}}',
    f'{{"encryptedData":null,"iv":"{IV_TEXT}"}}',
    f'{{"encryptedData":["{SEALED}"],"iv":"{IV_TEXT}"}}',
    _body("\ud800"),
    _body().encode() + b"\xff",
    "",
    "[]",
    None,
    5,
]


def _outcome(sent: Any) -> tuple[Any, ...]:
    try:
        return (verify_with_session_key(APP, sent, _base64(KEY), now=NOW).e164,)
    except HaomaError as error:
        return error.code, error.next_action, error.diagnosis


@pytest.mark.parametrize("sent", PLAIN)
def test_a_plain_body_is_read(sent: Any) -> None:
    """What a front end sends, most often, takes the short way."""
    sealed = read_plain(sent)
    assert sealed is not None
    assert (sealed.ciphertext, sealed.iv) == (RAW, IV)
    assert _outcome(sent) == ("+8613800138000",)


@pytest.mark.parametrize("sent", OTHERS, ids=range(len(OTHERS)))
def test_any_other_body_takes_the_long_way(sent: Any) -> None:
    """The short way neither refuses nor repairs anything: it leaves alone what is not exactly that."""
    assert read_plain(sent) is None


def test_a_body_at_the_limit_takes_the_short_way() -> None:
    """The limit is the same on both ways, to the byte."""
    blocks = (32_768 - len(_body(""))) // 64 * 3
    raw = bytes(blocks * 16)
    assert len(_body(_base64(raw))) <= 32_768
    assert read_plain(_body(_base64(raw))) is not None
    assert read_plain(_body(_base64(raw + bytes(48)))) is None


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


def test_both_ways_say_the_same() -> None:
    """A body with one blank more, which takes the long way, has the same outcome."""
    for ciphertext in (SEALED, _base64(RAW[:-16]), _base64(bytes(16)), _base64(RAW[:-1] + b"x")):
        sent = _body(ciphertext)
        assert _outcome(sent) == _outcome(json.dumps(json.loads(sent), indent=1))


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
