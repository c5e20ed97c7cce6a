"""Custody of session_keys, for every platform whose login returns one.

**Threats.** AES-CBC under a session_key has no MAC. Anyone who has a user's session_key can therefore write any phone
number for that user. So a key stays on the server; it appears in no `Login`, result, error or log. Anyone who can tell
why an opening failed can write any number *without* the key, in about twenty thousand tries (padding oracle). So:

* There is **one** refusal, `CannotOpen`, with one text and one step, from the first base64 character to the last check.
  Its ``diagnosis`` says what failed, for the operator's log only. All failures do the same work, and a random amount
  more (`judge`).
* A failure is reported only after every stored key has been tried.
* A key allows three failures in three days. A success gives its try back; a failure never does.

An attacker who has other messages under the same key (user info, addresses, run data) with texts of their choice can
cut them up and splice them: they choose the IV and, in a frame, the first block of ciphertext, and every later block
keeps its meaning. So a phone message must have **exactly** the members that the platform documents (`unlisted`); a
spliced one has others. The tests of each platform list what else is known to be sealed under its key.

**Lifetimes.** The last two keys of a user are kept, newest first, because a login may replace the key after the data
was encrypted and before it arrives. Each is kept for ``session_seconds`` after the last login that returned it. If a
ciphertext has no timestamp, its key is kept in all for no longer than used ciphertexts are remembered
(``code_seconds``); otherwise a used one could be used again. A later login may still return the same key once more.
So the first sighting of a key is remembered for much longer, and an opening under a key that is older than the memory
of used ciphertexts is not called one-time.
"""

from __future__ import annotations

import math
import re
from hashlib import shake_128
from secrets import randbelow
from typing import TYPE_CHECKING, Any, Final, cast

from haoma.authorization import placeholder
from haoma.codecs import MOMENT, Record
from haoma.crypto.opening import parse
from haoma.crypto.strict import decode_base64, repair_base64
from haoma.errors import (
    BadBase64,
    BadField,
    CannotOpen,
    EnvelopeError,
    MemoryFull,
    MissingField,
    SessionUnknown,
    UnknownShape,
)
from haoma.platforms.base.contract import Redacted, Sealed
from haoma.secret import Secret
from haoma.sharing import update
from haoma.steps import Keep, Key, Recall, ReturnTry, Room, Shelf, TakeTry, ask

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Set as AbstractSet

    from haoma.crypto.opening import Opened
    from haoma.errors import HaomaError
    from haoma.phone import PhoneNumber
    from haoma.platforms.base.contract import App
    from haoma.steps import Flow, Place

STEP: Final = 3
"""Number of the step "open" in the flow of every platform with session_keys."""
NOT_A_KEY: Final = "session-key"
"""Diagnosis of an opening under something that cannot be a session_key. Only a pasted key can be that."""
USER_INFO: Final = "user-info"
"""Diagnosis of data that opened, and is what ``getUserInfo`` gives instead of the phone button."""
_KEYS_KEPT: Final = 2
_TRIES: Final = 3
_TRIES_SECONDS: Final = 3 * 86_400.0
_SEEN_SECONDS: Final = 30 * 86_400.0
_BLOCK: Final = 16
_OTHER_CALL: Final = re.compile(r"(getUserInfo|getUserProfile):ok")
_NO_PHONE: Final = ("fields", "members")
# Where an opening failed, in order of progress. Of two keys, the one that got further says more.
_RUNGS: Final = {rung: number for number, rung in enumerate((
    "tries", "length", "padding", "frame", "app-key", "text", "fields", "members", "watermark-app", "number",
    "watermark-age",
))}  # fmt: skip
_MEMBER: Final = re.compile(r"(?!.*[0-9]{7})(watermark\.)?[A-Za-z_][A-Za-z0-9_]{0,39}")
_NAMES_SHOWN: Final = 8
_SURPLUS_NOISE: Final = 32_768
_OF_A_USER: Final = frozenset({"nickName", "avatarUrl", "nickname", "headimgurl", "headUrl"})
_NO_NAMES: Final = ("a_name",) * _NAMES_SHOWN


class SealedMessage(Redacted, frozen=True):
    """Ciphertext and IV, as claimed by the client."""

    claimed_ciphertext: str
    claimed_iv: str


def find_sealed(claimed: dict[str, Any], name: str = "encryptedData") -> SealedMessage:
    """Return the ciphertext and IV from the fields that a client claims.

    Raises:
        UnknownShape: ``envelope.unknown-shape``: the event says that it is of another call.
        MissingField, BadField: ``envelope.missing-field``, ``envelope.bad-field``.
    """
    if other := _OTHER_CALL.match(str(claimed.get("errMsg", ""))):
        raise UnknownShape(place=USER_INFO, because={"found": other[1], "needed": "getPhoneNumber"})
    return SealedMessage(_text(claimed, name), _text(claimed, "iv"))


def _text(claimed: dict[str, Any], name: str) -> str:
    value = claimed.get(name)
    if value is None or value == "":
        raise MissingField(because={"field": name})
    if not isinstance(value, str):
        raise BadField(because={"field": name, "type": type(value).__name__, "needed": "string"})
    if missing := placeholder(value, name):
        raise missing
    return value


def one_time_of(message: SealedMessage) -> tuple[str, Secret]:
    """Return the ciphertext in the canonical form in which it is opened."""
    return "encrypted-data", Secret(repair_base64(message.claimed_ciphertext))


def read_session_key(found: object, *sizes: int) -> Secret | None:
    """Return the session_key of a login reply, or None if it is not the base64 of one of these numbers of bytes."""
    try:
        usable = isinstance(found, str) and len(decode_base64(found, "session_key")) in sizes
    except EnvelopeError:
        usable = False
    return Secret(str(found)) if usable else None


class _Kept(Redacted, frozen=True):
    """A session_key, with three times in Unix seconds by the clock of the memory.

    ``first`` is the login that first returned it, ``since`` the login since which it is kept, ``until`` its end.
    """

    key: Secret
    first: float = -math.inf
    since: float = -math.inf
    until: float = math.inf


class SessionKey(Redacted, frozen=True):
    """A session_key of a user.

    Attributes:
        key: The key.
        remembered: True if everything ever opened under it is still remembered as used.
    """

    key: Secret
    remembered: bool


_KEYS: Final = Shelf("session-keys", Room.SESSIONS, Record(tuple[_Kept, ...]))
_SEEN: Final = Shelf("session-key-seen", Room.PROOFS, MOMENT)


def remember(app: App, user: str, newest: Secret, *, at_most: float = math.inf) -> Flow[None]:
    """Store the session_key that a login has returned, along with the previous one.

    Args:
        app: The app.
        user: The user's openid.
        newest: The key.
        at_most: Most seconds to keep it, from the login that first returned it.
    """
    first = (yield from _first_seen(app, user, newest)) if at_most < math.inf else None

    def add(kept: tuple[_Kept, ...] | None, now: float) -> tuple[tuple[_Kept, ...], float]:
        left = _left(kept, now)
        since = next((each.since for each in left if each.key == newest), now)
        until = min(now + app.policy.session_seconds, since + at_most)
        this = _Kept(newest, now if first is None else first, since, until)
        older = (each for each in left if each.key != newest)
        return (this, *older)[:_KEYS_KEPT], app.policy.session_seconds

    yield from update(_place(app, user), add)


def _first_seen(app: App, user: str, key: Secret) -> Flow[float]:
    """Return when a login first returned this key, and remember that for longer than the key."""
    first = -math.inf

    def seen(known: float | None, now: float) -> tuple[float, float]:
        nonlocal first
        first = now if known is None else known
        return first, app.policy.code_seconds + _SEEN_SECONDS

    try:
        yield from update(_SEEN.place(app.scope, user, key.reveal()), seen)
    except MemoryFull:
        return -math.inf  # its first sighting will not be known, so nothing is proven under it
    return first


def replace(app: App, user: str, key: Secret) -> Flow[None]:
    """Store a session_key, and forget the user's others."""
    yield from ask(Keep(_place(app, user), (_Kept(key),), app.policy.session_seconds))


def recall(app: App, user: str) -> Flow[tuple[SessionKey, ...]]:
    """Return the last session_keys of a user, newest first; empty if they have expired."""
    kept, _, now, _ = yield from ask(Recall(_place(app, user)))
    left = _left(kept, now)
    return tuple(SessionKey(each.key, now - each.first < app.policy.code_seconds) for each in left)


def newest_of(app: App, user: str) -> Flow[Secret]:
    """Return the newest session_key of a user.

    Raises:
        SessionUnknown: ``trust.session-unknown``: none is stored.
    """
    keys = yield from recall(app, user)
    if not keys:
        raise SessionUnknown(because={"expired": "session_key"})
    return keys[0].key


def _left(kept: tuple[_Kept, ...] | None, now: float) -> tuple[_Kept, ...]:
    return tuple(each for each in kept or () if each.until > now)


def _place(app: App, user: str) -> Place[tuple[_Kept, ...]]:
    return _KEYS.place(app.scope, user)


def read_sealed(message: SealedMessage) -> Sealed:
    """Return ciphertext and IV, with the usual transport damage repaired.

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


def key_bytes(session_key: Secret, *sizes: int) -> bytes:
    """Return the bytes of a pasted session_key, which must be one of these numbers.

    Raises:
        CannotOpen: ``trust.cannot-open``.
    """
    try:
        key = decode_base64(session_key.reveal(), "session_key")
    except EnvelopeError:
        key = b""
    if len(key) not in sizes:
        size = "/".join(map(str, sizes))
        raise CannotOpen(step=STEP, diagnosis=NOT_A_KEY, because={"needed": f"base64 of {size} bytes"})
    return key


class Reading(Redacted, frozen=True):
    """The result of reading under one key.

    Attributes:
        number: The phone number; None if anything is wrong.
        fault: The first thing that is wrong. For the operator only.
        unlisted: Names of members that no phone message has. For the operator only.
    """

    number: PhoneNumber | None
    fault: str = ""
    unlisted: tuple[str, ...] = ()


def unlisted(app: App, found: dict[str, Any], documented: AbstractSet[str], inside: str = "") -> tuple[str, ...]:
    """Return the names of members that the platform does not document and the app does not accept.

    Args:
        app: The app.
        found: The JSON object.
        documented: The members that it may have.
        inside: Prefix of its names in ``accept_members``: ``watermark.``
    """
    # In ``accept_members`` a dot only separates an object from its member.
    names = ["***" if "." in name else inside + name for name in found if name not in documented]
    return tuple([name for name in names if name not in app.policy.accept_members])


def reading(number: PhoneNumber | None, names: tuple[str, ...], *checks: tuple[str, bool]) -> Reading:
    """Return the number if all checks hold and no member is unlisted, else the first check that fails.

    Args:
        number: The number that was found.
        names: The unlisted members.
        checks: Names of checks, and whether they hold.
    """
    fault = next((name for name, holds in checks if not holds), "" if number else "number")
    return Reading(None, fault, names) if fault else Reading(number)


def judge(opened: Opened, read: Callable[[dict[str, Any]], Reading], decoy: bytes) -> Reading:
    """Return what ``read`` makes of the opened message.

    All failures do the same work, so that they take about the same time: each parses one text that is JSON, and
    two that are not; one is not even UTF-8, or that would show. The message is one of them. Each reads the fields once.

    Args:
        opened: What the ciphertext holds.
        read: Reads and checks all fields, even if the first is wrong.
        decoy: JSON in the shape of a phone message, with an invalid number. What is read from it is never returned.
    """
    found, fault = opened.found, opened.fault
    broken = decoy.removesuffix(b"}")
    if found is None:
        _parse_other(opened, broken)
        read(cast("dict[str, Any]", parse(decoy)[0]))
        return Reading(None, fault, _shown(()))
    result = read(found)
    if not fault and not result.fault:
        return result
    _parse_other(opened, broken)
    parse(broken)
    return Reading(None, fault or result.fault, _shown(() if fault else result.unlisted))


def _parse_other(opened: Opened, broken: bytes) -> None:
    """Parse what is not UTF-8 if the message is, and the other way round.

    The noise differs each time. The processor would learn to predict noise that it has seen before. How much is made
    is random: up to about 80 µs of work, which hide the microsecond or two by which failures still differ. It
    cannot be averaged away, since a key allows three failures.
    """
    size = len(opened.ciphertext)
    noise = shake_128(opened.ciphertext).digest(size + randbelow(_SURPLUS_NOISE))[:size]
    parse(noise if opened.is_text else broken)


def _shown(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the first few names. A name may be anything, so only what looks like a name is shown.

    The same number of names is examined whether or not there are any; see `judge`.
    """
    looked = [name if _MEMBER.fullmatch(name) else "***" for name in (*names, *_NO_NAMES)[:_NAMES_SHOWN]]
    return tuple(looked[: len(names)])


def number_of(result: Reading) -> PhoneNumber:
    """Return the number that was read.

    Raises:
        CannotOpen: ``trust.cannot-open``: there is none.
    """
    if result.number is None:
        raise _refusal(result)
    return result.number


def _refusal(result: Reading) -> CannotOpen:
    # As many names are examined whatever failed; see `judge`.
    of_a_user = not _OF_A_USER.isdisjoint((*result.unlisted, *_NO_NAMES)[:_NAMES_SHOWN])
    diagnosis = USER_INFO if of_a_user and result.fault in _NO_PHONE else result.fault
    return CannotOpen(step=STEP, diagnosis=diagnosis, unlisted=result.unlisted)


def told(error: HaomaError) -> HaomaError:
    """Return an error with the words for its diagnosis, for an operator who holds the session_key.

    Callers of a service never see these words: whoever can tell why an opening failed can write any number.
    """
    return error.evolve(place=error.diagnosis) if error.diagnosis in (NOT_A_KEY, USER_INFO) else error


def open_under(
    app: App, keys: tuple[SessionKey, ...], attempt: Callable[[bytes], Reading]
) -> Flow[tuple[PhoneNumber, bool]]:
    """Return what ``attempt`` finds under one of the keys, and whether everything opened under that key is remembered.

    Args:
        app: The app. Tries are counted per key and app.
        keys: The user's session_keys, newest first.
        attempt: Opens and checks under the bytes of one key.

    Raises:
        CannotOpen: ``trust.cannot-open``.
    """
    taken: list[Key] = []
    furthest = Reading(None, "tries")
    for each in keys:
        tries = Key(Room.TRIES, app.scope, "session-key", (each.key.reveal(),))
        if not (yield from ask(TakeTry(tries, _TRIES, _TRIES_SECONDS))):
            continue
        taken.append(tries)
        result = attempt(decode_base64(each.key.reveal(), "session_key"))
        if result.number is not None:
            for used in taken:
                yield from ask(ReturnTry(used))
            return result.number, each.remembered
        furthest = max(furthest, result, key=lambda tried: _RUNGS[tried.fault])
    raise _refusal(furthest)
