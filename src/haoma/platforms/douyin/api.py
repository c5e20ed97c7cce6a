"""Requests to Douyin's API, and their answers.

Douyin answers errors with HTTP status 200; only the body decides. The error code is in one of three places, and is
sometimes a number and sometimes a text:

* ``err_no``, with ``err_tips`` or ``err_msg`` and ``log_id``: mini-program APIs and the login;
* ``data.error_code``, with ``data.description``: the token, and APIs of the open platform;
* ``extra.error_code``, with ``extra.logid``: in addition to the previous one.

The ``client_token`` goes into a header and the secret into the body, so no address contains a secret.
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
    from collections.abc import Iterator

    from haoma.errors import PlatformRefusal, Spent
    from haoma.platforms.douyin.app import DouyinApp
    from haoma.secret import Secret
    from haoma.steps import Flow, Reply

OK: Final = "0"
_JSON: Final = ("content-type", "application/json")
_CODE: Final = re.compile(r"-?\d{1,12}", re.ASCII)
_LOG_ID: Final = re.compile(r"[0-9A-Za-z_-]{6,80}")


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of Douyin.

    Attributes:
        code: Its code; empty if there is none.
        found: The whole object.
        status: HTTP status, for errors about unusable answers.
    """

    code: str
    found: dict[str, Any] = field(repr=False)
    status: int

    @property
    def words(self) -> str:
        """Its message."""
        return _first_text(self.found, ("err_tips", "err_msg", "description", "sub_description"))

    @property
    def request_id(self) -> str:
        """Douyin's id of the request (``log_id``), to quote to its support."""
        found = _first_text(self.found, ("log_id", "logid"))
        return found if _LOG_ID.fullmatch(found) else ""

    @property
    def refused(self) -> bool:
        """True if the answer is a refusal."""
        return self.code not in ("", OK)

    def says_token_is_dead(self) -> bool:
        """Return whether the table says that the client_token must be dropped."""
        entry = catalogue.find_refusal("douyin", self.code) if self.refused else None
        return entry is not None and entry.drop_token

    def says_busy(self) -> bool:
        """Return whether the table says that Douyin is busy."""
        entry = catalogue.find_refusal("douyin", self.code, place="phone") if self.refused else None
        return entry is not None and entry.code == "platform.busy"

    def refusal(self, place: str, step: int, *secrets: Secret | None) -> PlatformRefusal:
        """Return the error for the code."""
        return refusal(
            "douyin",
            self.code,
            place=place,
            message=self.words,
            request_id=self.request_id,
            step=step,
            secrets=secrets,
        )

    def nonsense(self, reason: str, step: int, spent: Spent) -> NonsenseReply:
        """Return the error for an unusable answer."""
        because = {"reason": reason, "status": self.status}
        return NonsenseReply(step=step, because=because, request_id=self.request_id, spent=spent)


def post(
    app: DouyinApp, address: str, content: dict[str, str], headers: tuple[tuple[str, str], ...] = ()
) -> Flow[Answer]:
    """Send a POST request with JSON.

    Raises:
        OutsideError: ``outside.*``.
    """
    body = msgspec.json.encode(content)
    return (yield from send(app, Request("POST", address, headers=(_JSON, *headers), body=body)))


def send(app: DouyinApp, request: Request) -> Flow[Answer]:
    """Send a request and parse the answer.

    Raises:
        OutsideError: ``outside.*``.
    """
    return _answer((yield from ask(Send(request, app.upstreams, app=app.scope))))


def _answer(reply: Reply) -> Answer:
    try:
        found = parse_json_object(reply.body)
    except EnvelopeError:
        raise _unreadable(reply, "not JSON") from None
    codes = [_code(reply, value) for place, name in _places(found) if (value := place.get(name)) not in (None, "")]
    return Answer(next((code for code in codes if code != OK), OK if codes else ""), found, reply.status)


def _code(reply: Reply, value: object) -> str:
    if isinstance(value, int):
        value = str(value)  # bool is an int: str(True) is 'True', which the pattern rejects
    if not isinstance(value, str) or not _CODE.fullmatch(value):
        raise _unreadable(reply, "err_no")
    return value


def _places(found: dict[str, Any]) -> Iterator[tuple[dict[str, Any], str]]:
    """Yield the objects that may hold a code, with its name there. A refusal in any of them counts."""
    yield found, "err_no"
    for name in ("data", "extra"):
        inner = found.get(name)
        if isinstance(inner, dict):
            yield inner, "error_code"


def _first_text(found: dict[str, Any], names: tuple[str, ...]) -> str:
    texts = (place.get(name) for place, _code_name in _places(found) for name in names)
    return next((text for text in texts if isinstance(text, str) and text), "")


def _unreadable(reply: Reply, reason: str) -> NonsenseReply:
    return NonsenseReply(because={"reason": reason, "status": reply.status, "bytes": len(reply.body)})
