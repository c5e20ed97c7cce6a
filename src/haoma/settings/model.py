"""What was configured: apps, service and warnings, as records."""

from __future__ import annotations

import difflib
import ipaddress
import warnings as python_warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from haoma.errors import Fault, UnknownApp

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from haoma.platforms.base.contract import App

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network


class HaomaWarning(UserWarning):
    """Something in the settings works, but should be looked at."""


@dataclass(frozen=True, slots=True)
class ServiceKey:
    """A key that callers of the service send, as its digest: the clear text is not kept.

    A plain SHA-256 is enough, because keys are long and random; there is nothing that a slow hash would slow down.

    Attributes:
        kind: ``server`` or ``publishable``.
        digest: SHA-256 of the key.
    """

    kind: str
    digest: bytes = field(repr=False)

    @property
    def id(self) -> str:
        """Eight characters that may stand in a log."""
        return self.digest.hex()[:8]


@dataclass(frozen=True, slots=True)
class ServiceSettings:
    """The table ``[service]``.

    Attributes:
        host, port: Where to listen.
        keys: Who may call.
        workers: Number of processes.
        cors_origins: Origins that browsers may call from; none means that CORS is off.
        signing_key: Signs session tokens; None lets the service make one that dies with it.
        body_seconds, request_seconds, drain_seconds: Limits for receiving a body, for a whole request, and for the
            requests in flight when the service stops.
        log_level: ``debug``, ``info``, ``warning`` or ``error``.
        trusted_proxies: Networks whose ``X-Forwarded-For`` is believed.
        refused_limit, refused_seconds: How many codes of one client address a platform may refuse within how many
            seconds, before its codes are not taken any more.
    """

    host: str = "127.0.0.1"
    port: int = 8080
    keys: tuple[ServiceKey, ...] = ()
    workers: int = 1
    cors_origins: tuple[str, ...] = ()
    signing_key: Ed25519PrivateKey | None = field(default=None, repr=False)
    body_seconds: float = 5.0
    request_seconds: float = 20.0
    drain_seconds: float = 25.0
    log_level: str = "info"
    trusted_proxies: tuple[Network, ...] = ()
    refused_limit: int = 30
    refused_seconds: float = 600.0

    @property
    def server_keys(self) -> tuple[ServiceKey, ...]:
        """Keys that get full numbers."""
        return tuple(key for key in self.keys if key.kind == "server")

    @property
    def publishable_keys(self) -> tuple[ServiceKey, ...]:
        """Keys that may sit in a mini program."""
        return tuple(key for key in self.keys if key.kind == "publishable")


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that was configured.

    Attributes:
        apps: The apps by name.
        service: How the service runs.
        allow_insecure_upstreams: Whether plain http to a platform is permitted.
        ca_file: PEM file of the authorities to trust instead of the system's, or None.
        warnings: What works, but should be looked at.
        path: The file that was read; empty when the settings came from Python.
    """

    apps: Mapping[str, App]
    service: ServiceSettings = field(default_factory=ServiceSettings)
    allow_insecure_upstreams: bool = False
    ca_file: str | None = None
    warnings: tuple[Fault, ...] = ()
    path: str = ""

    def app(self, name: str) -> App:
        """Return the app of this name.

        Raises:
            UnknownApp: ``caller.unknown-app``.
        """
        found = self.apps.get(name)
        if found is None:
            raise unknown_app(name, self.apps)
        return found

    def give_warnings(self, *, stacklevel: int = 2) -> None:
        """Give every warning to ``warnings.warn`` as `HaomaWarning`."""
        for warning in self.warnings:
            python_warnings.warn(str(warning), HaomaWarning, stacklevel=stacklevel)


def unknown_app(name: str, apps: Mapping[str, App]) -> UnknownApp:
    """Return the error for a name that no app has, with the nearest that one has."""
    near = difflib.get_close_matches(name, apps, n=1)
    return UnknownApp(because={"nearest": near[0]} if near else {})
