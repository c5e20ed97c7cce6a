"""Requests to WeChat's API, and their answers.

WeChat answers errors with HTTP status 200 and JSON with ``Content-Type: text/plain``; only the body decides. WeChat
accepts the ``access_token`` and the secret only in the query, so ``Request.query`` is kept apart from the address and
is never shown.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import msgspec

from haoma import catalogue
from haoma.crypto.strict import parse_json_object
from haoma.errors import EnvelopeError, NonsenseReply
from haoma.platforms.base.refusal import refusal
from haoma.platforms.wechat.api_security import is_unsigned_refusal, open_reply, sealed_post, take_once
from haoma.platforms.wechat.app import API
from haoma.steps import Mint, Request, Send, ask

if TYPE_CHECKING:
    from haoma.errors import PlatformRefusal, Spent
    from haoma.platforms.wechat.app import WeChatApp
    from haoma.secret import Secret
    from haoma.steps import Flow, Reply

Query: TypeAlias = tuple[tuple[str, str], ...]

OK: Final = "0"
BUSY: Final = "-1"
_JSON: Final = (("content-type", "application/json"),)
_ERRCODE: Final = re.compile(r"-?\d{1,10}", re.ASCII)
_SEQID: Final = re.compile(r"[0-9A-Za-z_-]{1,80}")
_RID: Final = re.compile(r"\br(?:eq_)?id: ?([0-9A-Za-z_-]{6,80})")


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of WeChat.

    Attributes:
        errcode: Its code; empty if there is none, as in some successes.
        errmsg: Its message.
        found: The whole object.
        status: HTTP status, for errors about unusable answers.
        seqid: The request id of WeChat Cloud Run's sidecar.
        sent: Secrets of the request that the message must not repeat, in addition to those passed to `refusal`.
    """

    errcode: str
    errmsg: str = field(repr=False)
    found: dict[str, Any] = field(repr=False)
    status: int = 200
    seqid: str = ""
    sent: tuple[Secret, ...] = field(default=(), repr=False)

    @property
    def refused(self) -> bool:
        """True if the answer is a refusal."""
        return self.errcode not in ("", OK)

    def says_token_is_dead(self) -> bool:
        """Return whether the table says that the access_token must be dropped."""
        entry = catalogue.find_refusal("wechat", self.errcode) if self.refused else None
        return entry is not None and entry.drop_token

    @property
    def request_id(self) -> str:
        """WeChat's id of the request. WeChat can look it up for seven days; it holds no personal data."""
        found = _RID.search(self.errmsg)
        return found[1] if found else self.seqid

    def refusal(self, place: str, step: int, *secrets: Secret | None, **because: object) -> PlatformRefusal:
        """Return the error for the code."""
        return refusal(
            "wechat",
            self.errcode,
            place=place,
            message=self.errmsg,
            request_id=self.request_id,
            step=step,
            secrets=(*self.sent, *secrets),
            because=because,
        )

    def nonsense(self, reason: str, step: int, spent: Spent) -> NonsenseReply:
        """Return the error for an unusable answer."""
        return NonsenseReply(step=step, because={"reason": reason, "status": self.status}, spent=spent)


def get(app: WeChatApp, path: str, query: Query) -> Flow[Answer]:
    """Send a GET request.

    Raises:
        OutsideError: ``outside.*``.
    """
    return (yield from send(app, Request("GET", app.api_base_url + path, query=query)))


def post(app: WeChatApp, path: str, content: dict[str, str], query: Query = (), base_url: str = "") -> Flow[Answer]:
    """Send a POST request with JSON.

    Raises:
        OutsideError: ``outside.*``.
    """
    url = (base_url or app.api_base_url) + path
    return (yield from send(app, Request("POST", url, query, _JSON, msgspec.json.encode(content))))


def post_sealed(app: WeChatApp, path: str, content: dict[str, str], query: Query, now: float) -> Flow[Answer]:
    """Send a POST request in API security mode.

    Raises:
        ReplySignatureMismatch: ``trust.reply-signature-mismatch``.
        OutsideError: ``outside.*``.
    """
    assert app.security is not None  # noqa: S101 - for the type checker; the caller has checked
    url = API + path  # WeChat's own address is signed, even behind a proxy
    random = yield from ask(Mint())
    request = sealed_post(app.security, url, app.app_id, content, now=now, random=random, to=app.api_base_url + path)
    reply = yield from ask(Send(replace(request, query=query), app.upstreams, app=app.scope))
    if is_unsigned_refusal(reply):
        return _answer(reply)
    answer = _answer(replace(reply, body=open_reply(app.security, url, app.app_id, reply, now=now)))
    if not answer.refused:
        yield from take_once(app.app_id, reply)
    return answer


def send(app: WeChatApp, request: Request) -> Flow[Answer]:
    """Send a request and parse the answer.

    Raises:
        OutsideError: ``outside.*``.
    """
    return _answer((yield from ask(Send(request, app.upstreams, app.sidecar, app.scope))))


def _answer(reply: Reply) -> Answer:
    try:
        found = parse_json_object(reply.body)
    except EnvelopeError:
        raise _unreadable(reply, "not JSON") from None
    errcode, errmsg = found.get("errcode", ""), found.get("errmsg", "")
    if isinstance(errcode, int):
        errcode = str(errcode)  # bool is an int: str(True) is 'True', which the pattern rejects
    if not isinstance(errcode, str) or (errcode and not _ERRCODE.fullmatch(errcode)):
        raise _unreadable(reply, "errcode")
    return Answer(errcode, errmsg if isinstance(errmsg, str) else "", found, reply.status, _seqid(reply))


def _seqid(reply: Reply) -> str:
    found = reply.headers.get("x-openapi-seqid", "")
    return found if _SEQID.fullmatch(found) else ""


def _unreadable(reply: Reply, reason: str) -> NonsenseReply:
    return NonsenseReply(because={"reason": reason, "status": reply.status, "bytes": len(reply.body)})
