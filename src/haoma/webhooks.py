"""Webhooks after the Standard Webhooks specification: what signs an event, and what verifies it at the receiver.

::

    event = webhooks.verify(request.headers, request.body, ["whsec_…"])
    if event.type == "account.erased":
        forget(event.account)

Source: "Signature scheme" and "Webhook headers" in version 1.0.0 of the specification
(github.com/standard-webhooks/standard-webhooks, spec/standard-webhooks.md).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec

from haoma.crypto.strict import decode_base64, parse_json
from haoma.errors import EnvelopeError, WebhookNotVerified, wrong_argument
from haoma.io import clock

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

TOLERANCE_SECONDS: Final = 300
"""How far the time of a webhook may be from the receiver's clock."""
PREFIX: Final = "whsec_"
SECRET_BYTES: Final = 32
_LEAST, _MOST = 24, 64
_ID: Final = "webhook-id"
_TIMESTAMP: Final = "webhook-timestamp"
_SIGNATURE: Final = "webhook-signature"
_SECONDS: Final = re.compile(r"[0-9]{1,12}")
_VERSION: Final = "v1,"
_LONGEST: Final = 4096


class Event(msgspec.Struct, frozen=True):
    """One event.

    Attributes:
        id: Its id. An event may arrive more than once, always with the same id.
        type: ``phone.verified``, ``number.changed``, ``link.conflict``, ``account.erased``, ``account.merged`` or
            ``authorization.withdrawn``.
        timestamp: When it happened.
        data: What is known about it: ``account``, ``platform``, ``app``, ``masked``, ``link`` and others.
    """

    id: str
    type: str
    timestamp: datetime
    data: dict[str, Any]

    @property
    def account(self) -> str | None:
        """Whose event it is; None if a request was refused and belongs to no account."""
        found = self.data.get("account")
        return found if isinstance(found, str) else None


def verify(headers: Mapping[str, str], body: bytes, secrets: str | Iterable[str], *, now: float | None = None) -> Event:
    """Return the event that a webhook carries.

    1. The three headers are there, each once. Their names have no case.
    2. The time is at most five minutes from now, in both directions.
    3. One of the signatures was made with one of the secrets, over id, time and body. All are compared, in constant
       time.
    4. The body is an event of that id.

    Answer 2xx, or the webhook comes again. Remember the id: the same event may arrive twice.

    Args:
        headers: The headers of the request.
        body: The bytes of the request, as they arrived.
        secrets: The secrets in the form ``whsec_…``: one, or two while it is changed.
        now: Unix seconds; the current time if None.

    Raises:
        WebhookNotVerified: ``trust.webhook-not-verified``.
        WrongArgument: ``config.wrong-argument``: a secret is not one.
    """
    keys = [_secret(each) for each in ([secrets] if isinstance(secrets, str) else secrets)]
    # 1
    event_id, timestamp, signature = (_only(headers, name) for name in (_ID, _TIMESTAMP, _SIGNATURE))
    # 2
    if not _SECONDS.fullmatch(timestamp):
        raise WebhookNotVerified(because={"field": _TIMESTAMP})
    age = (clock.now() if now is None else now) - int(timestamp)
    if abs(age) > TOLERANCE_SECONDS:
        raise WebhookNotVerified(because={"field": _TIMESTAMP, "seconds": round(age), "limit": TOLERANCE_SECONDS})
    # 3
    right = False
    for key in keys:
        made = sign(key, event_id, int(timestamp), body).encode()
        for each in signature.encode("utf-8", "replace").split(b" "):
            right |= hmac.compare_digest(each, made)
    if not right:
        raise WebhookNotVerified(because={"field": _SIGNATURE})
    # 4
    try:
        event = msgspec.convert(parse_json(body), Event)
    except (EnvelopeError, msgspec.ValidationError):
        event = None
    if event is None or event.id != event_id:
        raise WebhookNotVerified(because={"field": "body"})
    return event


def sign(secret: bytes, event_id: str, timestamp: int, body: bytes) -> str:
    """Return the signature of a webhook, as it stands in the header.

    Args:
        secret: The bytes of the secret.
        event_id: The id of the event. It has no full stop.
        timestamp: Unix seconds.
        body: The body.
    """
    digest = hmac.digest(secret, f"{event_id}.{timestamp}.".encode() + body, hashlib.sha256)
    return _VERSION + base64.b64encode(digest).decode("ascii")


def headers(secrets: Iterable[bytes], event_id: str, timestamp: int, body: bytes) -> tuple[tuple[str, str], ...]:
    """Return the headers of a webhook. It is signed with every secret, so that a receiver may know either."""
    signatures = " ".join(sign(each, event_id, timestamp, body) for each in secrets)
    return (_ID, event_id), (_TIMESTAMP, str(timestamp)), (_SIGNATURE, signatures)


def parse_secret(text: str) -> bytes | None:
    """Return the bytes of ``whsec_…``, or None. The specification allows 24 to 64."""
    encoded = text.removeprefix(PREFIX)
    try:
        found = decode_base64(encoded, "secrets")
    except EnvelopeError:
        return None
    return found if encoded != text and _LEAST <= len(found) <= _MOST else None


def format_secret(secret: bytes) -> str:
    """Return a secret as it stands in the settings, and as receivers want it."""
    return PREFIX + base64.b64encode(secret).decode("ascii")


def _secret(text: object) -> bytes:
    found = parse_secret(text) if isinstance(text, str) else None
    if found is None:
        raise wrong_argument("secrets", text, f"{PREFIX} and base64 of {_LEAST} to {_MOST} bytes")
    return found


def _only(headers: Mapping[str, str], name: str) -> str:
    """Return the value of a header that must be there once."""
    match [value for each, value in headers.items() if each.lower() == name]:
        case [value] if 0 < len(value) <= _LONGEST:
            return value
    raise WebhookNotVerified(because={"field": name})
