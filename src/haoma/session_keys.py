"""Custody of session_keys, for every platform whose login gives one.

Whoever has a user's session_key can write any phone number for that user, because AES-CBC under it has no MAC. So a key
is kept on the server only; it is in no `Login`, no result, no error and no log. And whoever can tell why an opening
failed can write any number *without* the key, in some twenty thousand tries (padding oracle). What is done about it:

* There is **one** refusal, `CannotOpen`, with one text and step, from the first base64 character to the last check.
  What it was is in ``diagnosis``, for the operator's log alone.
* On failure every key that is kept has been tried.
* A key allows three failures in three days. A success gives its try back, a failure never does.

The last two keys of a user are kept, newest first: a login may make a new one between the moment when the data was
encrypted and the moment when it arrives. Each is kept for ``session_seconds`` after the last login that brought it; but
where a ciphertext has no time in it, for no longer in all than a ciphertext is remembered (``code_seconds``), or a used
one could be used again.
"""

from __future__ import annotations

import hashlib
import math
from typing import TYPE_CHECKING, Any, Final

import msgspec

from haoma.authorization import MAX_BYTES
from haoma.contract import Quiet, Sealed
from haoma.crypto.strict import decode_base64, repair_base64
from haoma.errors import BadBase64, BadField, CannotOpen, EnvelopeError, MissingField, SessionUnknown
from haoma.secret import Secret
from haoma.steps import Keep, Place, Recall, Refund, Shelf, Spend, ask

if TYPE_CHECKING:
    from collections.abc import Callable

    from haoma.contract import App
    from haoma.phone import PhoneNumber
    from haoma.steps import Flow

STEP: Final = 3
"""Number of the step "open" in the flows of all platforms with session_keys."""
NOT_A_KEY: Final = "session-key"
"""Diagnosis of an opening under what cannot be a session_key: only somebody at the desk can paste that."""
_KEYS_KEPT: Final = 2
_TRIES: Final = 3
_TRIES_SECONDS: Final = 3 * 86_400.0
_BLOCK: Final = 16
# What failed, the later the further: of two keys the one that got further says more.
_RUNGS: Final = (
    "tries", "length", "padding", "frame", "app-key", "text", "fields", "watermark-app", "number", "watermark-age",
)  # fmt: skip


class SealedMessage(Quiet, frozen=True, gc=False):
    """Ciphertext and IV, both as the client claims them."""

    claimed_ciphertext: str
    claimed_iv: str


def find_sealed(claimed: dict[str, Any], name: str = "encryptedData") -> SealedMessage:
    """Return ciphertext and IV from the fields that a client claims.

    Raises:
        MissingField, BadField: ``envelope.missing-field``, ``envelope.bad-field``.
    """
    return SealedMessage(_text(claimed, name), _text(claimed, "iv"))


def _text(claimed: dict[str, Any], name: str) -> str:
    value = claimed.get(name)
    if value is None or value == "":
        raise MissingField(because={"field": name})
    if not isinstance(value, str):
        raise BadField(because={"field": name, "type": type(value).__name__, "needed": "string"})
    return value


def one_time_of(message: SealedMessage) -> tuple[str, Secret]:
    """Return the ciphertext in the one form in which it is opened."""
    return "encrypted-data", Secret(repair_base64(message.claimed_ciphertext))


_TEXT: Final = (str, bytes)
_decode: Final = msgspec.json.Decoder(Sealed).decode
_encode: Final = msgspec.json.Encoder().encode


def read_plain(sent: object) -> Sealed | None:
    """Return what is in a body that has ``encryptedData`` and ``iv`` and nothing else; None if it is any other.

    It says the same as the readers that take every body, and is five times faster. Nothing in such a body can be taken
    in two ways: written again it gives the same bytes, so no name stood there twice, and the base64 was canonical.
    """
    if not isinstance(sent, _TEXT) or len(sent) > MAX_BYTES:
        return None
    try:
        sealed = _decode(sent)
        plain = _encode(sealed) == (sent if isinstance(sent, bytes) else sent.encode())
    except (msgspec.MsgspecError, UnicodeError):
        return None
    size = len(sealed.ciphertext)
    return sealed if plain and size and not size % _BLOCK and len(sealed.iv) == _BLOCK else None


def read_session_key(found: object, size: int) -> Secret | None:
    """Return the session_key of a login reply, or None if it is not base64 of ``size`` bytes."""
    try:
        usable = isinstance(found, str) and len(decode_base64(found, "session_key")) == size
    except EnvelopeError:
        usable = False
    return Secret(str(found)) if usable else None


class _Kept(Quiet, frozen=True):
    """A session_key, and the Unix seconds of the login that first brought it and of its end."""

    key: Secret
    since: float = 0.0
    until: float = math.inf


def remember(app: App, user: str, newest: Secret, now: float, *, at_most: float = math.inf) -> Flow[None]:
    """Keep the session_key that a login has brought, with the one before it.

    Args:
        app: The app.
        user: The user's openid.
        newest: The key.
        now: Unix seconds.
        at_most: Most seconds from the login that first brought it to its end.
    """
    kept = yield from _recall(app, user, now)
    since = next((each.since for each in kept if each.key == newest), now)
    until = min(now + app.policy.session_seconds, since + at_most)
    older = (each for each in kept if each.key != newest)
    yield from _keep(app, user, (_Kept(newest, since, until), *older)[:_KEYS_KEPT])


def replace(app: App, user: str, key: Secret) -> Flow[None]:
    """Keep a session_key, and forget the user's others."""
    yield from _keep(app, user, (_Kept(key),))


def recall(app: App, user: str, now: float) -> Flow[tuple[Secret, ...]]:
    """Return the last session_keys of a user, newest first; empty when they have expired."""
    return tuple(each.key for each in (yield from _recall(app, user, now)))


def newest_of(app: App, user: str) -> Flow[Secret]:
    """Return the newest session_key of a user.

    Raises:
        SessionUnknown: ``trust.session-unknown``: none is kept.
    """
    kept = yield from _recall(app, user, 0.0)
    if not kept:
        raise SessionUnknown(because={"expired": "session_key"})
    return kept[0].key


def _keep(app: App, user: str, kept: tuple[_Kept, ...]) -> Flow[None]:
    yield from ask(Keep(_place(app, user), kept, app.policy.session_seconds))


def _recall(app: App, user: str, now: float) -> Flow[tuple[_Kept, ...]]:
    kept = yield from ask(Recall(_place(app, user)))
    return tuple(each for each in kept if each.until > now) if isinstance(kept, tuple) else ()


def _place(app: App, user: str) -> Place:
    return Place(Shelf.SESSIONS, app.name, f"session-keys:{app.app_id}:{user}")


def read_sealed(message: SealedMessage) -> Sealed:
    """Return ciphertext and IV, after the usual damage of transport has been repaired.

    Raises:
        CannotOpen: ``trust.cannot-open``.
    """
    try:
        sealed = Sealed(_bytes(message.claimed_ciphertext), _bytes(message.claimed_iv))
    except BadBase64:
        raise CannotOpen(step=STEP, diagnosis="base64") from None
    if len(sealed.iv) != _BLOCK or len(sealed.ciphertext) % _BLOCK:
        raise CannotOpen(step=STEP, diagnosis="length")
    return sealed


def _bytes(text: str) -> bytes:
    try:
        return decode_base64(text, "sealed")
    except BadBase64:
        return decode_base64(repair_base64(text), "sealed")


def key_bytes(session_key: Secret, size: int) -> bytes:
    """Return the bytes of a session_key that somebody pasted.

    Raises:
        CannotOpen: ``trust.cannot-open``.
    """
    try:
        key = decode_base64(session_key.reveal(), "session_key")
    except EnvelopeError:
        key = b""
    if len(key) != size:
        raise CannotOpen(step=STEP, diagnosis=NOT_A_KEY, because={"needed": f"base64 of {size} bytes"})
    return key


def open_under(app: App, keys: tuple[Secret, ...], attempt: Callable[[bytes], PhoneNumber]) -> Flow[PhoneNumber]:
    """Return what ``attempt`` finds under one of the keys.

    Args:
        app: The app; a key's tries are counted per app.
        keys: The user's session_keys, newest first.
        attempt: Opens and checks under the bytes of one key; raises `CannotOpen` whatever fails.

    Raises:
        CannotOpen: ``trust.cannot-open``.
    """
    spent: list[Place] = []
    rungs = ["tries"]
    for key in keys:
        digest = hashlib.sha256(f"{app.app_id}:{key.reveal()}".encode()).hexdigest()
        tries = Place(Shelf.TRIES, app.app_id, digest)
        if not (yield from ask(Spend(tries, _TRIES, _TRIES_SECONDS))):
            continue
        spent.append(tries)
        try:
            number = attempt(decode_base64(key.reveal(), "session_key"))
        except CannotOpen as error:
            rungs.append(error.diagnosis)
            continue
        for each in spent:
            yield from ask(Refund(each))
        return number
    raise CannotOpen(step=STEP, diagnosis=max(rungs, key=_RUNGS.index))
