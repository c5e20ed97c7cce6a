"""``haoma serve``: runs the application on uvicorn, with the configured number of processes."""

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
from functools import partial
from multiprocessing import reduction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from haoma.errors import ConfigFaults, Fault, HaomaError, StoreUnavailable
from haoma.io.client_addresses import parse
from haoma.service.observe.log import make_logger
from haoma.service.observe.shared import SHARED
from haoma.service.run.crowd import ACCEPTED, Crowd, raise_files
from haoma.service.run.life import Life
from haoma.service.run.workers import CANNOT_START, supervise
from haoma.settings.reader import load_from
from haoma.settings.service import UNIX, parse_listen, start_warnings
from haoma.settings.sources import Sources
from haoma.store.config import MEMORY
from haoma.store.keys.unwrapping import account_keys
from haoma.store.keys.vault import REFUSED
from haoma.store.opening import check_cache, engine_of, prepare
from haoma.store.version import require_schema_blocking

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from multiprocessing.connection import Connection as PipeEnd

    from haoma.service.app import Application
    from haoma.service.run.reloading import Replaceable
    from haoma.settings.model import Settings

OK: Final = 0
FAILED: Final = 1
FAULTS: Final = 2
_SHARED_PREFIX: Final = "haoma-metrics-"
_QUEUE: Final = 2048
"""Length of the system's queue of connections that are not yet accepted."""
_IDLE_SECONDS: Final = 75
"""Longer than proxies keep an idle connection (nginx: 60), so that none is closed while a request is being sent."""
_YOUNG: Final = 10_000
"""New objects before the garbage collector runs. A few dozen requests in flight hold more than Python's default of 700,
and each run would scan the same requests again."""
_ANNOUNCE: Final = 1.0
"""Seconds between reporting "not ready" and closing the port."""
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
    """Run the service until it is stopped.

    A script that uses several workers must call this under ``if __name__ == "__main__"``, because spawned workers
    import the script.

    Args:
        config_path: A ``haoma.toml``.
        listen: ``host:port``, overriding the file.
        workers: Number of processes, overriding the file.
        tell: Called with the faults of the configuration, and with its warnings if stderr is a terminal; if None, they
            are printed on stderr. Elsewhere warnings are lines of the log.

    Returns:
        0 after a graceful stop, 2 if the configuration has faults, 1 if a worker died.
    """
    if Path(os.environ.get(SHARED, "")).name.startswith(_SHARED_PREFIX):  # otherwise workers would start workers
        print('haoma: call serve() below if __name__ == "__main__"', file=sys.stderr)  # noqa: T201
        sys.exit(CANNOT_START)
    path, tell, sources = os.fspath(config_path), tell or _print, Sources()
    try:
        settings = load_from(sources, path, serving=True, workers=workers)
        workers = settings.service.workers if workers is None else workers
        check_cache(settings.store)
        with ExitStack() as stack:
            if workers > 1:
                os.environ[SHARED] = stack.enter_context(_shared_folder())
                stack.callback(os.environ.pop, SHARED, None)
            listening = stack.enter_context(_listen(settings, listen))
            if settings.accounts is not None:
                account_keys(settings.accounts)  # what cannot be unwrapped is told once, and not by every worker
            warnings = *start_warnings(settings), *_proxy_warning(settings, listening), *_store_warning(settings)
            if sys.stderr.isatty():
                tell(warnings)
            else:
                _log_warnings(settings, warnings)
            return _run(path, settings, sources, listening, workers)
    except ConfigFaults as faults:
        tell(faults.faults)
        return FAULTS


def _print(faults: Sequence[Fault]) -> None:
    for fault in faults:
        print(f"{'warning: ' if fault.warning else ''}{fault}", file=sys.stderr)  # noqa: T201 - output of a command


def _log_warnings(settings: Settings, warnings: Sequence[Fault]) -> None:
    """Write warnings as lines of the log, because a program reads them."""
    log = make_logger(level=settings.service.log_level)
    for each in warnings:
        log.warning("configuration", code=each.code, problem=str(each))


def _shared_folder() -> tempfile.TemporaryDirectory[str]:
    try:
        return tempfile.TemporaryDirectory(prefix=_SHARED_PREFIX)
    except OSError as error:
        because = {"reason": type(error).__name__ if error.errno is None else os.strerror(error.errno)}
        raise ConfigFaults([Fault("config.no-temporary-folder", "TMPDIR", because=because)]) from None


def _proxy_warning(settings: Settings, listening: socket.socket) -> tuple[Fault, ...]:
    """Return a warning if users can only connect through a proxy, but no trusted proxy is configured."""
    service = settings.service
    if not service.publishable_keys or service.trusted_proxies or listening.family == socket.AF_UNIX:
        return ()
    if not parse(listening.getsockname()[0]).is_loopback:
        return ()
    return (Fault("config.proxy-not-named", "service.trusted_proxies", warning=True, file=settings.path),)


def _store_warning(settings: Settings) -> tuple[Fault, ...]:
    """Make the embedded store before there are workers, or look at the tables of the configured one.

    A database that cannot be reached stops nothing: requests are refused until it is there.

    Raises:
        ConfigFaults: ``config.schema-…``: the tables are missing, or of a version that this code does not know.
    """
    store = settings.store
    if store.kind == MEMORY:
        return ()
    if store.embedded:
        made = prepare(store)
        return (Fault("config.store-embedded", "store", warning=True, file=settings.path),) if made else ()
    try:
        require_schema_blocking(engine_of(store))
    except StoreUnavailable as error:
        return (Fault(error.code, "store.database_url", warning=True, because=error.because, file=settings.path),)
    except HaomaError as error:
        fault = Fault(error.code, "store.database_url", because=error.because, file=settings.path)
        raise ConfigFaults([fault]) from None
    return ()


def _listen(settings: Settings, listen: str | None) -> socket.socket:
    """Bind the port. This happens before anything that takes time."""
    service = settings.service
    address = (service.host, service.port) if listen is None else parse_listen(listen)
    if address is None:
        raise ConfigFaults([Fault("config.bad-listen", "--listen", because={"needed": "host:port or unix:/path"})])
    host, port = address
    where = "service.listen" if listen is None else "--listen"
    if host.startswith(UNIX):
        return _listen_locally(host, where)
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, place = found[0]
        # The protocol tells asyncio that this is TCP, so that it disables Nagle's algorithm. Otherwise the body of a
        # response would wait until its head is acknowledged, which clients delay by 40 ms.
        port_class = _Port if os.name == "posix" else socket.socket  # elsewhere asyncio accepts one at a time
        listening = port_class(family, kind, protocol)
        try:
            if os.name == "posix":  # elsewhere it would let another program use the same port
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


def _listen_locally(address: str, where: str) -> socket.socket:
    """Bind a UNIX socket that the owner and the group may open. One that a killed process left is replaced."""
    path = Path(address.removeprefix(UNIX))
    listening = _Port(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        if path.is_socket() and not _answers(path):
            path.unlink()
        mask = os.umask(0o117)
        try:
            listening.bind(str(path))
        finally:
            os.umask(mask)
        listening.listen()
    except OSError as error:
        listening.close()
        because = {"listen": address, "reason": os.strerror(error.errno or 0)}
        raise ConfigFaults([Fault("config.cannot-listen", where, because=because)]) from None
    return listening


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        return probe.connect_ex(str(path)) == 0


class _Port(socket.socket):
    """A socket with a long queue. asyncio would make it as short as the number of connections it accepts per turn."""

    def listen(self, _backlog: int = 0) -> None:
        super().listen(_QUEUE)

    def __reduce__(self) -> tuple[Callable[..., _Port], tuple[Any]]:
        return _rebuilt, (reduction.DupFd(self.fileno()),)


def _rebuilt(passed: Any) -> _Port:
    """Return the socket in a worker."""
    return _Port(fileno=passed.detach())


class _Target:
    """The factory of the application in each worker. On SIGTERM the worker first reports "not ready", then stops.

    The settings are reused in this process, because reading private keys takes a while. A spawned worker gets the
    contents of the files over its pipe, which nobody else can read: what is in use, whatever the files say by now.
    """

    def __init__(self, path: str, workers: int, sources: Sources, settings: Settings | None = None) -> None:
        self._path = path
        self._workers = workers
        self._sources = sources
        self._settings = settings

    def __reduce__(self) -> tuple[type[_Target], tuple[str, int, Sources]]:
        return _Target, (self._path, self._workers, self._sources)

    def __call__(self) -> Replaceable:
        """Return a new application."""
        gc.disable()  # what is imported and read here stays, so a collection would find nothing
        from haoma.service.app import Application
        from haoma.service.run.connection import Connection
        from haoma.service.run.reloading import Replaceable

        raise_files()
        try:
            settings = self._settings or _read(self._path, self._workers, self._sources)
        except ConfigFaults as faults:  # the environment is another one
            _print(faults.faults)
            sys.exit(CANNOT_START)
        Connection.crowd = Crowd(proxies=settings.service.trusted_proxies)
        try:
            first = Application(settings)
        except ConfigFaults as faults:
            _print(faults.faults)
            # A Vault that is away now must not stop the other workers: this one begins again.
            away = all(fault.code == REFUSED for fault in faults.faults)
            sys.exit(FAILED if away else CANNOT_START)
        except Exception:  # noqa: BLE001 - any error would happen again in a new worker
            _log.exception("The application cannot be built.")
            sys.exit(CANNOT_START)
        gc.collect()
        gc.freeze()  # existing objects stay alive, so the collector need not scan them again
        gc.set_threshold(_YOUNG)
        gc.enable()
        app = Replaceable(first, self._again)
        seconds = settings.service.drain_seconds

        def announce() -> None:
            loop, stop = asyncio.get_running_loop(), signal.getsignal(signal.SIGTERM)

            def begin() -> None:
                app.current.drain()
                Connection.last = True
                if callable(stop):
                    loop.call_later(_announcement(seconds), stop, signal.SIGTERM, None)
                loop.call_later(seconds, app.current.end)

            signal.signal(signal.SIGTERM, lambda *_: loop.call_soon_threadsafe(begin))

        app.on_start = announce
        return app

    def _again(self, current: Application, digest: str) -> tuple[Settings, Application]:
        from haoma.service.app import Application

        sources = Sources()
        settings = _read(self._path, self._workers, sources)
        if self._settings is not None:  # else the supervisor has checked what the workers share
            check(settings)
        elif sources.digest != digest:
            _log.error("The configuration was changed while it was read.")
            raise ConfigFaults([])
        return settings, Application(settings, current.kept)


def _read(path: str, workers: int, sources: Sources) -> Settings:
    return load_from(sources, path, serving=True, workers=workers)


def check(settings: Settings) -> None:
    """Look at what a configuration that is read again names.

    Raises:
        ConfigFaults: Something does not fit: the database, the cache, the keys.
    """
    check_cache(settings.store)
    if settings.accounts is not None:
        account_keys(settings.accounts)
    _store_warning(settings)


def _announcement(drain_seconds: float) -> float:
    return min(_ANNOUNCE, drain_seconds / 2)


def _run(path: str, settings: Settings, sources: Sources, listening: socket.socket, workers: int) -> int:
    service = settings.service
    life = Life(settings, partial(_read, path, workers), check, _address(listening), workers)
    if workers > 1:
        logging.config.dictConfig(_LOGGING)

        def given(sources: Sources) -> tuple[Any, ...]:
            return _Target(path, workers, sources), service.drain_seconds, service.root_path, listening

        codes = supervise(_work, given, sources, workers, listening.close, life)
        return FAILED if CANNOT_START in codes else OK
    try:
        _work(_Target(path, workers, sources, settings), service.drain_seconds, service.root_path, listening, life)
    except SystemExit as end:
        return FAILED if end.code else OK
    finally:
        gc.enable()  # the application could not be built
    return OK


def _address(listening: socket.socket) -> str:
    if listening.family == socket.AF_UNIX:
        return f"{UNIX}{listening.getsockname()}"
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _work(target: _Target, seconds: float, root_path: str, listening: socket.socket, told: Life | PipeEnd) -> None:
    """Serve in this process until it is stopped.

    Args:
        target: Makes the application.
        seconds: Time to end requests in flight.
        root_path: Prefix under which a proxy serves it.
        listening: The port.
        told: Of what happens: the one process tells the operator, a worker its supervisor.
    """
    # Imported on use: other commands do not need it, and faults of the configuration must be reported fast.
    import uvicorn

    from haoma.service.run.connection import Connection
    from haoma.service.run.stopping import Server
    from haoma.service.run.telling import Alone, Member

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
        root_path=root_path,
        timeout_keep_alive=_IDLE_SECONDS,
        # The application ends requests in flight in time. This limit is for clients that do not read their responses.
        timeout_graceful_shutdown=math.ceil(seconds - _announcement(seconds)) + 1,
    )
    # After shutdown, uvicorn raises the signal again for the previous handler.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(OK))
    with suppress(KeyboardInterrupt):
        Server(config, Alone(told) if isinstance(told, Life) else Member(told)).run([listening])
