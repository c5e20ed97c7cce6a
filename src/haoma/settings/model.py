"""The settings as records: apps, service and warnings."""

from __future__ import annotations

import difflib
import ipaddress
import warnings as python_warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeAlias

from haoma.errors import Fault, NoSuchApp
from haoma.steps import DEFAULT_TENANT
from haoma.store.config import StoreSettings, WebhookSettings
from haoma.store.gcra import Rate

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from haoma.id_tokens import Issuer
    from haoma.platforms.base.contract import App
    from haoma.sms import SmsSettings
    from haoma.store.keys.config import AccountSettings

LOOK_UPS: Final = Rate(600, 60, 600)
"""How often a server key may look up an account, where nobody says otherwise."""

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network


class HaomaWarning(UserWarning):
    """A setting that works, but needs attention."""


@dataclass(frozen=True, slots=True)
class ServiceKey:
    """A key of a caller of the service. Only its digest is kept.

    A plain SHA-256 is enough: keys are long and random, so there is no guessing that a slow hash would have to slow
    down.

    Attributes:
        kind: ``server`` or ``publishable``.
        digest: SHA-256 of the key.
        tenant: The tenant that the caller belongs to.
    """

    kind: str
    digest: bytes = field(repr=False)
    tenant: str = DEFAULT_TENANT

    @property
    def id(self) -> str:
        """Eight characters that identify the key and are safe to log."""
        return self.digest.hex()[:8]


@dataclass(frozen=True, slots=True)
class ServiceSettings:
    """The table ``[service]``.

    Attributes:
        host, port: The address to listen on; for a UNIX socket ``unix:/path`` and 0.
        root_path: Prefix under which a proxy serves it, such as ``/haoma``; empty for none.
        keys: Keys of the allowed callers.
        workers: Number of processes.
        cors_origins: Origins that browsers may call from. Empty turns CORS off.
        signing_keys: The first one signs session tokens, all are accepted. If there is none, the service makes a key
            that is lost when it stops.
        body_seconds, request_seconds, drain_seconds: Time limits for receiving a body, for a whole request, and for
            requests in flight during shutdown.
        quota_seconds: How often platforms are asked what is left of the quotas that they sell; 0 for never.
        log_level: ``debug``, ``info``, ``warning`` or ``error``.
        trusted_proxies: Networks whose ``X-Forwarded-For`` is trusted.
        refused_limit, refused_seconds: How many codes from one client address a platform may refuse within how many
            seconds before further codes from that address are rejected.
        look_up_limit: How often each service key may look up an account.
        key_limit, app_limit, address_limit, login_limit: How many requests are served for each service key, app, client
            address and logged-in user; None for no limit.
    """

    host: str = "127.0.0.1"
    port: int = 8080
    root_path: str = ""
    keys: tuple[ServiceKey, ...] = ()
    workers: int = 1
    cors_origins: tuple[str, ...] = ()
    signing_keys: tuple[Ed25519PrivateKey, ...] = field(default=(), repr=False)
    body_seconds: float = 5.0
    request_seconds: float = 20.0
    drain_seconds: float = 25.0
    quota_seconds: float = 3600.0
    log_level: str = "info"
    trusted_proxies: tuple[Network, ...] = ()
    refused_limit: int = 30
    refused_seconds: float = 600.0
    key_limit: Rate | None = None
    app_limit: Rate | None = None
    address_limit: Rate | None = None
    login_limit: Rate | None = None
    look_up_limit: Rate | None = LOOK_UPS

    @property
    def limited(self) -> bool:
        """Whether there is a limit on requests."""
        return any((self.key_limit, self.app_limit, self.address_limit, self.login_limit))

    @property
    def server_keys(self) -> tuple[ServiceKey, ...]:
        """The keys that can read full numbers."""
        return tuple(key for key in self.keys if key.kind == "server")

    @property
    def publishable_keys(self) -> tuple[ServiceKey, ...]:
        """The keys that may be in a mini program."""
        return tuple(key for key in self.keys if key.kind == "publishable")


@dataclass(frozen=True, slots=True)
class Settings:
    """The complete settings.

    Attributes:
        apps: The apps by name.
        service: Settings of the service.
        store: Where haoma keeps what has to outlive a process.
        accounts: How it keeps numbers and accounts; None if it keeps none.
        webhooks: Where events about accounts are sent; None for nowhere.
        issuer: Who issues ID tokens, and to whom; None if nobody does.
        sms: Who sends codes by text message; None if nobody does.
        allow_insecure_upstreams: Whether plain http to a platform is permitted.
        ca_file: PEM file with the authorities to trust instead of the system's, or None.
        warnings: Settings that work, but need attention.
        path: The file that was read; empty if the settings came from Python.
    """

    apps: Mapping[str, App]
    service: ServiceSettings = field(default_factory=ServiceSettings)
    store: StoreSettings = field(default_factory=StoreSettings)
    accounts: AccountSettings | None = None
    webhooks: WebhookSettings | None = None
    issuer: Issuer | None = None
    sms: SmsSettings | None = None
    allow_insecure_upstreams: bool = False
    ca_file: str | None = None
    warnings: tuple[Fault, ...] = ()
    path: str = ""

    @property
    def tenants(self) -> tuple[str, ...]:
        """Whose apps, or whose callers, there are: what a tenant has remains when its last app is gone."""
        return tuple(sorted({app.tenant for app in self.apps.values()} | {key.tenant for key in self.service.keys}))

    def app(self, name: str) -> App:
        """Return the app with this name.

        Raises:
            NoSuchApp: ``config.no-such-app``.
        """
        found = self.apps.get(name)
        if found is None:
            raise no_such_app(name, self.apps)
        return found

    def give_warnings(self, *, stacklevel: int = 2) -> None:
        """Issue every warning as a `HaomaWarning`."""
        for warning in self.warnings:
            python_warnings.warn(str(warning), HaomaWarning, stacklevel=stacklevel)


def no_such_app(name: str, apps: Mapping[str, App]) -> NoSuchApp:
    """Return the error for an unknown app name, with the known names. The name itself may be anything."""
    near = difflib.get_close_matches(name, apps, n=1)
    return NoSuchApp(because={**({"nearest": near[0]} if near else {}), "known": ", ".join(apps)})
