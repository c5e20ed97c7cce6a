"""Requests to Kuaishou, and their answers. Success is ``"result": 1``, not 0; anything else is a refusal."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from haoma.crypto.strict import parse_json_object
from haoma.errors import EnvelopeError, NonsenseReply
from haoma.platforms.base.refusal import refusal
from haoma.steps import Request, Send, ask

if TYPE_CHECKING:
    from haoma.errors import PlatformRefusal, Spent
    from haoma.platforms.kuaishou.app import KuaishouApp
    from haoma.secret import Secret
    from haoma.steps import Flow, Reply

OK: Final = "1"
_FORM: Final = (("content-type", "application/x-www-form-urlencoded"),)
_NUMBER: Final = re.compile(r"-?[0-9]{1,12}")


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of Kuaishou.

    Attributes:
        result: Its code.
        words: Its message.
        found: The whole object.
        status: HTTP status, for errors about unusable answers.
    """

    result: str
    words: str = field(repr=False)
    found: dict[str, Any] = field(repr=False)
    status: int = 200

    def refusal(self, place: str, step: int, *secrets: Secret | None) -> PlatformRefusal:
        """Return the error for the code."""
        return refusal("kuaishou", self.result, place=place, message=self.words, step=step, secrets=secrets)

    def nonsense(self, reason: str, step: int, spent: Spent) -> NonsenseReply:
        """Return the error for an unusable answer."""
        return NonsenseReply(step=step, because={"reason": reason, "status": self.status}, spent=spent)


def post(app: KuaishouApp, path: str, form: tuple[tuple[str, str], ...]) -> Flow[Answer]:
    """Send a POST request with a form.

    Raises:
        OutsideError: ``outside.*``.
    """
    request = Request("POST", app.api_base_url + path, headers=_FORM, body=urlencode(form).encode("ascii"))
    return _answer((yield from ask(Send(request, app.upstreams, app=app.scope))))


def _answer(reply: Reply) -> Answer:
    try:
        found = parse_json_object(reply.body)
    except EnvelopeError:
        raise _unreadable(reply, "not JSON") from None
    result = found.get("result")
    # bool is an int: str(True) is 'True', which the pattern rejects.
    result = str(result) if isinstance(result, int) else result
    if not isinstance(result, str) or not _NUMBER.fullmatch(result):
        raise _unreadable(reply, "result")
    words = (found.get(name) for name in ("error_msg", "error"))
    return Answer(result, next((each for each in words if isinstance(each, str) and each), ""), found, reply.status)


def _unreadable(reply: Reply, reason: str) -> NonsenseReply:
    return NonsenseReply(because={"reason": reason, "status": reply.status, "bytes": len(reply.body)})
