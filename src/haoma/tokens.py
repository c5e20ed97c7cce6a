"""Session tokens: what a mini program gets for a publishable key, and how a backend believes one.

::

    session = tokens.verify(sent, jwks, app="shop")   # jwks: what /.well-known/jwks.json answers
    session.account

`verify` needs nothing but the public keys. Whether a token was revoked only the store knows: `check` asks it too.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from haoma import jws
from haoma.accounts import ReadRevoked
from haoma.codecs import MOMENT
from haoma.errors import TokenUnusable
from haoma.ids import parsed
from haoma.io import clock
from haoma.steps import Keep, Recall, Room, Shelf, ask

if TYPE_CHECKING:
    from haoma.jws import Keys
    from haoma.steps import Flow, Place

ISSUER: Final = "haoma"
AHEAD_SECONDS: Final = 60
"""How far the clock of the machine that has issued a token may be ahead."""

_REVOKED: Final = Shelf("revoked-token", Room.PROOFS, MOMENT)


class SessionToken(msgspec.Struct, frozen=True):
    """A session token that was verified.

    Attributes:
        id: Its id (``jti``).
        app: The app that it was issued for (``aud``).
        subject: The account where accounts are kept, else the openid or user_id (``sub``); None without a login.
        account: Id of the account; None if accounts are not kept, or there was no login.
        issued_at, expires_at: To the second.
        claims: All claims.
    """

    id: str
    app: str
    subject: str | None
    account: str | None
    issued_at: datetime
    expires_at: datetime
    claims: dict[str, Any]

    def __repr__(self) -> str:
        return f"SessionToken(id={self.id!r}, app={self.app!r}, account={self.account!r})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("id", self.id), ("app", self.app), ("account", self.account)]


class _Claims(msgspec.Struct, frozen=True):
    iss: str
    aud: str
    iat: int
    exp: int
    jti: str
    sub: str | None = None
    account: str | None = None


def verify(token: str, keys: Keys, *, app: str | None = None, now: float | None = None) -> SessionToken:
    """Return what a session token says.

    An Ed25519 key of the service has signed it: see `haoma.jws.claims`. ``iss`` is haoma, ``aud`` the app, ``exp`` in
    the future and ``iat`` not. An ID token is signed by another issuer, and is none.

    Args:
        token: The token.
        keys: The public keys: what ``/.well-known/jwks.json`` answers.
        app: Name of the app that it must be for; any if None.
        now: Unix seconds; the current time if None.

    Raises:
        TokenUnusable: ``caller.token-unusable``.
        WrongArgument: ``config.wrong-argument``: the keys are no JWKS.
    """
    found = {kid: key for kid, key in jws.public_keys(keys).items() if isinstance(key, Ed25519PublicKey)}
    moment = clock.now() if now is None else now
    claims = jws.claims(token, found)
    try:
        said = msgspec.convert(claims, _Claims)
        issued_at, expires_at = (datetime.fromtimestamp(each, UTC) for each in (said.iat, said.exp))
    except (ValueError, OverflowError, OSError):
        reason = "malformed"
    else:
        reason = _outside(said, app, moment)
        if not reason:
            return SessionToken(said.jti, said.aud, said.sub, said.account, issued_at, expires_at, claims)
    raise TokenUnusable(diagnosis=reason)


def check(token: str, keys: Keys, *, app: str | None = None, now: float | None = None) -> Flow[SessionToken]:
    """Return what a session token says, if it was not revoked: neither itself, nor its account's sessions since.

    ``client.run(tokens.check(sent, jwks, app="shop"))``

    Raises:
        TokenUnusable: ``caller.token-unusable``.
        HaomaError: The store cannot be asked.
    """
    session = verify(token, keys, app=app, now=now)
    yield from refuse_revoked(session)
    return session


def revoke(token: str, keys: Keys, *, now: float | None = None) -> Flow[SessionToken]:
    """Revoke one session token; return what it says. `haoma.accounts.revoke_sessions` revokes all of an account.

    Raises:
        TokenUnusable: ``caller.token-unusable``: it is of no use to anybody as it is.
        HaomaError: The store cannot be asked.
    """
    session = yield from check(token, keys, now=now)
    moment = clock.now() if now is None else now
    seconds = session.expires_at.timestamp() - moment + AHEAD_SECONDS
    yield from ask(Keep(_place(session), moment, seconds))
    return session


def refuse_revoked(session: SessionToken) -> Flow[None]:
    """Refuse a token that was revoked.

    What was issued in the second of the revocation counts as issued before.

    Raises:
        TokenUnusable: ``caller.token-unusable``.
        HaomaError: The store cannot be asked.
    """
    if (yield from ask(Recall(_place(session)))).value is not None:
        raise TokenUnusable(diagnosis="revoked")
    if session.account is None:
        return
    revoked_at = yield from ask(ReadRevoked(account=parsed(session.account) or b""))  # what is no id is nobody's
    if session.issued_at.timestamp() <= revoked_at:
        raise TokenUnusable(diagnosis="the sessions of the account are revoked")


def _place(session: SessionToken) -> Place[float]:
    return _REVOKED.place("", session.id)


def _outside(said: _Claims, app: str | None, now: float) -> str:
    """Return which claim is not as it has to be; empty if all are."""
    if said.iss != ISSUER or not said.jti:
        return "not ours"
    if app is not None and said.aud != app:
        return "another app"
    if said.exp <= now:
        return "expired"
    return "" if said.iat <= now + AHEAD_SECONDS else "from the future"
