"""``haoma serve``, ``haoma simulate`` and ``haoma demo``: commands that run until they are stopped."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import typer

from haoma.cli.output import MISUSED, ConfigOption, LangOption, language, list_faults, misused
from haoma.errors import ConfigFaults
from haoma.settings.reader import load
from haoma.settings.service import parse_listen
from haoma.words import text


def serve(
    config: ConfigOption = "haoma.toml",
    listen: Annotated[
        str, typer.Option("--listen", metavar="HOST:PORT", help="Address to listen on, overriding haoma.toml.")
    ] = "",
    workers: Annotated[
        int, typer.Option("--workers", metavar="N", min=0, max=256, help="Number of processes; 0 uses haoma.toml.")
    ] = 0,
) -> None:
    """Run the HTTP service for the apps in a haoma.toml.

    POST /v1/apps/NAME/phone-number accepts what the mini program sent and returns the number. /docs describes the
    other routes. SIGTERM and Ctrl-C let requests in flight finish. Needs: pip install '.[server]' (in a checkout).

    \b
    Example:
        $ haoma serve --config haoma.toml --listen 0.0.0.0:8080

    \b
    Exit codes:
        0    stopped
        1    a worker died
        2    usage error or invalid haoma.toml: all faults are on stderr
    """  # noqa: D301 - \b tells the help text to keep these lines
    lang = language()
    if listen and parse_listen(listen) is None:
        raise misused(lang, text("cli", "host-port", lang, example="127.0.0.1:8080"))
    try:
        load(config, serving=True, workers=workers or None)  # report faults of the file before missing packages
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
    listen: Annotated[
        str, typer.Option("--listen", metavar="HOST:PORT", help="Address to listen on.")
    ] = "127.0.0.1:8900",
    service: Annotated[
        str,
        typer.Option(
            "--service", metavar="URL", help="Your server, for the phone and for callbacks: http://HOST:PORT[/PATH]."
        ),
    ] = "",
    command: Annotated[
        list[str] | None,
        typer.Argument(metavar="[-- COMMAND...]", help="An application of yours, to run beside the platforms."),
    ] = None,
) -> None:
    """Simulate the platforms over HTTP, and a phone with the mini program.

    Nothing is real: the simulator makes its own keys and serves a matching haoma.toml. Open its address in a browser:
    there is a phone with a button, and beside it each step from the tap to the number, in scenes such as granted,
    declined, tampered, expired and busy. The page starts a haoma service of its own, or posts to --service.

    With a COMMAND it runs your application, and ends with it. The variable HAOMA_CONFIG names a haoma.toml for these
    platforms that keeps accounts, in a database that is thrown away. Needs: pip install '.[store]' (in a checkout).

    \b
    Example:
        $ haoma simulate --listen 127.0.0.1:8900
        $ haoma simulate -- uvicorn --factory main:create_app

    \b
    Exit codes:
        0    stopped
        2    usage error, or the address is in use
        N    the exit code of COMMAND
    """  # noqa: D301 - \b tells the help text to keep these lines
    lang = language()
    try:
        from haoma.simulator import serve as run
        from haoma.simulator.command import run_beside
    except ModuleNotFoundError as error:
        raise _install(error, lang) from None
    try:
        if command:
            raise typer.Exit(run_beside(command, listen, service, lang))
        run(listen, service, lang)
    except ValueError as error:
        raise misused(lang, str(error)) from None
    except OSError as error:
        raise _cannot_listen(listen, error, lang) from None
    except ModuleNotFoundError as error:
        raise _install(error, lang) from None


def demo(
    once: Annotated[bool, typer.Option("--once", help="Exit after the scenes.")] = False,
    lang: LangOption = None,
) -> None:
    """Start the simulator and the service, and run through two dozen scenes over HTTP.

    It begins with the address of a phone in the browser. Each scene shows what was sent, the result, and what to do
    about it. Afterwards both keep running, and their addresses are printed. Needs: pip install '.[server]' (in a
    checkout).

    \b
    Example:
        $ haoma demo --once

    \b
    Exit codes:
        0    every scene ended as expected
        1    a scene ended differently
        2    usage error, or a package is not installed
    """  # noqa: D301 - \b tells the help text to keep these lines
    words = language(lang)
    try:
        from haoma.simulator.demo import run

        ended = run(once=once, lang=words)
    except ModuleNotFoundError as error:
        raise _install(error, words) from None
    raise typer.Exit(ended)


def _install(error: ModuleNotFoundError, lang: str) -> typer.Exit:
    """Return the exit for a missing package, or raise ``error`` again if a module of haoma itself is missing."""
    if (error.name or "").partition(".")[0] == "haoma":
        raise error
    missing = text("cli", "not-installed", lang, package=error.name)
    return misused(lang, missing, text("cli", "install", lang))


def _cannot_listen(listen: str, error: OSError, lang: str) -> typer.Exit:
    reason = error.strerror or type(error).__name__
    return misused(lang, text("cli", "cannot-listen", lang, address=listen, reason=reason))
