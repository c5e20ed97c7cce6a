"""Keys that Vault or OpenBao wraps: its transit engine makes them, and opens them when a process starts.

Each key is opened once in a process and is then remembered, so a Vault that is away, sealed or has revoked the token
stops no process that runs, and no reload of its settings.

Sources: "Generate data key" and "Decrypt data" in the API documentation of the transit engine of OpenBao
(website/content/api-docs/secret/transit.mdx, index.mdx), and builtin/logical/transit/path_datakey.go. Vault speaks the
same: a ciphertext begins with ``vault:v1:`` on both.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import msgspec

from haoma.crypto.strict import decode_base64, parse_json_object
from haoma.errors import ConfigFaults, Fault, HaomaError
from haoma.io.http import Http
from haoma.secret import scrub
from haoma.steps import Request, Send
from haoma.store.keys.config import WrappedKey, parse_account_key
from haoma.store.sealing import KEY_BYTES

if TYPE_CHECKING:
    from haoma.store.keys.config import Vault

REFUSED: Final = "config.vault-refused"
_WHERE: Final = "accounts.vault"


def new_wrapped_key(vault: Vault) -> str:
    """Return a new key that only ``vault`` can open, ``vault:v1:…``. The key itself is not seen here.

    Raises:
        ConfigFaults: ``config.vault-refused``.
    """
    wrapped = _ask(vault, f"datakey/wrapped/{vault.key}", {"bits": KEY_BYTES * 8}, "ciphertext")
    if parse_account_key(f"1:{wrapped}") != WrappedKey(1, wrapped):  # a setting that nobody could read
        raise _refused(reason="not a wrapped key")
    return wrapped


@lru_cache(maxsize=64)
def unwrap(vault: Vault, wrapped: str) -> bytes:
    """Return a key that was wrapped. It asks over the network at the first call in a process.

    Raises:
        ConfigFaults: ``config.vault-refused``.
    """
    plain = _ask(vault, f"decrypt/{vault.key}", {"ciphertext": wrapped}, "plaintext")
    try:
        secret = decode_base64(plain, "keys")
    except HaomaError:
        secret = b""
    if len(secret) != KEY_BYTES:
        raise _refused(reason="not a key of 32 bytes")
    return secret


def _ask(vault: Vault, path: str, body: dict[str, Any], wanted: str) -> str:
    """Return what ``wanted`` is in the reply to a request."""
    headers = (
        ("x-vault-token", vault.token.reveal()),
        ("x-vault-request", "true"),  # an agent or proxy may ask for it
        ("content-type", "application/json"),
    )
    request = Request(
        "POST", f"{vault.address}/v1/{vault.mount}/{path}", headers=headers, body=msgspec.json.encode(body)
    )
    transport = Http(ca_file=vault.ca_file, allow_insecure_upstreams=vault.insecure)
    try:
        reply = transport.send(Send(request, (vault.address,)))
    except HaomaError as error:
        failure = error.code
    else:
        failure = ""
    if failure:  # outside `except`: no cause that may quote the request
        raise _refused(reason=failure)
    try:
        found = parse_json_object(reply.body)
    except HaomaError:
        found = {}
    data = found.get("data")
    value = data.get(wanted) if isinstance(data, dict) else None
    if reply.status == 200 and isinstance(value, str):
        return value
    errors = found.get("errors")
    said = ", ".join(each for each in errors if isinstance(each, str)) if isinstance(errors, list) else ""
    told = scrub(said, vault.token, body.get("ciphertext"))
    raise _refused(status=reply.status, **({"says": told} if told else {}))


def _refused(**because: object) -> ConfigFaults:
    return ConfigFaults([Fault(REFUSED, _WHERE, because=because)])
