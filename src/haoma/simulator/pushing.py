"""Posts a platform's pushes to the service, as the platform does: over HTTP, with a time limit for the answer."""

from __future__ import annotations

import http.client
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode, urlsplit

import msgspec

from haoma.visible import visible

if TYPE_CHECKING:
    from haoma.platforms.base.mirroring import Push

_SECONDS: Final = 5.0  # as long as WeChat waits for an answer
_MOST: Final = 200


@dataclass(frozen=True, slots=True)
class Delivery:
    """The result of a push.

    Attributes:
        path: Where it was posted.
        status: HTTP status; 0 if there was no answer.
        said: The answer: the text, the code of a problem, or what went wrong.
    """

    path: str
    status: int
    said: str


def deliver(service: str, push: Push) -> Delivery:
    """Post a push to the service at ``service``, such as ``http://127.0.0.1:8080``, and wait for the answer.

    Redirects are not followed, because they could lead anywhere.
    """
    if not service:
        return Delivery(push.path, 0, "no service to push to")
    connection = http.client.HTTPConnection(urlsplit(service).netloc, timeout=_SECONDS)
    try:
        target = f"{push.path}?{urlencode(push.query)}"
        connection.request("POST", target, push.body, {"Content-Type": "text/xml"})
        response = connection.getresponse()
        return Delivery(push.path, response.status, _said(response.read(64 * 1024)))
    except (OSError, http.client.HTTPException) as error:
        return Delivery(push.path, 0, type(error).__name__)
    finally:
        connection.close()


def _said(body: bytes) -> str:
    try:
        said = str(msgspec.json.decode(body, type=dict[str, object])["code"])
    except (msgspec.MsgspecError, KeyError):
        said = body.decode("utf-8", "replace")
    return visible(said[:_MOST])
