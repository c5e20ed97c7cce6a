"""The settings of a third-party platform. ``third_party/`` uses them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from haoma.crypto.strict import decode_base64
from haoma.platforms.base.setting import Kind, Setting
from haoma.secret import Secret  # noqa: TC001 - msgspec reads the types of `_Ticket`

if TYPE_CHECKING:
    from collections.abc import Callable

    from haoma.platforms.base.table import Table

SETTINGS: Final = (
    Setting("component_app_id"),
    Setting("component_app_secret", secret=True, key=True),
    Setting("component_token", secret=True),
    Setting("component_aes_key", Kind.TEXTS, secret=True, key=True),
    Setting("authorizer_refresh_token", secret=True),
    Setting("on_grant", Kind.FUNCTION),
)
NAMES: Final = tuple(setting.name for setting in SETTINGS)
_AES_KEY: Final = re.compile(r"[A-Za-z0-9+/]{43}")


@dataclass(frozen=True, kw_only=True)
class Component:
    """The third-party platform of an app.

    Attributes:
        app_id, secret: The component's own.
        token, aes_keys: Verify and open pushes; newest key first.
        refresh_token: The merchant's grant, if it is configured; see ``third_party/grant.py``.
        on_grant: A callback of the application, called with each `Grant` that is made, renewed or revoked.
    """

    app_id: str
    secret: Secret = field(repr=False)
    token: Secret = field(repr=False)
    aes_keys: tuple[bytes, ...] = field(repr=False)
    refresh_token: Secret | None = field(default=None, repr=False)
    on_grant: Callable[..., Any] | None = None


def configure(table: Table) -> Component | None:
    """Read the six settings; return None if there is no component, or after a fault."""
    wanted = any(setting in table for setting in NAMES)
    app_id = table.text("component_app_id", required=wanted)
    if not wanted:
        return None
    secret, token = table.secret("component_app_secret", required=True), table.secret("component_token", required=True)
    refresh_token, on_grant = table.secret("authorizer_refresh_token"), table.function("on_grant")
    aes_keys = read_aes_keys(table, "component_aes_key", required=True)
    if not app_id or secret is None or token is None or not aes_keys:
        return None
    return Component(
        app_id=app_id,
        secret=secret,
        token=token,
        aes_keys=aes_keys,
        refresh_token=refresh_token,
        on_grant=on_grant,
    )


def read_aes_keys(table: Table, setting: str, *, required: bool = False) -> tuple[bytes, ...]:
    """Read the keys that encrypt pushes (EncodingAESKey), newest first; return none after a fault."""
    keys = []
    for text in table.texts(setting, required=required):
        if not _AES_KEY.fullmatch(text):
            table.fault("config.component-aes-key", setting, characters=len(text), needed=43)
            return ()
        # Only four bits of the last character count, so any character with the right ones is valid.
        keys.append(decode_base64(text[:-1] + _canonical(text[-1]) + "=", setting))
    return tuple(keys)


def _canonical(character: str) -> str:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    return alphabet[alphabet.index(character) & ~3]
