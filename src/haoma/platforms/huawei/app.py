"""The configuration of a HarmonyOS app or atomic service.

Settings: ``client_id``, ``client_secret``, ``flow``; ``api_base_url`` for the flow ``quick-login``, ``oauth_base_url``
and ``account_base_url`` for the flow ``scope-phone``. An address of the other flow is a fault.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from haoma.platforms.base.contract import App
from haoma.platforms.base.setting import SHARED, Kind, Setting
from haoma.platforms.base.table import origin

if TYPE_CHECKING:
    from haoma.platforms.base.table import Table
    from haoma.secret import Secret

API: Final = "https://account-api.cloud.huawei.com"
OAUTH: Final = "https://oauth-login.cloud.huawei.com"
ACCOUNT: Final = "https://account.cloud.huawei.com"
QUICK_LOGIN: Final = "quick-login"
SCOPE_PHONE: Final = "scope-phone"
SETTINGS: Final = (
    Setting("client_id", required=True),
    Setting("client_secret", required=True, secret=True, key=True),
    Setting("flow", Kind.WORD, default=QUICK_LOGIN, choices=(QUICK_LOGIN, SCOPE_PHONE)),
    Setting("api_base_url", Kind.ADDRESS, default=API),
    Setting("oauth_base_url", Kind.ADDRESS, default=OAUTH),
    Setting("account_base_url", Kind.ADDRESS, default=ACCOUNT),
    *SHARED,
)
_OF_FLOW: Final = {
    "api_base_url": QUICK_LOGIN,
    "oauth_base_url": SCOPE_PHONE,
    "account_base_url": SCOPE_PHONE,
}
"""The flow that asks each address."""


@dataclass(frozen=True, kw_only=True)
class HuaweiApp(App):
    """One configured HarmonyOS app or atomic service. Its ``app_id`` is the Client ID.

    Attributes:
        client_secret: The Client Secret.
        flow: ``quick-login`` for codes of ``LoginWithHuaweiIDButton``; ``scope-phone`` for codes of scope ``phone``.
        api_base_url: Takes the codes of ``quick-login``: Huawei, or a proxy in front of it.
        oauth_base_url: Takes the codes of ``scope-phone``.
        account_base_url: Takes the user's token of ``scope-phone``.
    """

    client_secret: Secret = field(repr=False)
    flow: str = QUICK_LOGIN
    api_base_url: str = API
    oauth_base_url: str = OAUTH
    account_base_url: str = ACCOUNT


def configure(table: Table) -> HuaweiApp | None:
    """Build the app from its settings. Faults go to the table."""
    table.declare(SETTINGS)
    client_id = table.text("client_id")
    client_secret = table.secret("client_secret")
    flow = table.choice("flow")
    addresses = {name: _address(table, name, flow) for name in _OF_FLOW}
    policy, reply = table.policy(), table.reply()
    table.finish()
    if table.broken or client_secret is None:
        return None
    return HuaweiApp(
        name=table.name,
        platform="huawei",
        app_id=client_id,
        upstreams=tuple(origin(url) for name, url in addresses.items() if _OF_FLOW[name] == flow),
        policy=policy,
        reply=reply,
        client_secret=client_secret,
        flow=flow,
        api_base_url=addresses["api_base_url"],
        oauth_base_url=addresses["oauth_base_url"],
        account_base_url=addresses["account_base_url"],
    )


def _address(table: Table, name: str, flow: str) -> str:
    """Return an address. One that the flow does not ask is a fault: somebody means the other flow."""
    if name in table and _OF_FLOW[name] != flow:
        table.fault("config.setting-without-effect", name, flow=flow, needed=f'flow = "{_OF_FLOW[name]}"')
    return table.url(name)
