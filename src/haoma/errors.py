"""Every way to say no.

::

    HaomaError                       never raised itself
    ├── EnvelopeError    envelope.*  what arrived is malformed                        the front end's side
    │   ├── TooLarge, NotUtf8, NotJson, BareCode, UnknownShape, MissingField, BadBase64, BadField
    │   └── UserDeclined, ButtonFailed, EncryptedDataOff
    ├── TrustError       trust.*     well formed, but must not be believed
    │   ├── SignatureMissing, SignatureMismatch, ClearTextSuccess, CannotOpen
    │   ├── WrongApp, NumberMismatch, AlreadyUsed, SessionUnknown, NotProven
    │   └── ReplyUnsigned, ReplySignatureMismatch
    ├── PlatformRefusal  platform.*  the platform itself said no
    │   └── ... one class per meaning; the platform's own code travels along
    ├── OutsideError     outside.*   network, timeout, nonsense reply
    │   └── ConnectFailed, TimedOut, ConnectionLost, OutcomeUnknown, NonsenseReply, ReplyTooLarge, HookFailed
    ├── ConfigError      config.*    our settings; found when built, not when used
    │   └── ConfigFaults, HostNotAllowed, NoOfflineWay, WrongArgument
    ├── CallerError      caller.*    whoever called the service may not, or called it wrongly
    └── LinkError        link.*      the number belongs to somebody else

One class per code, and the class is named for what happened: ``SignatureMismatch`` is ``trust.signature-mismatch``.
Title, cause and remedy of a code come from ``catalogue.toml``, of a platform's own code from the platform's
``refusals.toml``, both in Chinese and English.
"""

from __future__ import annotations

import copy
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self, cast

from haoma import catalogue
from haoma.visible import visible

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Next(StrEnum):
    """What the mini program should do after a refusal."""

    ASK_AGAIN = "ask-again"  # log in again, show the button again, let the user tap again
    RETRY_LATER = "retry-later"  # the same request may be sent again
    STOP = "stop"  # nothing that the user does will help


class Spent(StrEnum):
    """Whether the one-time value of the request is used up after this refusal."""

    NO = "no"
    YES = "yes"
    UNKNOWN = "unknown"


class Public(StrEnum):
    """The short codes that an anonymous caller sees instead of the precise one."""

    MALFORMED = "malformed"
    NOT_VERIFIED = "not-verified"
    DECLINED = "declined"
    EXPIRED = "expired"
    ALREADY_USED = "already-used"
    NO_PHONE = "no-phone"
    TRY_LATER = "try-later"
    NOT_AVAILABLE = "not-available"
    NOT_ALLOWED = "not-allowed"


class HaomaError(Exception):
    """The base of everything that haoma raises. Never raised itself.

    Attributes:
        code: Stable code such as ``trust.signature-mismatch``.
        status: HTTP status that the service answers with.
        next_action: What the mini program should do.
        retry: True if the very same request may succeed when sent again.
        public_code: What an anonymous caller sees.
        spent: Whether a one-time code is used up.
        platform, app: Where it happened; empty when not known.
        step: Number of the step in the platform's ``flow.py`` or ``verify.py`` that refused; 0 when none.
        because: Safe facts: sizes, names of fields, ages in seconds. Never keys, plain text or a full number.
        diagnosis: What exactly failed, for the operator's log alone; callers of the service never see it.
        unlisted: Names of members that no phone message has, for the operator's log alone as well.
        platform_code, platform_sub_code, platform_message, request_id: The platform's own words, unchanged but for
            our secrets.
        place: Which call of the platform answered, where one code of it means two things; or which of two causes a
            code of ours has.
    """

    code: ClassVar[str] = ""
    status: ClassVar[int] = 500
    public_code: ClassVar[Public] = Public.NOT_AVAILABLE
    next_action: Next = Next.STOP
    retry: bool = False

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
    ) -> None:
        super().__init__()
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
        """Return a copy to raise once more: an exception object that is raised in two places mixes up tracebacks."""
        twin = copy.copy(self)
        twin.__traceback__ = twin.__context__ = twin.__cause__ = None
        return twin

    def evolve(self, **changes: Any) -> Self:
        """Return a copy with other attributes. An error is built once, and never changed by whoever it passes.

        Args:
            changes: Attributes by name. ``because`` is added to the facts that are there.

        Raises:
            TypeError: It has no such attribute.
        """
        twin = self.again()
        # It is the same failure: what a signal handler raised below it has to be found in the copy as well.
        twin.__cause__, twin.__context__ = self.__cause__, self.__context__
        twin.__suppress_context__ = self.__suppress_context__
        for name, value in changes.items():
            if not hasattr(twin, name):
                msg = f"{type(self).__name__} has no {name}"
                raise TypeError(msg)
            setattr(twin, name, MappingProxyType({**self.because, **value}) if name == "because" else value)
        return twin

    def explain(self, lang: str = "en") -> catalogue.Words:
        """Return title, cause, remedy and page in ``lang`` (``zh`` or ``en``)."""
        return catalogue.words(
            self.code,
            lang,
            platform=self.platform,
            native=self.platform_code,
            sub=self.platform_sub_code,
            place=self.place,
        )

    @property
    def page(self) -> str:
        """Path of the documentation page of the code."""
        return catalogue.page(self.code)

    def facts(self) -> str:
        """Where and why, on one line, without the title: ``app=shop platform=alipay step=5 …``."""
        pairs: list[tuple[str, object]] = [("app", self.app), ("platform", self.platform), ("step", self.step)]
        pairs += [("platform_code", "/".join(filter(None, (self.platform_code, self.platform_sub_code))))]
        pairs += [("platform_message", self.platform_message), ("request_id", self.request_id), *self.because.items()]
        return " ".join(f"{name}={value}" for name, value in pairs if value not in ("", 0, None))

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


# --- envelope.*: what arrived is malformed -----------------------------------------------------------------------


class EnvelopeError(HaomaError):
    """What arrived is malformed."""

    status = 400
    public_code = Public.MALFORMED


class TooLarge(EnvelopeError):
    """More bytes, or deeper nesting, than any authorization has."""

    code = "envelope.too-large"
    status = 413


class NotUtf8(EnvelopeError):
    """The bytes are not UTF-8."""

    code = "envelope.not-utf8"


class NotJson(EnvelopeError):
    """The text is not strict JSON: bad syntax, a duplicate key, NaN, a lone surrogate."""

    code = "envelope.not-json"


class BareCode(EnvelopeError):
    """A code alone, and nothing that says whether it is the login's or the button's."""

    code = "envelope.bare-code"


class UnknownShape(EnvelopeError):
    """JSON, but none of the shapes that this platform's front ends send."""

    code = "envelope.unknown-shape"


class MissingField(EnvelopeError):
    """A field that has to be there is not."""

    code = "envelope.missing-field"


class BadField(EnvelopeError):
    """A field has the wrong type, is too long, or has characters that it cannot have."""

    code = "envelope.bad-field"


class BadBase64(EnvelopeError):
    """A field that has to be base64 is not, even after the usual damage was repaired."""

    code = "envelope.bad-base64"


class UserDeclined(EnvelopeError):
    """The front end sent the event of a user who declined."""

    code = "envelope.user-declined"
    status = 422
    public_code = Public.DECLINED
    next_action = Next.ASK_AGAIN


class ButtonFailed(EnvelopeError):
    """The front end sent the event of a button that failed on the device, before any code was issued."""

    code = "envelope.button-failed"
    status = 422
    public_code = Public.NOT_AVAILABLE


class EncryptedDataOff(EnvelopeError):
    """Only ``encryptedData`` and ``iv`` arrived, and the app does not accept encrypted data."""

    code = "envelope.encrypted-data-off"
    status = 422
    public_code = Public.NOT_AVAILABLE


# --- trust.*: well formed, but must not be believed --------------------------------------------------------------


class TrustError(HaomaError):
    """Well formed, but must not be believed."""

    status = 422
    public_code = Public.NOT_VERIFIED


class SignatureMissing(TrustError):
    """The envelope has no ``sign``. It is never skipped: a client can simply delete the field.

    ``next_action`` is ``stop``: only the console or the front end's code can mend it, no second tap. An anonymous
    caller may know, as nothing was opened. ``place`` is ``whole-string`` or ``taken-apart``, by what arrived.
    """

    code = "trust.signature-missing"
    public_code = Public.NOT_AVAILABLE


class SignatureMismatch(TrustError):
    """The signature does not belong to this ciphertext under any configured key."""

    code = "trust.signature-mismatch"


class ClearTextSuccess(TrustError):
    """A "success" that is not encrypted. Platforms never send one; anybody can write one."""

    code = "trust.clear-text-success"


class CannotOpen(TrustError):
    """Anything that can go wrong between ciphertext and a checked payload.

    One class, text, status and amount of work on purpose: a caller who can tell a bad padding from bad JSON can
    forge any number under a session_key (padding oracle). ``diagnosis`` tells the operator which
    it was, and ``unlisted`` names the members that should not be there.
    """

    code = "trust.cannot-open"
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
    """The session handle is not known, belongs to another app, or has expired."""

    code = "trust.session-unknown"
    public_code = Public.EXPIRED
    next_action = Next.ASK_AGAIN


class NotProven(TrustError):
    """A check that the app's policy requires was not proven by this authorization."""

    code = "trust.not-proven"


class ReplyUnsigned(TrustError):
    """The platform's gateway answered success without a signature."""

    code = "trust.reply-unsigned"
    status = 502
    public_code = Public.NOT_AVAILABLE


class ReplySignatureMismatch(TrustError):
    """The signature of the platform's gateway does not fit its reply."""

    code = "trust.reply-signature-mismatch"
    status = 502
    public_code = Public.NOT_AVAILABLE


class CertificateNotTrusted(TrustError):
    """The platform signs with another certificate than the configured one, and that one could not be trusted."""

    code = "trust.certificate-not-trusted"
    status = 502
    public_code = Public.NOT_AVAILABLE


# --- platform.*: the platform itself said no ---------------------------------------------------------------------


class PlatformRefusal(HaomaError):
    """The platform itself said no."""

    status = 502
    public_code = Public.NOT_AVAILABLE


class Refused(PlatformRefusal):
    """A code that is in no table of ours. The platform's words are passed through."""

    code = "platform.refused"


class NoPhoneBound(PlatformRefusal):
    """The user's account has no phone number."""

    code = "platform.no-phone-bound"
    status = 422
    public_code = Public.NO_PHONE


class UserNotAuthorized(PlatformRefusal):
    """The user has not agreed, or has revoked the agreement."""

    code = "platform.user-not-authorized"
    status = 422
    public_code = Public.DECLINED
    next_action = Next.ASK_AGAIN


class UserBlocked(PlatformRefusal):
    """The platform blocks this user (high risk)."""

    code = "platform.user-blocked"
    status = 422


class CodeRejected(PlatformRefusal):
    """The phone code is wrong, expired, used, or of another kind."""

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
    """The code was issued for another app than the one that asks."""

    code = "platform.app-mismatch"


class EncryptionNotConfigured(PlatformRefusal):
    """The console has no working content-encryption key for this app."""

    code = "platform.encryption-not-configured"


class SigningNotConfigured(PlatformRefusal):
    """The console has no signing method or gateway for this app."""

    code = "platform.signing-not-configured"


class PermissionMissing(PlatformRefusal):
    """The app has not been granted the phone-number feature."""

    code = "platform.permission-missing"


class TokenRejected(PlatformRefusal):
    """The platform does not accept our access_token, not even a new one."""

    code = "platform.token-rejected"
    status = 503
    public_code = Public.TRY_LATER
    next_action = Next.RETRY_LATER
    retry = True


class WrongTokenKind(PlatformRefusal):
    """The token is of another kind of account than this call needs."""

    code = "platform.wrong-token-kind"


class CredentialsRejected(PlatformRefusal):
    """The app id, its secret or its key is not accepted."""

    code = "platform.credentials-rejected"


class SecretFrozen(PlatformRefusal):
    """The app secret has been frozen in the console."""

    code = "platform.secret-frozen"


class IpNotAllowed(PlatformRefusal):
    """Our address is not on the platform's allow list."""

    code = "platform.ip-not-allowed"


class RateLimited(PlatformRefusal):
    """Too many calls in this minute."""

    code = "platform.rate-limited"
    status = 429
    public_code = Public.TRY_LATER
    next_action = Next.RETRY_LATER
    retry = True


class QuotaExhausted(PlatformRefusal):
    """The day's or the paid quota is used up."""

    code = "platform.quota-exhausted"
    status = 503


class Busy(PlatformRefusal):
    """The platform is busy for the moment."""

    code = "platform.busy"
    status = 503
    public_code = Public.TRY_LATER
    next_action = Next.RETRY_LATER
    retry = True


class RequestRejected(PlatformRefusal):
    """The platform finds our request malformed: a fault of this library or of its configuration."""

    code = "platform.request-rejected"


class PrivacyNotDeclared(PlatformRefusal):
    """The app's privacy guide does not declare the phone number, or the user has not agreed to it."""

    code = "platform.privacy-not-declared"


class SecurityModeMismatch(PlatformRefusal):
    """The app has API security mode on, and our keys do not fit."""

    code = "platform.security-mode-mismatch"


# --- outside.*: network, timeout, nonsense reply -----------------------------------------------------------------


class OutsideError(HaomaError):
    """The network or the platform's server failed; nobody said no."""

    status = 503
    public_code = Public.TRY_LATER
    next_action = Next.RETRY_LATER
    retry = True


class ConnectFailed(OutsideError):
    """No connection to the platform: nothing was sent."""

    code = "outside.connect-failed"


class TimedOut(OutsideError):
    """The platform did not answer in time."""

    code = "outside.timed-out"
    status = 504


class ConnectionLost(OutsideError):
    """The connection broke after the request was sent."""

    code = "outside.connection-lost"


class OutcomeUnknown(OutsideError):
    """The one-time code was sent, and nobody knows whether the platform used it up.

    The same request may be sent again while the code lives (five minutes on WeChat).
    """

    code = "outside.outcome-unknown"


class NonsenseReply(OutsideError):
    """The platform's reply cannot be understood."""

    code = "outside.nonsense-reply"
    status = 502


class ReplyTooLarge(OutsideError):
    """The platform's reply is larger than any reply should be."""

    code = "outside.reply-too-large"
    status = 502
    retry = False


class HookFailed(OutsideError):
    """A function that the application configured (a token source) raised an exception."""

    code = "outside.hook-failed"


# --- config.*: our settings ---------------------------------------------------------------------------------------


class ConfigError(HaomaError):
    """Our own settings are wrong."""


class ConfigFaults(ConfigError):
    """A configuration has faults; all of them are listed.

    Attributes:
        faults: What is wrong, each with code, place and facts; warnings as well.
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
    """A request to a host that no app's configuration names was stopped."""

    code = "config.host-not-allowed"


class NoOfflineWay(ConfigError):
    """A mistake in the program that calls us: nothing of this app's platform can be verified without asking it.

    ``because`` says what is missing.
    """

    code = "config.no-offline-way"


class WrongArgument(ConfigError, TypeError):
    """A mistake in the program that calls us. ``because`` has the argument, the type found, and what to write instead.

    It is a `TypeError` too, for whoever looks for one.
    """

    code = "config.wrong-argument"


def wrong_argument(argument: str, found: object, instead: str) -> WrongArgument:
    """Return the error for an argument of a type that can never work; of ``found`` it shows the type alone."""
    return WrongArgument(because={"argument": argument, "found": type(found).__name__, "instead": instead})


class Fault:
    """One fault of a configuration: not raised, collected.

    Attributes:
        code: ``config.…``, with words in the catalogue.
        where: ``apps.shop.aes_key``.
        file, line: Where it stands; empty and 0 when it came from Python.
        because: Safe facts.
        warning: True if the configuration can be used all the same.
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
        """Return title, cause, remedy and page in ``lang``."""
        return catalogue.words(self.code, lang)

    def __str__(self) -> str:
        words = self.explain("en")
        line = f":{self.line}" if self.line else ""  # a setting that is not there is in no line
        place = f"{self.file}{line}: " if self.file else ""
        place += f"{self.where}: " if self.where else ""
        facts = " ".join(f"{name}={value}" for name, value in self.because.items())
        return visible(f"{place}{words.title}" + (f" ({facts})" if facts else "") + f". {words.remedy} [{self.code}]")

    __repr__ = __str__


# --- caller.*: whoever called the service -------------------------------------------------------------------------


class CallerError(HaomaError):
    """Whoever called the service may not, or called it wrongly."""

    public_code = Public.NOT_ALLOWED


class KeyMissing(CallerError):
    """No ``Authorization: Bearer …`` header."""

    code = "caller.key-missing"
    status = 401


class KeyRejected(CallerError):
    """The key is none of the configured ones."""

    code = "caller.key-rejected"
    status = 401


class ServerKeyNeeded(CallerError):
    """This route gives a full number, and a publishable key may not have it."""

    code = "caller.server-key-needed"
    status = 403


class UnknownApp(CallerError):
    """No app of that name is configured."""

    code = "caller.unknown-app"
    status = 404


class UnknownRoute(CallerError):
    """There is nothing at this address."""

    code = "caller.unknown-route"
    status = 404


class WrongMethod(CallerError):
    """The route exists, but not for this HTTP method."""

    code = "caller.wrong-method"
    status = 405


class TokenUnusable(CallerError):
    """The session token is not one of ours, was changed, or has expired."""

    code = "caller.token-unusable"
    status = 422
    public_code = Public.EXPIRED


class TooManyRefusedCodes(CallerError):
    """The platform refused too many codes of this client address, or of this login, in the last minutes.

    Attributes:
        retry_after: Seconds until the next code is taken, a whole number; 0 when not known.
    """

    code = "caller.too-many-refused-codes"
    status = 429
    public_code = Public.TRY_LATER
    next_action = Next.RETRY_LATER
    retry = True

    def __init__(self, *, retry_after: int = 0, **more: Any) -> None:
        super().__init__(**more)
        self.retry_after = retry_after


class TooSlow(CallerError):
    """The body did not arrive, or the answer was not ready, within the time limit."""

    code = "caller.too-slow"
    status = 408
    public_code = Public.TRY_LATER
    next_action = Next.RETRY_LATER
    retry = True


class Draining(CallerError):
    """The service is about to stop: what is in flight is finished, new requests should go elsewhere."""

    code = "caller.draining"
    status = 503
    public_code = Public.TRY_LATER
    next_action = Next.RETRY_LATER
    retry = True


class InternalFault(HaomaError):
    """A mistake of haoma itself. Nothing about it is shown; the log has the request id."""

    code = "internal.fault"
    status = 500
    public_code = Public.TRY_LATER


class MemoryFull(HaomaError):
    """So much is remembered that this could not be: rather than forget what was used, nothing new is taken."""

    code = "internal.memory-full"
    status = 503
    public_code = Public.TRY_LATER
    next_action = Next.RETRY_LATER
    retry = True


class LinkError(HaomaError):
    """The number belongs to somebody else."""

    status = 409


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
"""Every code and its class."""
