"""``haoma key``: makes a key for a caller of the service."""

from __future__ import annotations

import hashlib
import secrets
from typing import Annotated

import typer

from haoma.cli.output import write
from haoma.store.config import format_key
from haoma.store.sealing import KEY_BYTES, StoreKey


def key(
    publishable: Annotated[
        bool, typer.Option("--publishable", help="A key that may be in a mini program: it gets only masked numbers.")
    ] = False,
    store: Annotated[bool, typer.Option("--store", help="A key that seals what the store keeps.")] = False,
) -> None:
    """Make a random key for a caller of the service, or for the store.

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
    if store:
        made = format_key(StoreKey(secrets.randbelow(999_999_999) + 1, secrets.token_bytes(KEY_BYTES)))
        write(f'haoma.toml   keys = ["{made}"]')
        return
    kind = "publishable" if publishable else "server"
    # The prefix identifies the key to people and to scanners for leaked secrets.
    made = f"hk_{kind}_{secrets.token_urlsafe(32)}"
    write(f"key          {made}")
    write(f'haoma.toml   {kind}_keys = ["sha256:{hashlib.sha256(made.encode("ascii")).hexdigest()}"]')
