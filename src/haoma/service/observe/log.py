"""Log lines: JSON on stderr, redacted.

`haoma.service.observe.journal` selects the logged fields by name: no body, no header, no path. `redact` is a second
safeguard against secrets that a later change or another library lets through.
"""

from __future__ import annotations

import logging
import re
import sys
import traceback
from collections import Counter
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import msgspec
import structlog

from haoma.io.clock import monotonic, now
from haoma.io.process import causes
from haoma.secret import MASK
from haoma.visible import visible_json

if TYPE_CHECKING:
    from structlog.typing import EventDict, FilteringBoundLogger, WrappedLogger

OURS: Final = frozenset({
    "event", "level", "timestamp", "request_id", "method", "route", "app", "platform", "status", "code", "diagnosis",
    "unlisted", "step", "place", "platform_code", "platform_request_id", "ms", "caller", "exception", "traceback",
})  # fmt: skip
"""Fields that we write. They are not masked by name, although some contain ``code``; their values are still checked."""

LEVELS: Final = ("debug", "info", "warning", "error", "critical")
_encode: Final = msgspec.json.Encoder().encode
_WRITTEN: Final = frozenset({
    "level", "timestamp", "method", "route", "app", "platform", "place", "status", "caller", "ms",
    "tenant", "seal", "heads", "mac", "address", "workers",
})  # fmt: skip
"""Those of our fields whose values come from our code or the configuration, or are counted. They are not checked."""
_TELLING: Final = re.compile(
    r"code|token|secret|phone|mobile|number|session|authori[sz]ation|password|key|cookie|sign|encrypted|sealed"
    r"|open_?id|union_?id|user_?id|body|query|header|^iv$",
    re.IGNORECASE,
)
# The prefix is matched by looking back, so that the search starts at each 1 and not at every character.
_MAINLAND: Final = r"1[3-9]\d{9}(?!\d)(?:(?<!\d{12})|(?<=(?<!\d)86\d{11})|(?<=(?<!\d)0086\d{11}))"
_ABROAD: Final = r"\+[1-9](?:[ -]?\d){6,14}(?!\d)"  # the `+` is required: digits alone may be a count or an id
_KEY: Final = r"[A-Za-z0-9+/_-]{40,}={0,2}"
_SUSPECT: Final = re.compile(f"{_MAINLAND}|{_ABROAD}|{_KEY}")
_NUMBER: Final = re.compile(_MAINLAND)
_SHORTEST: Final = len("+") + 7  # the shortest text that `_SUSPECT` matches
_MOST_KINDS: Final = 256
_MOST_OF_A_KIND: Final = 10


@lru_cache(maxsize=512)
def _telling(name: str) -> bool:
    return name not in OURS and _TELLING.search(name) is not None


def redact(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Mask values whose name suggests a secret, and text that looks like a phone number or a key."""
    written, ours = _WRITTEN, OURS
    for name, value in event.items():
        if name in written:
            continue
        if type(value) is str and name in ours:  # most values, so without a call
            if len(value) >= _SHORTEST and (pattern := _NUMBER if name == "request_id" else _SUSPECT).search(value):
                event[name] = pattern.sub(MASK, value)
        elif value is not None or _telling(name):
            event[name] = _clean(name, value)
    return event


def _clean(name: str, value: object) -> object:  # noqa: PLR0911
    if _telling(name):
        return MASK
    match value:
        case str():
            # A request id may be as long as a key. Its format was checked, and it is sent back unchanged.
            return (_NUMBER if name == "request_id" else _SUSPECT).sub(MASK, value)
        case dict():
            return {str(key): _clean(str(key), each) for key, each in value.items()}
        case list() | tuple():
            return [_clean(name, each) for each in value]
        case bool() | None:
            return value
        case int() | float():
            return MASK if _NUMBER.search(str(value)) else value
    return MASK  # its repr could hold anything


def _render(event: EventDict) -> bytes:
    try:
        line = _encode(event)
    except (UnicodeEncodeError, TypeError):
        line = _encode({name: ascii(value) for name, value in event.items()})
    if line.isascii() and 0x7F not in line:
        return line + b"\n"
    # JSON only escapes the C0 controls, but a log is read on a terminal.
    return visible_json(line.decode("utf-8")).encode("utf-8") + b"\n"


class Lines:
    """A writer for log lines. A log that cannot be written (disk full, pipe closed) must not fail the request."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def info(self, line: bytes) -> None:
        """Write a line, or several that were joined."""
        try:
            self._stream.write(line)
            self._stream.flush()
        except (OSError, ValueError):
            pass

    debug = warning = error = critical = info


def make_logger(stream: BinaryIO | Lines | None = None, *, level: str = "info") -> FilteringBoundLogger:
    """Return a logger that writes JSON lines of ``level`` and above to ``stream``; stderr by default."""
    logger: FilteringBoundLogger = structlog.wrap_logger(
        stream if isinstance(stream, Lines) else Lines(stream or sys.stderr.buffer),
        processors=[finish],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        context_class=dict,
    ).bind()
    return logger


def finish(logger: WrappedLogger, method: str, event: EventDict) -> bytes:
    """Return the log line of an event. Every line of the log is made here.

    The journal calls this function directly, like the last processor of a logger. Going through the logger would take
    twice as long.
    """
    event["level"] = method
    event["timestamp"] = _stamp(int((event.get("timestamp") or now()) * 1000))
    return _render(redact(logger, method, event))


@lru_cache(maxsize=2)  # lines are written in batches, and many of a batch are of the same millisecond
def _stamp(milliseconds: int) -> str:
    seconds, rest = divmod(milliseconds, 1000)
    return f"{_to_the_second(seconds)}.{rest:03d}+00:00"


@lru_cache(maxsize=2)
def _to_the_second(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def stack(error: BaseException) -> tuple[str, list[str]]:
    """Return the types of ``error`` and its causes, and the places in its traceback.

    Local variables, source lines and messages are left out, because the message of another library's exception may
    quote its input.
    """
    return " < ".join(type(each).__name__ for each in causes(error)), [
        f"{frame.name} ({frame.filename.rpartition('site-packages/')[2].rpartition('/src/')[2]}:{frame.lineno})"
        for frame in traceback.StackSummary.extract(traceback.walk_tb(error.__traceback__), lookup_lines=False)
    ]


class Sparing:
    """A rate limit for log lines that untrusted clients can trigger.

    It allows one line of a kind per second, ten of a kind per minute, and ``per_minute`` of all kinds per minute. The
    limit per kind keeps a client that triggers one kind from silencing the others. The next line of the same kind says
    how many were left out.
    """

    def __init__(self, per_minute: int = 40) -> None:
        self._per_minute = per_minute
        self._minute = -60.0
        self._written = Counter[str]()
        self._kinds: dict[str, tuple[float, int]] = {}

    def left_out(self, kind: str) -> int | None:
        """Return how many lines of this kind were left out before this one, or None to leave this one out too."""
        moment = monotonic()
        if moment - self._minute >= 60:
            self._minute = moment
            self._written.clear()
        if kind not in self._kinds and len(self._kinds) >= _MOST_KINDS:
            self._kinds.clear()
        last, count = self._kinds.get(kind, (-1.0, 0))
        if moment - last < 1 or self._written[kind] >= _MOST_OF_A_KIND or self._written.total() >= self._per_minute:
            self._kinds[kind] = last, count + 1
            return None
        self._kinds[kind] = moment, 0
        self._written[kind] += 1
        return count


class Foreign(logging.Handler):
    """A handler that writes records of other libraries (the server, the event loop) to our log, with a rate limit.

    Messages are written as templates. Arguments, exception messages and extras are left out, because they may contain
    parts of a request.
    """

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._logger = make_logger()
        self._sparing = Sparing()

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record, or count it as left out."""
        message = record.msg if isinstance(record.msg, str) else type(record.msg).__name__
        message = message.partition("\n")[0][:120]
        left_out = self._sparing.left_out(message)
        if left_out is None:
            return
        fields: dict[str, Any] = {"logger": record.name}
        if left_out:
            fields["left_out"] = left_out
        if record.exc_info and record.exc_info[1]:
            fields["exception"], fields["traceback"] = stack(record.exc_info[1])
        self._logger.warning(message, **fields)
