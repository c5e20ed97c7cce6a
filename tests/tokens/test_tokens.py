"""Session tokens that PyJWT has written, read by `haoma.tokens`: what is believed and what is not."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from haoma import tokens
from haoma.errors import TokenUnusable, WrongArgument
from haoma.service.tokens import SECONDS, Tokens

NOW = 1_800_000_000
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
OURS = Tokens([KEY])
(ID,) = OURS.keys
CLAIMS: dict[str, Any] = {
    "iss": "haoma", "aud": "shop", "iat": NOW, "exp": NOW + 600, "jti": "t-1", "sub": "o-1", "masked": "138****8000",
}  # fmt: skip


def made(*, key: Ed25519PrivateKey = KEY, head: dict[str, Any] | None = None, without: str = "", **claims: Any) -> str:
    """A token, as PyJWT writes it."""
    said = {name: value for name, value in {**CLAIMS, **claims}.items() if name != without}
    return jwt.encode(said, key, algorithm="EdDSA", headers={"kid": ID, **(head or {})})


def refused(token: str, *, app: str | None = "shop", now: float = NOW, keys: Any = OURS.jwks) -> str:
    """Why a token is refused, in the words for the operator."""
    with pytest.raises(TokenUnusable) as caught:
        tokens.verify(token, keys, app=app, now=now)
    assert not token[-20:] or token[-20:] not in str(caught.value) + caught.value.diagnosis
    return caught.value.diagnosis


def test_what_a_token_says() -> None:
    """With the keys as text, as bytes, parsed, or as objects."""
    for keys in (OURS.jwks, OURS.jwks.decode(), json.loads(OURS.jwks), OURS.keys):
        session = tokens.verify(made(), keys, app="shop", now=NOW)
        assert (session.id, session.app, session.subject, session.account) == ("t-1", "shop", "o-1", None)
        assert (session.issued_at.timestamp(), session.expires_at.timestamp()) == (NOW, NOW + 600)
        assert session.claims["masked"] == "138****8000"
    assert tokens.verify(made(account="a-1"), OURS.jwks, now=NOW).account == "a-1"
    shown = tokens.verify(made(account="a-1"), OURS.jwks, now=NOW)
    assert repr(shown) == "SessionToken(id='t-1', app='shop', account='a-1')"
    assert shown.__rich_repr__() == [("id", "t-1"), ("app", "shop"), ("account", "a-1")]


@pytest.mark.parametrize(
    ("token", "reason"),
    [
        (made(iss="other"), "not ours"),
        (made(jti=""), "not ours"),
        (made(aud="other"), "another app"),
        (made(aud=["shop"]), "malformed"),
        (made(exp=NOW), "expired"),
        (made(iat=NOW + 61), "from the future"),
        (made(iat=str(NOW)), "malformed"),
        (made(exp=10**15), "malformed"),
        (made(sub=1), "malformed"),
        *((made(without=name), "malformed") for name in ("iss", "aud", "iat", "exp", "jti")),
        (made(key=OTHER), "signature"),
        (made(head={"kid": "other"}), "another key"),
        (jwt.encode(CLAIMS, KEY, algorithm="EdDSA"), "another key"),
        (made(head={"crit": ["exp"]}), "another key"),
        (jwt.encode(CLAIMS, "", algorithm="none", headers={"kid": ID}), "another key"),
        (jwt.encode(CLAIMS, ID, algorithm="HS256", headers={"kid": ID}), "another key"),
        ("", "not a token"),
        ("a.b", "not a token"),
        (made() + ".x", "not a token"),
        ("é.é.é", "not a token"),
        ("!.!.!", "malformed"),
        (made(more="x" * 9000), "not a token"),
    ],
)  # fmt: skip
def test_what_is_not_believed(token: str, reason: str) -> None:
    """And why, for the operator alone."""
    assert refused(token) == reason


def test_the_public_key_is_no_secret_for_hmac() -> None:
    """A token that is signed with the bytes of the public key, as an HMAC secret, is none."""
    raw = KEY.public_key().public_bytes_raw()
    assert refused(jwt.encode(CLAIMS, raw, algorithm="HS256", headers={"kid": ID})) == "another key"


def test_the_ends_of_its_time() -> None:
    """It ends with its last second. A machine whose clock is a minute ahead is believed."""
    for now in (NOW + 599.9, NOW - 60):
        assert tokens.verify(made(), OURS.jwks, now=now).id == "t-1"
    assert refused(made(), now=NOW + 600) == "expired"
    with pytest.raises(TokenUnusable):
        tokens.verify(made(), OURS.jwks)  # by the computer's clock it is from the future


def test_any_app_if_none_is_named() -> None:
    """Who takes tokens of several apps looks at the app in the answer."""
    assert tokens.verify(made(aud="other"), OURS.jwks, now=NOW).app == "other"


@given(st.data())
def test_any_other_bit_is_refused(data: st.DataObject) -> None:
    """Wherever it is, and also in the bits that base64 leaves over."""
    token = made()
    at = data.draw(st.integers(0, len(token) - 1))
    letter = data.draw(st.sampled_from("ABCXYZabcxyz0189-_.=+/ "))
    if letter != token[at]:
        refused(token[:at] + letter + token[at + 1 :])


def test_it_is_canonical() -> None:
    """No padding, and no bits to spare."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    token = made()
    twin = token[:-1] + letters[letters.index(token[-1]) ^ 1]
    for each in (token + "=", token + "\n", twin, token.replace(".", "=.", 1)):
        assert refused(each) == "malformed"
    _, payload, signature = token.split(".")
    twice = base64.urlsafe_b64encode(b'{"alg":"EdDSA","alg":"EdDSA","kid":"' + ID.encode() + b'"}').rstrip(b"=")
    assert refused(f"{twice.decode()}.{payload}.{signature}") == "malformed"


@pytest.mark.parametrize(
    "keys", ["", "[]", "{", b"\xff", {}, {"keys": None}, {"keys": [{"kty": "OKP", "crv": "Ed25519"}]}, 1]
)
def test_keys_that_are_none(keys: Any) -> None:
    """A mistake of the program is told from a token that is no good; an empty table of keys believes nobody."""
    if keys == {}:
        assert refused(made(), keys=keys) == "another key"
        return
    with pytest.raises(WrongArgument):
        tokens.verify(made(), keys, now=NOW)


def test_keys_of_other_kinds_are_passed_over() -> None:
    """A set that has others as well."""
    keys = json.loads(OURS.jwks)
    keys["keys"].insert(0, {"kty": "RSA", "kid": "x", "n": "AQAB", "e": "AQAB"})
    keys["keys"].insert(0, {"kty": "OKP", "crv": "X25519", "kid": "y", "x": "AQAB"})
    keys["keys"].insert(0, {"kty": "EC", "crv": "Ed25519", "kid": "z", "x": "AQAB"})
    assert tokens.verify(made(), keys, now=NOW).id == "t-1"


def test_changing_the_signing_key() -> None:
    """While both are configured, tokens of either are good, and sealed parts open, whichever of them signs."""
    old, both, swapped, new = Tokens([KEY]), Tokens([KEY, OTHER]), Tokens([OTHER, KEY]), Tokens([OTHER])
    now = time.time()
    whole: dict[str, object] = {"phone_number": "+8613800138000"}
    issued = {name: each.issue("shop", whole, {}, now) for name, each in {"old": old, "new": new}.items()}
    assert both.reveal("shop", issued["old"]) == swapped.reveal("shop", issued["old"]) == whole
    assert both.reveal("shop", issued["new"]) == swapped.reveal("shop", issued["new"]) == whole
    assert jwt.get_unverified_header(both.issue("shop", whole, {}, now))["kid"] == ID
    assert jwt.get_unverified_header(swapped.issue("shop", whole, {}, now))["kid"] != ID
    assert len(json.loads(both.jwks)["keys"]) == 2
    for each, token in ((old, issued["new"]), (new, issued["old"])):
        with pytest.raises(TokenUnusable):
            each.reveal("shop", token)


def test_the_subject_is_the_account() -> None:
    """Where accounts are kept; else the user of the platform."""
    masked = {"account": "a-1", "subject": {"openid": "o"}, "masked": "138****8000"}
    now = time.time()
    token = OURS.issue("shop", {}, masked, now)
    session = tokens.verify(token, OURS.jwks, app="shop")
    assert (session.subject, session.account) == ("a-1", "a-1")
    assert session.expires_at.timestamp() - session.issued_at.timestamp() == SECONDS
    again = jwt.decode(token, KEY.public_key(), algorithms=["EdDSA"], audience="shop", issuer="haoma")
    assert again["sub"] == "a-1"
    assert tokens.verify(OURS.issue("shop", {}, {"subject": {"openid": "o"}}, now), OURS.jwks).subject == "o"
    assert "sub" not in tokens.verify(OURS.issue("shop", {}, {"subject": None}, now), OURS.jwks).claims
