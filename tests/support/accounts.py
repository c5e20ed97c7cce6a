"""A store that keeps accounts, and authorizations as the platforms' flows conclude them."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from typing import Any

from haoma.link import STANDARD, LinkPolicy
from haoma.phone import PhoneNumber
from haoma.secret import Secret
from haoma.steps import Conclude, Concluded, Consent, Outcome, Reserve, Reserved
from haoma.store.accounts.records import Records
from haoma.store.audit.lanes import AuditKeys
from haoma.store.config import StoreSettings, format_key
from haoma.store.keys.numbers import BlindIndex, NumberSealer
from haoma.store.sealing import Sealer, StoreKey
from haoma.store.store import Store
from haoma.verified import Assurance, Check, CheckName, Subject, VerifiedPhone
from support.store_rows import engine_at
from support.stores import KEYS

NUMBER_KEYS = (StoreKey(1, b"canary-number-key-of-32-bytes-ok"),)
PEPPERS = (StoreKey(1, b"canary-number-pepper-of-32-bytes"),)
_codes = itertools.count(1)


def records(tenant: str, peppers: tuple[StoreKey, ...] = PEPPERS, *, tells: bool = True) -> Records:
    """Return the rows of accounts of a tenant."""
    return Records(Sealer(KEYS, tenant), NumberSealer(NUMBER_KEYS, tenant), BlindIndex(peppers, tenant), tells=tells)


def key(name: str, secret: bytes = b"") -> str:
    """Return a key as it stands in the settings: a given one, or one that is made of a name."""
    return format_key(StoreKey(1, secret or name.encode().ljust(32, b".")))


class Town:
    """A tenant with a clock that the test holds."""

    def __init__(self, settings: StoreSettings, tenant: str = "default", audit: AuditKeys | None = None) -> None:
        self.wall = 1_800_000_000.0
        self.tenant = tenant
        self.settings = settings
        self.engine = engine_at(settings, lambda: round(self.wall * 1e6), tenant)
        self.records = records(tenant)
        self.store = Store(self.engine, Sealer(KEYS, tenant), self.records, audit)

    def close(self) -> None:
        self.store.close()

    def ask(self, step: Any) -> Any:
        return self.store.answer(step, [])

    def authorize(
        self,
        openid: str = "",
        number: str = "13800138000",
        *,
        unionid: str = "",
        platform: str = "wechat",
        app: str = "wx1",
        bound: bool = True,
        policy: LinkPolicy = STANDARD,
        consent: Consent | None = None,
        assurance: Assurance = Assurance.PLATFORM,
        after_reserved: Callable[[], None] = lambda: None,
    ) -> Outcome:
        """Verify a number for a login, with a code of its own; return the outcome that counts."""
        subject = Subject(openid=openid, unionid=unionid) if openid or unionid else None
        checks = (Check(CheckName.LOGIN_BINDING, bound, "as the test says"),)
        phone = VerifiedPhone(PhoneNumber("86", number), platform, app, subject, checks, assurance)
        scope = f"{platform}:{app}"
        reserved = self.ask(Reserve(scope, "code", Secret(f"code-{next(_codes)}-{os.getpid()}"), b"mine", 600))
        assert isinstance(reserved, Reserved)
        after_reserved()
        concluded = self.ask(Conclude(scope, reserved.ref, phone, consent, policy, "caller-1"))
        assert isinstance(concluded, Concluded)
        return concluded.outcome

    def linked(self, *arguments: Any, **named: Any) -> VerifiedPhone:
        """Authorize, and expect a number."""
        found = self.authorize(*arguments, **named)
        assert isinstance(found, VerifiedPhone), found
        return found
