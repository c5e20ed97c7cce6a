"""The views of mini programs, with the same addresses, bodies and answers as ``haoma serve``, and without keys.

Each is there twice: ``phone_number`` for WSGI and threads, ``aphone_number`` for ASGI. No cookie proves who asks but
what the body proves, so there is no CSRF token to check.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any, Final

from asgiref.sync import sync_to_async
from django.contrib.auth import get_user_model
from django.http import HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_variables

from haoma.authorization import MAX_BYTES, refuse_in_address
from haoma.authorize import take_push
from haoma.errors import CannotOpen, HaomaError, WrongMethod
from haoma.integrations import common
from haoma.integrations.common import Answering
from haoma.integrations.django import conf, signals
from haoma.integrations.django.login import address_of, alog_in, averified_phone, body_of, log_in, verified_phone
from haoma.io.clock import now
from haoma.outcome import HABIT, phone_body, refused
from haoma.problem import problem

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from django.http import HttpRequest

    from haoma.outcome import Asked, Reply
    from haoma.platforms.base.contract import App, Heard
    from haoma.steps import Flow

_LEFT: Final = "withdrawn"


class Replying:
    """How a request is answered: the language and the form that it asks for.

    Args:
        request: The request.
        app: Name of the app, if there is one: its ``reply`` may ask for ``{"code", "msg", "data"}``.
        door: What the addresses are for.
    """

    def __init__(self, request: HttpRequest, app: str = "", door: Door | None = None) -> None:
        door = door or Door()
        known = conf.loaded().apps.get(app)
        habit = door.envelope == HABIT or (known is not None and known.reply == HABIT)
        self.answering = Answering(trusted=door.trusted, habit=habit)
        headers = request.headers
        self.asked: Asked = self.answering.asked(headers.get("accept-language"), headers.get("x-request-id"))

    def problem(self, error: HaomaError) -> dict[str, Any]:
        """Return the problem object of an error, for a framework that writes it itself."""
        return problem(error, self.asked.lang, request_id=self.asked.request_id, anonymous=self.asked.anonymous)

    def found(self, found: Any) -> HttpResponse:
        """Return an answer as a response."""
        return found if isinstance(found, HttpResponse) else _response(self.answering.found(found, self.asked))

    def refuse(self, error: HaomaError) -> HttpResponse:
        """Return the answer to a refused request."""
        if isinstance(error, WrongMethod):
            return _response(refused(error, self.asked, b"POST"))
        return _response(self.answering.refuse(error, self.asked))


def _response(reply: Reply) -> HttpResponse:
    status, body, headers = reply
    return HttpResponse(body, status=status, headers={name.decode(): value.decode() for name, value in headers})


def _answered(ask: Callable[..., Any]) -> Callable[..., HttpResponse]:
    """Answer haoma's errors of a view, and methods other than POST."""

    @csrf_exempt
    @wraps(ask)
    @sensitive_variables()
    def view(door: Door, request: HttpRequest, **path: str) -> HttpResponse:
        reply = Replying(request, path.get("app", ""), door)
        try:
            return reply.found(ask(door, _posted(request), **path))
        except HaomaError as error:
            return reply.refuse(error)

    return view


def _aanswered(ask: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[HttpResponse]]:
    @csrf_exempt
    @wraps(ask)
    @sensitive_variables()
    async def view(door: Door, request: HttpRequest, **path: str) -> HttpResponse:
        reply = Replying(request, path.get("app", ""), door)
        try:
            return reply.found(await ask(door, _posted(request), **path))
        except HaomaError as error:
            return reply.refuse(error)

    return view


def _bytes_of(request: HttpRequest) -> bytes:
    """Return what was posted. What something has read as a form is no body of these two."""
    found = body_of(request)
    return found if isinstance(found, bytes) else b""


def _posted(request: HttpRequest) -> HttpRequest:
    if request.method != "POST":
        raise WrongMethod
    if request.META.get("CONTENT_LENGTH") not in {None, "", "0"} or "HTTP_TRANSFER_ENCODING" in request.META:
        refuse_in_address(request.META.get("QUERY_STRING", ""))
    return request


@dataclass(frozen=True, slots=True)
class Door:
    """The views of one place in the project's addresses.

    Attributes:
        logs_in: False to answer with the masked number and its checks, and to log nobody in.
        envelope: ``code-msg-data`` to wrap every answer in ``{"code", "msg", "data"}``, with status 200. An app's own
            ``reply`` does the same for that app.
        trusted: True if not a mini program but a back end of yours asks: answers have full numbers and precise codes.
    """

    logs_in: bool = True
    envelope: str | None = None
    trusted: bool = False

    @_answered
    def phone_number(self, request: HttpRequest, app: str) -> Any:
        """Log in with phone: a number in, the answer of ``RESPOND`` out."""
        if not self.logs_in:
            return phone_body(verified_phone(request, app, trusted=self.trusted), trusted=self.trusted)
        return conf.options().respond(log_in(request, app), request)

    @_aanswered
    async def aphone_number(self, request: HttpRequest, app: str) -> Any:
        """Log in with phone; see `phone_number`."""
        if not self.logs_in:
            return phone_body(await averified_phone(request, app, trusted=self.trusted), trusted=self.trusted)
        return await sync_to_async(conf.options().respond)(await alog_in(request, app), request)

    @_answered
    def login(self, request: HttpRequest, app: str) -> Any:
        """Turn a login code into a session handle, which the front end sends as ``session`` with the authorization."""
        client = conf.client()
        address = address_of(client, request, trusted=self.trusted)
        asking = common.log_in(client, app, _bytes_of(request), address, trusted=self.trusted)
        return client.run(asking.flow, tenant=asking.tenant)

    @_aanswered
    async def alogin(self, request: HttpRequest, app: str) -> Any:
        """Turn a login code into a session handle; see `login`."""
        client = conf.async_client()
        address = address_of(client, request, trusted=self.trusted)
        asking = common.log_in(client, app, _bytes_of(request), address, trusted=self.trusted)
        return await client.run(asking.flow, tenant=asking.tenant)

    @_answered
    def join(self, request: HttpRequest, dispute: str) -> Any:
        """Add a login to the account that has its number, by a session of each side."""
        client = conf.client()
        asking = common.join(client.apps, dispute, _bytes_of(request))
        return client.run(asking.flow, tenant=asking.tenant)

    @_aanswered
    async def ajoin(self, request: HttpRequest, dispute: str) -> Any:
        """Add a login to the account that has its number; see `join`."""
        client = conf.async_client()
        asking = common.join(client.apps, dispute, _bytes_of(request))
        return await client.run(asking.flow, tenant=asking.tenant)


@csrf_exempt
@sensitive_variables()
def callback(request: HttpRequest, app: str) -> HttpResponse:
    """Take what a platform posts: tickets, and users who withdraw. It is authenticated by the platform's signature."""
    client = conf.client()
    try:
        found, flow = _push(client.apps, app, request)
        heard = client.run(flow, tenant=found.tenant)
    except HaomaError as error:
        return Replying(request).refuse(error)
    if heard.about.endswith(_LEFT):
        signals.authorization_revoked.send_robust(get_user_model(), **_said(app, heard))
    return HttpResponse(heard.said, content_type="text/plain; charset=utf-8")


@csrf_exempt
@sensitive_variables()
async def acallback(request: HttpRequest, app: str) -> HttpResponse:
    """Take what a platform posts; see `callback`."""
    client = conf.async_client()
    try:
        found, flow = _push(client.apps, app, request)
        heard = await client.run(flow, tenant=found.tenant)
    except HaomaError as error:
        return Replying(request).refuse(error)
    if heard.about.endswith(_LEFT):
        await signals.authorization_revoked.asend_robust(get_user_model(), **_said(app, heard))
    return HttpResponse(heard.said, content_type="text/plain; charset=utf-8")


def _push(apps: Mapping[str, App], name: str, request: HttpRequest) -> tuple[App, Flow[Heard]]:
    app = apps.get(name)
    if app is None or len(request.body) > MAX_BYTES:  # who has no signature does not learn which apps exist
        raise CannotOpen(diagnosis="no such app, or too large")
    if any(len(request.GET.getlist(name)) > 1 for name in request.GET):
        raise CannotOpen(diagnosis="a field of the query is there twice")
    return app, take_push(app, request.GET.dict(), request.body, now=now())


def _said(app: str, heard: Heard) -> dict[str, object]:
    return {"app": app, "about": heard.about, "acted": heard.acted}
