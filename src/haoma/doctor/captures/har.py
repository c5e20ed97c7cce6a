"""Reads HAR files: the requests of a page, as saved by developer tools (HTTP Archive 1.2)."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlencode

import msgspec

from haoma.crypto.strict import decode_base64
from haoma.errors import HaomaError

_MOST: Final = 16 * 1024
"""Most characters of a body that is examined. Larger ones are other resources of the page."""


class _Pair(msgspec.Struct):
    name: str = ""
    value: str = ""


class _Body(msgspec.Struct):
    text: str = ""
    encoding: str = ""
    params: list[_Pair] = []


class _Request(msgspec.Struct, rename="camel"):
    method: str = "GET"
    url: str = ""
    post_data: _Body | None = None


class _Response(msgspec.Struct):
    content: _Body | None = None


class _Entry(msgspec.Struct):
    request: _Request
    response: _Response | None = None


class _Log(msgspec.Struct):
    entries: list[_Entry]


class _Archive(msgspec.Struct):
    log: _Log


_read: Final = msgspec.json.Decoder(_Archive).decode


def exchanges(text: str) -> list[tuple[str, str]] | None:
    """Return pairs of request and answer, either of which may be empty; None if the text is not a HAR file."""
    if '"entries"' not in text:
        return None
    try:
        entries = _read(text.encode("utf-8")).log.entries
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None
    return [pair for each in entries if any(pair := (_sent(each.request), _answered(each.response)))]


def _sent(request: _Request) -> str:
    if (body := request.post_data) is not None:
        return _short(body.text or urlencode([(each.name, each.value) for each in body.params]))
    return _short(f"{request.method} {request.url}") if "?" in request.url else ""


def _answered(response: _Response | None) -> str:
    content = response.content if response else None
    if content is None or content.encoding != "base64":
        return _short(content.text) if content else ""
    try:
        return _short(decode_base64(content.text, "content").decode("utf-8"))
    except (HaomaError, UnicodeDecodeError):
        return ""


def _short(text: str) -> str:
    return text if len(text) <= _MOST else ""
