"""Serves one application from two event loops, each in a thread: ``python -m support.web_apps.two_loops NAME PORT``."""

from __future__ import annotations

import signal
import socket
import sys
import threading
import time
from importlib import import_module
from typing import Any

import uvicorn


class _Server(uvicorn.Server):
    def capture_signals(self) -> Any:
        """Leave signals to the main thread."""
        from contextlib import nullcontext

        return nullcontext()


def main(name: str, port: int) -> None:
    app = import_module(f"support.web_apps.{name}_app").app
    servers = []
    for lifespan in ("auto", "off"):  # Litestar's events wait in one loop alone, and would be waited for in both
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind(("127.0.0.1", port))
        server = _Server(uvicorn.Config(app, access_log=False, log_level="warning", lifespan=lifespan))
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        while not server.started:
            time.sleep(0.01)
        servers.append((server, thread))
    signal.sigwait({signal.SIGINT, signal.SIGTERM})
    for server, thread in servers:
        server.should_exit = True
        thread.join()


if __name__ == "__main__":
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    main(sys.argv[1], int(sys.argv[2]))
