"""What the integrations have in common. Each adds only how its framework reads a request and writes a response.

An answer goes to a mini program, so a number is masked and an error has its short public code. The precise code is in
the log of `LOGGER`.
"""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

import msgspec

from haoma import accounts, outcome
from haoma.authorization import MAX_BYTES
from haoma.bodies import ProofBody
from haoma.bodies import read as read_as
from haoma.client import AsyncClient
from haoma.errors import BY_CODE, NumberTaken, Spent, TooLarge, UnknownApp, wrong_argument
from haoma.io.clock import now
from haoma.link import Link
from haoma.outcome import HABIT, Asked, answered, phone_body, refused
from haoma.problem import particulars, problem
from haoma.steps import DEFAULT_TENANT

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Mapping

    from haoma.client import Client
    from haoma.errors import HaomaError
    from haoma.outcome import Reply
    from haoma.platforms.base.contract import App
    from haoma.steps import Flow
    from haoma.verified import VerifiedPhone

LOGGER: Final = logging.getLogger("haoma")


class _Stream(Protocol):
    def read(self, size: int, /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Answering:
    """How an integration writes its answers.

    Attributes:
        trusted: True if the reader is a back end of yours: it gets full numbers and precise codes.
        habit: Wrap every answer in ``{"code", "msg", "data"}``, with status 200.
    """

    trusted: bool = False
    habit: bool = False

    @classmethod
    def of(cls, envelope: str | None, *, trusted: bool = False) -> Answering:
        """Return it for the option ``envelope`` of an integration: None, or ``code-msg-data``.

        Raises:
            ValueError: There is no such envelope.
        """
        if envelope not in {None, HABIT}:
            raise ValueError(f'envelope is None or "{HABIT}"')
        return cls(trusted, envelope == HABIT)

    def asked(self, language: str | None, request_id: str | None) -> Asked:
        """Return how to answer a request with these headers, ``Accept-Language`` and ``X-Request-ID``."""
        return Asked.of(
            language=language or "", request_id=request_id or "", anonymous=not self.trusted, habit=self.habit
        )

    def phone(self, phone: VerifiedPhone, asked: Asked) -> Reply:
        """Return the answer with a number."""
        return answered(phone_body(phone, trusted=self.trusted), asked)

    def found(self, found: object, asked: Asked) -> Reply:
        """Return the answer with anything else that can be JSON."""
        return answered(found, asked)

    def refuse(self, error: HaomaError, asked: Asked) -> Reply:
        """Write the precise code to the log, and return the answer to a refused request."""
        facts = {"app": error.app, "platform": error.platform, "status": error.status, **particulars(error)}
        said = " ".join(f"{name}={value}" for name, value in facts.items() if value)
        level = logging.ERROR if error.status >= 500 else logging.INFO
        LOGGER.log(level, "%s request_id=%s %s", error.code, asked.request_id, said)
        return refused(error, asked)


class _Joining(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    proofs: tuple[ProofBody, ...]


class From(NamedTuple):
    """Who sent a request.

    Attributes:
        address: The client's address, whose refused codes are counted; empty if it does not count.
        caller: Only the same caller gets the same answer again.
    """

    address: str = ""
    caller: str = ""


class Asking(NamedTuple):
    """A flow that answers a request, and whose accounts it is about: for ``client.run(flow, tenant=tenant)``."""

    flow: Flow[dict[str, object]]
    tenant: str


def caller_of(framework: str, user: object) -> str:
    """Return who asks, for the ledger and the audit log: the framework, with the user who is logged in there.

    A route that logs users in has nobody, unless the application says so: between two taps the first one logs the user
    in, and the second is to get the same answer. A route of a user who is logged in has that user. An address is
    nobody: a phone that goes from Wi-Fi to mobile data between two tries of one request keeps its answer. So a login
    that somebody has read is answered once more to them as well, for ``repeat_seconds``. It has to travel under TLS,
    and in no log.

    Args:
        framework: Name of the framework.
        user: The id of the user or of the session; None or empty if there is none.
    """
    if user is None or user == "":
        return framework
    # As long as no two users share one, not even somebody who may choose ids and try many.
    digest = hashlib.blake2b(str(user).encode("utf-8", "surrogatepass"), digest_size=16, person=b"haoma caller")
    return f"{framework}:{digest.hexdigest()}"


def log_in(client: Client | AsyncClient, name: str, body: bytes, address: str, *, trusted: bool) -> Asking:
    """Exchange the login code of a body for a session handle.

    Args:
        client: The client.
        name: Name of the app in the address.
        body: What was posted: ``{"login_code": "…"}``.
        address: The client's address; see `From`.
        trusted: Whether the reader may see the platform's ids of the user.

    Raises:
        UnknownApp: ``caller.unknown-app``.
    """
    app = find_app(client.apps, name)
    flow = outcome.login(app, body, now=now(), trusted=trusted)
    return Asking(client.clients.within_budget(flow, address), app.tenant)


def join(apps: Mapping[str, App], dispute: str, body: bytes) -> Asking:
    """Add a login to the account that has its number. The body proves both sides.

    Args:
        apps: Those of the client.
        dispute: Its id.
        body: What was posted: ``{"proofs": [{"app": "…", "session": "…"}, …]}``, with a session handle of each side.

    Raises:
        EnvelopeError: ``envelope.*``.
        UnknownApp: ``caller.unknown-app``.
    """
    proofs = tuple((find_app(apps, each.app), each.session) for each in read_as(body, _Joining).proofs)
    return Asking(_join(dispute, proofs), proofs[0][0].tenant if proofs else DEFAULT_TENANT)


def _join(dispute: str, proofs: tuple[tuple[App, str], ...]) -> Flow[dict[str, object]]:
    change = yield from accounts.resolve(dispute, accounts.Action.JOIN, by="user", proofs=proofs)
    return {"account": change.account}


def find_app(apps: Mapping[str, App], name: str) -> App:
    """Return the app with the name in an address.

    Raises:
        UnknownApp: ``caller.unknown-app``.
    """
    app = apps.get(name)
    if app is None:
        raise UnknownApp
    return app


def checked(client: object) -> AsyncClient:
    """Return the client of an asynchronous framework.

    Raises:
        WrongArgument: ``config.wrong-argument``.
    """
    if not isinstance(client, AsyncClient):
        raise wrong_argument("client", client, 'haoma.AsyncClient.from_file("haoma.toml")')
    return client


def examples(*, trusted: bool) -> dict[int, dict[str, dict[str, Any]]]:
    """Return an example for each code that a reader can see, by status."""
    found: dict[int, dict[str, dict[str, Any]]] = {}
    for code, kind in sorted(BY_CODE.items()):
        if not code.startswith("config."):
            body = problem(kind(), request_id="0123456789abcdef", anonymous=not trusted)
            found.setdefault(kind.status, {}).setdefault(body["code"], body)
    return dict(sorted(found.items()))


def linked(phone: VerifiedPhone) -> Link | None:
    """Return how a number was linked to an account; None if accounts are not kept.

    Raises:
        NumberTaken: ``link.number-taken``: another account has the number, and it has to be decided who keeps it.
            ``because`` has the dispute.
    """
    link = None if phone.link is None else Link(phone.link)
    if link is Link.REVIEW:
        because = {"dispute": phone.dispute or "", "reason": "review"}
        raise NumberTaken(platform=phone.platform, app=phone.app, because=because, spent=Spent.YES)
    return link


def read(stream: _Stream, announced: str | None) -> bytes:
    """Return a body, whatever its content type.

    Args:
        stream: Where it is read from.
        announced: The header ``Content-Length``.

    Raises:
        TooLarge: ``envelope.too-large``: more than 32 KiB announced or sent.
    """
    _check_length(announced)
    body = bytearray()
    while piece := stream.read(MAX_BYTES + 1 - len(body)):
        body += piece
        if len(body) > MAX_BYTES:
            raise _too_large()
    return bytes(body)


async def aread(pieces: AsyncIterable[bytes], announced: str | None) -> bytes:
    """Return a body that arrives in pieces; see `read`.

    Raises:
        TooLarge: ``envelope.too-large``.
    """
    _check_length(announced)
    body = bytearray()
    async for piece in pieces:
        body += piece
        if len(body) > MAX_BYTES:
            raise _too_large()
    return bytes(body)


def _check_length(announced: str | None) -> None:
    # Of a length with more digits, no server lets a body through.
    if announced and announced.isascii() and announced.isdigit() and int(announced[:20]) > MAX_BYTES:
        raise _too_large()


def _too_large() -> TooLarge:
    return TooLarge(because={"max_bytes": MAX_BYTES})
