"""The configuration of a Xiaohongshu mini program.

Settings: ``app_id``, ``app_secret``, ``api_base_url``, ``accept_members``.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from haoma.platforms.base.contract import App
from haoma.platforms.base.setting import ACCEPT_MEMBERS, SESSION_SECONDS, SHARED, Kind, Setting
from haoma.platforms.base.table import Table, origin

if TYPE_CHECKING:
    from haoma.secret import Secret

API: Final = "https://miniapp.xiaohongshu.com"
SETTINGS: Final = (
    Setting("app_id", required=True),
    Setting("app_secret", required=True, secret=True, key=True),
    Setting("api_base_url", Kind.ADDRESS, default=API),
    *SHARED,
    SESSION_SECONDS,
    ACCEPT_MEMBERS,
)


@dataclass(frozen=True, kw_only=True)
class XiaohongshuApp(App):
    """One configured Xiaohongshu mini program.

    Attributes:
        app_secret: The AppSecret.
        api_base_url: Xiaohongshu, or a proxy in front of it.
    """

    app_secret: Secret = field(repr=False)
    api_base_url: str = API


def configure(table: Table) -> XiaohongshuApp | None:
    """Build the app from its settings. Faults go to the table."""
    table.declare(SETTINGS)
    app_id = table.text("app_id")
    app_secret = table.secret("app_secret")
    api_base_url = table.url("api_base_url")
    policy, reply = table.policy(), table.reply()
    # The age of a ciphertext is not judged, so it stays usable as long as its session_key is kept. It is remembered for
    # that long. Later logins may extend a key's life, up to this limit (``session_keys``).
    policy = replace(policy, code_seconds=max(policy.code_seconds, 2 * policy.session_seconds))
    table.finish()
    if table.broken or app_secret is None:
        return None
    return XiaohongshuApp(
        name=table.name,
        platform="xiaohongshu",
        app_id=app_id,
        upstreams=(origin(api_base_url),),
        policy=policy,
        reply=reply,
        app_secret=app_secret,
        api_base_url=api_base_url,
    )
