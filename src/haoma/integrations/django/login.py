"""Log in with phone: one call from a request to a user who is logged in.

::

    user = log_in(request, "shop")          # or: await alog_in(request, "shop")

It finds or makes the user (``ON_VERIFIED``), and raises if there is none. A second tap, and the same request in another
worker, give the same user. `haoma.integrations.django.views` is this with an answer for a mini program.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from asgiref.sync import sync_to_async
from django.contrib.auth import authenticate, get_user_model
from django.core.exceptions import RequestDataTooBig
from django.db import transaction
from django.http import UnreadablePostError
from django.http.request import RawPostDataException
from django.views.decorators.debug import sensitive_variables

from haoma import accounts
from haoma.authorization import MAX_BYTES
from haoma.errors import HaomaError, NumberTaken, TooLarge, TooSlow, UserRefused
from haoma.integrations import common
from haoma.integrations.common import From, caller_of, find_app
from haoma.integrations.django import conf, signals
from haoma.integrations.django.users import BY

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.dispatch import Signal
    from django.http import HttpRequest

    from haoma.client import AsyncClient, Client, Sent
    from haoma.verified import VerifiedPhone


@sensitive_variables()
def verified_phone(
    request: HttpRequest, app: str, *, sent: Sent | None = None, trusted: bool = False, logs_in: bool = False
) -> VerifiedPhone:
    """Return the verified number of an authorization in the body of a request, and log nobody in.

    Args:
        request: The request, with what the front end sent as its body.
        app: Name of a configured app.
        sent: What the front end sent, if it is not the body.
        trusted: True if a back end of yours asks: its address is not that of a user.
        logs_in: True if the number is to log the user in, so that nobody is logged in yet.

    Raises:
        UnknownApp: ``caller.unknown-app``: there is no such app.
        HaomaError: Every other failure raises a subclass of this.
    """
    client = conf.client()
    try:
        found, who = find_app(client.apps, app), sent_by(client, request, trusted=trusted, logs_in=logs_in)
        return client.get_phone_number(found, _sent(request, sent), caller=who.caller, address=who.address)
    except HaomaError as error:
        failure = error.again()
    # Reports of errors show the variables of frames: those that hold what was sent are left out, and so is this one's.
    sent = None
    raise failure


@sensitive_variables()
async def averified_phone(
    request: HttpRequest, app: str, *, sent: Sent | None = None, trusted: bool = False, logs_in: bool = False
) -> VerifiedPhone:
    """Return the verified number of an authorization; see `verified_phone`.

    Raises:
        HaomaError: Every failure raises a subclass of this.
    """
    client = conf.async_client()
    try:
        found = find_app(client.apps, app)
        who = await sync_to_async(sent_by)(
            client, request, trusted=trusted, logs_in=logs_in
        )  # who is logged in is in the database
        return await client.get_phone_number(found, _sent(request, sent), caller=who.caller, address=who.address)
    except HaomaError as error:
        failure = error.again()
    sent = None
    raise failure


@sensitive_variables()
def log_in(request: HttpRequest, app: str, *, sent: Sent | None = None) -> Any:
    """Return the user whose number was posted. A session or a token is made by whoever calls this.

    Afterwards ``request.verified_phone`` is the number.

    Args:
        request: The request, with what the front end sent as its body.
        app: Name of a configured app.
        sent: What the front end sent, if it is not the body.

    Raises:
        UnknownApp: ``caller.unknown-app``: there is no such app.
        NumberTaken: ``link.number-taken``: another account has the number.
        UserRefused: ``link.user-refused``: there is no user for it, or an inactive one.
        HaomaError: Every other failure raises a subclass of this.
    """
    try:
        phone, sent = verified_phone(request, app, sent=sent, logs_in=True), None  # see there
        user = _user(request, phone)
    except HaomaError as error:
        sent = None
        for signal, facts in _refused(request, app, error):
            signal.send_robust(get_user_model(), **facts)
        raise
    signals.phone_verified.send_robust(get_user_model(), request=request, phone=phone, user=user)
    return user


@sensitive_variables()
async def alog_in(request: HttpRequest, app: str, *, sent: Sent | None = None) -> Any:
    """Return the user whose number was posted; see `log_in`.

    Raises:
        HaomaError: Every failure raises a subclass of this.
    """
    try:
        phone, sent = await averified_phone(request, app, sent=sent, logs_in=True), None
        user = await sync_to_async(_user)(request, phone)
    except HaomaError as error:
        sent = None
        for signal, facts in _refused(request, app, error):
            await signal.asend_robust(get_user_model(), **facts)
        raise
    await signals.phone_verified.asend_robust(get_user_model(), request=request, phone=phone, user=user)
    return user


def sent_by(
    client: Client | AsyncClient, request: HttpRequest, *, trusted: bool = False, logs_in: bool = False
) -> From:
    """Return who sent a request: the client's address, and who is logged in (``CALLER``)."""
    options = conf.options()
    nobody = logs_in and options.uses_default("CALLER")  # a second tap comes with the session of the first
    user = None if nobody else options.caller(request)
    return From(address_of(client, request, trusted=trusted), caller_of(BY, user))


def address_of(client: Client | AsyncClient, request: HttpRequest, *, trusted: bool = False) -> str:
    """Return the client's address, whose refused codes are counted."""
    forwarded = request.META.get("HTTP_X_FORWARDED_FOR", "")
    return client.clients.address(request.META.get("REMOTE_ADDR", ""), forwarded, trusted=trusted)


def _sent(request: HttpRequest, sent: Sent | None) -> Sent:
    return body_of(request) if sent is None else sent


def body_of(request: HttpRequest) -> Sent:
    """Return what was posted; as a form, if something has read it as one.

    Raises:
        TooLarge: ``envelope.too-large``.
        TooSlow: ``caller.too-slow``: the caller hung up.
    """
    announced = request.META.get("CONTENT_LENGTH") or "0"
    if announced.isdecimal() and int(announced[:20]) > MAX_BYTES:
        raise TooLarge(because={"max_bytes": MAX_BYTES})
    environ = getattr(request, "environ", {})  # of WSGI
    if "CONTENT_LENGTH" not in environ and environ.get("wsgi.input_terminated"):
        return common.read(environ["wsgi.input"], None)  # in pieces, which Django does not read
    found: Sent
    try:
        found = request.body
    except RequestDataTooBig:
        raise TooLarge(because={"max_bytes": MAX_BYTES}) from None
    except UnreadablePostError:
        raise TooSlow(diagnosis="the caller hung up") from None
    except RawPostDataException:
        found = request.POST
    return found


@sensitive_variables()
def _user(request: HttpRequest, phone: VerifiedPhone) -> Any:
    """Return the user of a number.

    Raises:
        UserRefused: ``link.user-refused``.
        HaomaError: Whatever the function of ``ON_VERIFIED`` raises.
    """
    request.verified_phone = phone
    user = authenticate(request, verified_phone=phone)
    if user is None:
        raise UserRefused(platform=phone.platform, app=phone.app)
    if phone.account is not None:
        # Not before the user is really there: a view that is rolled back would leave the id of nobody.
        tell = partial(_note, phone.account, str(user.pk), conf.client().apps[phone.app].tenant)
        transaction.on_commit(tell, using=user._state.db, robust=True)  # noqa: SLF001
    return user


def _note(account: str, user: str, tenant: str) -> None:
    conf.client().run(accounts.set_user(account, user, by=BY, reason="log in"), tenant=tenant)


def _refused(request: HttpRequest, app: str, error: HaomaError) -> Iterator[tuple[Signal, dict[str, Any]]]:
    facts = {"request": request, "app": app, "error": error}
    yield signals.phone_refused, facts
    if isinstance(error, NumberTaken):
        yield signals.link_conflict, facts
