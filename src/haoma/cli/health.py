"""``haoma health``: asks the service on this machine whether it is ready, for containers and monitors."""

from __future__ import annotations

import http.client
import socket
from typing import Annotated, Final

import typer

from haoma.cli.output import MISUSED, ConfigOption, language, line, list_faults, misused
from haoma.errors import ConfigFaults
from haoma.settings.reader import load
from haoma.settings.service import UNIX, parse_listen
from haoma.words import text

_SECONDS: Final = 4.0
_EVERYWHERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - what is compared, not what is bound


def health(
    config: ConfigOption = "haoma.toml",
    listen: Annotated[
        str, typer.Option("--listen", metavar="HOST:PORT", help="Where it listens; haoma.toml is then not read.")
    ] = "",
) -> None:
    """Ask the service on this machine whether it is ready.

    It is ready when /readyz answers 200. A service that is shutting down is not ready.

    \b
    Example:
        $ haoma health --listen 127.0.0.1:8080

    \b
    Exit codes:
        0    ready
        1    not ready, or no answer within four seconds
        2    usage error or invalid haoma.toml
    """  # noqa: D301 - \b tells the help text to keep these lines
    lang = language()
    if listen:
        address = parse_listen(listen)
        if address is None:
            raise misused(lang, text("cli", "host-port", lang, example="127.0.0.1:8080"))
    else:
        try:
            service = load(config).service
        except ConfigFaults as error:
            list_faults(error.faults, lang, config)
            raise typer.Exit(MISUSED) from None
        address = service.host, service.port
    try:
        status = _ask(*address)
    except (OSError, http.client.HTTPException) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or type(error).__name__
        line("error", text("cli", "health.no-answer", lang, reason=reason), lang, "red")
        raise typer.Exit(1) from None
    if status != http.HTTPStatus.OK:
        line("error", text("cli", "health.not-ready", lang, status=status), lang, "red")
        raise typer.Exit(1)


def _ask(host: str, port: int) -> int:
    connection = http.client.HTTPConnection(_EVERYWHERE.get(host, host), port, timeout=_SECONDS)
    if host.startswith(UNIX):
        connection = http.client.HTTPConnection("localhost", timeout=_SECONDS)
        connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.sock.settimeout(_SECONDS)
        connection.sock.connect(host.removeprefix(UNIX))
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status
    finally:
        connection.close()
