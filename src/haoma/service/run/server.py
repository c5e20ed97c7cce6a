"""``haoma serve``: the application on uvicorn, with as many processes as configured."""

from __future__ import annotations

import asyncio
import gc
import logging.config
import math
import os
import signal
import socket
import sys
import tempfile
from contextlib import ExitStack, suppress
from multiprocessing import reduction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from haoma.errors import ConfigFaults, Fault
from haoma.service.addresses import parse
from haoma.service.observe.shared import SHARED
from haoma.service.run.crowd import ACCEPTED, Crowd, raise_files
from haoma.service.run.workers import CANNOT_START, supervise
from haoma.settings.reader import load
from haoma.settings.service import parse_listen, start_warnings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from haoma.service.app import Application
    from haoma.settings.model import Settings

OK: Final = 0
FAILED: Final = 1
FAULTS: Final = 2
_SHARED_PREFIX: Final = "haoma-metrics-"
_QUEUE: Final = 2048
"""Connections that the system keeps until they are accepted."""
_IDLE_SECONDS: Final = 75
"""Longer than proxies keep a connection that they do not use (nginx: 60), so that none is closed under a request."""
_YOUNG: Final = 10_000
"""New objects before the collector looks at them. A few dozen requests in flight hold more than Python's 700, and each
look would find the same requests again."""
_ANNOUNCE: Final = 1.0
"""Seconds between "not ready any more" and the end of listening."""
_log: Final = logging.getLogger(__name__)
_LOGGING: Final = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"ours": {"class": "haoma.service.observe.log.Foreign"}},
    "root": {"handlers": ["ours"], "level": "WARNING"},
}


def serve(
    config_path: str | os.PathLike[str],
    listen: str | None = None,
    workers: int | None = None,
    *,
    tell: Callable[[Sequence[Fault]], None] | None = None,
) -> int:
    """Run the service until it is told to stop.

    A script that calls this with several workers does so below ``if __name__ == "__main__"``: workers are spawned, and
    import it.

    Args:
        config_path: A ``haoma.toml``.
        listen: ``host:port`` instead of the file's.
        workers: Number of processes instead of the file's.
        tell: Tells the faults and warnings of the configuration; they are printed on stderr when None.

    Returns:
        0 after a graceful stop, 2 if the configuration has faults, 1 if a worker died.
    """
    if Path(os.environ.get(SHARED, "")).name.startswith(_SHARED_PREFIX):  # or workers would start workers
        print('haoma: call serve() below if __name__ == "__main__"', file=sys.stderr)  # noqa: T201
        sys.exit(CANNOT_START)
    path, tell = os.fspath(config_path), tell or _print
    try:
        settings = load(path, serving=True, workers=workers)
        workers = settings.service.workers if workers is None else workers
        with ExitStack() as stack:
            if workers > 1:
                os.environ[SHARED] = stack.enter_context(_shared_folder())
                stack.callback(os.environ.pop, SHARED, None)
            listening = stack.enter_context(_listen(settings, listen))
            tell((*start_warnings(settings), *_proxy_warning(settings, listening)))
            return _run(path, settings, listening, workers)
    except ConfigFaults as faults:
        tell(faults.faults)
        return FAULTS


def _print(faults: Sequence[Fault]) -> None:
    for fault in faults:
        print(f"{'warning: ' if fault.warning else ''}{fault}", file=sys.stderr)  # noqa: T201 - the answer to a command


def _shared_folder() -> tempfile.TemporaryDirectory[str]:
    try:
        return tempfile.TemporaryDirectory(prefix=_SHARED_PREFIX)
    except OSError as error:
        because = {"reason": type(error).__name__ if error.errno is None else os.strerror(error.errno)}
        raise ConfigFaults([Fault("config.no-temporary-folder", "TMPDIR", because=because)]) from None


def _proxy_warning(settings: Settings, listening: socket.socket) -> tuple[Fault, ...]:
    """Warn when users can only come through a proxy, and nobody has said which one that is."""
    service = settings.service
    if not service.publishable_keys or service.trusted_proxies or not parse(listening.getsockname()[0]).is_loopback:
        return ()
    return (Fault("config.proxy-not-named", "service.trusted_proxies", warning=True, file=settings.path),)


def _listen(settings: Settings, listen: str | None) -> socket.socket:
    """Take the port, before anything that takes time."""
    service = settings.service
    address = (service.host, service.port) if listen is None else parse_listen(listen)
    if address is None:
        raise ConfigFaults([Fault("config.bad-listen", "--listen", because={"needed": "host:port"})])
    host, port = address
    where = "service.listen" if listen is None else "--listen"
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, place = found[0]
        # Without the protocol asyncio would not know that this is TCP, and the body of an answer would wait until its
        # head is acknowledged (Nagle), which callers delay by 40 ms.
        port_class = _Port if os.name == "posix" else socket.socket  # elsewhere asyncio accepts one at a time
        listening = port_class(family, kind, protocol)
        try:
            if os.name == "posix":  # elsewhere it would share the port with a stranger
                listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(place)
            listening.listen()
        except OSError:
            listening.close()
            raise
    except OSError as error:
        reason = type(error).__name__ if error.errno is None else os.strerror(error.errno)
        fault = Fault("config.cannot-listen", where, because={"listen": f"{host}:{port}", "reason": reason})
        raise ConfigFaults([fault]) from None
    return listening


class _Port(socket.socket):
    """A port whose queue stays long: asyncio would make it as short as the number that it accepts in one turn."""

    def listen(self, _backlog: int = 0) -> None:
        super().listen(_QUEUE)

    def __reduce__(self) -> tuple[Callable[..., _Port], tuple[Any]]:
        return _rebuilt, (reduction.DupFd(self.fileno()),)


def _rebuilt(passed: Any) -> _Port:
    """Return the port in a worker."""
    return _Port(fileno=passed.detach())


class _Target:
    """Builds the application in each worker, and teaches it to stop: not ready first, then without a port.

    In this process the settings are there already, and reading private keys takes a while. A worker that is spawned
    reads the file again: secrets do not travel between processes.
    """

    def __init__(self, path: str, workers: int, settings: Settings | None = None) -> None:
        self._path = path
        self._workers = workers
        self._settings = settings

    def __reduce__(self) -> tuple[type[_Target], tuple[str, int]]:
        return _Target, (self._path, self._workers)

    def __call__(self) -> Application:
        """Return the application."""
        from haoma.service.app import Application
        from haoma.service.run.connection import Connection

        raise_files()
        try:
            settings = self._settings or load(self._path, serving=True, workers=self._workers)
        except ConfigFaults as faults:  # the file has changed since the service was started
            _print(faults.faults)
            sys.exit(CANNOT_START)
        Connection.crowd = Crowd(proxies=settings.service.trusted_proxies)
        try:
            app = Application(settings)
        except Exception:  # noqa: BLE001 - whatever it is, a worker started anew would meet it again
            _log.exception("The application cannot be built.")
            sys.exit(CANNOT_START)
        gc.collect()
        gc.freeze()  # what is there now stays: the collector need not look at it again and again
        gc.set_threshold(_YOUNG)
        seconds = settings.service.drain_seconds

        def announce() -> None:
            loop, stop = asyncio.get_running_loop(), signal.getsignal(signal.SIGTERM)

            def begin() -> None:
                app.drain()
                if callable(stop):
                    loop.call_later(_announcement(seconds), stop, signal.SIGTERM, None)
                loop.call_later(seconds, app.end)

            signal.signal(signal.SIGTERM, lambda *_: loop.call_soon_threadsafe(begin))

        app.on_start.append(announce)
        return app


def _announcement(drain_seconds: float) -> float:
    return min(_ANNOUNCE, drain_seconds / 2)


def _run(path: str, settings: Settings, listening: socket.socket, workers: int) -> int:
    seconds = settings.service.drain_seconds
    if workers > 1:
        logging.config.dictConfig(_LOGGING)
        codes = supervise(_work, (_Target(path, workers), seconds, listening), workers, listening.close)
        return FAILED if CANNOT_START in codes else OK
    try:
        _work(_Target(path, workers, settings), seconds, listening)
    except SystemExit as end:
        return FAILED if end.code else OK
    return OK


def _work(target: _Target, seconds: float, listening: socket.socket) -> None:
    """Serve in this process until it is told to stop."""
    # Imported late: the command line has other uses, and a configuration with faults should be reported at once.
    import uvicorn

    from haoma.service.run.connection import Connection

    config = uvicorn.Config(
        target,
        factory=True,
        interface="asgi3",
        lifespan="on",
        http=Connection,
        backlog=ACCEPTED,
        ws="none",
        log_config=_LOGGING,
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=_IDLE_SECONDS,
        # The application ends what is in flight in time. This is for callers that do not take their answers.
        timeout_graceful_shutdown=math.ceil(seconds - _announcement(seconds)) + 1,
    )
    # When everything is over, uvicorn raises the signal again for the handler that was there before.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(OK))
    with suppress(KeyboardInterrupt):
        uvicorn.Server(config).run([listening])
