"""From what the front end posted to the answer that it gets: what the service and the integrations have in common.

An integration does the same for each request, whatever its framework::

    asked = Asked.of(language=header("accept-language"), request_id=header("x-request-id"))
    try:
        phone = client.get_phone_number("shop", body)    # or `await`
    except HaomaError as error:
        return refused(error, asked)                     # status, body, headers
    return answered(phone_body(phone, trusted=False), asked)
"""

from __future__ import annotations

import re
from os import urandom
from typing import TYPE_CHECKING, Final, NamedTuple, Self, TypeAlias

import msgspec

from haoma.authorize import log_in
from haoma.errors import KeyMissing, KeyRejected
from haoma.language import negotiate
from haoma.problem import problem
from haoma.verified import result_body

if TYPE_CHECKING:
    from collections.abc import Sequence

    from haoma.authorize import Admit
    from haoma.errors import HaomaError
    from haoma.platforms.base.contract import App
    from haoma.steps import Flow
    from haoma.verified import VerifiedPhone

Headers: TypeAlias = tuple[tuple[bytes, bytes], ...]
Reply: TypeAlias = tuple[int, bytes, Headers]
"""Status, body and headers of a response."""

JSON: Final = "application/json"
PROBLEM: Final = "application/problem+json"
HABIT: Final = "code-msg-data"
"""The setting that wraps every answer in ``{"code", "msg", "data"}``, with status 200."""
_RETRY_AFTER: Final = {429: b"60", 503: b"5"}
_ANSWER: Final = ((b"content-type", JSON.encode()), (b"cache-control", b"no-store"))
_LETTERS: Final = bytes.maketrans(b"0123456789", b"ghijkmnpqr")  # no digits: an id must not look like a phone number
_REQUEST_ID: Final = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_NUMBER: Final = re.compile(rb"\d{11}")  # an id that looks like a phone number is in nobody's log
_encode: Final = msgspec.json.Encoder().encode


class Asked(NamedTuple):
    """How the answer to a request is to be written.

    Attributes:
        lang: ``zh`` or ``en``.
        request_id: The id of the request, for the log and the answer.
        anonymous: True if the reader must not see the precise code, such as a mini program.
        habit: Wrap the answer in ``{"code", "msg", "data"}``.
        root: Prefix of the service's paths, such as ``/haoma``.
    """

    lang: str = "en"
    request_id: str = ""
    anonymous: bool = False
    habit: bool = False
    root: str = ""

    @classmethod
    def of(
        cls, *, language: str | bytes = b"", request_id: str | bytes = b"", anonymous: bool = True, habit: bool = False
    ) -> Self:
        """Return it for the headers ``Accept-Language`` and ``X-Request-ID`` of a request."""
        known = request_ids(() if not request_id or _NUMBER.search(_bytes(request_id)) else (_bytes(request_id),))
        return cls(negotiate(_bytes(language)), known, anonymous, habit)


def request_ids(headers: Sequence[bytes]) -> str:
    """Return the id of a request: that of its ``X-Request-ID`` header, or a new one.

    With two headers neither is used, because a proxy may have logged the other one.
    """
    if len(headers) == 1 and _REQUEST_ID.fullmatch(headers[0]):
        return headers[0].decode("ascii")
    return urandom(16).hex().encode("ascii").translate(_LETTERS).decode("ascii")


def answered(found: object, asked: Asked) -> Reply:
    """Return the response with what was found."""
    return 200, _encode({"code": 0, "msg": "ok", "data": found} if asked.habit else found), _ANSWER


def refused(error: HaomaError, asked: Asked, allow: bytes = b"") -> Reply:
    """Return the response to a refused request: a problem object (RFC 9457), or ``{"code", "msg", "data"}``."""
    body = problem(error, asked.lang, request_id=asked.request_id, anonymous=asked.anonymous, root=asked.root)
    headers = [(b"content-language", asked.lang.encode("ascii")), (b"cache-control", b"no-store")]
    if error.retry and error.retry_after:
        headers.append((b"retry-after", b"%d" % error.retry_after))
    elif error.retry and error.status in _RETRY_AFTER:
        headers.append((b"retry-after", _RETRY_AFTER[error.status]))
    if allow:
        headers.append((b"allow", allow))
    if asked.habit:
        in_data = {"code": error.status, "msg": body["title"], "data": body}
        return 200, _encode(in_data), (*headers, (b"content-type", JSON.encode()))
    if isinstance(error, (KeyMissing, KeyRejected)):
        headers.append((b"www-authenticate", b'Bearer realm="haoma"'))
    return error.status, _encode(body), (*headers, (b"content-type", PROBLEM.encode()))


def phone_body(phone: VerifiedPhone, *, trusted: bool) -> object:
    """Return the answer with a number, for an encoder. Only a trusted reader gets the full number."""
    return result_body(phone) if trusted else phone.to_masked_dict()


def login(app: App, body: bytes, *, now: float, trusted: bool, admit: Admit | None = None) -> Flow[dict[str, object]]:
    """Exchange the login code of a body, and return the answer: a session handle, and for a trusted reader the user.

    Raises:
        HaomaError: See `haoma.authorize.log_in`.
    """
    handle, found = yield from log_in(app, body, now=now, admit=admit)
    answer: dict[str, object] = {"session": handle, "expires_in": int(app.policy.session_seconds)}
    if trusted:
        answer["subject"] = msgspec.to_builtins(found.subject)
    return answer


def _bytes(header: str | bytes) -> bytes:
    return header if isinstance(header, bytes) else header.encode("latin-1", "replace")
