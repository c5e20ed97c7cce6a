"""The table ``[webhooks]``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from haoma.platforms.base.setting import Kind, Setting, seconds
from haoma.store.config import WebhookSettings
from haoma.webhooks import PREFIX, parse_secret

if TYPE_CHECKING:
    from haoma.platforms.base.table import Table

_MOST_SECRETS: Final = 2

WEBHOOKS: Final = (
    Setting("url", Kind.ADDRESS, required=True),
    Setting("secrets", Kind.TEXTS, required=True, secret=True),
    seconds("timeout", default=15, least=1, most=60),
)


def read_webhooks(table: Table) -> WebhookSettings | None:
    """Read the table ``[webhooks]``; faults are left with it. Returns None if there are some."""
    url = table.text("url")
    if url:
        table.url("url")  # its faults; here the slash at the end stays
    texts = table.texts("secrets")
    secrets = tuple(each for each in map(parse_secret, texts) if each is not None)
    if len(secrets) != len(texts):
        table.fault("config.wrong-type", "secrets", needed=f"{PREFIX}…, as haoma key --webhook makes it")
    elif len(set(secrets)) > _MOST_SECRETS:
        table.fault("config.wrong-type", "secrets", found=len(secrets), needed="1 or 2")
    timeout = table.number("timeout")
    table.finish()
    return None if table.broken else WebhookSettings(url, tuple(dict.fromkeys(secrets)), timeout)
