"""Diagnoses codes, and the sealed data of the session_key flow."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from haoma.authorization import Authorization
from haoma.authorize import verify_with_session_key
from haoma.crypto.strict import decode_base64, repair_base64
from haoma.doctor.platforms import opens_offline, symptoms, usual
from haoma.errors import (
    BadBase64,
    ButtonFailed,
    CannotOpen,
    EncryptedDataOff,
    HaomaError,
    MissingField,
    PlatformRefusal,
    UserDeclined,
)
from haoma.platforms.base.base64_damage import examine_base64
from haoma.platforms.base.diagnosis import Diagnosis, fault, good, masked, note, of_error
from haoma.platforms.base.session_keys import NOT_A_KEY, told
from haoma.platforms.base.symptoms import Captured, Looked
from haoma.platforms.registry import PLATFORMS
from haoma.verified import CheckName

if TYPE_CHECKING:
    from collections.abc import Iterator

    from haoma.platforms.base.contract import App
    from haoma.secret import Secret
    from haoma.verified import VerifiedPhone

_BLOCK: Final = 16
_OTHER_CALL: Final = re.compile(r"(getUserInfo|getUserProfile):fail")
_EVENTS: Final = (PlatformRefusal, UserDeclined, ButtonFailed)  # most informative first

_BEHIND: Final = {
    "padding": "doctor.session-key-stale",
    "text": "doctor.session-key-stale",
    "frame": "doctor.session-key-stale",
    "watermark-app": "doctor.watermark-app",
    "app-key": "doctor.watermark-app",
    "watermark-age": "doctor.watermark-old",
}
"""The cause behind the point at which an opening failed. For other points, the data itself is the cause."""


def look(captured: Captured, sent: Authorization) -> Looked:
    """Diagnose what a mini program with codes or session_keys sent."""
    claimed = sent.claimed
    if (other := _OTHER_CALL.match(str(claimed.get("errMsg", "")))) is not None:
        return Looked("event", [replace(fault("doctor.other-product", "errMsg", found=other[1]), place="user-info")])
    if (failed := _failed(captured, sent)) is not None:
        return Looked("event", [failed])
    code = next((claimed[name] for name in _codes() if isinstance(claimed.get(name), str) and claimed[name]), "")
    if captured.app and captured.named and not PLATFORMS[captured.named.platform].phone_code:
        code = ""  # it is the login's
    sealed = "encryptedData" in claimed or {"data", "iv"} <= claimed.keys()
    if sealed and (not code or captured.session_key is not None):
        return Looked("sealed", [*_of_user_info(captured, sent), *_sealed(captured, sent)])
    if code:
        return Looked("phone-code", [*_of_user_info(captured, sent), *_code(captured, sent, code)])
    error = _refused(captured.named, sent)
    kind = "event" if {"errMsg", "errno"} & claimed.keys() else "login-code" if sent.login_code else "unknown"
    return Looked(kind, [of_error(error)] if error else [])


def _of_user_info(captured: Captured, sent: Authorization) -> Iterator[Diagnosis]:
    """Yield that data looks like that of getUserInfo, which alone has these two fields; a key shows what it is."""
    of_its_own = str(sent.claimed.get("errMsg", "")).startswith("getUser")  # the reader says so itself
    fields = {"rawData", "signature", "encryptedData"} <= sent.claimed.keys()
    if fields and captured.session_key is None and not of_its_own:
        found = fault("doctor.other-product", "encryptedData", guess=True, found="rawData, signature")
        yield replace(found, place="user-info")


@cache
def _codes() -> tuple[str, ...]:
    """Return the names of phone codes on all platforms."""
    return tuple(dict.fromkeys(["code", *(name for each in PLATFORMS for name in PLATFORMS[each].phone_code)]))


def _refused(app: App | None, sent: Authorization, platform: str = "") -> HaomaError | None:
    """Return the error that a platform's reader raises for it, by the app or by the platform."""
    platform = app.platform if app else platform or usual()
    try:
        PLATFORMS[platform].read(app or symptoms(platform).nobody, sent)
    except HaomaError as error:
        return error.evolve(platform=platform)
    return None


def _refused_login(app: App, sent: Authorization, now: float) -> HaomaError | None:
    """Return the error that a platform raises for a login without any request: some have no login but the code."""
    if sent.login_code is None:
        return None
    flow = PLATFORMS[app.platform].log_in(app, sent.login_code, now)
    try:
        next(flow, None)
    except HaomaError as error:
        return error
    finally:
        flow.close()
    return None


def _failed(captured: Captured, sent: Authorization) -> Diagnosis | None:
    """Return the meaning of a failed button's event. If several platforms match, take the most informative one."""
    named = captured.named
    if named is not None and not opens_offline(named.platform):
        return _event(named, sent)
    configured = {app.platform for app in captured.apps() if not opens_offline(app.platform)}
    for platforms in (configured, {name for name in PLATFORMS if not opens_offline(name)}):
        heard = [found for name in PLATFORMS if name in platforms and (found := _event(None, sent, name))]
        for kind in _EVENTS:
            for each in heard:
                if isinstance(each.error, kind):
                    return replace(each, guess=each.guess or (kind is PlatformRefusal and len(configured) != 1))
    return None


def _event(app: App | None, sent: Authorization, platform: str = "") -> Diagnosis | None:
    """Return the event of a failed button as a platform's reader understands it; None if it is not one."""
    error = _refused(app, sent, platform)
    said = sent.claimed.get("errMsg")
    words = said if isinstance(said, str) else ""
    if not isinstance(error, ButtonFailed):
        return of_error(error) if isinstance(error, _EVENTS) else None
    if (refined := symptoms(error.platform).refine(error, words)) is not None:
        return refined
    return of_error(error, says=masked(words)[:200]) if words else of_error(error)


def _code(captured: Captured, sent: Authorization, code: str) -> Iterator[Diagnosis]:
    app = captured.named
    platform = app.platform if app else ""
    if sent.login_code is not None and sent.login_code.reveal() == code:
        yield fault("doctor.login-code-as-phone-code", "authorization.code", same_as="login_code")
    elif symptoms(platform or usual()).is_login_code(code):
        yield fault("doctor.login-code-as-phone-code", "authorization.code", guess=True, characters=len(code))
    elif platform and PLATFORMS[platform].find_under_key and not PLATFORMS[platform].phone_code:  # it has no phone code
        yield fault("doctor.login-code-as-phone-code", "authorization.code", guess=True, needed="encryptedData and iv")
    else:
        yield note("doctor.code-not-asked", "authorization.code", characters=len(code))
    if app and opens_offline(platform):
        yield fault("doctor.other-platform", f"apps.{app.name}", looks_like=usual())
    elif app and (error := _refused(app, sent) or _refused_login(app, sent, captured.now)) is not None:
        yield of_error(error, f"apps.{app.name}")


def _sealed(captured: Captured, sent: Authorization) -> Iterator[Diagnosis]:
    claimed = sent.claimed
    if _size(claimed.get("iv")) > _BLOCK == _size(claimed.get("encryptedData", claimed.get("data"))):
        yield fault("doctor.swapped", "", fields="encryptedData, iv")
        return
    if "iv" not in claimed:
        yield of_error(sent.missing("iv"))
        return
    damaged = [
        each
        for name in ("encryptedData", "data", "iv")
        for each in examine_base64(name, claimed[name] if isinstance(claimed.get(name), str) else "")
    ]
    apps = [app for app in captured.apps() if PLATFORMS[app.platform].find_under_key is not None]
    with_keys = [name for name, platform in PLATFORMS.items() if platform.find_under_key is not None]
    named = captured.named
    if named is not None and named.platform not in with_keys:
        yield fault("doctor.other-platform", f"apps.{named.name}", looks_like=" | ".join(with_keys))
    elif captured.session_key is None or not apps:
        yield from _unopened(named, sent, apps)
    else:
        yield from _opened(captured, captured.session_key, claimed, apps)
    yield from damaged


def _size(text: object) -> int:
    try:
        return len(decode_base64(repair_base64(text), "field")) if isinstance(text, str) else 0
    except (BadBase64, ValueError):
        return 0


def _unopened(named: App | None, sent: Authorization, apps: list[App]) -> Iterator[Diagnosis]:
    # Without an app, only the field's usual name is known. With one, its own platform decides.
    if (error := _refused(named, sent)) is not None and (named or "data" not in sent.claimed):
        yield of_error(error)
        if error.place:  # it is of another call: nothing else matters
            return
    yield note("doctor.session-key-needed" if apps else "doctor.no-configuration", "encryptedData")
    if sent.login_code is None and sent.session is None:
        yield of_error(MissingField(because={"field": "login_code", "or": "session"}))


def _alone(claimed: dict[str, Any]) -> Authorization:
    return Authorization({name: each for name, each in claimed.items() if name not in _codes()})


def _opened(captured: Captured, session_key: Secret, claimed: dict[str, Any], apps: list[App]) -> Iterator[Diagnosis]:
    refused: list[tuple[App, HaomaError]] = []
    opened: list[tuple[App, VerifiedPhone]] = []
    for app in apps:
        try:
            opened.append((app, verify_with_session_key(app, claimed, session_key, now=captured.now)))
        except HaomaError as error:
            refused.append((app, error))
    # A platform without a watermark also opens data of another platform.
    bound = [each for each in opened if each[1].proves(CheckName.APP_BINDING)]
    foreign = any(error.diagnosis in _BEHIND and "watermark" in error.diagnosis for _app, error in refused)
    if bound or (opened and not foreign):
        app, phone = (bound or opened)[0]
        yield good("doctor.envelope-good", f"apps.{app.name}", number=phone.masked)
        # It opens here, but a service would refuse it.
        if isinstance(refusal := _refused(app, _alone(claimed)), EncryptedDataOff):
            yield of_error(refusal.evolve(app=app.name))
        if captured.app and captured.app != app.name:
            yield fault("doctor.other-apps-envelope", f"apps.{captured.app}", belongs_to=app.name)
        return
    # The named app comes first. Another of the apps says more only if it got further, to a watermark. A key of the
    # wrong size belongs to another platform.
    further = [each for each in refused if each[1].diagnosis == "watermark-age"]
    fitting = [each for each in refused if each[1].diagnosis != NOT_A_KEY and not captured.app]
    app, first = (further or fitting or refused)[0]
    code = _BEHIND.get(first.diagnosis) if isinstance(first, CannotOpen) else None
    if code:
        yield fault(code, f"apps.{app.name}", failed_at=first.diagnosis)
    yield of_error(told(first))
