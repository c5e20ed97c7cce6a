"""What the platforms say to the configured apps.

Nothing here costs money or uses anything up: a token is fetched where fetching does not replace somebody else's, and a
login is asked for with a code that no platform has issued. That the platform calls the *code* wrong proves that it took
app id, secret or signature, and our address, for right. Permissions cannot be asked for without a user's tap.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from email.utils import parsedate_to_datetime
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final, TypeVar

from haoma.authorize import authorize
from haoma.doctor.diagnosis import Diagnosis, Severity, fault, good, note, of_error, warning
from haoma.errors import (
    CodeRejected,
    HaomaError,
    LoginCodeRejected,
    NotProven,
    OutsideError,
    PlatformRefusal,
    RateLimited,
    Refused,
    ReplySignatureMismatch,
    UnknownShape,
)
from haoma.io import blocking, clock
from haoma.io.blocking import World
from haoma.io.http import Http, Limits
from haoma.io.memory import Memory
from haoma.platforms.registry import PLATFORMS
from haoma.platforms.wechat.app import WeChatApp
from haoma.platforms.wechat.token import Access
from haoma.platforms.wechat.usage import usage
from haoma.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from haoma.platforms.base.contract import App
    from haoma.settings.model import Settings
    from haoma.steps import Flow, Reply, Send

NO_CODE: Final = "haoma-doctor-asks-without-a-code"
"""What is sent as the login code. No platform has issued it."""
_NO_TICKET: Final = "no-ticket"  # WeChat pushes it to the service, in whose memory it is; not to us
_SKEW: Final = 30.0
_BAD_SKEW: Final = 120.0  # below the five minutes in which a watermark has to be
_CHECK: Final = "/wxa/business/checkencryptedmsg"  # free, and uses nothing up
_UNKNOWN_HASH: Final = "0" * 64
_COMPONENTS: Final = {"getPhoneNumber": False, "getRealtimePhoneNumber": True}  # each is bought apart
_UNKNOWN: Final = ("1", "40097", "-1")  # "not mine", "not a hash", busy: what it may answer to that, with a good token
T = TypeVar("T")


@dataclass
class _Listening:
    """Sends requests, and compares the platforms' clocks with ours."""

    http: Http
    skews: list[float] = field(default_factory=list)

    def send(self, step: Send) -> Reply:
        reply = self.http.send(step)
        try:
            said = parsedate_to_datetime(reply.headers.get("date", "")).timestamp()
        except (ValueError, TypeError, OverflowError):
            return reply
        self.skews.append(clock.now() - said)
        return reply


def ask_platforms(settings: Settings, *, limits: Limits | None = None) -> Iterator[Diagnosis]:
    """Ask the platform of each app, one after the other."""
    insecure = settings.allow_insecure_upstreams
    http = Http(limits=limits or Limits(), ca_file=settings.ca_file, allow_insecure_upstreams=insecure)
    listening = _Listening(http)
    world = World(listening, Memory())  # type: ignore[arg-type]  # it sends, which is all that a world asks for
    for app in settings.apps.values():
        yield from _once(_ask(app, lambda flow: blocking.run(flow, world)))
    yield from _clock(listening.skews)


def _once(found: Iterator[Diagnosis]) -> Iterator[Diagnosis]:
    """Leave out what both questions were answered with."""
    seen: set[tuple[object, ...]] = set()
    for each in found:
        asked = "" if each.severity in (Severity.FAULT, Severity.WARNING) else each.because.get("asked")
        key = each.code, each.where, each.because.get("platform_code"), each.because.get("component"), asked
        if key not in seen:
            seen.add(key)
            yield each


def _ask(app: App, run: Callable[[Flow[Any]], Any]) -> Iterator[Diagnosis]:
    for probe in (ask_for_token, ask_with_token, ask_for_quota, ask_for_login):
        failed = False
        for each in probe(app, run):
            failed = failed or each.severity is Severity.FAULT
            yield each
        if failed:
            return  # every further question would be refused for the same reason, and counted
    yield note("doctor.permission-unknown", f"apps.{app.name}")


def ask_for_token(app: App, run: Callable[[Flow[Any]], Any]) -> Iterator[Diagnosis]:
    """Fetch a token the way the app does, if the platform has tokens."""
    name = f"haoma.platforms.{app.platform}.token"
    custody = getattr(import_module(name), "custody", None) if find_spec(name) else None
    issuer = getattr(app, "issuer", "")
    if custody is None or (app.platform == "baidu" and getattr(app, "login", "") != "v2"):
        return
    if issuer == "cloud" or (issuer == "plain" and not isinstance(app, WeChatApp)):
        yield note("doctor.not-asked", f"apps.{app.name}", asked="token", token=issuer)
        return
    yield from _answered(app, "token", lambda: run(custody(_without_harm(app)).token()))


def _without_harm(app: App) -> Any:
    """Return the app with WeChat's stable token, if it has the plain one: the two families do not see each other."""
    return replace(app, issuer="stable") if isinstance(app, WeChatApp) and app.issuer == "plain" else app


def ask_with_token(app: App, run: Callable[[Flow[Any]], Any]) -> Iterator[Diagnosis]:
    """Use WeChat's token for a question that is free; a fresh token that is dead has been replaced by somebody."""
    if not isinstance(app, WeChatApp) or app.in_cloud:
        return
    access = Access(_without_harm(app))
    try:
        answer = run(access.post(_CHECK, {"encrypted_msg_hash": _UNKNOWN_HASH}))
    except OutsideError as error:
        yield of_error(_placed(error, app), severity=Severity.WARNING, asked="checkencryptedmsg")
        return
    except HaomaError:
        return  # there is no token, which has been told already
    if answer.says_token_is_dead():
        yield fault("doctor.token-war", f"apps.{app.name}", platform_code=answer.errcode)
        return
    if access.renewed:
        yield warning("doctor.token-war", f"apps.{app.name}", platform_code="40001")
    if answer.refused and answer.errcode not in _UNKNOWN:
        refused = answer.refusal("check", 0, app.app_secret)
        yield of_error(_placed(refused, app), asked="checkencryptedmsg", severity=Severity.WARNING)


def ask_for_quota(app: App, run: Callable[[Flow[Any]], Any]) -> Iterator[Diagnosis]:
    """Warn before WeChat's paid quota ends: from then on the button fails on the device, and no server hears of it."""
    if not isinstance(app, WeChatApp):
        return
    where = f"apps.{app.name}"
    if app.in_cloud or app.component is not None:
        yield note("doctor.quota-unknown", where, token=app.issuer)
        return
    for component, realtime in _COMPONENTS.items():
        try:
            found = run(usage(_without_harm(app), realtime=realtime))
        except HaomaError as error:
            # The ids of the products are not documented, so that a refusal says nothing of the app; but who relies on
            # being warned has to hear that nobody watches.
            why: dict[str, Any] = {"platform_code": error.platform_code} if error.platform_code else {}
            yield note("doctor.quota-unknown", where, component=component, reason=error.code, **why)
            continue
        if found.low:
            yield warning("doctor.quota-low", where, component=component, left=found.left, total=found.total)


def ask_for_login(app: App, run: Callable[[Flow[Any]], Any]) -> Iterator[Diagnosis]:
    """Ask for a login with a code that cannot be right; for a number, where the phone code itself is the login."""
    try:
        yield from _answered(
            app, "login", lambda: run(PLATFORMS[app.platform].log_in(app, Secret(NO_CODE), clock.now()))
        )
    except UnknownShape:
        yield from _answered(app, "number", lambda: run(authorize(app, {"code": NO_CODE}, now=clock.now())))


def _answered(app: App, asked: str, ask: Callable[[], object]) -> Iterator[Diagnosis]:
    where = f"apps.{app.name}"
    try:
        ask()
    except (LoginCodeRejected, CodeRejected):
        pass
    except UnknownShape:
        raise
    except NotProven as error:
        missing: dict[str, Any] = dict(error.because)
        yield note("doctor.not-asked", where, asked=asked, **missing)
        return
    except ReplySignatureMismatch as error:
        yield of_error(_placed(error, app), where)
        yield fault("doctor.wrong-public-key", where, asked=asked)
        return
    except HaomaError as error:
        if error.platform_code == _NO_TICKET:
            yield note("doctor.not-asked", where, asked=asked, token="component")  # noqa: S106 - whose token
            return
        temporary = isinstance(error, RateLimited) or (error.retry and isinstance(error, PlatformRefusal))
        severity = Severity.WARNING if temporary else Severity.FAULT
        if isinstance(error, Refused):
            severity = Severity.NOTE  # a code in no table; it may well mean the code
        yield of_error(_placed(error, app), where, severity=severity, asked=asked)
        return
    yield good("doctor.platform-answers", where, asked=asked)


def _placed(error: HaomaError, app: App) -> HaomaError:
    return error.evolve(platform=error.platform or app.platform, app=error.app or app.name)


def _clock(skews: list[float]) -> Iterator[Diagnosis]:
    worst = max(skews, key=abs, default=0.0)
    if abs(worst) > _SKEW:
        say = fault if abs(worst) > _BAD_SKEW else warning
        yield say("doctor.clock-skew", "", seconds=round(worst), ahead=worst > 0)
