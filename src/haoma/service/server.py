"""``haoma serve``: the application on granian, with as many processes as configured."""

from __future__ import annotations

import asyncio
import gc
import math
import os
import signal
import socket
import sys
import tempfile
import threading
from contextlib import ExitStack, suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from haoma.errors import ConfigFaults, Fault
from haoma.settings import load, parse_listen

if TYPE_CHECKING:
    from litestar import Litestar

    from haoma.settings import Settings

OK: Final = 0
FAILED: Final = 1
FAULTS: Final = 2
SHARED: Final = "PROMETHEUS_MULTIPROC_DIR"
"""Environment variable with the directory where several workers keep their numbers together. The Prometheus client
reads it when it is imported, so it must be set before that."""
_HEADER_BYTES: Final = 64 * 1024
_ANNOUNCE: Final = 1.0
"""Seconds between "not ready any more" and the end of listening."""
_LOGGING: Final = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"ours": {"class": "haoma.service.log.Foreign"}},
    "root": {"handlers": ["ours"], "level": "WARNING"},
    "loggers": {"_granian": {"handlers": ["ours"], "propagate": False}},
}


def serve(config_path: str | os.PathLike[str], listen: str | None = None, workers: int | None = None) -> int:
    """Run the service until it is told to stop.

    Args:
        config_path: A ``haoma.toml``.
        listen: ``host:port`` instead of the file's.
        workers: Number of processes instead of the file's.

    Returns:
        0 after a graceful stop, 2 if the configuration has faults, 1 if a worker died.
    """
    path = os.fspath(config_path)
    try:
        settings = load(path, serving=True, workers=workers)
        address = _address(settings, listen)
        workers = settings.service.workers if workers is None else workers
        _check_workers(settings, workers)
    except ConfigFaults as faults:
        print(faults, file=sys.stderr)  # noqa: T201 - it is the answer to a command
        return FAULTS
    for warning in start_warnings(settings):
        print(f"warning: {warning}", file=sys.stderr)  # noqa: T201
    with ExitStack() as stack:
        if workers > 1:
            os.environ[SHARED] = stack.enter_context(tempfile.TemporaryDirectory(prefix="haoma-metrics-"))
            stack.callback(os.environ.pop, SHARED, None)
        return _run(path, settings, address, workers)


def start_warnings(settings: Settings) -> tuple[Fault, ...]:
    """Return what should be looked at, in the order of the file."""
    service = settings.service
    if service.publishable_keys and service.signing_key is None:
        ephemeral = Fault("config.signing-key-ephemeral", "service.signing_key", warning=True, file=settings.path)
        return (*settings.warnings, ephemeral)
    return settings.warnings


def _address(settings: Settings, listen: str | None) -> tuple[str, int]:
    service = settings.service
    address = (service.host, service.port) if listen is None else parse_listen(listen)
    if address is None:
        raise ConfigFaults([Fault("config.bad-listen", "--listen", because={"needed": "host:port"})])
    host, port = address
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, _, _, _, place = found[0]
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(place)  # the server shares its port between workers, and would share it with a stranger too
    except OSError as error:
        reason = type(error).__name__ if error.errno is None else os.strerror(error.errno)
        fault = Fault("config.cannot-listen", "service.listen", because={"listen": f"{host}:{port}", "reason": reason})
        raise ConfigFaults([fault]) from None
    return str(place[0]), port


def _check_workers(settings: Settings, workers: int) -> None:
    service = settings.service
    if workers > 1 and service.publishable_keys and service.signing_key is None:
        fault = Fault("config.signing-key-needed", "service.signing_key", because={"workers": workers})
        raise ConfigFaults([fault])


class _Target:
    """Builds the application in each worker.

    A forked worker has the settings already, and reading private keys takes a while. One that is spawned reads the
    file again: secrets do not travel between processes.
    """

    def __init__(self, path: str, workers: int, settings: Settings | None = None) -> None:
        self._path = path
        self._workers = workers
        self._settings = settings

    def __reduce__(self) -> tuple[type[_Target], tuple[str, int]]:
        return _Target, (self._path, self._workers)

    def __call__(self) -> Litestar:
        """Return the application."""
        from haoma.service.app import build, drain

        app = build(self._settings or load(self._path, serving=True, workers=self._workers))
        gc.collect()
        gc.freeze()  # what is there now stays: the collector need not look at it again and again

        async def listen_for_drain() -> None:
            asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, drain, app)

        if hasattr(signal, "SIGUSR1"):
            app.on_startup.append(listen_for_drain)
        return app


def _run(path: str, settings: Settings, address: tuple[str, int], workers: int) -> int:
    # Imported late: the command line has other uses, and a configuration with faults should be reported at once.
    from granian import Granian
    from granian.constants import HTTPModes, Interfaces
    from granian.http import HTTP1Settings
    from granian.log import LogLevels

    service = settings.service

    class Server(Granian):  # type: ignore[misc, valid-type]
        """Granian with an announcement: when told to stop, ``/readyz`` says so before the port is closed."""

        def signal_handler_interrupt(self, signum: int = 0, *args: Any, **kwargs: Any) -> None:
            if os.getpid() != self.pid:
                os._exit(OK)  # a worker that was forked a moment ago and has no handlers of its own yet
            stop = partial(super().signal_handler_interrupt, *args, **kwargs)
            if signum != signal.SIGTERM or not hasattr(signal, "SIGUSR1"):
                stop()
                return
            for worker in self.wrks:
                with suppress(ProcessLookupError):
                    os.kill(worker.inner.pid, signal.SIGUSR1)
            threading.Timer(min(_ANNOUNCE, service.drain_seconds / 2), stop).start()

    if hasattr(signal, "SIGUSR1"):
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)  # inherited: it would end a worker that does not listen yet
    server = Server(
        "haoma",
        address=address[0],
        port=address[1],
        interface=Interfaces.ASGI,
        workers=workers,
        http=HTTPModes.http1,
        websockets=False,
        http1_settings=HTTP1Settings(max_buffer_size=_HEADER_BYTES),
        log_level=LogLevels.warning,
        log_dictconfig=_LOGGING,
        log_access=False,
        respawn_failed_workers=True,
        workers_kill_timeout=max(1, math.ceil(service.drain_seconds)),
    )
    try:
        server.serve(target_loader=_Target(path, workers, settings), wrap_loader=False)
    except SystemExit as end:
        return FAILED if end.code else OK
    return OK
