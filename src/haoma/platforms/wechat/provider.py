"""The settings of a service provider, which buys packages in bulk and assigns them. ``packages.py`` uses them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from haoma.platforms.base.setting import Setting

if TYPE_CHECKING:
    from haoma.platforms.base.table import Table
    from haoma.secret import Secret

SETTINGS: Final = (Setting("provider_app_id"), Setting("provider_app_secret", secret=True, key=True))


@dataclass(frozen=True, kw_only=True)
class Provider:
    """The service provider's account.

    Attributes:
        app_id, secret: Its own, from the development settings of the service provider platform.
    """

    app_id: str
    secret: Secret = field(repr=False)


def configure(table: Table) -> Provider | None:
    """Read the two settings; return None if there is no provider, or after a fault."""
    wanted = "provider_app_id" in table or "provider_app_secret" in table
    app_id = table.text("provider_app_id", required=wanted)
    secret = table.secret("provider_app_secret", required=wanted)
    return Provider(app_id=app_id, secret=secret) if app_id and secret is not None else None
