"""ID tokens: a verified login, told to another service by OpenID Connect Core 1.0.

haoma is the issuer. An audience (a service of yours, or of somebody else's) verifies the token with the public keys::

    token = id_tokens.verify(sent, jwks, issuer="https://id.example.com", audience="web", nonce=nonce)
    token.subject

**Threats.** A number alone is no identity: what one user has sent can be sent again with somebody else's login. So
``phone_number_verified`` is true only if the platform ties the number to the login. Audiences must not be able to
compare their users, so ``sub`` is different for each (pairwise).
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec

from haoma import jws
from haoma.errors import TokenUnusable
from haoma.io import clock
from haoma.steps import Key, Room, TakeTry, ask

if TYPE_CHECKING:
    from collections.abc import Mapping

    from haoma.jws import Keys, PrivateKey
    from haoma.secret import Secret
    from haoma.steps import Flow

SECONDS: Final = 300
"""How long an ID token is good."""
AHEAD_SECONDS: Final = 60
"""How far the clock of the issuer may be ahead."""
NONCE_LENGTH: Final = 256
_LOGIN_BINDING: Final = "login-binding"


@dataclass(frozen=True, slots=True)
class Audience:
    """Somebody who accepts our ID tokens.

    Attributes:
        name: Its name in the configuration, and in consents.
        aud: The claim ``aud``.
        phone: ``none``, ``masked`` or ``full``: what it learns of the number.
        pairwise: Whether ``sub`` is its own for each user; otherwise it is the account, or the platform's id.
        algorithm: ``RS256`` or ``EdDSA``.
        logto: Also name the number as Logto reads it: ``phone`` and ``phone_verified``.
        apps: Names of the apps whose users it gets; empty for all.
        tenant: The tenant that it belongs to.
    """

    name: str
    aud: str
    phone: str = "masked"
    pairwise: bool = True
    algorithm: str = jws.RS256
    logto: bool = False
    apps: tuple[str, ...] = ()
    tenant: str = "default"


@dataclass(frozen=True, slots=True)
class Issuer:
    """Who issues.

    Attributes:
        url: The claim ``iss``: an address under which the service is reached.
        keys: The private keys. The first one of each algorithm signs, all are published.
        subject_key: Makes pairwise subjects. With another key every user is a stranger to every audience.
        audiences: By name.
    """

    url: str
    keys: tuple[PrivateKey, ...] = field(repr=False)
    subject_key: Secret = field(repr=False)
    audiences: Mapping[str, Audience] = field(default_factory=dict)

    def key_for(self, algorithm: str) -> PrivateKey | None:
        """Return the key that signs with an algorithm."""
        return next((key for key in self.keys if jws.algorithm(key) == algorithm), None)


class IdToken(msgspec.Struct, frozen=True):
    """An ID token that was verified.

    Attributes:
        id: Its id (``jti``).
        audience: ``aud``.
        subject: ``sub``.
        issued_at, expires_at: To the second.
        claims: All claims.
    """

    id: str
    audience: str
    subject: str
    issued_at: datetime
    expires_at: datetime
    claims: dict[str, Any]

    def __repr__(self) -> str:
        return f"IdToken(id={self.id!r}, audience={self.audience!r})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("id", self.id), ("audience", self.audience)]


class _Claims(msgspec.Struct, frozen=True):
    iss: str
    aud: str
    sub: str
    iat: int
    exp: int
    jti: str
    nonce: str | None = None


def claims_of(
    phone: Mapping[str, Any],
    issuer: Issuer,
    audience: Audience,
    *,
    now: float,
    nonce: str = "",
    at: float | None = None,
) -> dict[str, Any] | None:
    """Return the claims of an ID token, or None if nobody has logged in.

    Args:
        phone: The result as JSON: see `haoma.verified.VerifiedPhone.to_dict`.
        issuer: The issuer.
        audience: The audience.
        now: Unix seconds.
        nonce: What the audience has sent along; empty for none.
        at: When the user logged in, in Unix seconds; now if None.
    """
    user = _user(phone)
    if user is None:
        return None
    bound = any(check["name"] == _LOGIN_BINDING and check["proven"] for check in phone["checks"])
    number: dict[str, Any] = {}
    if audience.phone == "full":
        number = {"phone_number": phone["phone_number"], "phone_number_verified": bound}
        if audience.logto:
            number |= {"phone": phone["phone_number"].removeprefix("+"), "phone_verified": bound}
    elif audience.phone == "masked":
        number = {"phone_number_masked": phone["masked"]}
    return {
        "iss": issuer.url,
        "aud": audience.aud,
        "sub": _pairwise(issuer, audience, user) if audience.pairwise else user,
        "iat": int(now),
        "exp": int(now) + SECONDS,
        "auth_time": int(now if at is None else at),
        "jti": secrets.token_urlsafe(16),
        "amr": [f"{phone['platform']}_phone"],
        **({"nonce": nonce} if nonce else {}),
        **number,
    }


def verify(
    token: str, keys: Keys, *, issuer: str, audience: str, nonce: str | None = None, now: float | None = None
) -> IdToken:
    """Return what an ID token says.

    1. A key of the issuer has signed it: see `haoma.jws.claims`.
    2. ``iss`` is the issuer and ``aud`` the audience, alone.
    3. ``exp`` is in the future, ``iat`` is not, and the two are at most five minutes apart.
    4. ``nonce`` is the one that was sent, if one was.

    Args:
        token: The token.
        keys: The public keys: what ``/.well-known/jwks.json`` answers.
        issuer: The address of the issuer.
        audience: The claim ``aud``.
        nonce: The nonce that was sent; None if none was.
        now: Unix seconds; the current time if None.

    Raises:
        TokenUnusable: ``caller.token-unusable``.
        WrongArgument: ``config.wrong-argument``: the keys are no JWKS.
    """
    moment = clock.now() if now is None else now
    # 1
    claims = jws.claims(token, jws.public_keys(keys))
    try:
        said = msgspec.convert(claims, _Claims)
        issued_at, expires_at = (datetime.fromtimestamp(each, UTC) for each in (said.iat, said.exp))
    except (ValueError, OverflowError, OSError):
        reason = "malformed"
    else:
        reason = _outside(said, issuer, audience, nonce, moment)
        if not reason:
            return IdToken(said.jti, said.aud, said.sub, issued_at, expires_at, claims)
    raise TokenUnusable(diagnosis=reason)


def accept(
    token: str, keys: Keys, *, issuer: str, audience: str, nonce: str | None = None, now: float | None = None
) -> Flow[IdToken]:
    """Return what an ID token says, once: the second time it is refused.

    ``client.run(id_tokens.accept(sent, jwks, issuer="https://…", audience="web", nonce=nonce))``

    Raises:
        TokenUnusable: ``caller.token-unusable``.
        HaomaError: The store cannot be asked.
    """
    found = verify(token, keys, issuer=issuer, audience=audience, nonce=nonce, now=now)
    # 5
    if not (yield from ask(TakeTry(Key(Room.TRIES, issuer, "id-token", (found.id,)), 1, SECONDS + AHEAD_SECONDS))):
        raise TokenUnusable(diagnosis="used")
    return found


def _outside(said: _Claims, issuer: str, audience: str, nonce: str | None, now: float) -> str:
    """Return which claim is not as it has to be; empty if all are."""
    wrong = (
        # 2
        (said.iss != issuer, "another issuer"),
        (said.aud != audience, "another audience"),
        # 3
        (said.exp <= now, "expired"),
        (said.iat > now + AHEAD_SECONDS, "from the future"),
        (not said.jti or said.exp - said.iat > SECONDS, "not ours"),
        # 4
        (nonce is not None and not hmac.compare_digest((said.nonce or "").encode(), nonce.encode()), "another nonce"),
    )
    return next((what for is_wrong, what in wrong if is_wrong), "")


def _user(phone: Mapping[str, Any]) -> str | None:
    """Return the account, or the platform's id of the user. A number without a login identifies nobody."""
    if account := phone.get("account"):
        return str(account)
    subject = phone.get("subject") or {}
    found = subject.get("openid") or subject.get("user_id")
    return f"{phone['platform']}:{phone['app']}:{found}" if found else None


def _pairwise(issuer: Issuer, audience: Audience, user: str) -> str:
    """Return the subject of a user for one audience (OpenID Connect Core 1.0, 8.1)."""
    text = f"haoma pairwise subject, v1\0{audience.tenant}\0{audience.aud}\0{user}"
    digest = hmac.new(issuer.subject_key.reveal().encode("utf-8"), text.encode("utf-8"), hashlib.sha256).digest()
    return jws.base64url(digest)
