"""Where the page's requests go: to a service that is started for the page, or to the developer's server."""

from __future__ import annotations

import asyncio
import contextlib
import re
import tempfile
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import urlsplit

import h11
import msgspec

from haoma.simulator.beside import Service, free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

PATH: Final = "/v1/apps/{app}/phone-number"
_MOST_ANSWER: Final = 64 * 1024
_MOST_LINES: Final = 2000
_PIECE: Final = 64 * 1024
_BELOW: Final = re.compile(r"/v1(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+")
"""Paths that may be forwarded: nothing escaped, no query, no segment that begins with a dot."""
_LONGEST: Final = 256


class NoAnswer(Exception):
    """The service did not answer. The message says why, without an address."""


class Target(Protocol):
    """A service.

    Attributes:
        url: Its address, such as ``http://127.0.0.1:8080``.
        own: Whether the simulator has started it: then its log can be read, and its clock moved.
        path: Where the page posts.
    """

    url: str
    own: bool
    path: str

    async def ready(self) -> None:
        """Return when it can be used.

        Raises:
            ServiceDied: It did not start.
        """

    async def move(self, ahead: float) -> None:
        """Move its clock, if that is possible."""

    async def line(self, request_id: str) -> Mapping[str, Any] | None:
        """Return the line of the operator's log about a request; None if it cannot be read."""

    async def stop(self) -> None:
        """Stop it, if the simulator has started it."""


class Theirs:
    """The developer's own server, as the command line names it."""

    own = False

    def __init__(self, service: str) -> None:
        parts = urlsplit(service)
        self.url = f"{parts.scheme}://{parts.netloc}"
        self.path = parts.path if parts.path.strip("/") else PATH

    async def ready(self) -> None:
        """See `Target.ready`."""

    async def move(self, ahead: float) -> None:
        """See `Target.move`. Their clock is their own."""

    async def line(self, request_id: str) -> None:
        """See `Target.line`. Their log is their own."""

    async def stop(self) -> None:
        """See `Target.stop`."""


class Own:
    """The real service, started when it is first needed.

    Args:
        settings_toml: Returns the configuration for a service that listens at an address.
        started: Called with its address when it runs.
    """

    own = True
    path = PATH

    def __init__(self, settings_toml: Callable[[str], str], started: Callable[[str], None] | None = None) -> None:
        self._settings_toml = settings_toml
        self._started = started
        self._port = free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        self._lock = asyncio.Lock()
        self._ahead = 0.0
        self._stack = contextlib.ExitStack()
        self._service: Service | None = None
        self._log: Log | None = None

    async def ready(self) -> None:
        """See `Target.ready`."""
        async with self._lock:
            if self._service is not None and self._service.running:
                return
            await asyncio.to_thread(self._stack.close)
            self._service, self._log = await asyncio.to_thread(self._start)
        if self._started is not None:
            self._started(self.url)

    def _start(self) -> tuple[Service, Log]:
        with contextlib.ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="haoma-phone-")))
            config = folder / "haoma.toml"
            config.write_text(self._settings_toml(f"127.0.0.1:{self._port}"), encoding="utf-8")
            service = stack.enter_context(Service(config, self._port))
            service.move(self._ahead)
            self._stack = stack.pop_all()
            return service, Log(service.log)

    async def move(self, ahead: float) -> None:
        """See `Target.move`."""
        async with self._lock:
            self._ahead = ahead
            if self._service is not None:
                await asyncio.to_thread(self._service.move, ahead)

    async def line(self, request_id: str) -> Mapping[str, Any] | None:
        """See `Target.line`. The service writes its lines a moment after the answer."""
        return None if self._log is None else await self._log.find(request_id)

    async def stop(self) -> None:
        """See `Target.stop`."""
        async with self._lock:
            stack, self._stack, self._service = self._stack, contextlib.ExitStack(), None
            await asyncio.to_thread(stack.close)


class Beside:
    """The service that the demo has started."""

    own = True
    path = PATH

    def __init__(self, service: Service) -> None:
        self.url = service.url
        self._service = service
        self._log = Log(service.log)
        self._lock = asyncio.Lock()

    async def ready(self) -> None:
        """See `Target.ready`."""

    async def move(self, ahead: float) -> None:
        """See `Target.move`."""
        async with self._lock:
            await asyncio.to_thread(self._service.move, ahead)

    async def line(self, request_id: str) -> Mapping[str, Any] | None:
        """See `Target.line`."""
        return await self._log.find(request_id)

    async def stop(self) -> None:
        """See `Target.stop`. The demo stops it."""


class Log:
    """The log of a service, read as it grows: lines by request id."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read = 0
        self._rest = b""
        self._lines: OrderedDict[str, Mapping[str, Any]] = OrderedDict()

    async def find(self, request_id: str) -> Mapping[str, Any] | None:
        """Return the line about a request, and wait a moment for it."""
        for _ in range(40):
            self._read_on()
            found = self._lines.get(request_id)
            if found is not None:
                return found
            await asyncio.sleep(0.025)
        return None

    def _read_on(self) -> None:
        with self._path.open("rb") as file:
            file.seek(self._read)
            grown = file.read(4 * 1024 * 1024)
        self._read += len(grown)
        *whole, self._rest = (self._rest + grown).split(b"\n")
        for line in whole:
            try:
                fields = msgspec.json.decode(line, type=dict[str, Any])
            except msgspec.MsgspecError:
                continue
            if isinstance(fields.get("request_id"), str):
                self._lines[fields["request_id"]] = fields
                if len(self._lines) > _MOST_LINES:
                    self._lines.popitem(last=False)


def may_forward(path: str, target: Target) -> bool:
    """Return whether a path of the page may be forwarded: below ``/v1/``, or the one of the command line."""
    return len(path) <= _LONGEST and (_BELOW.fullmatch(path) is not None or path == target.path)


async def forward(
    url: str, method: str, path: str, headers: Mapping[str, str], body: bytes, seconds: float
) -> tuple[int, dict[str, str], bytes]:
    """Send a request, and return status, headers and body. Redirects are not followed: they could lead anywhere.

    Raises:
        NoAnswer: There was none.
    """
    parts = urlsplit(url)
    try:
        async with asyncio.timeout(seconds):
            reader, writer = await asyncio.open_connection(parts.hostname, parts.port or 80)
            try:
                return await _exchange(reader, writer, parts.netloc, method, path, headers, body)
            finally:
                writer.close()
    except TimeoutError:
        raise NoAnswer("timeout") from None
    except (OSError, h11.ProtocolError) as error:
        raise NoAnswer(type(error).__name__) from None


async def _exchange(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    host: str,
    method: str,
    path: str,
    headers: Mapping[str, str],
    body: bytes,
) -> tuple[int, dict[str, str], bytes]:
    http = h11.Connection(h11.CLIENT)
    named = [("Host", host), *headers.items(), ("Content-Length", str(len(body))), ("Connection", "close")]
    events = h11.Request(method=method, target=path, headers=named), h11.Data(data=body), h11.EndOfMessage()
    writer.write(b"".join(http.send(event) or b"" for event in events))
    await writer.drain()
    status, answered, content = 0, dict[str, str](), bytearray()
    while True:
        event = http.next_event()
        if event is h11.NEED_DATA:
            http.receive_data(await reader.read(_PIECE))
        elif isinstance(event, h11.Response):
            status = event.status_code
            answered = {name.decode("ascii"): value.decode("latin-1") for name, value in event.headers}
        elif isinstance(event, h11.Data):
            content += event.data
            if len(content) > _MOST_ANSWER:
                raise NoAnswer("too large")
        elif isinstance(event, h11.EndOfMessage):
            return status, answered, bytes(content)
        elif event is h11.PAUSED or isinstance(event, h11.ConnectionClosed):
            raise NoAnswer("closed")
