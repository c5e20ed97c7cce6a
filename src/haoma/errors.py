"""All exceptions that haoma raises.

::

    HaomaError                       base class, never raised itself
    ├── EnvelopeError    envelope.*  the front end sent a malformed authorization
    │   ├── TooLarge, NotUtf8, NotJson, BareCode, UnknownShape, MissingField, BadBase64, BadField
    │   └── UserDeclined, ButtonFailed, EncryptedDataOff
    ├── TrustError       trust.*     well formed, but not trustworthy
    │   ├── SignatureMissing, SignatureMismatch, ClearTextSuccess, CannotOpen
    │   ├── WrongApp, NumberMismatch, AlreadyUsed, SessionUnknown, NotProven
    │   └── ReplyUnsigned, ReplySignatureMismatch, WebhookNotVerified
    ├── PlatformRefusal  platform.*  the platform refused
    │   └── ... one class per meaning; the platform's own code is kept
    ├── OutsideError     outside.*   network failure, timeout, unusable reply
    │   ├── ConnectFailed, CircuitOpen, TimedOut, ConnectionLost, OutcomeUnknown, NonsenseReply, ReplyTooLarge
    │   └── HookFailed
    ├── ConfigError      config.*    wrong settings or arguments; settings are checked when they are loaded
    │   └── ConfigFaults, HostNotAllowed, NoOfflineWay, WrongArgument
    ├── CallerError      caller.*    the caller of the service lacks permission, or made an invalid call
    └── LinkError        link.*      who has a number, a login or an account

Each code has one class, named for what happened: ``SignatureMismatch`` is ``trust.signature-mismatch``. The title,
cause and remedy of a code are in ``catalogue.toml``; those of a platform's own code are in the platform's
``refusals.toml``. Both files have Chinese and English.
"""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self, cast

from haoma import catalogue
from haoma.visible import visible
from haoma.words.facts import shown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Next(StrEnum):
    """What the mini program should do after a refusal."""

    ASK_AGAIN = "ask-again"  # log in again and show the button for another tap
    RETRY_LATER = "retry-later"  # send the same request again
    STOP = "stop"  # the user cannot fix this


class Spent(StrEnum):
    """Whether the one-time value of the request is used up after this refusal."""

    NO = "no"
    YES = "yes"
    UNKNOWN = "unknown"


class Public(StrEnum):
    """The general codes that an anonymous caller sees instead of the precise ones."""

    MALFORMED = "malformed"
    NOT_VERIFIED = "not-verified"
    DECLINED = "declined"
    EXPIRED = "expired"
    ALREADY_USED = "already-used"
    NO_PHONE = "no-phone"
    TRY_LATER = "try-later"
    NOT_AVAILABLE = "not-available"
    NOT_ALLOWED = "not-allowed"
    CONFLICT = "conflict"


class HaomaError(Exception):
    """Base class of all exceptions that haoma raises. Never raised itself.

    Attributes:
        code: Stable code such as ``trust.signature-mismatch``.
        status: HTTP status of the service's response.
        next_action: What the mini program should do.
        retry: True if an identical request may succeed later.
        retry_after: Whole seconds until then; 0 if unknown.
        public_code: The code that an anonymous caller sees.
        spent: Whether a one-time code is used up.
        who: Who has to act, so that the next request succeeds.
        platform, app: Where the error happened; empty if unknown.
        step: Number of the step in the platform's ``flow.py`` or ``verify.py`` that refused; 0 if none.
        because: Facts that are safe to show: sizes, field names, ages in seconds. Never keys, plaintext or a full
            number.
        diagnosis: What exactly failed. For the operator's log only; callers of the service never see it.
        unlisted: Names of members that no documented phone message has. For the operator's log only.
        platform_code, platform_sub_code, platform_message, request_id: The platform's own values, with our secrets
            removed.
        place: Which of the platform's APIs answered, if its code has several meanings; or which of two causes our own
            code has.
    """

    code: ClassVar[str] = ""
    status: ClassVar[int] = 500
    public_code: ClassVar[Public] = Public.NOT_AVAILABLE
    next_action: Next = Next.STOP
    retry: bool = False
    retry_after: int = 0

    def __init__(
        self,
        *,
        platform: str = "",
        app: str = "",
        step: int = 0,
        because: Mapping[str, object] | None = None,
        diagnosis: str = "",
        unlisted: tuple[str, ...] = (),
        platform_code: str = "",
        platform_sub_code: str = "",
        place: str = "",
        platform_message: str = "",
        request_id: str = "",
        spent: Spent = Spent.NO,
        retry_after: int = 0,
    ) -> None:
        super().__init__()
        if retry_after:
            self.retry_after = retry_after
        self.platform = platform
        self.app = app
        self.step = step
        self.because: Mapping[str, object] = MappingProxyType(dict(because or {}))
        self.diagnosis = diagnosis
        self.unlisted = unlisted
        self.platform_code = platform_code
        self.platform_sub_code = platform_sub_code
        self.place = place
        self.platform_message = platform_message
        self.request_id = request_id
        self.spent = spent

    def __reduce__(self) -> tuple[object, ...]:
        # MappingProxyType cannot be pickled, and keyword-only exceptions do not survive the default protocol.
        return (_rebuild, (type(self), {**self.__dict__, "because": dict(self.because)}))

    def again(self) -> Self:
        """Return a copy without a traceback, safe to raise elsewhere. One object raised twice mixes its tracebacks."""
        twin = self.__class__.__new__(self.__class__)
        twin.__dict__.update(self.__dict__)
        return twin

    def evolve(self, **changes: Any) -> Self:
        """Return a copy with changed attributes. Errors are never changed in place.

        Args:
            changes: Attributes by name. ``because`` is merged into the existing facts.

        Raises:
            TypeError: The error has no such attribute.
        """
        twin = self.again()
        # The copy is the same failure. An exception that a signal handler raised must be found in its chain too.
        twin.__cause__, twin.__context__ = self.__cause__, self.__context__
        twin.__suppress_context__ = self.__suppress_context__
        for name, value in changes.items():
            if not hasattr(twin, name):
                msg = f"{type(self).__name__} has no {name}"
                raise TypeError(msg)
            setattr(twin, name, MappingProxyType({**self.because, **value}) if name == "because" else value)
        return twin

    def explain(self, lang: str = "en") -> catalogue.Words:
        """Return the title, cause, remedy and page in ``lang`` (``zh`` or ``en``)."""
        return catalogue.words(
            self.code,
            lang,
            platform=self.platform,
            native=self.platform_code,
            sub=self.platform_sub_code,
            place=self.place,
        )

    @property
    def who(self) -> catalogue.Who:
        """Who has to act, so that the next request succeeds: the user, the developer, the platform, or nobody."""
        return self.explain().who

    @property
    def page(self) -> str:
        """Path of the code's documentation page."""
        return catalogue.page(self.code)

    def facts(self, lang: str = "en") -> str:
        """Return the facts on one line, without the title: ``app=shop platform=alipay step=5 …``."""
        pairs: list[tuple[str, object]] = [("app", self.app), ("platform", self.platform), ("step", self.step)]
        pairs += [("platform_code", "/".join(filter(None, (self.platform_code, self.platform_sub_code))))]
        pairs += [("platform_message", self.platform_message), ("request_id", self.request_id), *self.because.items()]
        return shown((pair for pair in pairs if pair[1] not in ("", 0, None)), lang)

    def __str__(self) -> str:
        words = self.explain("en")
        facts = self.facts()
        return visible(f"{self.code}: {words.title}" + (f" [{facts}]" if facts else "") + f". {words.remedy}")

    def __repr__(self) -> str:
        return visible(f"<{type(self).__name__} {self.code} {self.facts()}>".replace(" >", ">"))


def _rebuild(cls: type[HaomaError], state: dict[str, object]) -> HaomaError:
    error = cls.__new__(cls)
    Exception.__init__(error)
    error.__dict__.update(state)
    error.because = MappingProxyType(cast("dict[str, object]", state["because"]))
    return error


# --- envelope.*: malformed authorizations -------------------------------------------------------------------------


class EnvelopeError(HaomaError):
    """The front end sent a malformed authorization."""

    status = 400
    public_code = Public.MALFORMED


class TooLarge(EnvelopeError):
    """The authorization is larger, or nested deeper, than any real one."""

    code = "envelope.too-large"
    status = 413


class NotUtf8(EnvelopeError):
    """The bytes are not UTF-8."""

    code = "envelope.not-utf8"


class NotJson(EnvelopeError):
    """The text is not strict JSON: invalid syntax, a duplicate key, NaN or a lone surrogate."""

    code = "envelope.not-json"


class BareCode(EnvelopeError):
    """The body is a code alone. Nothing says whether it is the login code or the phone code."""

    code = "envelope.bare-code"


class UnknownShape(EnvelopeError):
    """The JSON has none of the shapes that this platform's front ends send.

    ``place`` is ``other-flow`` if only the front end of the platform's other flow sends it; the facts name the setting.
    """

    code = "envelope.unknown-shape"


class MissingField(EnvelopeError):
    """A required field is missing.

    ``place`` is ``placeholder`` if JavaScript's ``undefined`` or the like is in its place, and ``mock-code`` if it is
    the code of WeChat's developer tools.
    """

    code = "envelope.missing-field"


class BadField(EnvelopeError):
    """A field has the wrong type, is too long, or contains invalid characters."""

    code = "envelope.bad-field"


class BadBase64(EnvelopeError):
    """A field is not base64, even after common transport damage was repaired."""

    code = "envelope.bad-base64"


class UserDeclined(EnvelopeError):
    """The front end sent an event that says the user declined."""

    code = "envelope.user-declined"
    status = 422
    public_code = Public.DECLINED
    next_action = Next.ASK_AGAIN


class ButtonFailed(EnvelopeError):
    """The front end sent an event that says the button failed on the device, before a code was issued."""

    code = "envelope.button-failed"
    status = 422
    public_code = Public.NOT_AVAILABLE


class EncryptedDataOff(EnvelopeError):
    """Only ``encryptedData`` and ``iv`` were sent, and the app does not accept encrypted data."""

    code = "envelope.encrypted-data-off"
    status = 422
    public_code = Public.NOT_AVAILABLE


# --- trust.*: well formed, but not trustworthy --------------------------------------------------------------------


class TrustError(HaomaError):
    """The authorization is well formed, but not trustworthy."""

    status = 422
    public_code = Public.NOT_VERIFIED


class SignatureMissing(TrustError):
    """The envelope has no ``sign``. The check is never skipped, because a client can simply delete the field.

    ``next_action`` is ``stop``: the fix is in the console or in the front end's code, and another tap does not help.
    Anonymous callers may learn this, because nothing was decrypted. ``place`` is ``whole-string`` or ``taken-apart``,
    depending on what was sent.
    """

    code = "trust.signature-missing"
    public_code = Public.NOT_AVAILABLE


class SignatureMismatch(TrustError):
    """No configured key verifies the signature of this ciphertext."""

    code = "trust.signature-mismatch"


class ClearTextSuccess(TrustError):
    """The message claims success in clear text. Platforms never send one; anybody can forge one."""

    code = "trust.clear-text-success"


class CannotOpen(TrustError):
    """Decryption failed, or the plaintext failed its checks.

    All these failures share one class, message, status and amount of work. A caller who can tell bad padding from bad
    JSON can forge any number under a session_key (padding oracle). ``diagnosis`` tells the operator which check failed,
    and ``unlisted`` names undocumented members.
    """

    code = "trust.cannot-open"
    next_action = Next.ASK_AGAIN


class SmsCodeWrong(TrustError):
    """The code that the user entered is not the one that was sent to the number.

    A wrong code, an old one, one of another user, and too many tries look the same to whoever guesses. ``diagnosis``
    tells the operator which it was.
    """

    code = "trust.sms-code-wrong"
    status = 422
    next_action = Next.ASK_AGAIN


class WrongApp(TrustError):
    """The platform's watermark names another app."""

    code = "trust.wrong-app"


class NumberMismatch(TrustError):
    """The fields that hold the number contradict each other."""

    code = "trust.number-mismatch"


class AlreadyUsed(TrustError):
    """The one-time code was used by another session, or with another request."""

    code = "trust.already-used"
    status = 409
    public_code = Public.ALREADY_USED
    next_action = Next.ASK_AGAIN


class SessionUnknown(TrustError):
    """The session handle is unknown, belongs to another app, has expired or was revoked."""

    code = "trust.session-unknown"
    public_code = Public.EXPIRED
    next_action = Next.ASK_AGAIN


class NotProven(TrustError):
    """The authorization does not prove a check that the app's policy requires."""

    code = "trust.not-proven"


class ReplyUnsigned(TrustError):
    """The platform's gateway reported success without a signature."""

    code = "trust.reply-unsigned"
    status = 502
    public_code = Public.NOT_AVAILABLE


class ReplySignatureMismatch(TrustError):
    """The gateway's signature does not match its reply."""

    code = "trust.reply-signature-mismatch"
    status = 502
    public_code = Public.NOT_AVAILABLE


class CertificateNotTrusted(TrustError):
    """The platform signed with a certificate that is not the configured one and cannot be trusted."""

    code = "trust.certificate-not-trusted"
    status = 502
    public_code = Public.NOT_AVAILABLE


class WebhookNotVerified(TrustError):
    """A webhook was not signed with one of the secrets, is too old, or is no event.

    Raised by `haoma.webhooks.verify` at the receiver. ``because`` has the header, or ``body``.
    """

    code = "trust.webhook-not-verified"
    status = 401
    public_code = Public.NOT_ALLOWED


# --- platform.*: the platform refused -----------------------------------------------------------------------------


class PlatformRefusal(HaomaError):
    """The platform refused."""

    status = 502
    public_code = Public.NOT_AVAILABLE


class Refused(PlatformRefusal):
    """The platform refused with a code that is not in our tables. Its own message is passed on."""

    code = "platform.refused"


class NoPhoneBound(PlatformRefusal):
    """The user's account has no phone number."""

    code = "platform.no-phone-bound"
    status = 422
    public_code = Public.NO_PHONE


class UserNotAuthorized(PlatformRefusal):
    """The user has not consented, or has withdrawn consent."""

    code = "platform.user-not-authorized"
    status = 422
    public_code = Public.DECLINED
    next_action = Next.ASK_AGAIN


class UserBlocked(PlatformRefusal):
    """The platform blocks this user as high risk."""

    code = "platform.user-blocked"
    status = 422


class CodeRejected(PlatformRefusal):
    """The phone code is wrong, expired or used, or is not a phone code."""

    code = "platform.code-rejected"
    status = 422
    public_code = Public.EXPIRED
    next_action = Next.ASK_AGAIN


class LoginCodeRejected(PlatformRefusal):
    """The login code is wrong, expired or used."""

    code = "platform.login-code-rejected"
    status = 422
    public_code = Public.EXPIRED
    next_action = Next.ASK_AGAIN


class AppMismatch(PlatformRefusal):
    """The code was issued for a different app."""

    code = "platform.app-mismatch"


class EncryptionNotConfigured(PlatformRefusal):
    """The console has no working content-encryption key for this app."""

    code = "platform.encryption-not-configured"


class SigningNotConfigured(PlatformRefusal):
    """The console has no signing method or gateway for this app."""

    code = "platform.signing-not-configured"


class PermissionMissing(PlatformRefusal):
    """The app does not have the phone-number permission."""

    code = "platform.permission-missing"


class TokenRejected(PlatformRefusal):
    """The platform rejects our access_token, even a new one."""

    code = "platform.token-rejected"
    status = 503
    public_code = Public.TRY_LATER
    next_action = Next.RETRY_LATER
    retry = True


class WrongTokenKind(PlatformRefusal):
    """The token belongs to the wrong kind of account for this API."""

    code = "platform.wrong-token-kind"


class CredentialsRejected(PlatformRefusal):
    """The platform rejects the app id, its secret or its key."""

    code = "platform.credentials-rejected"


class SecretFrozen(PlatformRefusal):
    """The app secret has been frozen in the console."""

    code = "platform.secret-frozen"


class IpNotAllowed(PlatformRefusal):
    """Our IP address is not on the platform's allow list."""

    code = "platform.ip-not-allowed"


class RateLimited(PlatformRefusal):
    """The platform's rate limit per minute is exceeded."""

    code = "platform.rate-limited"
    status = 429
    public_code = Public.TRY_LATER
    next_action = Next.RETRY_LATER
    retry = True


class QuotaExhausted(PlatformRefusal):
    """The daily or the paid quota is used up."""

    code = "platform.quota-exhausted"
    status = 503


class Busy(PlatformRefusal):
    """The platform is temporarily busy."""

    code = "platform.busy"
    status = 503
    public_code = Public.TRY_LATER
    next_action = Next.RETRY_LATER
    retry = True


class RequestRejected(PlatformRefusal):
    """The platform rejects our request as malformed: a bug in this library, or a wrong configuration."""

    code = "platform.request-rejected"


class PrivacyNotDeclared(PlatformRefusal):
    """The app's privacy guide does not declare the phone number, or the user has not agreed to it."""

    code = "platform.privacy-not-declared"


class SecurityModeMismatch(PlatformRefusal):
    """API security mode is on for the app, and our keys do not match."""

    code = "platform.security-mode-mismatch"


# --- outside.*: network failure, timeout, unusable reply ----------------------------------------------------------


class OutsideError(HaomaError):
    """The network or the platform's server failed. This is not a refusal."""

    status = 503
    public_code = Public.TRY_LATER
    next_action = Next.RETRY_LATER
    retry = True


class ConnectFailed(OutsideError):
    """No connection to the platform could be made. Nothing was sent."""

    code = "outside.connect-failed"


class CircuitOpen(OutsideError):
    """The last requests of this app to this host failed, so this one was not sent.

    The app's one-time code is still unused. One request after another is let through to see whether the host answers.
    """

    code = "outside.circuit-open"


class TimedOut(OutsideError):
    """The platform did not answer in time."""

    code = "outside.timed-out"
    status = 504


class ConnectionLost(OutsideError):
    """The connection broke after the request was sent."""

    code = "outside.connection-lost"


class OutcomeUnknown(OutsideError):
    """The one-time code was sent, and it is unknown whether the platform used it up.

    The same request may be sent again until the code expires (five minutes on WeChat).
    """

    code = "outside.outcome-unknown"


class NonsenseReply(OutsideError):
    """The platform's reply cannot be understood.

    ``place`` is ``number-form`` if all is there, but the number is in a form that is not documented.
    """

    code = "outside.nonsense-reply"
    status = 502


class ReplyTooLarge(OutsideError):
    """The platform's reply exceeds the size limit."""

    code = "outside.reply-too-large"
    status = 502
    retry = False


class HookFailed(OutsideError):
    """A function configured by the application, such as a token source, raised an exception."""

    code = "outside.hook-failed"


# --- config.*: settings and arguments -----------------------------------------------------------------------------


class ConfigError(HaomaError):
    """The settings, or the arguments of a call, are wrong."""


class ConfigFaults(ConfigError):
    """The configuration has faults. All of them are listed.

    Attributes:
        faults: The faults and warnings, each with its code, place and facts.
    """

    code = "config.faults"

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__()
        self.faults = tuple(faults)

    def __str__(self) -> str:
        faults = [str(fault) for fault in self.faults if not fault.warning]
        warnings = [str(fault) for fault in self.faults if fault.warning]
        lines = [f"{len(faults)} fault(s) in the configuration:", *faults]
        if warnings:
            lines += [f"{len(warnings)} warning(s):", *warnings]
        return "\n".join(lines)

    __repr__ = HaomaError.__repr__


class HostNotAllowed(ConfigError):
    """A request was blocked because no app's configuration names its host."""

    code = "config.host-not-allowed"


class NoOfflineWay(ConfigError):
    """The program asked for offline verification, but this app's platform has no offline way.

    ``because`` says what is missing.
    """

    code = "config.no-offline-way"


class WrongArgument(ConfigError, TypeError):
    """The program passed an argument of a wrong type. Also a `TypeError`.

    ``because`` has the argument's name, the type found, and what to write instead.
    """

    code = "config.wrong-argument"


class NoSuchApp(ConfigError, LookupError):
    """The program asks for an app that is not configured. ``because`` has the names of those that are.

    It is a `LookupError` too. A request to the service that names one is `UnknownApp`.
    """

    code = "config.no-such-app"


class SchemaError(ConfigError):
    """The tables of the store are not those that this version of haoma works with.

    ``because`` has the version that was found, and those that are accepted.
    """


class SchemaMissing(SchemaError):
    """The database has no tables of ours with this prefix."""

    code = "config.schema-missing"


class SchemaTooOld(SchemaError):
    """The tables have to be upgraded first."""

    code = "config.schema-too-old"


class SchemaTooNew(SchemaError):
    """A newer haoma has upgraded the tables further than this one accepts."""

    code = "config.schema-too-new"


class UpgradeFailed(SchemaError):
    """A migration failed, or another upgrade took its place. It can be run again."""

    code = "config.upgrade-failed"


def wrong_argument(argument: str, found: object, instead: str) -> WrongArgument:
    """Return the error for an argument of a wrong type. It shows only the type of ``found``, never the value."""
    return WrongArgument(because={"argument": argument, "found": type(found).__name__, "instead": instead})


class Fault:
    """One fault of a configuration. Faults are collected, not raised one by one.

    Attributes:
        code: ``config.…``; its words are in the catalogue.
        where: The setting, such as ``apps.shop.aes_key``.
        file, line: Place of the setting; empty and 0 if it was set in Python.
        because: Facts that are safe to show.
        warning: True if the configuration is usable nevertheless.
    """

    __slots__ = ("because", "code", "file", "line", "warning", "where")

    def __init__(
        self,
        code: str,
        where: str,
        *,
        because: Mapping[str, object] | None = None,
        warning: bool = False,
        file: str = "",
        line: int = 0,
    ) -> None:
        self.code = code
        self.where = where
        self.because = dict(because or {})
        self.warning = warning
        self.file = file
        self.line = line

    def explain(self, lang: str = "en") -> catalogue.Words:
        """Return the title, cause, remedy and page in ``lang``."""
        return catalogue.words(self.code, lang)

    def __str__(self) -> str:
        words = self.explain("en")
        line = f":{self.line}" if self.line else ""  # a missing setting has no line
        place = f"{self.file}{line}: " if self.file else ""
        place += f"{self.where}: " if self.where else ""
        facts = " ".join(f"{name}={value}" for name, value in self.because.items())
        return visible(f"{place}{words.title}" + (f" ({facts})" if facts else "") + f". {words.remedy} [{self.code}]")

    __repr__ = __str__


# --- caller.*: the caller of the service --------------------------------------------------------------------------


class CallerError(HaomaError):
    """The caller lacks permission, or made an invalid call."""

    public_code = Public.NOT_ALLOWED


class KeyMissing(CallerError):
    """The request has no ``Authorization: Bearer …`` header."""

    code = "caller.key-missing"
    status = 401


class KeyRejected(CallerError):
    """The key is not one of the configured keys."""

    code = "caller.key-rejected"
    status = 401


class ServerKeyNeeded(CallerError):
    """This route returns a full number, which a publishable key may not read."""

    code = "caller.server-key-needed"
    status = 403


class UnknownApp(CallerError):
    """No app of that name is configured."""

    code = "caller.unknown-app"
    status = 404


class UnknownRoute(CallerError):
    """No route has this path."""

    code = "caller.unknown-route"
    status = 404


class WrongMethod(CallerError):
    """The route exists, but not for this HTTP method."""

    code = "caller.wrong-method"
    status = 405


class TokenUnusable(CallerError):
    """The session token was not issued by this service, was altered, or has expired."""

    code = "caller.token-unusable"
    status = 422
    public_code = Public.EXPIRED


class TooManyRefusedCodes(CallerError):
    """The platform recently refused too many codes from this client address or this login."""

    code = "caller.too-many-refused-codes"
    status = 429
    public_code = Public.TRY_LATER
    next_action = Next.RETRY_LATER
    retry = True


class TooManyRequests(CallerError):
    """A limit of ``[service]`` is reached: of the key, the app, the client's address or the login.

    ``because`` says which one.
    """

    code = "caller.too-many-requests"
    status = 429
    public_code = Public.TRY_LATER
    next_action = Next.RETRY_LATER
    retry = True


class TooSlow(CallerError):
    """The request body did not arrive, or the response was not ready, within the time limit."""

    code = "caller.too-slow"
    status = 408
    public_code = Public.TRY_LATER
    next_action = Next.RETRY_LATER
    retry = True


class Draining(CallerError):
    """The service is shutting down. It finishes requests in flight; send new ones to another instance."""

    code = "caller.draining"
    status = 503
    public_code = Public.TRY_LATER
    next_action = Next.RETRY_LATER
    retry = True


class InternalFault(HaomaError):
    """A bug in haoma. The response shows no details; find the request id in the log."""

    code = "internal.fault"
    status = 500
    public_code = Public.TRY_LATER


class MemoryFull(HaomaError):
    """The memory is full. New values are refused, because forgetting a used one would allow its reuse."""

    code = "internal.memory-full"
    status = 503
    public_code = Public.TRY_LATER
    next_action = Next.RETRY_LATER
    retry = True


class StoreUnavailable(HaomaError):
    """The database of the store cannot be reached, is full, or is busy for too long.

    A code that cannot be recorded is not sent to a platform. If the database fails after that, when the outcome has to
    be recorded, ``spent`` is UNKNOWN.
    """

    code = "internal.store-unavailable"
    status = 503
    public_code = Public.TRY_LATER
    next_action = Next.RETRY_LATER
    retry = True


class StoreUnreadable(HaomaError):
    """What the store holds cannot be opened with the keys that are configured."""

    code = "internal.store-unreadable"
    status = 500
    public_code = Public.TRY_LATER


class LinkError(HaomaError):
    """Something about accounts: who has a number, a login or an account."""

    status = 409
    public_code = Public.NOT_ALLOWED


class NumberTaken(LinkError):
    """Another account has the number. ``because`` says why that cannot be changed (``reason``)."""

    code = "link.number-taken"
    public_code = Public.CONFLICT


class NoSuchAccount(LinkError):
    """There is no such account, or it was erased."""

    code = "link.no-such-account"
    status = 404


class NoSuchDispute(LinkError):
    """There is no such dispute, or it is over."""

    code = "link.no-such-dispute"
    status = 404


class NotTheirs(LinkError):
    """A proof is missing: the login does not belong to the account that it has to prove."""

    code = "link.not-theirs"
    status = 403


class LastLogin(LinkError):
    """The login is the only one of its account. Erase the account instead."""

    code = "link.last-login"


class ErasurePending(LinkError):
    """One of the accounts is to be erased. ``because`` has its id (``account``)."""

    code = "link.erasure-pending"


class UserRefused(LinkError):
    """The number is verified, but the application has no user for it, or one who may not log in."""

    code = "link.user-refused"
    status = 403


class NoAccounts(LinkError):
    """Accounts are not kept here: ``[accounts]`` is not configured."""

    code = "link.no-accounts"
    status = 501


def _code_classes() -> dict[str, type[HaomaError]]:
    found: dict[str, type[HaomaError]] = {}
    waiting: list[type[HaomaError]] = [HaomaError]
    while waiting:
        cls = waiting.pop()
        waiting += cls.__subclasses__()
        if cls.code:
            found[cls.code] = cls
    return found


BY_CODE: Final[Mapping[str, type[HaomaError]]] = MappingProxyType(_code_classes())
"""Maps each code to its class."""
