"""What the doctor has to know of a platform: how its replies, events, ids, secrets and envelopes look.

Each platform declares a `Symptoms` of its own in its ``symptoms.py``. Nothing here, and nothing that is declared, is
believed by a service: it only tells somebody at the desk what he has before him.
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
_NUMBER: Final = re.compile(r"-?\d{1,12}", re.ASCII)
_WORDS: Final = (
    "err_tips", "err_msg", "error_msg", "msg", "error_description", "description", "resultDesc", "message", "error",
)  # fmt: skip
_IDS: Final = ("log_id", "logid", "request_id", "requestid", "requestId")
_GIVEN: Final = (
    "session_key", "openid", "open_id", "openId", "unionid", "unionId", "access_token", "accessToken", "refresh_token",
    "refreshToken", "expires_in", "expireIn", "anonymous_openid",
)  # fmt: skip

Run: TypeAlias = "Callable[[Flow[Any]], Any]"


# --- what was captured ---


@dataclass(frozen=True)
class Captured:
    """A capture, with what may help to understand it.

    Attributes:
        text: What was captured.
        verify_offline: Opens what an app's mini program sent, as a service would.
        configured: The configured apps.
        app: Name of the app that it was sent to, if that is known.
        session_key: The user's session_key, if somebody has it at hand.
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
        """The JSON value, or None if it is none."""
        try:
            return parse_json(self.text)
        except HaomaError:
            return None

    @property
    def object(self) -> Mapping[str, Any]:
        """The JSON object; empty if it is none."""
        return self.value if isinstance(self.value, dict) else {}

    def apps(self, *platforms: str) -> list[Any]:
        """Return the configured apps of these platforms (of all when none is named), the one that was named first."""
        found = [app for app in self.configured if not platforms or app.platform in platforms]
        return sorted(found, key=lambda app: app.name != self.app)

    @property
    def named(self) -> App | None:
        """The app that it was sent to; the only one, if there is just one."""
        apps = self.apps()
        return next((app for app in apps if app.name == self.app or len(apps) == 1), None)


@dataclass(frozen=True, slots=True)
class Looked:
    """What a capture is, and what there is to say about it.

    Attributes:
        kind: Such as ``phone-code``; what kinds there are, `Symptoms.kinds` and ``captures/capture.py`` say.
        found: The diagnoses, the most important one first.
    """

    kind: str
    found: list[Diagnosis]


def members(value: object, depth: int = 0) -> Iterator[tuple[str, object]]:
    """Yield every name and value of an object, however deep."""
    if isinstance(value, Mapping) and depth < 8:
        for name, each in value.items():
            yield str(name), each
            yield from members(each, depth + 1)


# --- what a platform declares ---


@dataclass(frozen=True, slots=True)
class PlatformKeys:
    """The platform's public keys as an app has them: the setting, and what it is called if they are our own."""

    setting: str
    code: str
    keys: tuple[RSAPublicKey, ...]


def _none(*_given: Any) -> Any:
    return None


def _nothing(*_given: Any, **_named: Any) -> Any:
    return ()


def _no(*_given: Any) -> bool:
    return False


@dataclass(frozen=True, kw_only=True)
class Symptoms:
    """What the doctor has to know of one platform. All of it may be left out.

    Attributes:
        kinds: What a capture of this platform can be, with its name in Chinese and English.
        reply: Look at a reply of the platform; None if it is none.
        turn: When `reply` is asked: the less its replies differ from those of others, the later.
        bare: Look at a value by itself that the platform alone has; None if it is none.
        value: The same for a short value whose shape is seen in public, and promised by nobody: all of it is a guess.
        event: Look at what a front end sent, if its shape alone says that it is this platform's; else None.
        usual: True for the platform that a capture is taken for when nothing says whose it is.
        nobody: An app to read captures with when none is configured, if the reader needs one.
        refine: Say more of an event of a failed button than the reader does, from its words; else None.
        is_login_code: Tell by its shape whether a code is that of the login.
        is_of_the_button: Tell whether a code in a body is an error of the platform's button.
        behind_cannot_open: What is behind ``trust.cannot-open`` of this step, if it is not the session_key.
        code_fields: In logs, names of fields with the platform's codes (a pattern), and how soon it is asked by each.
        code_words: A pattern of its codes that are words.
        messages: Error messages of its SDKs: a pattern, and the code of what is wrong.
        dead_token: Its codes for a token that is dead.
        app_id: How its app ids look.
        knows_app_id: True if the settings themselves warn of an id of another shape.
        app_secret: How its AppSecret looks, if the settings warn of others.
        examine: What is unwise in an app's settings.
        platform_keys: The platform's public keys that an app has; given which of its settings are there.
        private_keys: The app's own private keys.
        key_settings: For a kind of key, the settings that it may belong to.
        operator: Whose settings an app shares with others, such as a third-party application's; empty if nobody's.
        shared_settings: How the settings of such an operator begin.
        certificates: Settings with a certificate whose end nobody else tells, and the code that tells it.
        packages: Look at what is installed beside haoma, in these directories (None: this interpreter's).
        own_button: A pattern that shows that a mini program is built for this platform, if its button is
            ``getAuthorize`` and not the common one.
        probes: Questions that cost nothing, asked after the token and before the login.
    """

    kinds: Mapping[str, tuple[str, str]] = field(default_factory=dict)
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
    code_words: str = ""
    messages: tuple[tuple[re.Pattern[str], str], ...] = ()
    dead_token: tuple[str, ...] = ()
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
    own_button: str = ""
    probes: tuple[Callable[[Any, Run], Iterator[Diagnosis]], ...] = ()


# --- what codes mean ---


def meanings(
    captured: Captured, platform: str, native: str, words: str = "", *, place: str = "", request_id: str = ""
) -> Iterator[Diagnosis]:
    """Yield the refusal that a code is; then, as notes, what else it is when another call answered.

    Args:
        captured: The capture, for the app that it was sent to.
        platform: Name of the platform.
        native: Its code.
        words: Its words.
        place: Which call answered, if that shows.
        request_id: Its id of the request.
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
    """Return the calls whose answers the code may stand in, as far as it then means different errors of ours."""
    return [known] if known else list(_by_code(platform, native).values()) or [""]


def has_meaning(platform: str, native: str) -> bool:
    """Tell whether a platform's table knows a code, in whichever answer."""
    return bool(_by_code(platform, native))


def place_of(platform: str, native: str, code: str) -> str:
    """Return the call in whose answer a platform's code means this error of ours; empty if in all, or in none."""
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
    """Return a code of digits as the one member of a list; an empty list if it is none."""
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
) -> Looked | None:
    """Look at a JSON reply.

    Args:
        captured: The capture.
        platform: Name of the platform.
        read: Returns the codes in it, empty for a success without one, None if it is not this platform's.
        success: The code that says yes.
        given: Looks at what a success holds; None if it is nothing of interest.
    """
    found = captured.object
    if not found or {"errMsg", "detail", "authorization"} & found.keys():
        return None  # what a front end has
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
        request_id = _text(holders, _IDS)[:80]
        told += meanings(captured, platform, code, _text(holders, _WORDS), request_id=request_id)
    elif (number := given(captured)) is not None:
        told += number
    else:
        names = sorted({name for each in holders for name in _GIVEN if name in each})
        holds: dict[str, Any] = {"holds": ", ".join(names)} if names else {}
        told.append(note("doctor.reply-good", "", **holds))
    return Looked(f"{platform}-reply", told)


def number_in(number: PhoneNumber | None, field_name: str, where: str = "", **more: object) -> Diagnosis:
    """Return what there is to say about the number of a reply; None is one that cannot be read."""
    if number is None:
        return fault("outside.nonsense-reply", where, field=field_name)
    return good("doctor.reply-good", where, number=number.masked, **more)


def _text(holders: list[Mapping[str, Any]], names: tuple[str, ...]) -> str:
    texts = (holder.get(name) for holder in holders for name in names)
    return next((text for text in texts if isinstance(text, str) and text), "")
