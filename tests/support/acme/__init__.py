"""Acme: a platform that does not exist. Its button gives a code, which it turns into a number once."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import msgspec

from haoma.crypto.strict import parse_json_object
from haoma.errors import ButtonFailed, EnvelopeError, NonsenseReply, Spent, UnknownShape, UserDeclined
from haoma.phone import from_parts
from haoma.platforms.base.code_exchange import CodeExchange, sending_a_code
from haoma.platforms.base.contract import App, Finding, Method, Platform, TokenSource
from haoma.platforms.base.refusal import refusal
from haoma.platforms.base.setting import SHARED, Kind, Setting
from haoma.platforms.base.table import Table, origin
from haoma.secret import Secret
from haoma.steps import Request, Send, ask
from haoma.verified import Check, CheckName, Subject

if TYPE_CHECKING:
    from haoma.authorization import Authorization
    from haoma.platforms.base.contract import GetLogin, Login
    from haoma.steps import Flow

SETTINGS: Final = (
    Setting("app_id", required=True),
    Setting("app_secret", required=True, secret=True, key=True),
    Setting("api_base_url", Kind.ADDRESS, default="https://api.acme.example"),
    Setting("acme_mode", Kind.WORD, default="slow", choices=("slow", "quick")),
    *SHARED,
)
_CHECKS: Final = tuple(Check(name, True, "Acme says so") for name in CheckName)


@dataclass(frozen=True, kw_only=True)
class AcmeApp(App):
    """One configured app."""

    app_secret: Secret = field(repr=False)
    api_base_url: str


def configure(table: Table) -> AcmeApp | None:
    """Build the app from its settings."""
    table.declare(SETTINGS)
    app_id, app_secret, api_base_url = table.text("app_id"), table.secret("app_secret"), table.url("api_base_url")
    table.choice("acme_mode")
    policy, reply = table.policy(), table.reply()
    table.finish()
    if table.broken or app_secret is None:
        return None
    return AcmeApp(
        name=table.name,
        platform="acme",
        app_id=app_id,
        upstreams=(origin(api_base_url),),
        policy=policy,
        reply=reply,
        app_secret=app_secret,
        api_base_url=api_base_url,
    )


def read(app: AcmeApp, authorization: Authorization) -> Secret:
    """Return the code."""
    del app
    words = str(authorization.claimed.get("errMsg", ""))
    if "deny" in words:
        raise UserDeclined
    if "fail" in words:
        raise ButtonFailed
    code = authorization.text("code", 64, platform="acme")
    if code is None:
        raise authorization.missing("code")
    return Secret(code)


def one_time(app: AcmeApp, message: Secret) -> tuple[str, Secret]:
    """Return the code."""
    del app
    return "code", message


def find(app: AcmeApp, message: Secret, get_login: GetLogin, now: float, after_unknown: bool) -> Flow[Finding]:
    """Exchange the code."""
    del now, get_login
    tries = CodeExchange(unknown=after_unknown)
    found = yield from tries.run(_ask(app, message, tries))
    number = from_parts("86", str(found.get("phone")))
    if number is None:
        raise NonsenseReply(step=3, because={"field": "phone"}, spent=Spent.YES)
    return Finding(number, Subject(openid=str(found.get("user"))), _CHECKS)


def _ask(app: AcmeApp, code: Secret, tries: CodeExchange) -> Flow[dict[str, object]]:
    body = msgspec.json.encode({"code": code.reveal(), "secret": app.app_secret.reveal()})
    request = Request("POST", app.api_base_url + "/acme/phone", body=body)
    reply = yield from sending_a_code(ask(Send(request, app.upstreams)), 2)
    try:
        found: dict[str, object] = parse_json_object(reply.body)
    except EnvelopeError:
        raise NonsenseReply(step=2, because={"reason": "not JSON"}, spent=Spent.UNKNOWN) from None
    if found.get("acme_code"):
        raise tries.refused(refusal("acme", str(found["acme_code"]), place="phone", step=2), used=False)
    return found


def log_in(app: AcmeApp, login_code: Secret, now: float) -> Flow[Login]:
    """Refuse: there is no login."""
    del app, login_code, now
    raise UnknownShape(step=1, because={"reason": "no login"})
    yield  # it is a flow


def token_source(app: AcmeApp) -> TokenSource:
    """Return a token that must not be fetched."""
    del app
    return TokenSource("plain", None)


ACME: Final = Platform[AcmeApp, Secret](
    name="acme",
    also_called=("acme-mini",),
    settings=SETTINGS,
    keeps_in_process=lambda _app: "acme_mode",
    phone_code=("code",),
    configure=configure,
    read=read,
    one_time=one_time,
    find=find,
    log_in=log_in,
    token_source=token_source,
    methods=(Method("tap", _CHECKS, binds_login=True),),
    mirror="haoma.platforms.acme.mirror:AcmeMirror",
    symptoms="haoma.platforms.acme.symptoms:SYMPTOMS",
)
