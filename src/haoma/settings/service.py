"""Reads the table ``[service]``: the keys of callers, allowed networks and origins, and limits."""

from __future__ import annotations

import hashlib
import ipaddress
import re
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from haoma.errors import Fault
from haoma.platforms.base.setting import Kind, Setting, seconds
from haoma.settings.model import Network, ServiceKey, ServiceSettings, Settings
from haoma.store.gcra import Rate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from haoma.platforms.base.table import Table

UNIX: Final = "unix:"
"""How the address of a UNIX socket starts."""
WEAK_KEY: Final = 24
"""Minimum length of a random service key that cannot be guessed."""
_DIGEST: Final = re.compile(r"sha256:([0-9a-f]{64})", re.IGNORECASE)
_BEARER: Final = re.compile(r"[!-~]{1,512}")
_PREFIX: Final = {"server": "hk_server_", "publishable": "hk_publishable_"}  # as made by `haoma key`
_OTHER_KIND: Final = {"server": "publishable", "publishable": "server"}
_LISTEN: Final = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):([0-9]{1,5})")
_SOCKET: Final = re.compile(r"/[!-~]{1,99}")  # the system allows about a hundred bytes
_ROOT: Final = re.compile(r"(/[A-Za-z0-9._~-]+)+")
_RATE: Final = re.compile(r"([1-9][0-9]{0,8})/(s|m|h|d)(?: burst ([1-9][0-9]{0,4}))?")
_SECONDS: Final = MappingProxyType({"s": 1, "m": 60, "h": 3600, "d": 86_400})
_MOST_A_SECOND: Final = 10_000
"""At more than this, whole microseconds would no longer be exact enough."""
_LARGEST_BURST: Final = 10_000
_NEEDED: Final = "100/s, 600/m or 600/m burst 50; at most 10000/s and burst 10000"

TENANT: Final = (Setting("server_keys", Kind.LIST, secret=True), Setting("publishable_keys", Kind.LIST))
"""Settings of ``[service.tenants.NAME]``."""

SERVICE: Final = (
    Setting("listen", default="127.0.0.1:8080"),
    Setting("root_path"),
    Setting("server_keys", Kind.LIST, secret=True),
    Setting("publishable_keys", Kind.LIST),
    Setting("workers", Kind.NUMBER, default=1, least=1, most=256, whole=True),
    Setting("cors_origins", Kind.LIST),
    Setting("signing_keys", Kind.TEXTS, secret=True, key=True),
    seconds("body_seconds", default=5, least=0.1, most=60),
    seconds("request_seconds", default=20, least=1, most=300),
    seconds("drain_seconds", default=25, least=0, most=300),
    seconds("quota_seconds", default=3600, least=0, most=86400),
    Setting("log_level", Kind.WORD, default="info", choices=("debug", "info", "warning", "error")),
    Setting("trusted_proxies", Kind.LIST),
    Setting("refused_limit", Kind.NUMBER, default=30, least=1, most=1000, whole=True),
    seconds("refused_seconds", default=600, least=1, most=86400),
    Setting("key_limit"),
    Setting("app_limit"),
    Setting("address_limit"),
    Setting("login_limit"),
    Setting("look_up_limit", default="600/m"),
)
"""Settings of the table."""


def parse_listen(text: str) -> tuple[str, int] | None:
    """Return the host and port of an address such as ``127.0.0.1:8080`` or ``[::1]:8080``, or None if invalid.

    A UNIX socket such as ``unix:/run/haoma/haoma.sock`` is a host with port 0.
    """
    if text.startswith(UNIX):
        return (text, 0) if _SOCKET.fullmatch(text.removeprefix(UNIX)) else None
    match = _LISTEN.fullmatch(text)
    if match is None or int(match[2]) > 65535:
        return None
    return match[1].strip("[]"), int(match[2])


def read_service(table: Table, tenants: Mapping[str, Table], *, serving: bool) -> ServiceSettings:
    """Read the table ``[service]``. Faults are collected in the tables. For ``serving`` see `load`.

    Args:
        table: The table.
        tenants: The tables ``[service.tenants.NAME]``.
        serving: Whether there has to be a key.
    """
    listen = parse_listen(table.text("listen"))
    if listen is None:
        table.fault("config.bad-listen", "listen", needed="host:port or unix:/path")
    host, port = listen or ("", 0)
    keys = [*_keys(table, "server"), *_keys(table, "publishable")]
    for name, each in tenants.items():
        keys += [replace(key, tenant=name) for kind in ("server", "publishable") for key in _keys(each, kind)]
        each.finish()
    kinds: dict[bytes, tuple[str, str]] = {}
    if any(kinds.setdefault(key.digest, (key.kind, key.tenant)) != (key.kind, key.tenant) for key in keys):
        table.fault("config.same-key-twice", "publishable_keys")
    # Reported even if the table has other faults, but not if keys are set and could not be read: that is its own fault.
    if serving and not keys and not tenants and "server_keys" not in table and "publishable_keys" not in table:
        table.fault("config.no-server-keys", "")
    service = ServiceSettings(
        host=host,
        port=port,
        root_path=_root(table),
        keys=tuple(dict.fromkeys(keys)),
        workers=int(table.number("workers")),
        cors_origins=_origins(table),
        signing_keys=_signing_keys(table),
        body_seconds=table.number("body_seconds"),
        request_seconds=table.number("request_seconds"),
        drain_seconds=table.number("drain_seconds"),
        quota_seconds=table.number("quota_seconds"),
        log_level=table.choice("log_level"),
        trusted_proxies=_networks(table),
        refused_limit=int(table.number("refused_limit")),
        refused_seconds=table.number("refused_seconds"),
        key_limit=_rate(table, "key_limit"),
        app_limit=_rate(table, "app_limit"),
        address_limit=_rate(table, "address_limit"),
        login_limit=_rate(table, "login_limit"),
        look_up_limit=_rate(table, "look_up_limit"),
    )
    table.finish()
    return service


def _keys(table: Table, kind: str) -> list[ServiceKey]:
    setting = f"{kind}_keys"
    found = []
    for text in table.texts(setting):
        digest = _DIGEST.fullmatch(text)
        if digest:
            found.append(ServiceKey(kind, bytes.fromhex(digest[1])))
        elif text.lower().startswith("sha256:"):
            table.fault("config.wrong-type", setting, needed="sha256: and 64 hexadecimal digits")
        elif not _BEARER.fullmatch(text):
            table.fault("config.wrong-type", setting, needed="visible ASCII characters without spaces")
        elif text.startswith(_PREFIX[_OTHER_KIND[kind]]):
            # A mini program's key among the server keys would give full numbers to anybody who unpacks the program.
            table.fault("config.key-of-the-other-kind", setting, found=f"{_PREFIX[_OTHER_KIND[kind]]}...")
        else:
            if len(text) < WEAK_KEY and kind == "server":
                table.warn("config.weak-server-key", setting, characters=len(text), least=WEAK_KEY)
            found.append(ServiceKey(kind, hashlib.sha256(text.encode("ascii")).digest()))
    return found


def _rate(table: Table, setting: str) -> Rate | None:
    text = table.text(setting)
    if not text:
        return None
    match = _RATE.fullmatch(text)
    if match is not None:
        requests, seconds_ = int(match[1]), _SECONDS[match[2]]
        burst = int(match[3] or min(requests, _LARGEST_BURST))
        if requests <= _MOST_A_SECOND * seconds_ and burst <= _LARGEST_BURST:
            return Rate(requests, seconds_, burst)
    table.fault("config.wrong-type", setting, needed=_NEEDED)
    return None


def _networks(table: Table) -> tuple[Network, ...]:
    networks = []
    for text in table.texts("trusted_proxies"):
        try:
            network = ipaddress.ip_network(text)
        except ValueError:
            network = None
        if network is not None and network.prefixlen:
            networks.append(network)
        else:  # trusting all networks would let every client choose its own address
            table.fault("config.wrong-type", "trusted_proxies", needed="10.0.0.0/8, 2001:db8::/32 or one address")
    return tuple(networks)


def _root(table: Table) -> str:
    root = table.text("root_path")
    if root and not _ROOT.fullmatch(root):
        table.fault("config.wrong-type", "root_path", needed="/prefix")
        return ""
    return root


def _origins(table: Table) -> tuple[str, ...]:
    origins = table.texts("cors_origins")
    for origin in origins:
        if not re.fullmatch(r"https?://[A-Za-z0-9.:\[\]-]+", origin):
            table.fault("config.bad-url", "cors_origins", needed="https://host")
    return tuple(origins)


def _signing_keys(table: Table) -> tuple[Ed25519PrivateKey, ...]:
    found: dict[bytes, Ed25519PrivateKey] = {}
    for text in table.texts("signing_keys"):
        try:
            key = load_pem_private_key(text.encode("utf-8"), password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            key = None
        if isinstance(key, Ed25519PrivateKey):
            found[key.private_bytes_raw()] = key
        else:
            table.fault("config.key-unreadable", "signing_keys", needed="Ed25519 private key in PEM, without password")
    return tuple(found.values())


def start_warnings(settings: Settings) -> tuple[Fault, ...]:
    """Return all warnings to show at start-up, in the order of the file."""
    service, found = settings.service, [*settings.warnings]
    if service.publishable_keys and not service.signing_keys:
        found.append(Fault("config.signing-key-ephemeral", "service.signing_keys", warning=True, file=settings.path))
    return tuple(found)
