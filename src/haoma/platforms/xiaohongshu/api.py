"""Requests to Xiaohongshu, and their answers.

Every answer is ``{"data", "success", "msg", "code"}``. It is a success if ``code`` is 0 **and** ``success`` is true.
Refusals come with HTTP status 200 too, so only the body decides.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import msgspec

from haoma import catalogue
from haoma.crypto.strict import parse_json_object
from haoma.errors import EnvelopeError, NonsenseReply
from haoma.platforms.base.refusal import refusal
from haoma.steps import Request, Send, ask

if TYPE_CHECKING:
    from haoma.errors import PlatformRefusal, Spent
    from haoma.platforms.xiaohongshu.app import XiaohongshuApp
    from haoma.secret import Secret
    from haoma.steps import Flow, Reply

OK: Final = "0"
_JSON: Final = (("content-type", "application/json"),)
_NUMBER: Final = re.compile(r"-?[0-9]{1,12}")


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of Xiaohongshu.

    Attributes:
        code: Its code.
        words: Its message.
        data: What it gives; empty if there is nothing.
        status: HTTP status, for errors about unusable answers.
    """

    code: str
    words: str = field(repr=False)
    data: dict[str, Any] = field(repr=False)
    status: int = 200

    def says_token_is_dead(self) -> bool:
        """Return whether the table says that the access_token must be dropped."""
        entry = catalogue.find_refusal("xiaohongshu", self.code)
        return entry is not None and entry.drop_token

    def refusal(self, place: str, step: int, *secrets: Secret | None) -> PlatformRefusal:
        """Return the error for the code."""
        return refusal("xiaohongshu", self.code, place=place, message=self.words, step=step, secrets=secrets)

    def nonsense(self, reason: str, step: int, spent: Spent) -> NonsenseReply:
        """Return the error for an unusable answer."""
        return NonsenseReply(step=step, because={"reason": reason, "status": self.status}, spent=spent)


def post(app: XiaohongshuApp, path: str, content: dict[str, str]) -> Flow[Answer]:
    """Send a POST request with a JSON object.

    Raises:
        OutsideError: ``outside.*``.
    """
    body = msgspec.json.encode(content)
    return _answer((yield from _send(app, Request("POST", app.api_base_url + path, headers=_JSON, body=body))))


def get(app: XiaohongshuApp, path: str, query: tuple[tuple[str, str], ...]) -> Flow[Answer]:
    """Send a GET request.

    Raises:
        OutsideError: ``outside.*``.
    """
    return _answer((yield from _send(app, Request("GET", app.api_base_url + path, query))))


def _send(app: XiaohongshuApp, request: Request) -> Flow[Reply]:
    return (yield from ask(Send(request, app.upstreams, app=app.scope)))


def _answer(reply: Reply) -> Answer:
    try:
        found = parse_json_object(reply.body)
    except EnvelopeError:
        raise _unreadable(reply, "not JSON") from None
    code = found.get("code")
    # bool is an int: str(True) is 'True', which the pattern rejects.
    code = str(code) if isinstance(code, int) else code
    if not isinstance(code, str) or not _NUMBER.fullmatch(code):
        raise _unreadable(reply, "code")
    if code == OK and found.get("success") is not True:
        raise _unreadable(reply, "success")
    words, data = found.get("msg"), found.get("data")
    return Answer(code, words if isinstance(words, str) else "", data if isinstance(data, dict) else {}, reply.status)


def _unreadable(reply: Reply, reason: str) -> NonsenseReply:
    return NonsenseReply(because={"reason": reason, "status": reply.status, "bytes": len(reply.body)})
