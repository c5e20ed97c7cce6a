"""Access tokens: where they come from and how they are used, for every platform whose calls need one.

Many requests share one token, and on some platforms a new token invalidates the previous one. Therefore:

* Only one fetch runs at a time (`refresh`). Its token is kept until shortly before it expires.
* A token that the platform calls dead is dropped only if it is still the stored one, because another request may have
  replaced it already.
* After that, one fetch and one retry follow. If the fetch returns the same token, or the retry fails as well, the
  request fails.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias, TypeVar

from haoma.codecs import SECRET
from haoma.errors import HaomaError
from haoma.phone import is_digits
from haoma.secret import Secret
from haoma.sharing import refresh, renew
from haoma.steps import Count, Drop, Key, Notice, Recall, Room, Shelf, TakeTry, ask

if TYPE_CHECKING:
    from haoma.steps import Flow, Place

_TOKEN: Final = re.compile(r"[!-~]{1,2048}")  # WeChat: "reserve at least 512 characters"
_DIGITS: Final = 7
_MARGIN: Final = 300.0  # WeChat and Douyin keep the old token valid for five minutes after a renewal
_SPREAD: Final = 60  # so that many apps of one process are not renewed in the same second
_TOLD_SECONDS: Final = 1.0  # requests that are refused with one token at about the same time share its replacement
_OVERLAP: Final = 240.0
"""In so many of its last seconds a token is still used while one request fetches the next one."""
_ATTEMPTS_EACH: Final = 15.0  # seconds between two such fetches, if the first one fails
_REPLACED: Final = 3
_REPLACED_SECONDS: Final = 3600.0
"""A token that dies early more often than this within these seconds is being replaced by another program."""
_LEAST: Final = 30.0  # a stable token is renewed in its last five minutes; without this, every request would fetch

Fetch: TypeAlias = "Callable[[], Flow[tuple[Secret, float]]]"


class AccessToken(Protocol):
    """A source of access tokens."""

    def token(self) -> Flow[Secret]:
        """Return the token."""

    def renewed(self, rejected: Secret) -> Flow[Secret]:
        """Return the replacement for a token that the platform has rejected. It may be the same token."""


@dataclass(frozen=True, slots=True)
class CachedToken:
    """A token that is fetched and cached until shortly before it expires.

    Attributes:
        place: Where it is stored.
        fetch: Fetches a new token; returns it with the seconds to keep it.
        ahead: Whether the next token is fetched shortly before this one expires.
    """

    place: Place[Secret]
    fetch: Fetch
    ahead: bool = True

    def token(self) -> Flow[Secret]:
        """Return the token, kept or fetched.

        Shortly before a token expires one request fetches the next one, and the others go on with the old one.
        """
        found = yield from ask(Recall(self.place))
        if found.value is None:
            return (yield from refresh(self.place, self._fetch))
        if self.ahead and _LEAST < found.until - found.now <= _OVERLAP and (yield from ask(self._attempt())):
            return (yield from renew(self.place, self._fetch)) or found.value
        return found.value

    def renewed(self, rejected: Secret) -> Flow[Secret]:
        """Return a token other than the rejected one, if there is one."""
        yield from ask(counted(self.place, "rejected"))
        kept = yield from ask(Recall(self.place))
        if kept.value == rejected and (yield from ask(Drop(self.place, kept.version))):
            yield from self._count_replaced()
        return (yield from refresh(self.place, self._fetch))

    def _fetch(self) -> Flow[tuple[Secret, float]]:
        try:
            token, seconds = yield from self.fetch()
        except HaomaError:
            yield from ask(counted(self.place, "failed"))
            raise
        yield from ask(counted(self.place, "fetched"))
        return token, seconds + _OVERLAP if self.ahead and seconds > _LEAST else seconds

    def _attempt(self) -> TakeTry:
        return TakeTry(self._key("renew-ahead"), 1, _ATTEMPTS_EACH)

    def _key(self, kind: str) -> Key:
        return Key(Room.CUSTODY, "", kind, (self.place.key.kind, *self.place.key.parts))

    def _count_replaced(self) -> Flow[None]:
        """Tell the operator when the platform rejects good tokens again and again: another program fetches its own."""
        if not (yield from ask(TakeTry(self._key("token-replaced"), _REPLACED, _REPLACED_SECONDS))):
            issuer, app_id = self.place.key.parts[0], self.place.key.parts[-1]
            yield from ask(Notice("config.token-contested", (("issuer", issuer), ("app_id", app_id))))


@dataclass(frozen=True, slots=True)
class CallbackToken:
    """A token that the application supplies.

    The callback is invoked for every request, because only it knows the token's lifetime.

    Attributes:
        place: Identifies the token. Requests that are refused with the same token share one call for its replacement.
        tell: Called with the rejected token, or None.
    """

    place: Place[Secret]
    tell: Callable[[Secret | None], Flow[Secret]]

    def token(self) -> Flow[Secret]:
        """Return the token."""
        return self.tell(None)

    def renewed(self, rejected: Secret) -> Flow[Secret]:
        """Return a token other than the rejected one, if there is one."""
        yield from ask(counted(self.place, "rejected"))
        key = self.place.key
        place = _TOLD.place(key.owner, key.kind, *key.parts, rejected.reveal())
        return (yield from refresh(place, lambda: self._tell(rejected)))

    def _tell(self, rejected: Secret) -> Flow[tuple[Secret, float]]:
        return (yield from self.tell(rejected)), _TOLD_SECONDS


class _Answer(Protocol):
    def says_token_is_dead(self) -> bool: ...


A = TypeVar("A", bound=_Answer)


@dataclass(slots=True)
class TokenUse:
    """The token of one request: obtained on first use, renewed at most once."""

    source: AccessToken
    token: Secret | None = field(default=None, repr=False)
    renewed: bool = False

    def ask(self, question: Callable[[Secret], Flow[A]]) -> Flow[A]:
        """Ask with the token. If the answer calls the token dead, ask once more with a new one."""
        if self.token is None:
            self.token = yield from self.source.token()
        answer = yield from question(self.token)
        if self.renewed or not answer.says_token_is_dead():
            return answer
        self.renewed = True
        rejected, self.token = self.token, (yield from self.source.renewed(self.token))
        return answer if self.token == rejected else (yield from question(self.token))


TOKENS: Final = Shelf("access-token", Room.CUSTODY, SECRET)
_TOLD: Final = Shelf("access-token-instead", Room.CUSTODY, SECRET)


def token_place(issuer: str, base_url: str, app_id: str) -> Place[Secret]:
    """Return where an access_token is stored: by issuer, by origin and by app."""
    return TOKENS.place("", issuer, base_url, app_id)


def counted(place: Place[Secret], outcome: str) -> Count:
    """Return what counts a token: ``fetched``, ``failed`` to be fetched, or ``rejected`` by the platform."""
    parts = place.key.parts
    return Count("token", (("issuer", parts[0]), ("app_id", parts[-1]), ("outcome", outcome)))


def as_token(found: object) -> Secret | None:
    """Return ``found`` as a token, or None if it cannot be one."""
    return Secret(found) if isinstance(found, str) and _TOKEN.fullmatch(found) else None


def as_seconds(found: object, most: int) -> int | None:
    """Return the lifetime of a token in seconds, from a number or a string of digits; None if it cannot be one."""
    if isinstance(found, str) and len(found) <= _DIGITS and is_digits(found):
        found = int(found)
    return found if isinstance(found, int) and not isinstance(found, bool) and 0 < found <= most else None


def kept_for(seconds: int, app_id: str) -> float:
    """Return how many seconds to keep a token that lives for ``seconds``."""
    spread = hashlib.sha256(app_id.encode()).digest()[0] % _SPREAD
    return max(seconds - _MARGIN - spread, min(_LEAST, seconds / 2), 1.0)
