"""``haoma open``: one authorization in, one number out."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from haoma.authorization import MAX_BYTES
from haoma.cli.speaking import (
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
from haoma.problem import problem
from haoma.settings import Settings, load


def open_file(
    file: Annotated[str, typer.Argument(metavar="FILE|-", help="What the front end sent; - reads standard input.")],
    config: ConfigOption = "haoma.toml",
    app: Annotated[
        str, typer.Option("--app", metavar="NAME", help="App of the haoma.toml; not needed if it has only one.")
    ] = "",
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the object that the HTTP service answers, refusals included.")
    ] = False,
    login_code: Annotated[
        str | None, typer.Option("--login-code", metavar="CODE", help="What login() gave, if FILE does not hold it.")
    ] = None,
    lang: LangOption = None,
) -> None:
    """Verify one authorization and print the phone number.

    FILE holds exactly what the mini program posted: the envelope of my.getPhoneNumber, the code of WeChat's button,
    or the whole body of the front-end kit. An Alipay envelope is opened without any network; a WeChat code, and any
    login code, is exchanged with the platform and is used up by it.

    \b
    Example:
        $ haoma open --config haoma.toml --app shop envelope.json
        +8613811112222

    \b
    Exit codes:
        0    the number was printed
        1    refused: the reason is on stderr, with --json on stdout
        2    the command, the file or haoma.toml is at fault: every fault is on stderr
    """  # noqa: D301 - \b tells the help text to keep these lines
    words = language(lang)
    settings = read_settings(config, words)
    name = app_name(settings, app, words)
    sent = _read(file, words)
    from haoma.client import Client  # brings the network, which a usage error does not need

    try:
        with Client(settings) as client:
            phone = client.get_phone_number(name, sent, login_code=login_code)
    except HaomaError as error:
        if as_json:
            write_json(problem(error, words))
        else:
            refuse(error, words)
        raise typer.Exit(REFUSED) from None
    if as_json:
        write_json(phone.to_dict())
    else:
        write(phone.phone_number)


def read_settings(config: str, lang: str) -> Settings:
    """Return the settings of a file, or list every fault and leave."""
    try:
        settings = load(config)
    except ConfigFaults as error:
        list_faults(error.faults, lang, config)
        raise typer.Exit(MISUSED) from None
    list_faults(settings.warnings, lang, config)
    return settings


def app_name(settings: Settings, app: str, lang: str) -> str:
    """Return the name of the app that is meant, or leave."""
    names = ", ".join(settings.apps)
    if not app and len(settings.apps) == 1:
        return names
    if app in settings.apps:
        return app
    if lang == "zh":
        title = f"没有名为 {app} 的应用" if app else "请用 --app 指定应用"
        raise misused(title, f"{settings.path} 里的应用：{names}")
    title = f"there is no app named {app}" if app else "--app is needed"
    raise misused(title, f"the apps of {settings.path}: {names}")


def _read(file: str, lang: str) -> bytes:
    # One byte more than is allowed, so that "too large" is said by the reader that says it everywhere.
    try:
        if file == "-":
            return sys.stdin.buffer.read(MAX_BYTES + 1)
        with Path(file).open("rb") as opened:
            return opened.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = type(error).__name__
    raise misused(f"无法读取 {file}（{reason}）" if lang == "zh" else f"cannot read {file} ({reason})")
