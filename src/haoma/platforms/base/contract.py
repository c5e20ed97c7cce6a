"""What a platform folder must provide."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import msgspec

from haoma.phone import PhoneNumber
from haoma.policy import Policy
from haoma.verified import Assurance, Check, Subject

if TYPE_CHECKING:
    from haoma.authorization import Authorization
    from haoma.platforms.base.table import Table
    from haoma.secret import Secret
    from haoma.steps import Flow


class Redacted(msgspec.Struct, frozen=True):
    """A record whose ``repr`` shows the name of its class and nothing that it holds.

    For what comes from outside or must not go there. (A `msgspec.Struct`, because a frozen dataclass takes five times
    as long to build, and some are built for every request.)
    """

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    __str__ = __repr__

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        # msgspec writes one with every field, and rich (its tracebacks show local variables) asks this and not `repr`.
        return []


@dataclass(frozen=True, kw_only=True)
class App:
    """One configured app; each platform derives its own.

    Attributes:
        name: The name in ``haoma.toml``.
        platform: Name of the platform.
        app_id: The platform's id of the app.
        upstreams: Origins that requests for this app may go to, such as ``https://api.weixin.qq.com``.
        policy: What the app demands.
        exclusive: Digests of secrets that no other app may share, because they alone tell the apps apart.
        reply: ``problem`` for RFC 9457 answers, ``code-msg-data`` for the habit of many front ends.
        sidecar: The one upstream that is plain http by design; see `Send`.
    """

    name: str
    platform: str
    app_id: str
    upstreams: tuple[str, ...] = ()
    policy: Policy = field(default_factory=Policy)
    exclusive: frozenset[bytes] = field(default=frozenset(), repr=False)
    reply: str = "problem"
    sidecar: str = ""

    @property
    def scope(self) -> str:
        """Whose memory it is: the platform's own app, whatever it is called here.

        A name would do neither for two names of one app, where a value that was used by one could be used again by the
        other, nor for two clients that share a `Memory` and call two apps alike.
        """
        return f"{self.platform}:{self.app_id}"

    @property
    def remembers(self) -> bool:
        """True if its requests need what earlier ones left: used codes, sessions, tokens, tickets, tries."""
        return True


@dataclass(frozen=True, slots=True)
class Login:
    """Who logged in, by the platform's own word over its own connection.

    Attributes:
        subject: The user's ids.
        app: Name of the app.
        at: When, in Unix seconds.
    """

    subject: Subject
    app: str
    at: float


class Finding(Redacted, frozen=True, gc=False):
    """What a platform's flow found; ``authorize`` turns it into a `VerifiedPhone`."""

    number: PhoneNumber
    subject: Subject | None
    checks: tuple[Check, ...]
    assurance: Assurance = Assurance.PLATFORM


class Sealed(Redacted, frozen=True, gc=False, forbid_unknown_fields=True):
    """Data that is sealed under a session_key, as bytes: an IV of one block, and whole blocks of ciphertext.

    The names on the wire are part of it, so that a plain body can be read into it (``session_keys.read_plain``).
    """

    ciphertext: bytes = msgspec.field(name="encryptedData")
    iv: bytes


@dataclass(frozen=True, slots=True)
class Method:
    """One method by which a platform gives a number, and what it can prove: a row of the table in the README.

    Attributes:
        zh, en: The method's name: what the front end sends.
        checks: All five checks, as a result of this method lists them.
        certain_zh, certain_en: How certain we are, and why. One line.
        binds_login: Whether the platform itself ties the number to the login, so that nobody can send somebody else's
            number with his own login. Only then the check ``login-binding`` is proven.
    """

    zh: str
    en: str
    checks: tuple[Check, ...]
    certain_zh: str
    certain_en: str
    binds_login: bool


@dataclass(frozen=True, slots=True)
class TokenSource:
    """Where the token of an app comes from.

    Attributes:
        issuer: Who gives it out, by the app's setting ``token``; empty where there is nothing to choose.
        fetch: Asks for it without replacing anybody else's; None if that cannot be done.
    """

    issuer: str
    fetch: Callable[[], Flow[Secret]] | None


AppT = TypeVar("AppT", bound=App)
MessageT = TypeVar("MessageT")

GetLogin = Callable[[], "Flow[Login | None]"]
"""Asked by a platform's flow when it wants to know who is logged in; None when the front end sent no login."""


@dataclass(frozen=True, kw_only=True)
class Platform(Generic[AppT, MessageT]):
    """A platform: the functions of its folder.

    Attributes:
        name: Lower-case latin, one word, frozen for ever.
        title: The platform's name in Chinese and English.
        also_called: What people write instead of the name; used in advice, never accepted.
        phone_code: Names under which the code of its phone button comes, ``code`` among them; empty if its button gives
            none, so that a ``code`` is the login's.
        key_settings: Settings that hold keys or certificates and may name a file.
        methods: For each way in, what it can prove: rows of the table in the README.
        configure: Build the app from its settings; reports faults to the table, returns None if there are any.
        read: Find the message in what the front end sent.
        one_time: The value of the message that can be used once, with its kind, or None.
        find: Verify, then open or exchange.
        log_in: Exchange a login code.
        find_offline: The same as ``find`` without any step; None if the platform has no offline way.
        find_under_key: Open sealed data under a session_key that is at hand, without any step; None if the platform
            has no session_keys.
        read_sealed: The second reader, for `find_under_key`: find the sealed data alone, whatever the app accepts.
        mirror: Where the stand-in of the platform is, ``module:name``; only the simulator loads it.
        token_source: Where an app's token comes from, for the doctor; None if it has none. None if no app has one.
        symptoms: Where the platform's `Symptoms` are, ``module:name``; only the doctor loads them.
        take_push: Take what the platform posts to us, from the query and the body of the request; return the text to
            answer. It proves by itself that it comes from the platform. None if the platform never does.
    """

    name: str
    title: str
    key_settings: frozenset[str]
    configure: Callable[[Table], AppT | None]
    read: Callable[[AppT, Authorization], MessageT]
    one_time: Callable[[AppT, MessageT], tuple[str, Secret] | None]
    find: Callable[[AppT, MessageT, GetLogin, float, bool], Flow[Finding]]
    log_in: Callable[[AppT, Secret, float], Flow[Login]]
    find_offline: Callable[[AppT, MessageT], Finding] | None = None
    find_under_key: Callable[[AppT, Sealed, Secret, float], Finding] | None = None
    read_sealed: Callable[[Authorization], Sealed] | None = None
    token_source: Callable[[AppT], TokenSource | None] | None = None
    mirror: str
    symptoms: str = ""
    methods: tuple[Method, ...] = ()
    also_called: tuple[str, ...] = ()
    phone_code: tuple[str, ...] = ()
    take_push: Callable[[AppT, Mapping[str, str], bytes, float], Flow[str]] | None = None
