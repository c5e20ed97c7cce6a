"""Requests to Baidu, and their answers.

Baidu refuses in four forms, with HTTP status 200 or 400: ``errno`` with ``error`` or with ``msg`` (business errors),
``error_code`` with ``error_msg`` (the gateway), and ``error`` with ``error_description`` (OAuth 2.0). Only the body
decides.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from haoma import catalogue
from haoma.crypto.strict import parse_json_object
from haoma.errors import EnvelopeError, NonsenseReply
from haoma.platforms.base.refusal import refusal
from haoma.steps import Request, Send, ask

if TYPE_CHECKING:
    from haoma.errors import PlatformRefusal, Spent
    from haoma.platforms.baidu.app import BaiduApp
    from haoma.secret import Secret
    from haoma.steps import Flow, Reply

_FORM: Final = (("content-type", "application/x-www-form-urlencoded"),)
_NUMBER: Final = re.compile(r"-?[0-9]{1,12}")
_OAUTH: Final = re.compile(r"[a-z][a-z0-9_]{1,39}")
_ID: Final = re.compile(r"[0-9A-Za-z_-]{1,80}")


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of Baidu.

    Attributes:
        code: Its code: a number, or a word of OAuth; empty if it is not a refusal.
        words: Its message.
        found: The whole object.
        status: HTTP status, for errors about unusable answers.
    """

    code: str
    words: str = field(repr=False)
    found: dict[str, Any] = field(repr=False)
    status: int = 200

    def says_token_is_dead(self) -> bool:
        """Return whether the table says that the access_token must be dropped."""
        entry = catalogue.find_refusal("baidu", self.code) if self.code else None
        return entry is not None and entry.drop_token

    def refusal(self, place: str, step: int, *secrets: Secret | None) -> PlatformRefusal:
        """Return the error for the code."""
        asked = self.found.get("request_id")
        return refusal(
            "baidu",
            self.code,
            place=place,
            message=self.words,
            request_id=asked if isinstance(asked, str) and _ID.fullmatch(asked) else "",
            step=step,
            secrets=secrets,
        )

    def nonsense(self, reason: str, step: int, spent: Spent) -> NonsenseReply:
        """Return the error for an unusable answer."""
        return NonsenseReply(step=step, because={"reason": reason, "status": self.status}, spent=spent)


def post(
    app: BaiduApp, url: str, form: tuple[tuple[str, str], ...] = (), query: tuple[tuple[str, str], ...] = ()
) -> Flow[Answer]:
    """Send a POST request with a form.

    Raises:
        OutsideError: ``outside.*``.
    """
    body = urlencode(form).encode("ascii")
    return _answer((yield from ask(Send(Request("POST", url, query, _FORM, body), app.upstreams, app=app.scope))))


def _answer(reply: Reply) -> Answer:
    try:
        found = parse_json_object(reply.body)
    except EnvelopeError:
        raise _unreadable(reply, "not JSON") from None
    error = found.get("error", "")
    for name in ("error_code", "errno"):
        code = found.get(name)
        code = (
            "0" if code is None else str(code) if isinstance(code, int) else code
        )  # bool is an int: str(True) is 'True', which the pattern rejects
        if not isinstance(code, str) or not _NUMBER.fullmatch(code):
            raise _unreadable(reply, name)
        if int(code):
            return Answer(code, _words(found, "error_msg", "msg", "error_description", "error"), found, reply.status)
    if error in ("", None):
        return Answer("", "", found, reply.status)
    if not isinstance(error, str):
        raise _unreadable(reply, "error")
    code = error if _OAUTH.fullmatch(error) else "error"
    return Answer(code, _words(found, "error_description", "error"), found, reply.status)


def _words(found: dict[str, Any], *names: str) -> str:
    return next((words for name in names if isinstance(words := found.get(name), str) and words), "")


def _unreadable(reply: Reply, reason: str) -> NonsenseReply:
    return NonsenseReply(because={"reason": reason, "status": reply.status, "bytes": len(reply.body)})
