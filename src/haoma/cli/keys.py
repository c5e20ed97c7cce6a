"""``haoma key``: makes a key for a caller of the service."""

from __future__ import annotations

import hashlib
import secrets
from typing import Annotated

import typer

from haoma.cli.output import write
from haoma.store.config import format_key, new_key
from haoma.webhooks import SECRET_BYTES, format_secret


def key(
    publishable: Annotated[
        bool, typer.Option("--publishable", help="A key that may be in a mini program: it gets only masked numbers.")
    ] = False,
    store: Annotated[bool, typer.Option("--store", help="A key that seals what the store keeps.")] = False,
    accounts: Annotated[
        bool,
        typer.Option("--accounts", help="The table [accounts], with keys for numbers, look-ups and the audit log."),
    ] = False,
    webhook: Annotated[
        bool, typer.Option("--webhook", help="A secret that signs webhooks; the receiver verifies with it.")
    ] = False,
) -> None:
    """Make a random key for a caller of the service, or keys for the store.

    Give the key to the caller, who sends it as "Authorization: Bearer KEY". It is shown only once. Put its SHA-256 into
    the [service] table of haoma.toml, so that the file does not contain the key.

    \b
    Example:
        $ haoma key
        key          hk_server_…
        haoma.toml   server_keys = ["sha256:…"]

    \b
    Exit codes:
        0    always
    """  # noqa: D301 - \b tells the help text to keep these lines
    if accounts:
        write("[accounts]")
        for name in ("keys", "peppers", "audit_keys"):
            write(f'{name} = ["{format_key(new_key())}"]')
        return
    if store:
        write(f'haoma.toml   keys = ["{format_key(new_key())}"]')
        return
    if webhook:
        write(f'haoma.toml   secrets = ["{format_secret(secrets.token_bytes(SECRET_BYTES))}"]')
        return
    kind = "publishable" if publishable else "server"
    # The prefix identifies the key to people and to scanners for leaked secrets.
    made = f"hk_{kind}_{secrets.token_urlsafe(32)}"
    write(f"key          {made}")
    write(f'haoma.toml   {kind}_keys = ["sha256:{hashlib.sha256(made.encode("ascii")).hexdigest()}"]')
