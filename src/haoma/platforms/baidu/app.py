"""The configuration of a Baidu smart mini program.

Settings: ``app_key``, ``app_secret``, ``api_base_url``; ``login`` (``v1`` or ``v2``) and, for v2, ``openapi_base_url``;
``app_id``, the numeric AppID, which nothing needs; ``accept_members``.

Baidu has three identifiers. The one that matters is the **AppKey**: the login sends it, and every frame ends with it.
So it is the ``app_id`` of the `App`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import Final

from haoma.platforms.base.contract import App
from haoma.platforms.base.setting import ACCEPT_MEMBERS, SESSION_SECONDS, SHARED, Kind, Setting
from haoma.platforms.base.table import Table, origin
from haoma.secret import Secret

API: Final = "https://spapi.baidu.com"
OPENAPI: Final = "https://openapi.baidu.com"
SETTINGS: Final = (
    Setting("app_key", required=True),
    Setting("app_id"),
    Setting("app_secret", required=True, secret=True, key=True),
    Setting("api_base_url", Kind.ADDRESS, default=API),
    Setting("login", Kind.WORD, default="v1", choices=("v1", "v2")),
    Setting("openapi_base_url", Kind.ADDRESS, default=OPENAPI),
    *SHARED,
    SESSION_SECONDS,
    ACCEPT_MEMBERS,
)
_APP_KEY: Final = re.compile(r"[0-9A-Za-z]{32}")


@dataclass(frozen=True, kw_only=True)
class BaiduApp(App):
    """One configured Baidu smart mini program.

    Attributes:
        app_secret: The AppSecret.
        api_base_url: Address of login v1: Baidu, or a proxy in front of it.
        openapi_base_url: Address of login v2 and its access_token.
        login: ``v1`` or ``v2``.
    """

    app_secret: Secret = field(repr=False)
    api_base_url: str = API
    openapi_base_url: str = OPENAPI
    login: str = "v1"


def configure(table: Table) -> BaiduApp | None:
    """Build the app from its settings. Faults go to the table."""
    table.declare(SETTINGS)
    app_key = table.text("app_key")
    if app_key and not _APP_KEY.fullmatch(app_key):
        table.warn("config.app-id-shape", "app_key", needed="32 letters and digits: the AppKey, not the numeric AppID")
    table.text("app_id")
    app_secret = table.secret("app_secret")
    if app_key and app_secret == Secret(app_key):
        table.warn("config.app-secret-shape", "app_secret", found="the AppKey")
    api_base_url = table.url("api_base_url")
    login = table.choice("login")
    openapi_base_url = table.url("openapi_base_url")
    policy, reply = table.policy(), table.reply()
    # A ciphertext has no timestamp, so it stays usable as long as its session_key is kept. It is remembered for that
    # long. Later logins may extend a key's life, up to this limit (``session_keys``).
    policy = replace(policy, code_seconds=max(policy.code_seconds, 2 * policy.session_seconds))
    table.finish()
    if table.broken or app_secret is None:
        return None
    return BaiduApp(
        name=table.name,
        platform="baidu",
        app_id=app_key,
        upstreams=(origin(openapi_base_url if login == "v2" else api_base_url),),
        policy=policy,
        reply=reply,
        app_secret=app_secret,
        api_base_url=api_base_url,
        openapi_base_url=openapi_base_url,
        login=login,
    )
