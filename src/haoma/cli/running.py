"""``haoma serve``, ``haoma simulate``, ``haoma demo``: what runs until it is stopped."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import typer

from haoma.cli.output import MISUSED, ConfigOption, LangOption, language, list_faults, misused
from haoma.errors import ConfigFaults
from haoma.settings.reader import load
from haoma.settings.service import parse_listen


def serve(
    config: ConfigOption = "haoma.toml",
    listen: Annotated[
        str, typer.Option("--listen", metavar="HOST:PORT", help="Where to listen, instead of what haoma.toml says.")
    ] = "",
    workers: Annotated[
        int, typer.Option("--workers", metavar="N", min=0, max=256, help="Processes; 0 is what haoma.toml says.")
    ] = 0,
) -> None:
    """Run the HTTP service for the apps of a haoma.toml.

    POST /v1/apps/NAME/phone-number takes what the mini program sent and answers the number; /docs describes the
    rest. SIGTERM and Ctrl-C let the requests in flight finish. Needs: pip install '.[server]' (in a checkout).

    \b
    Example:
        $ haoma serve --config haoma.toml --listen 0.0.0.0:8080

    \b
    Exit codes:
        0    stopped
        1    a worker died
        2    the command or haoma.toml is at fault: every fault is on stderr
    """  # noqa: D301 - \b tells the help text to keep these lines
    lang = language()
    if listen and parse_listen(listen) is None:
        raise misused("--listen: needed HOST:PORT, such as 127.0.0.1:8080")
    try:
        load(config, serving=True, workers=workers or None)  # its faults first, and only then what is not installed
    except ConfigFaults as error:
        list_faults(error.faults, lang, config)
        raise typer.Exit(MISUSED) from None
    try:
        from haoma.service.run.server import serve as run

        ended = run(config, listen or None, workers or None, tell=partial(list_faults, lang=lang, path=config))
    except ModuleNotFoundError as error:
        raise _install(error, lang) from None
    raise typer.Exit(ended)


def simulate(
    listen: Annotated[str, typer.Option("--listen", metavar="HOST:PORT", help="Where to listen.")] = "127.0.0.1:8900",
    service: Annotated[
        str,
        typer.Option("--service", metavar="URL", help="Where haoma is, if not on this machine: platforms push to it."),
    ] = "",
) -> None:
    """Play the platforms over HTTP, and the phone with the mini program on it.

    Nothing here is real: it makes its own keys, and serves a haoma.toml that fits them. Its first page tells the
    addresses and the scenes: granted, declined, tampered, expired, busy and so on.

    \b
    Example:
        $ haoma simulate --listen 127.0.0.1:8900

    \b
    Exit codes:
        0    stopped
        2    the command is at fault, or the address is taken
    """  # noqa: D301 - \b tells the help text to keep these lines
    lang = language()
    try:
        from haoma.simulator import serve as run
    except ModuleNotFoundError as error:
        raise _install(error, lang) from None
    try:
        run(listen, service)
    except ValueError as error:
        raise misused(str(error)) from None
    except OSError as error:
        raise _cannot_listen(listen, error, lang) from None


def demo(
    once: Annotated[bool, typer.Option("--once", help="Walk through the scenes and end.")] = False,
    lang: LangOption = None,
) -> None:
    """Start simulator and service, and walk through two dozen scenes over HTTP.

    For each scene it shows what was sent, what came out and what to do about it; then both keep running, with their
    addresses printed. Needs: pip install '.[server]' (in a checkout).

    \b
    Example:
        $ haoma demo --once

    \b
    Exit codes:
        0    every scene ended as it should
        1    a scene ended otherwise
        2    the command is at fault, or something is not installed
    """  # noqa: D301 - \b tells the help text to keep these lines
    words = language(lang)
    try:
        from haoma.simulator.demo import run

        ended = run(once=once, lang=words)
    except ModuleNotFoundError as error:
        raise _install(error, words) from None
    raise typer.Exit(ended)


def _install(error: ModuleNotFoundError, lang: str) -> typer.Exit:
    """Say which packages are missing. A missing part of haoma itself is no such thing."""
    if (error.name or "").partition(".")[0] == "haoma":
        raise error
    missing = f"没有安装 {error.name}" if lang == "zh" else f"{error.name} is not installed"
    return misused(missing, "in a checkout of haoma: pip install '.[server]'")


def _cannot_listen(listen: str, error: OSError, lang: str) -> typer.Exit:
    reason = error.strerror or type(error).__name__
    return misused(f"无法监听 {listen}：{reason}" if lang == "zh" else f"cannot listen on {listen}: {reason}")
