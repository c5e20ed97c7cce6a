"""What the doctor needs to know about a platform: what its replies, events, ids, secrets and envelopes look like.

Each platform declares its own `Symptoms` in its ``symptoms.py``. The service never relies on any of it: it only tells
people what they have in front of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from haoma import catalogue
from haoma.crypto.strict import parse_json
from haoma.errors import HaomaError
from haoma.platforms.base.diagnosis import Diagnosis, Severity, fault, good, note, of_error
from haoma.platforms.base.refusal import refusal

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

    from haoma.authorization import Authorization
    from haoma.phone import PhoneNumber
    from haoma.platforms.base.contract import App
    from haoma.secret import Secret
    from haoma.steps import Flow
    from haoma.verified import VerifiedPhone

TOO_OFTEN: Final = "JSON in a string, too many times"
ERRCODE: Final = "errcode|err_code|ErrCode|errCode|[Ee]rror code|错误代码|错误码|ErrorCode"
"""Names of log fields, a pattern, for the code of several platforms, and how SDKs print it."""
_NUMBER: Final = re.compile(r"-?\d{1,12}", re.ASCII)
# Names of fields that any back end may use; what is a platform's own, it declares.
_WORDS: Final = ("error_msg", "msg", "error_description", "description", "message", "error")
_IDS: Final = ("request_id",)
_GIVEN: Final = ("session_key", "openid", "open_id", "unionid", "access_token", "refresh_token", "expires_in")

Run: TypeAlias = "Callable[[Flow[Any]], Any]"


# --- what was captured ---


@dataclass(frozen=True)
class Captured:
    """A capture, with what may help to understand it.

    Attributes:
        text: The captured text.
        verify_offline: Opens what an app's mini program sent, as a service would.
        configured: The configured apps.
        app: Name of the app that it was sent to, if known.
        session_key: The user's session_key, if available.
        now: Unix seconds.
    """

    text: str = field(repr=False)
    verify_offline: Callable[[App, Mapping[str, Any]], VerifiedPhone] = field(repr=False)
    configured: tuple[App, ...] = ()
    app: str = ""
    session_key: Secret | None = None
    now: float = 0.0

    @cached_property
    def value(self) -> Any:
        """The JSON value, or None if the text is not JSON."""
        try:
            return parse_json(self.text)
        except HaomaError:
            return None

    @property
    def object(self) -> Mapping[str, Any]:
        """The JSON object; empty if the text is not one."""
        return self.value if isinstance(self.value, dict) else {}

    def apps(self, *platforms: str) -> list[Any]:
        """Return the configured apps of these platforms (default: all), the named one first."""
        found = [app for app in self.configured if not platforms or app.platform in platforms]
        return sorted(found, key=lambda app: app.name != self.app)

    @property
    def named(self) -> App | None:
        """The app that it was sent to, or the only configured app."""
        apps = self.apps()
        return next((app for app in apps if app.name == self.app or len(apps) == 1), None)


@dataclass(frozen=True, slots=True)
class Looked:
    """What a capture is, and the findings about it.

    Attributes:
        kind: Such as ``phone-code``; `Symptoms.kinds` and ``captures/capture.py`` list the kinds.
        found: The diagnoses, most important first.
    """

    kind: str
    found: list[Diagnosis]


def members(value: object, depth: int = 0) -> Iterator[tuple[str, object]]:
    """Yield every name and value of an object, at any depth (up to eight)."""
    if isinstance(value, Mapping) and depth < 8:
        for name, each in value.items():
            yield str(name), each
            yield from members(each, depth + 1)


# --- what a platform declares ---


@dataclass(frozen=True, slots=True)
class PlatformKeys:
    """The platform's public keys that an app has: the setting, and the fault to report if one of them is our own."""

    setting: str
    code: str
    keys: tuple[RSAPublicKey, ...]


@dataclass(frozen=True, slots=True)
class ReplyFields:
    """Names of fields that only this platform's replies have.

    Attributes:
        words: What it says with a code, the most telling first.
        ids: Its id of the request.
        given: What a success gives.
    """

    words: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()
    given: tuple[str, ...] = ()


_COMMON_FIELDS: Final = ReplyFields()


def _none(*_given: Any) -> Any:
    return None


def _nothing(*_given: Any, **_named: Any) -> Any:
    return ()


def _no(*_given: Any) -> bool:
    return False


@dataclass(frozen=True, kw_only=True)
class Symptoms:
    """What the doctor needs to know about one platform. Every attribute is optional.

    Attributes:
        kinds: The kinds of capture that this platform has. ``kinds.KIND`` in its ``words.toml`` is their name.
        reply: Diagnose a reply of the platform; None if the capture is not one.
        turn: When `reply` is asked. The less its replies differ from those of others, the later.
        bare: Diagnose a bare value that only this platform has; None if the capture is not one.
        value: Same, for a short value whose shape is commonly seen but nowhere documented. All findings are guesses.
        event: Diagnose what a front end sent, if its shape alone identifies this platform; else None.
        usual: True for the platform that is assumed if nothing identifies one.
        nobody: An app to read captures with if none is configured, for readers that need one.
        refine: Say more about a failed button's event than the reader does, from its message; else None.
        is_login_code: Tell by its shape whether a code is a login code.
        is_of_the_button: Tell whether a code in a body is an error code of the platform's button.
        behind_cannot_open: What is behind ``trust.cannot-open`` at this step, other than the session_key.
        code_fields: Names of log fields that hold the platform's codes (a pattern), and the order in which to ask.
        code_header: The header of its replies that holds a code, in lower case, if one does; 0 in it is a success.
        of_the_code_alone: Its codes by which it may refuse a made-up code before it has looked at the secret. The
            online check learns nothing from them.
        reply_fields: Names of fields that only its replies have.
        fields_beside: Same as ``code_fields``, for names that anybody uses: they count beside an address of its own.
        success: Its codes that mean success.
        code_words: A pattern for its codes that are words.
        words_beside: True if these words count only beside an address of the platform.
        interfaces: The calls of its API: a pattern for what names one in a log, and the place of its answers.
        missing: For a parameter of its calls that is empty, the entry of its table that says why, if there is one.
        dead_token: Its codes for a dead token.
        pushed: For a code that reports something missing that is pushed to the service only, what that is.
        app_id: The shape of its app ids.
        knows_app_id: True if the settings themselves warn about an id of another shape.
        app_secret: The shape of its AppSecret, if the settings warn about others.
        examine: Find what is unwise in an app's settings.
        platform_keys: The platform's public keys that an app has, given which of its settings are present.
        private_keys: The app's own private keys.
        key_settings: For a kind of key, the settings that it may belong to.
        operator: The operator whose settings several apps share, such as a third-party platform; empty if none.
        shared_settings: The prefixes of such an operator's settings.
        certificates: Settings with a certificate whose expiry nothing else reports, and the code that reports it.
        packages: Check the packages installed alongside haoma, in these directories (None: this interpreter's).
        api: The global object that its mini programs call, such as ``wx``.
        markup: The suffix of its pages, such as ``.wxml``.
        markup_binds: True if event attributes are named ``bind…`` there.
        realtime_button: True if its button has a second type, ``getRealtimePhoneNumber``.
        own_button: A pattern that shows that a mini program is built for this platform, if its button is
            ``getAuthorize`` rather than the common one.
        probes: Free requests, made after the token and before the login.
    """

    kinds: tuple[str, ...] = ()
    reply: Callable[[Captured], Looked | None] = _none
    turn: int = 50
    bare: Callable[[Captured], Looked | None] = _none
    value: Callable[[str], Looked | None] = _none
    event: Callable[[Captured, Authorization], Looked | None] = _none
    usual: bool = False
    nobody: App | None = None
    refine: Callable[[HaomaError, str], Diagnosis | None] = _none
    is_login_code: Callable[[str], bool] = _no
    is_of_the_button: Callable[[str], bool] = _no
    behind_cannot_open: Mapping[int, str] = field(default_factory=dict)
    code_fields: Mapping[str, int] = field(default_factory=dict)
    code_header: str = ""
    of_the_code_alone: tuple[str, ...] = ()
    reply_fields: ReplyFields = _COMMON_FIELDS
    fields_beside: str = ""
    success: tuple[str, ...] = ("0",)
    code_words: str = ""
    words_beside: bool = False
    interfaces: Mapping[str, str] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)
    dead_token: tuple[str, ...] = ()
    pushed: Mapping[str, str] = field(default_factory=dict)
    app_id: re.Pattern[str] | None = None
    knows_app_id: bool = False
    app_secret: re.Pattern[str] | None = None
    examine: Callable[[Any], Iterator[Diagnosis]] = _nothing
    platform_keys: Callable[[Any, Collection[str]], PlatformKeys | None] = _none
    private_keys: Callable[[Any], Sequence[RSAPrivateKey]] = _nothing
    key_settings: Mapping[str, str] = field(default_factory=dict)
    operator: Callable[[Any], str] = lambda _app: ""
    shared_settings: tuple[str, ...] = ()
    certificates: Mapping[str, str] = field(default_factory=dict)
    packages: Callable[[Sequence[str] | None], Iterator[Diagnosis]] = _nothing
    api: str = ""
    markup: str = ""
    markup_binds: bool = False
    realtime_button: bool = False
    own_button: str = ""
    probes: tuple[Callable[[Any, Run], Iterator[Diagnosis]], ...] = ()


# --- what codes mean ---


def meanings(
    captured: Captured, platform: str, native: str, words: str = "", *, place: str = "", request_id: str = ""
) -> Iterator[Diagnosis]:
    """Yield the error a platform code maps to, then its other possible meanings as notes.

    Args:
        captured: The capture; names the app that it was sent to.
        platform: Name of the platform.
        native: The platform's code.
        words: The platform's message.
        place: The call that answered, if known.
        request_id: The platform's id of the request.
    """
    first, *others = places(platform, native, place)
    app = captured.named
    for each in (first, *others):
        refused = refusal(platform, native, place=each, message=words, request_id=request_id)
        error = refused.evolve(app=app.name if app is not None and app.platform == platform else "")
        if each == first:
            yield of_error(error)
        else:
            yield replace(of_error(error, severity=Severity.NOTE, answer_of=each), guess=True)


def places(platform: str, native: str, known: str = "") -> list[str]:
    """Return the calls in whose answers the code may be, one for each error that it may mean."""
    return [known] if known else list(_by_code(platform, native).values()) or [""]


def has_meaning(platform: str, native: str) -> bool:
    """Return whether a platform's table lists a code, in the answer of any call."""
    return bool(_by_code(platform, native))


def place_of(platform: str, native: str, code: str) -> str:
    """Return the call in whose answer a platform code means this error; empty if all or none."""
    return _by_code(platform, native).get(code, "")


def _by_code(platform: str, native: str) -> dict[str, str]:
    seen: dict[str, str] = {}
    named = (name.partition("@")[2] for name in catalogue.refusals(platform) if name.startswith(f"{native}@"))
    for each in ("", *named):
        entry = catalogue.find_refusal(platform, native, place=each)
        if entry is not None:
            seen.setdefault(entry.code, each)
    return seen


# --- replies ---


def code_of(value: object) -> list[str]:
    """Return a numeric code as a list with one member; an empty list if the value is not one."""
    if isinstance(value, int) and not isinstance(value, bool):
        return [str(value)]
    return [value] if isinstance(value, str) and _NUMBER.fullmatch(value) else []


def look_at_reply(
    captured: Captured,
    platform: str,
    read: Callable[[Mapping[str, Any]], list[str] | None],
    *,
    success: str = "0",
    given: Callable[[Captured], Iterator[Diagnosis] | list[Diagnosis] | None] = _none,
    fields: ReplyFields = _COMMON_FIELDS,
) -> Looked | None:
    """Diagnose a JSON reply.

    Args:
        captured: The capture.
        platform: Name of the platform.
        read: Returns the codes in it; empty for a success without a code; None if the reply is not this platform's.
        success: The code that means success.
        given: Diagnoses what a success holds; None if that is of no interest.
        fields: Names of fields that only this platform has.
    """
    found = captured.object
    if not found or {"errMsg", "detail", "authorization"} & found.keys():
        return None  # this comes from a front end
    codes = read(found)
    if codes is None:
        return None
    told: list[Diagnosis] = []
    app = captured.named
    if app is not None and captured.app and app.platform != platform:
        told.append(fault("doctor.other-platform", f"apps.{app.name}", looks_like=platform))
    code = next((each for each in codes if each != success), "")
    holders = [found, *(each for name in ("data", "extra") if isinstance(each := found.get(name), Mapping))]
    if code:
        request_id = _text(holders, (*fields.ids, *_IDS))[:80]
        told += meanings(captured, platform, code, _text(holders, (*fields.words, *_WORDS)), request_id=request_id)
    elif (number := given(captured)) is not None:
        told += number
    else:
        names = sorted({name for each in holders for name in (*fields.given, *_GIVEN) if name in each})
        holds: dict[str, Any] = {"holds": ", ".join(names)} if names else {}
        told.append(note("doctor.reply-good", "", **holds))
    return Looked(f"{platform}-reply", told)


def number_in(number: PhoneNumber | None, field_name: str, where: str = "", **more: object) -> Diagnosis:
    """Return the finding about the number of a reply; None stands for an unreadable number."""
    if number is None:
        return fault("outside.nonsense-reply", where, field=field_name)
    return good("doctor.reply-good", where, number=number.masked, **more)


def _text(holders: list[Mapping[str, Any]], names: tuple[str, ...]) -> str:
    texts = (holder.get(name) for holder in holders for name in names)
    return next((text for text in texts if isinstance(text, str) and text), "")
