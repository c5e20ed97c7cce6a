"""The views of mini programs, with the same addresses, bodies and answers as ``haoma serve``, and without keys.

Each is there twice: ``phone_number`` for WSGI and threads, ``aphone_number`` for ASGI. No cookie proves who asks but
what the body proves, so there is no CSRF token to check.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from asgiref.sync import sync_to_async
from django.contrib.auth import get_user_model
from django.http import HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_variables

from haoma.authorization import MAX_BYTES
from haoma.authorize import take_push
from haoma.errors import CannotOpen, HaomaError, WrongMethod
from haoma.integrations import common
from haoma.integrations.common import Answering
from haoma.integrations.django import conf, signals
from haoma.integrations.django.login import alog_in, log_in
from haoma.io.clock import now
from haoma.outcome import HABIT, refused
from haoma.problem import problem

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from django.http import HttpRequest

    from haoma.outcome import Asked, Reply
    from haoma.platforms.base.contract import App, Heard
    from haoma.steps import Flow

_LEFT: Final = "withdrawn"


def _answered(ask: Callable[..., Any]) -> Callable[..., HttpResponse]:
    """Answer haoma's errors of a view."""

    @csrf_exempt
    @sensitive_variables()
    def view(request: HttpRequest, **path: str) -> HttpResponse:
        how = Replying(request, path)
        try:
            how.check_method()
            return how.response(ask(request, **path))
        except HaomaError as error:
            return how.refuse(error)

    return view


def _aanswered(ask: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[HttpResponse]]:
    @csrf_exempt
    @sensitive_variables()
    async def view(request: HttpRequest, **path: str) -> HttpResponse:
        how = Replying(request, path)
        try:
            how.check_method()
            return how.response(await ask(request, **path))
        except HaomaError as error:
            return how.refuse(error)

    return view


class Replying:
    """How a request is answered: the language and the form that it asks for."""

    def __init__(self, request: HttpRequest, path: Mapping[str, str]) -> None:
        self._method = request.method
        app = conf.client().apps.get(path.get("app", ""))
        self._answering = Answering(habit=app is not None and app.reply == HABIT)
        headers = request.headers
        self._asked: Asked = self._answering.asked(headers.get("accept-language"), headers.get("x-request-id"))

    def check_method(self) -> None:
        """Refuse everything but POST.

        Raises:
            WrongMethod: ``caller.wrong-method``.
        """
        if self._method != "POST":
            raise WrongMethod

    def problem(self, error: HaomaError) -> dict[str, Any]:
        """Return the problem object of an error, for a framework that writes it itself."""
        return problem(error, self._asked.lang, request_id=self._asked.request_id, anonymous=True)

    def response(self, found: Any) -> HttpResponse:
        """Return an answer as a response."""
        return found if isinstance(found, HttpResponse) else _response(self._answering.found(found, self._asked))

    def refuse(self, error: HaomaError) -> HttpResponse:
        """Return the answer to a refused request."""
        if isinstance(error, WrongMethod):
            return _response(refused(error, self._asked, b"POST"))
        return _response(self._answering.refuse(error, self._asked))


def _response(reply: Reply) -> HttpResponse:
    status, body, headers = reply
    return HttpResponse(body, status=status, headers={name.decode(): value.decode() for name, value in headers})


@_answered
def phone_number(request: HttpRequest, app: str) -> Any:
    """Log in with phone: a number in, the answer of ``RESPOND`` out."""
    return conf.options().respond(log_in(request, app), request)


@_aanswered
async def aphone_number(request: HttpRequest, app: str) -> Any:
    """Log in with phone; see `phone_number`."""
    return await sync_to_async(conf.options().respond)(await alog_in(request, app), request)


@_answered
def login(request: HttpRequest, app: str) -> Any:
    """Turn a login code into a session handle, which the front end sends as ``session`` with the authorization."""
    client = conf.client()
    asking = common.log_in(client.apps, app, request.body, trusted=False)
    return client.run(asking.flow, tenant=asking.tenant)


@_aanswered
async def alogin(request: HttpRequest, app: str) -> Any:
    """Turn a login code into a session handle; see `login`."""
    client = conf.async_client()
    asking = common.log_in(client.apps, app, request.body, trusted=False)
    return await client.run(asking.flow, tenant=asking.tenant)


@_answered
def join(request: HttpRequest, dispute: str) -> Any:
    """Add a login to the account that has its number, by a session of each side."""
    client = conf.client()
    asking = common.join(client.apps, dispute, request.body)
    return client.run(asking.flow, tenant=asking.tenant)


@_aanswered
async def ajoin(request: HttpRequest, dispute: str) -> Any:
    """Add a login to the account that has its number; see `join`."""
    client = conf.async_client()
    asking = common.join(client.apps, dispute, request.body)
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
        return Replying(request, {}).refuse(error)
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
        return Replying(request, {}).refuse(error)
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
