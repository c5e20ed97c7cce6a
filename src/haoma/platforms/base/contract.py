"""The contract: what a platform folder must provide."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import msgspec

from haoma.phone import PhoneNumber
from haoma.policy import Policy
from haoma.steps import DEFAULT_TENANT
from haoma.verified import Assurance, Check, Subject
from haoma.words import text

if TYPE_CHECKING:
    from haoma.authorization import Authorization
    from haoma.platforms.base.setting import Setting
    from haoma.platforms.base.table import Table
    from haoma.secret import Secret
    from haoma.steps import Flow


class Redacted(msgspec.Struct, frozen=True):
    """A record whose ``repr`` shows only the name of its class.

    For values from outside and values that must not leave. It is a `msgspec.Struct` because a frozen dataclass takes
    five times as long to build, and every request builds some.
    """

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    __str__ = __repr__

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        # msgspec defines one that shows every field, and rich's tracebacks of local variables prefer it to `repr`.
        return []


@dataclass(frozen=True, kw_only=True)
class App:
    """One configured app; each platform derives its own.

    Attributes:
        name: The name in ``haoma.toml``.
        platform: Name of the platform.
        app_id: The platform's id of the app.
        upstreams: Origins that requests for this app may go to, such as ``https://api.weixin.qq.com``.
        policy: The checks and limits that the app requires.
        exclusive: Digests of secrets that no other app may share, because they alone tell the apps apart.
        reply: ``problem`` for RFC 9457 answers; ``code-msg-data`` for the shape that many front ends expect.
        sidecar: The one upstream that is plain http by design; see `Send`.
        tenant: To whom accounts and numbers belong. Tenants have nothing in common.
    """

    name: str
    platform: str
    app_id: str
    upstreams: tuple[str, ...] = ()
    policy: Policy = field(default_factory=Policy)
    exclusive: frozenset[bytes] = field(default=frozenset(), repr=False)
    reply: str = "problem"
    sidecar: str = ""
    tenant: str = DEFAULT_TENANT

    @property
    def scope(self) -> str:
        """The owner of what is remembered: the platform's app, under whatever name.

        The configured name would not do. With two names for one app, a value used under one could be used again under
        the other; and two clients that share a `Memory` may give the same name to different apps.
        """
        return f"{self.platform}:{self.app_id}"


@dataclass(frozen=True, slots=True)
class Login:
    """Who logged in, as the platform said over haoma's own connection to it.

    Attributes:
        subject: The user's ids.
        app: Name of the app.
        at: When, in Unix seconds.
    """

    subject: Subject
    app: str
    at: float


class Finding(Redacted, frozen=True, gc=False):
    """The result of a platform's flow. ``authorize`` turns it into a `VerifiedPhone`."""

    number: PhoneNumber
    subject: Subject | None
    checks: tuple[Check, ...]
    assurance: Assurance = Assurance.PLATFORM


class Sealed(Redacted, frozen=True, gc=False):
    """Data sealed under a session_key, as bytes: a one-block IV and whole blocks of ciphertext."""

    ciphertext: bytes
    iv: bytes


@dataclass(frozen=True, slots=True)
class Method:
    """One method by which a platform provides a number, and what it proves: a row of the table in the README.

    Attributes:
        name: Such as ``phone-code``. In the platform's ``words.toml``, ``methods.NAME`` says what the front end sends,
            and ``certain.NAME`` how certain we are, and why.
        checks: All five checks, as a result of this method lists them.
        binds_login: Whether the platform itself ties the number to the login, so that users cannot send somebody else's
            number with their own login. Only then is the check ``login-binding`` proven.
    """

    name: str
    checks: tuple[Check, ...]
    binds_login: bool


@dataclass(frozen=True, slots=True)
class TokenSource:
    """The source of an app's token.

    Attributes:
        issuer: Who issues it, from the app's setting ``token``; empty if there is no choice.
        fetch: Fetches a token without invalidating the current one; None if that is impossible.
    """

    issuer: str
    fetch: Callable[[], Flow[Secret]] | None


def _every_app(_app: App) -> str:
    return "platform"


@dataclass(frozen=True, slots=True)
class Quota:
    """What is left of something that the platform sells, by the platform's own figures. They lag a little.

    Attributes:
        total: How much was bought and is valid now.
        used: How much of that is used.
        low: True if no more is left than the app's setting allows. If nothing was bought and nothing used, as where
            nothing has to be paid, there is no quota that could run low.
    """

    total: int
    used: int
    low: bool

    @property
    def left(self) -> int:
        """The rest. Accounts are settled late, so more may be used than there was."""
        return max(self.total - self.used, 0)


@dataclass(frozen=True, slots=True)
class Heard:
    """What a platform posted to us, and what to answer.

    Attributes:
        said: The text to answer.
        about: What it is about, in a word of ours, for the log.
        acted: Whether it changed an account.
        unlisted: Names of fields whose value is not documented. Nothing was done because of them.
        quotas: What the platform says of quotas, by name; see `Platform.quotas`.
    """

    said: str
    about: str
    acted: bool = False
    unlisted: tuple[str, ...] = ()
    quotas: Mapping[str, Quota] = field(default_factory=dict)


AppT = TypeVar("AppT", bound=App)
MessageT = TypeVar("MessageT")

GetLogin = Callable[[], "Flow[Login | None]"]
"""Called by a platform's flow to learn who is logged in. Returns None if the front end sent no login."""


@dataclass(frozen=True, kw_only=True)
class Platform(Generic[AppT, MessageT]):
    """A platform: the functions of its folder.

    Attributes:
        name: One lower-case Latin word. Never changes.
        also_called: Other names that people write, besides its title. Used in advice, never accepted.
        phone_code: Fields that may hold the code of the phone button, ``code`` among them. Empty if the button returns
            no code, so that a ``code`` belongs to the login.
        sealed: Fields that may hold sealed data or an envelope. Empty if the platform sends only a code.
        settings: The settings of an app, without ``platform``. All others are refused.
        methods: What each method can prove: the rows of the table in the README.
        configure: Build the app from its settings. Reports faults to the table; returns None if there are any.
        read: Find the message in what the front end sent.
        one_time: The kind and value of the one-time value in the message, or None.
        find: Verify, then open or exchange.
        log_in: Exchange a login code.
        login_step: The step of ``flow.py`` in which a login is exchanged.
        find_offline: Same as ``find``, without any step; None if the platform has no offline method.
        find_under_key: Open sealed data under a given session_key, without any step; None if the platform has no
            session_keys.
        read_sealed: A second reader, for `find_under_key`: find only the sealed data, whatever the app accepts.
        mirror: Location of the mirror, ``module:name``. Only the simulator loads it.
        token_source: The source of an app's token, for the doctor. Returns None if the app has none; is None if no app
            of the platform has one.
        symptoms: Location of the platform's `Symptoms`, ``module:name``. Only the doctor loads them.
        keeps_in_process: The setting that makes an app keep state in the process for later requests: used codes,
            sessions, tokens, tickets. ``platform`` if every app of the platform does; empty if the app does not.
        take_push: Accept what the platform posts to us, given the query and body; return what was heard. It verifies by
            itself that the platform sent it. None if the platform never posts.
        quotas: What the platform sells for an app, by name, and how to ask what is left of it. Asking is free and uses
            nothing up. Empty if nobody could be asked for this app; None if the platform sells nothing.
    """

    name: str
    settings: tuple[Setting, ...]
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
    login_step: int = 1
    symptoms: str = ""
    methods: tuple[Method, ...] = ()
    also_called: tuple[str, ...] = ()
    phone_code: tuple[str, ...] = ()
    sealed: tuple[str, ...] = ()
    keeps_in_process: Callable[[AppT], str] = _every_app
    take_push: Callable[[AppT, Mapping[str, str], bytes, float], Flow[Heard]] | None = None
    quotas: Callable[[AppT], Mapping[str, Callable[[], Flow[Quota]]]] | None = None

    def words(self, key: str, lang: str) -> str:
        """Return a text of the platform's ``words.toml`` in ``zh`` or ``en``."""
        return text(f"platforms/{self.name}", key, lang)

    def title(self, lang: str) -> str:
        """Return what the platform calls itself in ``zh`` or ``en``."""
        return self.words("title", lang)
