"""A WeChat mini program as it is configured.

Settings: ``app_id``, ``app_secret``, ``api_base_url``; ``token`` (``stable``, ``plain`` or ``central``), for a central
token server ``token_url`` and ``token_url_key``, from Python a function as ``token_source``; ``old_way``,
``check_encrypted_message``, ``encrypted_hash``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from haoma.contract import App, Table, origin

if TYPE_CHECKING:
    from collections.abc import Callable

    from haoma.secret import Secret

API: Final = "https://api.weixin.qq.com"
KEY_SETTINGS: Final = frozenset({"app_secret", "token_url_key"})
_APP_ID: Final = re.compile(r"wx[0-9a-f]{16}")
_APP_SECRET: Final = re.compile(r"[0-9a-fA-F]{32}")


@dataclass(frozen=True, kw_only=True)
class WeChatApp(App):
    """One configured WeChat mini program.

    Attributes:
        app_secret: The AppSecret; None if tokens come from elsewhere and nobody logs in.
        api_base_url: WeChat, or a proxy in front of it.
        issuer: Who gives us the access_token: ``stable``, ``plain``, ``central`` or ``source``.
        token_url, token_url_key: The central token server and the bearer key that it wants.
        token_source: Called with the app's name and the token that WeChat has just rejected, or None; returns a token.
        old_way: Accept ``encryptedData`` and ``iv``.
        check_encrypted_message: Ask WeChat (``checkencryptedmsg``) before anything is decrypted.
        encrypted_hash: What that call hashes: ``base64-text`` or ``bytes``. WeChat's page does not say.
    """

    app_secret: Secret | None = field(default=None, repr=False)
    api_base_url: str = API
    issuer: str = "stable"
    token_url: str = ""
    token_url_key: Secret | None = field(default=None, repr=False)
    token_source: Callable[..., Any] | None = None
    old_way: bool = False
    check_encrypted_message: bool = False
    encrypted_hash: str = "base64-text"


def configure(table: Table) -> WeChatApp | None:
    """Build the app from its settings; faults go to the table."""
    app_id = table.text("app_id", required=True)
    if app_id and not _APP_ID.fullmatch(app_id):
        table.warn("config.app-id-shape", "app_id", needed="wx and 16 of 0-9 a-f")
    token_source = table.function("token_source")
    issuer = table.choice("token", ("stable", "plain", "central"), default="stable")
    if token_source is not None:
        issuer = "source"
    old_way = table.flag("old_way")
    app_secret = table.secret("app_secret", required=old_way or issuer in ("stable", "plain"))
    if app_secret and not _APP_SECRET.fullmatch(app_secret.reveal()):
        table.warn("config.app-secret-shape", "app_secret", characters=len(app_secret.reveal()), needed=32)
    api_base_url = table.url("api_base_url", default=API)
    token_url, token_url_key = _central(table) if issuer == "central" else ("", None)
    check_encrypted_message = table.flag("check_encrypted_message")
    encrypted_hash = table.choice("encrypted_hash", ("base64-text", "bytes"), default="base64-text")
    policy, reply = table.policy(), table.reply()
    # The ledger must remember a ciphertext for as long as its watermark can be young enough, on both sides of now.
    policy = replace(policy, code_seconds=max(policy.code_seconds, 2 * policy.max_age + 60))
    table.finish()
    if table.broken:
        return None
    return WeChatApp(
        name=table.name,
        platform="wechat",
        app_id=app_id,
        upstreams=(origin(api_base_url), *([origin(token_url)] if token_url else [])),
        policy=policy,
        reply=reply,
        app_secret=app_secret,
        api_base_url=api_base_url,
        issuer=issuer,
        token_url=token_url,
        token_url_key=token_url_key,
        token_source=token_source,
        old_way=old_way,
        check_encrypted_message=check_encrypted_message,
        encrypted_hash=encrypted_hash,
    )


def _central(table: Table) -> tuple[str, Secret | None]:
    if "token_url" not in table:
        table.fault("config.missing-setting", "token_url")
        return "", None
    return table.url("token_url", default=""), table.secret("token_url_key", required=True)
