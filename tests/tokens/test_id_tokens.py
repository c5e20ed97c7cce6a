"""ID tokens: what they claim of whom, and what our own verification refuses."""

from __future__ import annotations

import json
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc import jwt as joserfc_jwt
from joserfc.jwk import KeySet

from haoma import id_tokens
from haoma.errors import TokenUnusable
from haoma.id_tokens import SECONDS, Audience, Issuer, claims_of
from haoma.io.blocking import World, run
from haoma.io.memory import Memory
from haoma.jws import jwk
from haoma.secret import Secret
from haoma.service.tokens import Tokens

NOW = 1_800_000_000
RSA, OTHER_RSA = (generate_private_key(65537, 2048) for _ in range(2))
ED = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
URL = "https://id.example.com"
AUDIENCES = {
    "web": Audience("web", "web"),
    "none": Audience("none", "none", phone="none", algorithm="EdDSA"),
    "full": Audience("full", "https://full.example.com", phone="full", pairwise=False),
    "logto": Audience("logto", "logto", phone="full", logto=True),
}
OURS = Issuer(URL, (RSA, ED), Secret("k" * 32), AUDIENCES)
JWKS = json.dumps({"keys": [jwk(key.public_key()) for key in OURS.keys]})
KID = {"RS256": jwk(RSA.public_key())["kid"], "EdDSA": jwk(ED.public_key())["kid"]}
TOKENS = Tokens([ED])


def phone(*, bound: bool = True, account: str | None = None, openid: str | None = "o-1") -> dict[str, Any]:
    """Return a result as the service has it."""
    return {
        "phone_number": "+8613800138000", "masked": "138****8000", "platform": "wechat", "app": "shop",
        "subject": {"openid": openid} if openid else None,
        "checks": [{"name": "signature", "proven": True}, {"name": "login-binding", "proven": bound}],
        **({"account": account} if account else {}),
    }  # fmt: skip


def claims(name: str = "web", nonce: str = "", **facts: Any) -> dict[str, Any]:
    found = claims_of(phone(**facts), OURS, AUDIENCES[name], now=NOW, nonce=nonce)
    assert found is not None
    return found


def signed(name: str = "web", nonce: str = "", **changed: Any) -> str:
    return TOKENS.sign_id(OURS, AUDIENCES[name], {**claims(name, nonce), **changed})


def test_what_each_audience_learns() -> None:
    """Nothing of the number, its ends, or all of it, as the configuration says."""
    assert {name for name in claims("none") if "phone" in name} == set()
    assert claims("web")["phone_number_masked"] == "138****8000"
    assert "phone_number" not in claims("web")
    full = claims("full")
    assert (full["phone_number"], full["phone_number_verified"]) == ("+8613800138000", True)
    logto = claims("logto")
    assert (logto["phone"], logto["phone_verified"]) == ("8613800138000", True)
    for each in (claims("web"), full):
        assert (each["iss"], each["iat"], each["exp"], each["amr"]) == (URL, NOW, NOW + SECONDS, ["wechat_phone"])
    assert claims("web", nonce="n-1")["nonce"] == "n-1"
    assert "nonce" not in claims("web")


def test_a_number_that_nobody_tied_to_the_login_is_not_verified() -> None:
    """Whoever has seen an envelope can send it with a login of their own."""
    for name, claim in (("full", "phone_number_verified"), ("logto", "phone_verified")):
        found = claims_of(phone(bound=False), OURS, AUDIENCES[name], now=NOW)
        assert found is not None
        assert found[claim] is False


def test_subjects() -> None:
    """Stable for a user, another one for each audience; of nobody without a login."""
    assert claims("web")["sub"] == claims("web")["sub"]
    assert len({claims(name)["sub"] for name in AUDIENCES}) == len(AUDIENCES)
    assert claims("web", openid="o-2")["sub"] != claims("web")["sub"]
    assert claims("full")["sub"] == "wechat:shop:o-1"
    assert claims("full", account="a-1")["sub"] == "a-1"
    assert claims("web", account="a-1", openid="o-1")["sub"] == claims("web", account="a-1", openid="o-2")["sub"]
    assert "o-1" not in claims("web")["sub"]
    assert claims_of(phone(openid=None), OURS, AUDIENCES["web"], now=NOW) is None


def test_ids_are_new() -> None:
    """No two tokens have one."""
    assert len({claims()["jti"] for _ in range(100)}) == 100


@pytest.mark.filterwarnings("ignore:EdDSA is deprecated via RFC 9864")  # its name; OpenID Connect still uses it
@pytest.mark.parametrize("name", AUDIENCES)
def test_other_libraries_verify_them(name: str) -> None:
    """PyJWT and joserfc, with nothing but the published keys."""
    audience = AUDIENCES[name]
    token = signed(name, "n-1")
    key = jwt.PyJWKSet.from_json(JWKS)[jwt.get_unverified_header(token)["kid"]]
    options: Any = {"verify_exp": False, "verify_iat": False}
    said = jwt.decode(token, key, algorithms=[audience.algorithm], audience=audience.aud, issuer=URL, options=options)
    assert said["nonce"] == "n-1"
    other = joserfc_jwt.decode(token, KeySet.import_key_set(json.loads(JWKS)), algorithms=[audience.algorithm])
    assert other.claims == said
    ours = id_tokens.verify(token, JWKS, issuer=URL, audience=audience.aud, nonce="n-1", now=NOW)
    assert ours.claims == said
    assert repr(ours) == f"IdToken(id={said['jti']!r}, audience={audience.aud!r})"


def _hs256() -> str:
    pem = RSA.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo).hex()
    return jwt.encode(claims(), pem, algorithm="HS256", headers={"kid": KID["RS256"]})


@pytest.mark.parametrize(
    ("token", "reason"),
    [
        (signed(aud="other"), "another audience"),
        (signed(aud=["web"]), "malformed"),
        (signed(iss="https://other.example.com"), "another issuer"),
        (signed(iss=URL + "/"), "another issuer"),
        (signed(exp=NOW), "expired"),
        (signed(iat=NOW + 61, exp=NOW + 300), "from the future"),
        (signed(exp=NOW + SECONDS + 1), "not ours"),
        (signed(jti=""), "not ours"),
        (signed(sub=None), "malformed"),
        (signed(nonce="n-2"), "another nonce"),
        (signed(), "another nonce"),
        (jwt.encode(claims(), OTHER_RSA, algorithm="RS256", headers={"kid": KID["RS256"]}), "signature"),
        (jwt.encode(claims(), ED, algorithm="EdDSA", headers={"kid": KID["RS256"]}), "another key"),
        (jwt.encode(claims(), RSA, algorithm="RS512", headers={"kid": KID["RS256"]}), "another key"),
        (jwt.encode(claims(), RSA, algorithm="RS256", headers={"kid": "other"}), "another key"),
        (jwt.encode(claims(), RSA, algorithm="RS256"), "another key"),
        (jwt.encode(claims(), "", algorithm="none", headers={"kid": KID["RS256"]}), "another key"),
        (_hs256(), "another key"),
        ("", "not a token"),
        ("x" * 9000, "not a token"),
    ],
)
def test_what_is_refused(token: str, reason: str) -> None:
    """Another audience, issuer, key, algorithm, nonce or time: none opens anything."""
    with pytest.raises(TokenUnusable) as caught:
        id_tokens.verify(token, JWKS, issuer=URL, audience="web", nonce="n-1", now=NOW)
    assert caught.value.diagnosis == reason


def test_a_token_is_accepted_once() -> None:
    """Whoever has read it along the way comes too late."""
    world = World(None, Memory())  # type: ignore[arg-type]
    token = signed()
    flow = {"issuer": URL, "audience": "web", "now": NOW}
    assert run(id_tokens.accept(token, JWKS, **flow), world).audience == "web"  # type: ignore[arg-type]
    with pytest.raises(TokenUnusable) as caught:
        run(id_tokens.accept(token, JWKS, **flow), world)  # type: ignore[arg-type]
    assert caught.value.diagnosis == "used"
    assert run(id_tokens.accept(signed(), JWKS, **flow), world).audience == "web"  # type: ignore[arg-type]


def test_a_session_token_is_no_id_token_and_the_other_way_round() -> None:
    """Even if one key signs both."""
    from haoma import tokens

    session = TOKENS.issue("web", {}, {"subject": {"openid": "o-1"}}, NOW)
    with pytest.raises(TokenUnusable):
        id_tokens.verify(session, JWKS, issuer=URL, audience="web", now=NOW)
    with pytest.raises(TokenUnusable):
        tokens.verify(signed("none"), JWKS, app="none", now=NOW)
