"""``haoma key``: a key for callers of the service."""

from __future__ import annotations

import hashlib
import secrets
from typing import Annotated

import typer

from haoma.cli.output import write


def key(
    publishable: Annotated[
        bool, typer.Option("--publishable", help="A key that may sit in a mini program: it gets masked numbers only.")
    ] = False,
) -> None:
    """Make a random key for callers of the service.

    The key goes to the caller, who sends it as "Authorization: Bearer KEY"; it is shown this once. Its SHA-256 goes
    into the [service] table of haoma.toml, so that the file gives nothing away.

    \b
    Example:
        $ haoma key
        key          hk_server_…
        haoma.toml   server_keys = ["sha256:…"]

    \b
    Exit codes:
        0    always
    """  # noqa: D301 - \b tells the help text to keep these lines
    kind = "publishable" if publishable else "server"
    # The prefix tells people, and scanners for leaked secrets, what they have found.
    made = f"hk_{kind}_{secrets.token_urlsafe(32)}"
    write(f"key          {made}")
    write(f'haoma.toml   {kind}_keys = ["sha256:{hashlib.sha256(made.encode("ascii")).hexdigest()}"]')
