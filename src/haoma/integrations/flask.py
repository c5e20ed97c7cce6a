"""haoma in a Flask application.

::

    haoma = Haoma(on_verified=find_user, respond=open_session)

    def create_app():
        app = Flask(__name__)
        haoma.init_app(app)                        # reads app.config["HAOMA_CONFIG"], else haoma.toml
        return app

    @app.post("/shipping-number")
    def shipping():
        phone = haoma.verified_phone("shop")

Who joins an account by a number: see `haoma.integrations.users`.
"""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar

import click
from flask import Blueprint, Response, current_app, request, session
from flask.cli import with_appcontext
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge

from haoma.authorization import MAX_BYTES, refuse_in_address
from haoma.client import Client
from haoma.errors import HaomaError, TooLarge, TooSlow, wrong_argument
from haoma.integrations.common import Answering, From, caller_of, find_app, join, linked, log_in

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask

    from haoma.client import Sent
    from haoma.integrations.common import Asking
    from haoma.link import Link
    from haoma.outcome import Asked, Reply
    from haoma.verified import VerifiedPhone

UserT = TypeVar("UserT")
OnVerified: TypeAlias = "Callable[[VerifiedPhone, Link | None], UserT]"
"""Called with a verified number, and how it was linked to an account (None if accounts are not kept). Returns your
user, found, created or linked. It may be called twice for one tap, at once and in two processes."""
Respond: TypeAlias = "Callable[[UserT], object]"
"""Turns your user into what the mini program gets: anything that a view may return."""

NAME: Final = "haoma"
"""The member of ``app.extensions``, the blueprint and the command group."""
CONFIG: Final = "HAOMA_CONFIG"
"""The member of ``app.config`` with the path of the haoma.toml."""


class Haoma:
    """The extension: a client for each application, routes for mini programs, a handler for haoma's errors, a command.

    The routes are the same as those of ``haoma serve``, without keys: ``/apps/{app}/phone-number`` turns an
    authorization into a number, ``/apps/{app}/login`` turns a login code into a session, and
    ``/disputes/{dispute}/join`` decides a conflict by sessions of both sides. ``flask haoma …`` is the command line.

    Args:
        app: The application; `init_app` later if not given.
        client: The client. Without it each application has one, from its ``HAOMA_CONFIG``.
        on_verified: Returns your user for a number. Without it the answer is the masked number with its checks.
        respond: Turns your user into the answer. Without it the user itself is the answer.
        prefix: What the paths begin with.
        envelope: ``code-msg-data`` to wrap every answer in ``{"code", "msg", "data"}``, with status 200.
        trusted: True if not a mini program but a back end of yours asks: answers have full numbers and precise codes.
            The routes have no keys, so nobody else may reach them.
        caller: Returns the user or session of the current request, if there is one before the login. For
            ``repeat_seconds``, only the same one gets the same answer again. In your own views that is the user of
            Flask-Login, without it.
        name: Name of the blueprint. A second extension of an application needs another one; its routes use the first
            one's client if it has none.
    """

    def __init__(
        self,
        app: Flask | None = None,
        *,
        client: Client | None = None,
        on_verified: OnVerified[Any] | None = None,
        respond: Respond[Any] | None = None,
        prefix: str = "/v1",
        envelope: str | None = None,
        trusted: bool = False,
        caller: Callable[[], object] | None = None,
        name: str = NAME,
    ) -> None:
        if client is not None and not isinstance(client, Client):
            raise wrong_argument("client", client, 'haoma.Client.from_file("haoma.toml")')
        self._client = client
        self._on_verified = on_verified
        self._respond = respond
        self._prefix = prefix
        self._caller = caller
        self._name = name
        self._answering = Answering.of(envelope, trusted=trusted)
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask) -> None:
        """Add haoma to an application.

        Raises:
            ConfigFaults: ``config.faults``: all faults of its haoma.toml.
        """
        known = app.extensions.get(NAME)
        app.extensions[self._name] = self._client or known or Client.from_file(app.config.get(CONFIG, "haoma.toml"))
        app.register_blueprint(self._blueprint())
        if known is None:
            app.register_error_handler(HaomaError, self._refuse)
            app.cli.add_command(_command)

    @property
    def client(self) -> Client:
        """The client of the current application."""
        found: Client = current_app.extensions[self._name]
        return found

    def verified_phone(self, app: str) -> VerifiedPhone:
        """Return the verified number of the authorization in the body of the current request.

        Args:
            app: Name of a configured app.

        Raises:
            HaomaError: Every failure raises a subclass of this, whatever was sent.
        """
        sent: Sent = _body()
        if not sent and "form" in request.__dict__:  # the view has read it as a form
            sent = request.form
        who = self._sent_by(self._caller or user)
        return self.client.get_phone_number(app, sent, caller=who.caller, address=who.address)

    def _blueprint(self) -> Blueprint:
        made = Blueprint(self._name, __name__, url_prefix=self._prefix)
        made.register_error_handler(HaomaError, self._refuse)
        made.post("/apps/<app>/phone-number")(self._phone_number)
        made.post("/apps/<app>/login")(self._log_in)
        made.post("/disputes/<dispute>/join")(self._join)
        return made

    def _phone_number(self, app: str) -> Any:
        find_app(self.client.apps, app)
        who = self._sent_by(self._caller)
        phone = self.client.get_phone_number(app, _sent(), caller=who.caller, address=who.address)
        if self._on_verified is None:
            return _response(self._answering.phone(phone, self._asked()))
        found = self._on_verified(phone, linked(phone))
        if self._respond is not None:
            found = self._respond(found)
        if isinstance(found, (Response, tuple)):
            return found
        return _response(self._answering.found(found, self._asked()))

    def _log_in(self, app: str) -> Response:
        address, trusted = self._sent_by(None).address, self._answering.trusted
        return self._run(log_in(self.client, app, _sent(), address, trusted=trusted))

    def _join(self, dispute: str) -> Response:
        return self._run(join(self.client.apps, dispute, _sent()))

    def _sent_by(self, caller: Callable[[], object] | None) -> From:
        forwarded = ",".join(request.headers.getlist("X-Forwarded-For"))
        address = self.client.clients.address(request.remote_addr, forwarded, trusted=self._answering.trusted)
        return From(address, caller_of("flask", None if caller is None else caller()))

    def _run(self, asking: Asking) -> Response:
        found = self.client.run(asking.flow, tenant=asking.tenant)
        return _response(self._answering.found(found, self._asked()))

    def _refuse(self, error: HaomaError) -> Response:
        return _response(self._answering.refuse(error, self._asked()))

    def _asked(self) -> Asked:
        return self._answering.asked(request.headers.get("Accept-Language"), request.headers.get("X-Request-ID"))


def user() -> object:
    """Return the id of the user of Flask-Login, or None."""
    return session.get("_user_id") if hasattr(current_app, "login_manager") else None


def _sent() -> bytes:
    """Return the body of a request to a route of ours, which takes nothing from its address.

    Raises:
        BadField: ``envelope.bad-field``.
    """
    body = _body()
    if body:
        refuse_in_address(request.query_string.decode("latin-1"))
    return body


def _body() -> bytes:
    """Return what was posted, whatever its content type.

    Raises:
        TooLarge: ``envelope.too-large``.
        TooSlow: ``caller.too-slow``: the caller closed the connection.
    """
    request.max_content_length = MAX_BYTES + 1  # a body without a length ends there in silence
    try:
        body = request.get_data()
    except RequestEntityTooLarge:
        body = None
    except ClientDisconnected:
        raise TooSlow(diagnosis="the caller hung up") from None
    if body is None or len(body) > MAX_BYTES:
        raise TooLarge(because={"max_bytes": MAX_BYTES})
    return body


def _response(reply: Reply) -> Response:
    status, body, headers = reply
    pairs = [(name.decode("ascii"), value.decode("ascii")) for name, value in headers]
    return Response(body, status, pairs)


@click.command(NAME, context_settings={"ignore_unknown_options": True}, add_help_option=False)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@with_appcontext
def _command(arguments: tuple[str, ...]) -> None:
    """The command line of haoma, for the haoma.toml of this application."""
    path = current_app.config.get(CONFIG)
    environment = {**os.environ, **({} if path is None else {CONFIG: os.fspath(path)})}
    command = [sys.executable, "-m", "haoma", *arguments]
    raise SystemExit(subprocess.run(command, env=environment, check=False).returncode)  # noqa: S603 - our own command
