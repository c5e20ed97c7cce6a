"""The configuration of a DingTalk app."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from haoma.platforms.base.contract import App
from haoma.platforms.base.setting import SHARED, Kind, Setting
from haoma.platforms.base.table import origin

if TYPE_CHECKING:
    from haoma.platforms.base.table import Table
    from haoma.secret import Secret

API: Final = "https://api.dingtalk.com"
SETTINGS: Final = (
    Setting("client_id", required=True),
    Setting("client_secret", required=True, secret=True, key=True),
    Setting("api_base_url", Kind.ADDRESS, default=API),
    *SHARED,
)


@dataclass(frozen=True, kw_only=True)
class DingTalkApp(App):
    """One configured DingTalk app. Its ``app_id`` is the Client ID (formerly AppKey).

    Attributes:
        client_secret: The Client Secret (formerly AppSecret).
        api_base_url: DingTalk, or a proxy in front of it.
    """

    client_secret: Secret = field(repr=False)
    api_base_url: str = API


def configure(table: Table) -> DingTalkApp | None:
    """Build the app from its settings. Faults go to the table."""
    table.declare(SETTINGS)
    client_id = table.text("client_id")
    client_secret = table.secret("client_secret")
    api_base_url = table.url("api_base_url")
    policy, reply = table.policy(), table.reply()
    table.finish()
    if table.broken or client_secret is None:
        return None
    return DingTalkApp(
        name=table.name,
        platform="dingtalk",
        app_id=client_id,
        upstreams=(origin(api_base_url),),
        policy=policy,
        reply=reply,
        client_secret=client_secret,
        api_base_url=api_base_url,
    )
