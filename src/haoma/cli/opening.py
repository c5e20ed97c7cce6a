"""``haoma open``: verifies one authorization and prints the number."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from haoma.authorization import MAX_BYTES
from haoma.authorize import verify_with_session_key
from haoma.cli.output import (
    MISUSED,
    REFUSED,
    ConfigOption,
    LangOption,
    language,
    list_faults,
    misused,
    refuse,
    write,
    write_json,
)
from haoma.errors import ConfigFaults, HaomaError
from haoma.io import clock
from haoma.platforms.base.session_keys import NOT_A_KEY, told
from haoma.platforms.registry import PLATFORMS
from haoma.problem import problem
from haoma.secret import Secret
from haoma.settings.reader import load
from haoma.store.config import existing
from haoma.words import text
from haoma.words.facts import phrase

if TYPE_CHECKING:
    from haoma.platforms.base.contract import App
    from haoma.settings.model import Settings

SessionKeyOption = Annotated[
    str | None,
    typer.Option(
        "--session-key",
        metavar="KEY|@FILE",
        help="The user's session_key, to decrypt encryptedData offline. KEY appears in the shell history and in the "
        "process list; @FILE does not.",
    ),
]


def open_file(
    file: Annotated[str, typer.Argument(metavar="FILE|-", help="The body that the front end sent; - reads stdin.")],
    config: ConfigOption = "haoma.toml",
    app: Annotated[
        str, typer.Option("--app", metavar="NAME", help="App in haoma.toml; optional if there is only one.")
    ] = "",
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the HTTP service's JSON response, also for refusals.")
    ] = False,
    login_code: Annotated[
        str | None, typer.Option("--login-code", metavar="CODE", help="The code from login(), if it is not in FILE.")
    ] = None,
    session_key: SessionKeyOption = None,
    lang: LangOption = None,
) -> None:
    """Verify one authorization and print the phone number.

    FILE contains exactly what the mini program posted: the envelope from my.getPhoneNumber, the code from WeChat's
    button, or the whole body of the front-end kit. An Alipay envelope is verified offline. A WeChat code, or any login
    code, is exchanged with the platform, which uses it up.

    With --session-key, encryptedData and iv from WeChat, Baidu, Douyin and Kuaishou are decrypted offline too. The
    logged-in user is then not checked, and the result says so.

    \b
    Examples:
        $ haoma open --config haoma.toml --app shop envelope.json
        +8613811112222
        $ haoma open --app baidu --session-key @session-key.txt event.json
        +8613800138000

    \b
    Exit codes:
        0    the number was printed
        1    refused: the reason is on stderr, or with --json on stdout
        2    usage error, unreadable file, or invalid haoma.toml: all faults are on stderr
    """  # noqa: D301 - \b tells the help text to keep these lines
    words = language(lang)
    settings = read_settings(config, words)
    name = app_name(settings, app, words)
    key = None if session_key is None else _key_for(settings.apps[name], session_key, login_code, words)
    sent = _read(file, words)
    try:
        if key is not None:
            phone = verify_with_session_key(settings.apps[name], sent, key, now=clock.now())
        else:
            from haoma.client import Client  # imports the network code, which a usage error does not need

            # The service's tickets, sessions and used codes count here too.
            with Client(replace(settings, store=existing(settings.store))) as client:
                phone = client.get_phone_number(name, sent, login_code=login_code)
    except HaomaError as error:
        if error.diagnosis == NOT_A_KEY:
            raise _not_a_key(settings.apps[name], error, words) from None
        if as_json:
            write_json(problem(told(error), words))
        else:
            refuse(told(error), words)
        raise typer.Exit(REFUSED) from None
    if as_json:
        write_json(phone.to_dict())
    else:
        write(phone.e164)


def read_settings(config: str, lang: str) -> Settings:
    """Return the settings of a file, or list all faults and exit."""
    try:
        settings = load(config)
    except ConfigFaults as error:
        list_faults(error.faults, lang, config)
        raise typer.Exit(MISUSED) from None
    list_faults(settings.warnings, lang, config)
    return settings


def app_name(settings: Settings, app: str, lang: str) -> str:
    """Return the name of the selected app, or exit."""
    names = ", ".join(settings.apps)
    if not app and len(settings.apps) == 1:
        return names
    if app in settings.apps:
        return app
    title = text("cli", "no-such-app", lang, app=app) if app else text("cli", "app-needed", lang)
    raise misused(lang, title, text("cli", "apps", lang, config=settings.path, names=names))


def session_key_of(given: str, lang: str) -> Secret:
    """Return the session_key from the option's value, or from the file named after ``@``."""
    if not given.startswith("@"):
        return Secret(given.strip())
    return Secret(_read(given[1:], lang).decode("utf-8-sig", "replace").strip())


def _key_for(app: App, given: str, login_code: str | None, lang: str) -> Secret:
    if login_code is not None:
        raise misused(lang, text("cli", "session-key-is-offline", lang))
    platform = PLATFORMS[app.platform]
    if platform.find_under_key is None:
        raise misused(lang, text("cli", "no-session-keys", lang, app=app.name, platform=platform.title(lang)))
    return session_key_of(given, lang)


def _not_a_key(app: App, error: HaomaError, lang: str) -> typer.Exit:
    title, needed = PLATFORMS[app.platform].title(lang), phrase(str(error.because["needed"]), lang)
    told = text("cli", "not-a-session-key", lang, platform=title, needed=needed)
    return misused(lang, told, text("cli", "copy-the-session-key", lang))


def _read(file: str, lang: str) -> bytes:
    # Read one byte more than allowed, so that the parser itself reports "too large".
    try:
        if file == "-":
            return sys.stdin.buffer.read(MAX_BYTES + 1)
        with Path(file).open("rb") as opened:
            return opened.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = type(error).__name__
    raise misused(lang, text("cli", "cannot-read", lang, file=file, reason=reason))
