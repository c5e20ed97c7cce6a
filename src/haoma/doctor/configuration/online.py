"""Asks the platforms about the configured apps.

Nothing here costs money or uses anything up. A token is fetched where that does not invalidate somebody else's. A login
is requested with a code that no platform has issued: if the platform rejects the *code*, it has accepted the app id,
the secret or signature, and our address. Permissions cannot be checked without a user's tap.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final, TypeVar

from haoma.authorize import authorize
from haoma.doctor.platforms import of_app
from haoma.errors import (
    CodeRejected,
    HaomaError,
    LoginCodeRejected,
    NotProven,
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
from haoma.platforms.base.diagnosis import Diagnosis, Severity, fault, good, note, of_error, warning
from haoma.platforms.registry import PLATFORMS
from haoma.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from haoma.platforms.base.contract import App
    from haoma.settings.model import Settings
    from haoma.steps import Flow, Reply, Send

NO_CODE: Final = "haoma-doctor-asks-without-a-code"
"""The deliberately invalid login code. No platform has issued it."""
_SKEW: Final = 30.0
_BAD_SKEW: Final = 120.0  # below the five minutes within which a watermark must be
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
    """Ask each app's platform, one after the other."""
    insecure = settings.allow_insecure_upstreams
    http = Http(limits=limits or Limits(), ca_file=settings.ca_file, allow_insecure_upstreams=insecure)
    listening = _Listening(http)
    world = World(listening, Memory())  # type: ignore[arg-type]  # it has `send`, which is all that a world needs
    for app in settings.apps.values():
        yield from _once(_ask(app, lambda flow: blocking.run(flow, world)))
    yield from _clock(listening.skews)


def _once(found: Iterator[Diagnosis]) -> Iterator[Diagnosis]:
    """Leave out findings that both questions gave."""
    seen: set[tuple[object, ...]] = set()
    for each in found:
        asked = "" if each.severity in (Severity.FAULT, Severity.WARNING) else each.because.get("asked")
        key = each.code, each.where, each.because.get("platform_code"), each.because.get("component"), asked
        if key not in seen:
            seen.add(key)
            yield each


def _ask(app: App, run: Callable[[Flow[Any]], Any]) -> Iterator[Diagnosis]:
    for probe in (ask_for_token, *of_app(app).probes, ask_for_login):
        failed = False
        for each in probe(app, run):
            failed = failed or each.severity is Severity.FAULT
            yield each
        if failed:
            return  # every further question would be refused for the same reason, and would count
    yield note("doctor.permission-unknown", f"apps.{app.name}")


def ask_for_token(app: App, run: Callable[[Flow[Any]], Any]) -> Iterator[Diagnosis]:
    """Fetch a token as the app does, unless there is none or fetching would invalidate somebody else's."""
    declared = PLATFORMS[app.platform].token_source
    source = declared(app) if declared is not None else None
    if source is None:
        return
    fetch = source.fetch
    if fetch is None:
        yield note("doctor.not-asked", f"apps.{app.name}", asked="token", token=source.issuer)
        return
    yield from _answered(app, "token", lambda: run(fetch()))


def ask_for_login(app: App, run: Callable[[Flow[Any]], Any]) -> Iterator[Diagnosis]:
    """Request a login with an invalid code, or a number if the phone code itself is the login."""
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
    except (LoginCodeRejected, CodeRejected) as error:
        if error.platform_code in of_app(app).of_the_code_alone:
            yield note("doctor.secret-unchecked", where, asked=asked, platform_code=error.platform_code)
            return
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
        if pushed := of_app(app).pushed.get(error.platform_code):  # to the service, whose memory is not ours
            yield note("doctor.not-asked", where, asked=asked, token=pushed)
            return
        temporary = isinstance(error, RateLimited) or (error.retry and isinstance(error, PlatformRefusal))
        severity = Severity.WARNING if temporary else Severity.FAULT
        if isinstance(error, Refused):
            severity = Severity.NOTE  # an unlisted code, which may well be about the login code
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
