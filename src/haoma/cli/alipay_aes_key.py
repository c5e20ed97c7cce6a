"""``haoma alipay-aes-key``: fetches a merchant's content key from Alipay for a third-party application."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from haoma.cli.opening import app_name, read_settings
from haoma.cli.output import MISUSED, REFUSED, ConfigOption, LangOption, language, list_faults, misused, refuse, write
from haoma.errors import ConfigFaults, HaomaError
from haoma.io import clock
from haoma.visible import visible
from haoma.words import text

if TYPE_CHECKING:
    from haoma.platforms.alipay.app import AlipayApp


def alipay_aes_key(
    config: ConfigOption = "haoma.toml",
    app: Annotated[
        str, typer.Option("--app", metavar="NAME", help="App in haoma.toml; optional if there is only one.")
    ] = "",
    to: Annotated[
        str, typer.Option("--to", metavar="FILE", help="Write the key to this new file, readable only by its owner.")
    ] = "",
    reset: Annotated[
        bool,
        typer.Option("--reset", help="Make Alipay create a NEW key. The old one stops working at once, everywhere."),
    ] = False,
    yes_reset: Annotated[
        str | None,
        typer.Option("--yes-reset", metavar="APP_ID", help="Like --reset, without the question; for scripts."),
    ] = None,
    lang: LangOption = None,
) -> None:
    """Fetch the content key (aes_key) of a merchant's mini program from Alipay.

    For third-party applications (ISV). The app needs isv_app_id, isv_aes_key and app_private_key. The key itself is
    never printed; its digest is, so that it can be compared with the configured key. With --reset Alipay creates a new
    key, and the old key no longer opens what Alipay seals from then on.

    \b
    Example:
        $ haoma alipay-aes-key --app merchant --to secrets/merchant-aes-key.txt
        merchant     2021000000000004
        aes_key      ********************** (sha256 5feceb66ffc8)

    \b
    Exit codes:
        0    the key was fetched
        1    refused: the reason is on stderr
        2    usage error or invalid haoma.toml
    """  # noqa: D301 - \b tells the help text to keep these lines
    from haoma.platforms.alipay.app import AlipayApp  # no other command needs this platform

    words = language(lang)
    settings = read_settings(config, words)
    found = settings.apps[app_name(settings, app, words)]
    if not isinstance(found, AlipayApp):
        raise misused(words, text("cli", "not-an-alipay-app", words, app=found.name))
    if to:  # check before anything changes at Alipay
        _check_place(to, words)
    confirmed = _confirmed(found, words, reset=reset, yes_reset=yes_reset)
    from haoma.client import Client  # imports the network code, which a usage error does not need
    from haoma.platforms.alipay.content_key import fetch_content_key, replace_content_key

    now = clock.now()
    flow = replace_content_key(found, now, confirm_app_id=confirmed) if confirmed else fetch_content_key(found, now)
    try:
        with Client(settings) as client:
            key = client.run(flow).reveal()
    except ConfigFaults as error:
        list_faults(error.faults, words, config)
        raise typer.Exit(MISUSED) from None
    except HaomaError as error:
        refuse(error, words)
        raise typer.Exit(REFUSED) from None
    if to:
        _write_file(to, key, words)
    write(f"{'merchant':<12} {found.app_id}")
    write(f"{'aes_key':<12} {'*' * 22} (sha256 {hashlib.sha256(key.encode('ascii')).hexdigest()[:12]})")


def _check_place(path: str, lang: str) -> None:
    """Refuse a file that exists or cannot be created."""
    folder = Path(path).parent
    if os.path.lexists(path):
        raise misused(lang, text("cli", "file-exists", lang, file=path))
    if not (folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)):
        raise misused(lang, text("cli", "cannot-create", lang, folder=folder))


def _confirmed(app: AlipayApp, lang: str, *, reset: bool, yes_reset: str | None) -> str:
    """Return the app id typed to confirm a reset, or an empty string if no reset was requested."""
    if not reset and yes_reset is None:
        return ""
    typed, app_id = yes_reset, visible(app.app_id)
    if typed is None:
        asked = text("cli", "confirm-reset", lang, app=app.name, app_id=app_id)
        typed = typer.prompt(asked, default="", show_default=False, err=True)
    if typed.strip() != app.app_id:
        raise misused(lang, text("cli", "wrong-app-id", lang))
    return app.app_id


def _write_file(path: str, key: str, lang: str) -> None:
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
            file.write(key + "\n")
    except OSError as error:
        reason = type(error).__name__
    else:
        return
    raise misused(lang, text("cli", "cannot-write", lang, file=path, reason=reason))
