"""Reads the settings from ``haoma.toml`` and the environment. All faults of a file are reported at once.

::

    allow_insecure_upstreams = false      # true permits http to a fake platform, and warns at every start
    ca_file = "company-ca.pem"            # authorities to trust instead of the system's, for a TLS proxy

    [apps.shop]
    platform = "alipay"                   # the other settings are the platform's own: platforms/*/app.py
    aes_key = { file = "secrets/aes" }    # any value may be in a file or in the environment
    app_private_key = { env = "SHOP_KEY" }

    [service]
    listen = "127.0.0.1:8080"
    server_keys = ["sha256:…"]            # made by `haoma key`; a key in clear text works too
    publishable_keys = ["…"]

    [accounts]                            # only with it, numbers and accounts are kept
    keys = ["1:…"]                        # made by `haoma key --accounts`, with the others of this table

Relative paths are resolved against the directory of ``haoma.toml``. A setting for a key may also be the name of its
file.
"""

from __future__ import annotations

import difflib
import functools
import hashlib
import os
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import load_pem_x509_certificates

from haoma.crypto.keys import parse_private_key
from haoma.errors import ConfigFaults, Fault
from haoma.io.files import CaFile, FollowedFile
from haoma.link import OnConflict
from haoma.platforms.base.setting import Kind, Setting, key_settings
from haoma.platforms.base.table import Table, hint
from haoma.platforms.registry import PLATFORMS
from haoma.settings.accounts import ACCOUNTS, VAULT, read_accounts, read_vault
from haoma.settings.issuer import AUDIENCE, ISSUER, read_issuer
from haoma.settings.lines import Lines, syntax_fault
from haoma.settings.model import ServiceSettings, Settings
from haoma.settings.service import SERVICE, TENANT, read_service
from haoma.settings.sms import SMS, read_sms
from haoma.settings.sources import Sources
from haoma.settings.store import STORE, read_store
from haoma.settings.webhooks import WEBHOOKS, read_webhooks
from haoma.store.config import MEMORY, StoreSettings, embedded_store

if TYPE_CHECKING:
    from haoma.id_tokens import Issuer
    from haoma.platforms.base.contract import App
    from haoma.sms import SmsSettings
    from haoma.store.config import WebhookSettings
    from haoma.store.keys.config import AccountSettings, Vault

FILE_BYTES: Final = 64 * 1024
"""Maximum size of a file that a setting names. Keys and certificates have a few KiB."""
TOML_BYTES: Final = 1024 * 1024

_VERSION_LENGTH: Final = 128
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_KEY_FILE: Final = re.compile(r"[^\x00-\x1f]{1,255}\.(?:pem|key|crt|cer|der|txt)", re.IGNORECASE)
TOP: Final = (Setting("allow_insecure_upstreams", Kind.FLAG), Setting("ca_file", Kind.FILE))
"""Settings outside of the tables."""
_OWN: Final = tuple(setting.name for setting in TOP)
TABLES: Final = (*_OWN, "apps", "service", "store", "accounts", "policies", "webhooks", "issuer", "audiences", "sms")
_VAULT: Final = "accounts.vault"
_TENANTS: Final = "service.tenants"
_TABLES: Final = {
    "": TOP, "service": SERVICE, "store": STORE, "accounts": ACCOUNTS, _VAULT: VAULT, _TENANTS: TENANT,
    "webhooks": WEBHOOKS, "issuer": ISSUER, "audiences": AUDIENCE,
    "sms": SMS,
}  # fmt: skip
_NOTHING: Final[Mapping[str, object]] = MappingProxyType({})
_UNREAD: Final = object()
"""A placeholder for a value that could not be fetched."""


def load(
    path: str | os.PathLike[str],
    *,
    environ: Mapping[str, str] | None = None,
    now: float | None = None,
    serving: bool = False,
    workers: int | None = None,
) -> Settings:
    """Read a ``haoma.toml``.

    Args:
        path: The file.
        environ: The variables for ``{ env = "…" }``; the environment of the process if None.
        now: Unix seconds, for the dates of certificates; the current time if None.
        serving: Also check settings that only the service needs.
        workers: Number of processes, overriding the file.

    Raises:
        ConfigFaults: ``config.faults``: lists all faults of the file, each with line, cause and remedy.
    """
    return load_from(Sources(), path, environ=environ, now=now, serving=serving, workers=workers)


def load_from(
    sources: Sources,
    path: str | os.PathLike[str],
    *,
    environ: Mapping[str, str] | None = None,
    now: float | None = None,
    serving: bool = False,
    workers: int | None = None,
) -> Settings:
    """Read a ``haoma.toml`` as `load` does.

    Args:
        sources: Remembers the contents of the files, or has them already.
        path: The file.
        environ: The variables; see `load`.
        now: Unix seconds; the time of ``sources`` if None.
        serving: See `load`.
        workers: See `load`.

    Raises:
        ConfigFaults: ``config.faults``.
    """
    name = os.fspath(path)
    try:
        text = sources.read_text(Path(name), TOML_BYTES)
    except OSError as error:
        raise ConfigFaults(
            [Fault("config.file-missing", name, because={"reason": _reason(error)}, file=name)]
        ) from None
    except ValueError as error:
        raise ConfigFaults(
            [Fault("config.not-toml", name, because={"reason": str(error)}, file=name, line=1)]
        ) from None
    try:
        values = tomllib.loads(text)
        lines = Lines(text)
    except tomllib.TOMLDecodeError as error:
        line, reason = syntax_fault(error, text)
        raise ConfigFaults([Fault("config.not-toml", name, because={"reason": reason}, file=name, line=line)]) from None
    except (RecursionError, ValueError) as error:  # Python refuses numbers with thousands of digits
        reason = "nested too deep" if isinstance(error, RecursionError) else "a number is too long"
        raise ConfigFaults([Fault("config.not-toml", name, because={"reason": reason}, file=name, line=1)]) from None
    reader = _Reader(Path(name).parent, environ, now, lambda where: (name, lines.of(where)), sources)
    return reader.settings(values, name, serving=serving, workers=workers)


def from_mapping(
    values: Mapping[str, Any],
    *,
    base_dir: str | os.PathLike[str] = ".",
    environ: Mapping[str, str] | None = None,
    now: float | None = None,
    serving: bool = False,
    workers: int | None = None,
) -> Settings:
    """Build the settings from the parsed content of a ``haoma.toml``; see `load`.

    Raises:
        ConfigFaults: ``config.faults``.
    """
    reader = _Reader(Path(base_dir), environ, now, lambda _where: ("", 0), Sources())
    return reader.settings(values, "", serving=serving, workers=workers)


def configure(
    platform: str, *, name: str | None = None, allow_insecure_upstreams: bool = False, **settings: Any
) -> App:
    """Configure one app from Python.

    ``haoma.configure("alipay", app_id="2021…", alipay_public_key="MIIB…", aes_key="…")``. Warnings are issued as
    `HaomaWarning`.

    Args:
        platform: ``alipay``, ``wechat``, …
        name: Name of the app, as passed to a client; the platform's name if None.
        allow_insecure_upstreams: Permit http to a fake platform.
        settings: The platform's settings, as in ``haoma.toml``. A value of None is a fault: it usually comes from an
            environment variable that is not set.

    Raises:
        ConfigFaults: ``config.faults``: lists all faults.
    """
    called = name if name is not None else platform if str(platform) in PLATFORMS else "app"
    values = {
        "allow_insecure_upstreams": allow_insecure_upstreams,
        "apps": {called: {**settings, "platform": platform}},
    }
    found = from_mapping(values)
    found.give_warnings(stacklevel=3)
    return found.apps[called]


def compare(apps: Iterable[App]) -> list[Fault]:
    """Return the faults between apps: settings that are valid alone but not together."""
    found: list[Fault] = []
    names: set[str] = set()
    by_id: dict[tuple[str, str], App] = {}
    by_secret: dict[bytes, App] = {}
    for app in apps:
        where = f"apps.{app.name}"
        first = by_id.setdefault((app.platform, app.app_id), app)
        if app.name in names:
            found.append(Fault("config.same-name-twice", where))
        elif first.tenant != app.tenant:
            found.append(Fault("config.app-in-two-tenants", f"{where}.tenant", because={"other": first.name}))
        elif first is not app:
            found.append(
                Fault("config.duplicate-app-id", f"{where}.app_id", warning=True, because={"other": first.name})
            )
        names.add(app.name)
        for other in {by_secret.setdefault(secret, app).name for secret in app.exclusive} - {app.name}:
            found.append(Fault("config.shared-aes-key", f"apps.{other}.aes_key", because={"other": app.name}))
            found.append(Fault("config.shared-aes-key", f"{where}.aes_key", because={"other": other}))
    return found


class _Reader:
    """A reader for one document that collects its faults."""

    def __init__(
        self,
        base: Path,
        environ: Mapping[str, str] | None,
        now: float | None,
        line_of: Callable[[str], tuple[str, int]],
        sources: Sources,
    ) -> None:
        self._base = base
        self._environ = os.environ if environ is None else environ
        self._now = sources.now if now is None else now
        self._sources = sources
        self._line_of = line_of
        # Checking a private key takes longer than everything else, and the apps of one operator often share a key.
        self._parse_private_key = functools.cache(parse_private_key)
        self._faults: list[Fault] = []
        self._names: set[str] = set()
        self._words: set[str] = {"platform"}

    def settings(self, values: Mapping[str, Any], path: str, *, serving: bool, workers: int | None) -> Settings:
        """Return the settings of a whole document."""
        top = self._table("", _with_path({key: value for key, value in values.items() if key in _OWN}), "")
        insecure = top.flag("allow_insecure_upstreams")
        if insecure:
            top.warn("config.insecure-upstreams-allowed", "allow_insecure_upstreams")
        ca_file = self._ca_file(top)
        for setting in values:
            if setting not in TABLES:
                top.fault("config.unknown-setting", setting, **hint(setting, TABLES), known=", ".join(TABLES))
        self._faults += top.faults
        apps = self._apps(values.get("apps"), insecure=insecure)
        service = self._service(values.get("service", {}), serving=serving)
        store = self._store(values.get("store"), path)
        accounts = None
        if "accounts" in values:
            accounts = self._accounts(values["accounts"], store, insecure=insecure, ca_file=ca_file)
        texts = self._policies(values.get("policies", {}))
        apps = {name: _linking(app, accounts, texts) for name, app in apps.items()}
        webhooks = self._webhooks(values["webhooks"], insecure=insecure) if "webhooks" in values else None
        if "webhooks" in values and "accounts" not in values:
            self._fault("config.webhooks-without-accounts", "webhooks")
        issuer = self._issuer(values, apps, insecure=insecure) if "issuer" in values or "audiences" in values else None
        sms = self._sms(values["sms"], insecure=insecure) if "sms" in values else None
        if workers is None:
            self._compare(apps, service, store, service.workers, "service.workers")
        else:
            self._compare(apps, service, store, workers, "--workers")
        for fault in self._faults:
            fault.where = self._told(fault.where)
        # A stable sort: faults of one line keep the order in which they were found.
        self._faults.sort(key=lambda fault: fault.line)
        if any(not fault.warning for fault in self._faults):
            raise ConfigFaults(self._faults)
        return Settings(
            apps=MappingProxyType(apps),
            service=service,
            store=store,
            accounts=accounts,
            webhooks=webhooks,
            issuer=issuer,
            sms=sms,
            allow_insecure_upstreams=insecure,
            ca_file=ca_file,
            warnings=tuple(self._faults),
            path=path,
        )

    def _table(self, name: str, values: Mapping[str, Any], where: str | None, **options: Any) -> Table:
        """Return a table with its ``{ file }`` and ``{ env }`` values fetched."""
        place = f"apps.{name}" if where is None else where
        declared = PLATFORMS[values["platform"]].settings if where is None else _TABLES[where]
        keys = key_settings(declared)
        fetched = {
            setting: self._fetch(value, ".".join(filter(None, (place, setting))), may_name_file=setting in keys)
            for setting, value in values.items()
        }
        table = Table(
            name,
            fetched,
            now=self._now,
            where=where,
            line_of=self._line_of,
            parse_private_key=self._parse_private_key,
            unreadable={setting for setting, value in fetched.items() if value is _UNREAD},
            **options,
        )
        table.declare(declared)
        return table

    def _fault(
        self, code: str, where: str, *, warning: bool = False, because: Mapping[str, object] = _NOTHING, **more: object
    ) -> None:
        file, line = self._line_of(where)
        self._faults.append(Fault(code, where, because={**because, **more}, warning=warning, file=file, line=line))

    # --- values in files and environment variables ---

    def _fetch(self, value: object, where: str, *, may_name_file: bool) -> object:
        """Return a value with its ``{ file }`` and ``{ env }`` replaced, or `_UNREAD` after a fault."""
        if value is None:
            self._fault("config.empty-value", where, found="None")
            return _UNREAD
        if isinstance(value, list | tuple):  # Python has both
            found = [
                self._fetch(each, f"{where}.{number}", may_name_file=may_name_file) for number, each in enumerate(value)
            ]
            return _UNREAD if _UNREAD in found else found
        if isinstance(value, Mapping):
            return self._elsewhere(value, where) or _UNREAD
        if may_name_file and isinstance(value, str) and self._names_file(value):
            return self._file(value, where) or _UNREAD
        return value

    def _elsewhere(self, value: Mapping[str, Any], where: str) -> str | None:
        match dict(value):
            case {"file": str(path), **rest} if not rest:
                return self._file(path, where)
            case {"env": str(name), **rest} if not rest:
                found = self._environ.get(name)
                if found is None:
                    self._fault("config.env-unset", where, because=hint(name, self._environ))
                    return None
                return self._filled(found, where)
        self._fault("config.wrong-type", where, found="table", needed='{ file = "…" } or { env = "…" }')
        return None

    def _names_file(self, value: str) -> bool:
        """Return True if the text of a key setting names an existing file, or looks like a file name."""
        if len(value) > 255 or "\n" in value or "\x00" in value:
            return False
        try:
            return self._sources.has(self._base / value) or _KEY_FILE.fullmatch(value) is not None
        except OSError:
            return False

    def _file(self, path: str, where: str) -> str | None:
        try:
            text = self._sources.read_text(self._base / path, FILE_BYTES)
        except (OSError, ValueError) as error:
            self._fault("config.file-unreadable", where, characters=len(path), reason=_reason(error))
            return None
        return self._filled(text, where)

    def _follow(self, path: str) -> FollowedFile:
        return FollowedFile(self._base / path, FILE_BYTES)

    def _filled(self, text: str, where: str) -> str | None:
        text = text.strip("\ufeff \t\r\n")
        if not text:
            self._fault("config.empty-value", where)
            return None
        return text

    def _told(self, where: str) -> str:
        """Return a place up to its first unknown word. A name in the file may be a misplaced secret."""
        head, _, rest = where.partition(".")
        if head == "apps":
            name, _, rest = rest.partition(".")
            if name not in self._names:
                return head
            head = f"apps.{name}"
        elif head not in {"service", "store", "accounts", "policies", "webhooks", "issuer", "audiences", "sms"}:
            return where if where in TABLES or where == "--workers" else ""
        elif where.startswith(f"{_VAULT}."):
            head, rest = _VAULT, where.removeprefix(f"{_VAULT}.")
        setting, _, element = rest.partition(".")
        if setting not in self._words:
            return head
        return f"{head}.{setting}" + (f".{element}" if element.isdigit() else "")

    # --- the tables ---

    def _apps(self, tables: object, *, insecure: bool) -> dict[str, App]:
        if tables is None or tables == {}:
            self._fault("config.no-apps", "apps")
            return {}
        if not isinstance(tables, Mapping):
            self._fault("config.wrong-type", "apps", found=type(tables).__name__, needed="[apps.NAME]")
            return {}
        apps: dict[str, App] = {}
        for name, table in tables.items():
            app = self._app(name, table, insecure=insecure)
            if app is not None:
                apps[name] = app
        return apps

    def _app(self, name: object, values: object, *, insecure: bool) -> App | None:
        where = f"apps.{name}"
        if not isinstance(values, Mapping):
            self._fault("config.wrong-type", where, found=type(values).__name__, needed="table")
            return None
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            self._fault("config.bad-name", where)
        else:
            self._names.add(name)
        platform = values.get("platform")
        if platform is None:
            self._fault("config.missing-setting", f"{where}.platform", known=" | ".join(PLATFORMS))
            return None
        if not isinstance(platform, str) or platform not in PLATFORMS:
            found = hint(platform, PLATFORMS) if isinstance(platform, str) else {"found": type(platform).__name__}
            if isinstance(platform, str) and (nearest := _nearest(platform)):
                found = {**found, "nearest": nearest}
            self._fault("config.unknown-platform", f"{where}.platform", because=found, known=" | ".join(PLATFORMS))
            return None
        table = self._table(str(name), values, None, allow_insecure_upstreams=insecure, follow=self._follow)
        tenant = table.tenant()
        app: App | None = PLATFORMS[platform].configure(table)
        self._words |= table.known | table.declared
        self._faults += table.faults
        if app is not None:
            app = replace(app, tenant=tenant)
            provable = {check.name for way in PLATFORMS[platform].methods for check in way.checks if check.proven}
            for check in sorted(app.policy.require - provable):
                self._fault("config.never-proven", f"{where}.require", check=check.value)
        return app

    def _ca_file(self, table: Table) -> str | None:
        name = table.text("ca_file")
        if not name:
            return None
        path = self._base / name
        try:
            text = self._sources.read_text(path, TOML_BYTES)
        except (OSError, ValueError) as error:
            table.fault("config.file-unreadable", "ca_file", characters=len(name), reason=_reason(error))
            return None
        try:
            found = load_pem_x509_certificates(text.encode("utf-8"))
        except ValueError:
            table.fault("config.certificate-unreadable", "ca_file", reason="no PEM certificate in it")
            return None
        return CaFile.of(path, [each.public_bytes(Encoding.DER) for each in found])

    def _service(self, values: object, *, serving: bool) -> ServiceSettings:
        if not isinstance(values, Mapping):
            self._fault("config.wrong-type", "service", found=type(values).__name__, needed="table")
            return ServiceSettings()
        # An empty list counts as not set, because templates write it for "none".
        keys = {key: value for key, value in values.items() if value != [] and key != "tenants"}
        table = self._table("", keys, "service")
        tenants = self._tenants(values.get("tenants", {}))
        service = read_service(table, tenants, serving=serving)
        for each in tenants.values():
            self._faults += each.faults
        self._words |= table.known | table.declared
        self._faults += table.faults
        return service

    def _tenants(self, values: object) -> dict[str, Table]:
        """Return the tables ``[service.tenants.NAME]``."""
        tables = dict(values) if isinstance(values, Mapping) else {"": None}
        if not all(_NAME.fullmatch(name) and isinstance(table, Mapping) for name, table in tables.items()):
            self._fault("config.wrong-type", "service", needed="[service.tenants.NAME]")
            return {}
        return {name: self._table("", table, _TENANTS) for name, table in tables.items() if table is not None}

    def _store(self, values: object, path: str) -> StoreSettings:
        if values is None:
            # Where systemd says that state belongs; else beside the file. Settings from Python have no place.
            folder = self._environ.get("STATE_DIRECTORY", "").partition(":")[0]
            return embedded_store(Path(folder) if folder else self._base) if path else StoreSettings()
        if not isinstance(values, Mapping):
            self._fault("config.wrong-type", "store", found=type(values).__name__, needed="table")
            return StoreSettings()
        table = self._table("", values, "store")
        store = read_store(table, self._base)
        self._words |= table.known | table.declared
        self._faults += table.faults
        return store

    def _accounts(
        self, values: object, store: StoreSettings, *, insecure: bool, ca_file: str | None
    ) -> AccountSettings | None:
        if not isinstance(values, Mapping):
            self._fault("config.wrong-type", "accounts", found=type(values).__name__, needed="table")
            return None
        # Nobody becomes a keeper of phone numbers in a file that the service has made for itself.
        if store.kind == MEMORY or store.embedded:
            self._fault("config.accounts-without-store", "accounts")
        vault = self._vault(values["vault"], insecure=insecure, ca_file=ca_file) if "vault" in values else None
        table = self._table("", {name: value for name, value in values.items() if name != "vault"}, "accounts")
        accounts = read_accounts(table, vault, store, wrapped="vault" in values)
        self._words |= table.known | table.declared | {"vault"}
        self._faults += table.faults
        return accounts

    def _policies(self, values: object) -> dict[str, bytes]:
        """Return the hash of each consent text. It is ours: what a front end says about a text proves nothing."""
        if not isinstance(values, Mapping):
            self._fault("config.wrong-type", "policies", found=type(values).__name__, needed='[policies."2026-01"]')
            return {}
        found: dict[str, bytes] = {}
        for version, table in values.items():
            match table:
                case {"file": str(name), **rest} if not rest and 0 < len(version) <= _VERSION_LENGTH:
                    try:
                        content = self._sources.read(self._base / name, TOML_BYTES)
                    except (OSError, ValueError) as error:
                        because = {"characters": len(name), "reason": _reason(error)}
                        self._fault("config.file-unreadable", "policies", because=because)
                    else:
                        found[version] = hashlib.sha256(content).digest()
                case _:
                    self._fault("config.wrong-type", "policies", needed='[policies."2026-01"] file = "..."')
        return found

    def _vault(self, values: object, *, insecure: bool, ca_file: str | None) -> Vault | None:
        if not isinstance(values, Mapping):
            self._fault("config.wrong-type", _VAULT, found=type(values).__name__, needed=f"[{_VAULT}]")
            return None
        table = self._table("", _with_path(values), _VAULT, allow_insecure_upstreams=insecure)
        vault = read_vault(table, self._ca_file(table) or ca_file)
        self._words |= table.known | table.declared
        self._faults += table.faults
        return vault

    def _webhooks(self, values: object, *, insecure: bool) -> WebhookSettings | None:
        if not isinstance(values, Mapping):
            self._fault("config.wrong-type", "webhooks", found=type(values).__name__, needed="table")
            return None
        table = self._table("", values, "webhooks", allow_insecure_upstreams=insecure)
        webhooks = read_webhooks(table)
        self._words |= table.known | table.declared
        self._faults += table.faults
        return webhooks

    def _sms(self, values: object, *, insecure: bool) -> SmsSettings | None:
        if not isinstance(values, Mapping):
            self._fault("config.wrong-type", "sms", found=type(values).__name__, needed="table")
            return None
        table = self._table("", values, "sms", allow_insecure_upstreams=insecure)
        sms = read_sms(table)
        self._words |= table.known | table.declared
        self._faults += table.faults
        return sms

    def _issuer(self, values: Mapping[str, Any], apps: Mapping[str, App], *, insecure: bool) -> Issuer | None:
        named, audiences = values.get("issuer", {}), values.get("audiences", {})
        for where, found, needed in (("issuer", named, "table"), ("audiences", audiences, "[audiences.NAME]")):
            if not isinstance(found, Mapping):
                self._fault("config.wrong-type", where, found=type(found).__name__, needed=needed)
                return None
        if not all(_NAME.fullmatch(name) and isinstance(each, Mapping) for name, each in audiences.items()):
            self._fault("config.wrong-type", "audiences", needed="[audiences.NAME]")
            return None
        table = self._table("", named, "issuer", allow_insecure_upstreams=insecure)
        tables = {name: self._table("", each, "audiences") for name, each in audiences.items()}
        issuer = read_issuer(table, tables)
        for each in (table, *tables.values()):
            self._words |= each.known | each.declared
            self._faults += each.faults
        for audience in () if issuer is None else issuer.audiences.values():
            for name in audience.apps:
                if name not in apps:
                    self._fault("config.wrong-type", "audiences.apps", because=hint(name, apps), needed="[apps.NAME]")
        return issuer

    def _compare(
        self, apps: Mapping[str, App], service: ServiceSettings, store: StoreSettings, workers: int, where: str
    ) -> None:
        """Find faults between the apps, and between the apps and the service."""
        for fault in compare(apps.values()):
            self._fault(fault.code, fault.where, warning=fault.warning, because=fault.because)
        if store.cache_url and not service.limited:
            self._fault("config.cache-unused", "store.cache_url", warning=True)
        if workers == 1:
            return
        keeping = {name: PLATFORMS[app.platform].keeps_in_process(app) for name, app in apps.items()}
        settings = [f"apps.{name}.{setting}" for name, setting in keeping.items() if setting]
        if settings and store.kind == MEMORY:
            file, line = self._line_of(where)
            because = {"workers": workers, "settings": ", ".join(settings)}
            line = 0 if where.startswith("-") else line  # a command-line option has no line
            self._faults.append(Fault("config.needs-one-worker", where, because=because, file=file, line=line))
        if service.limited and not store.cache_url:
            self._fault("config.limits-not-shared", "service.workers", warning=True, workers=workers)
        unread = any(fault.where == "service.signing_keys" for fault in self._faults)
        if service.publishable_keys and not service.signing_keys and not unread:
            self._fault("config.signing-key-needed", "service.signing_keys", workers=workers)


def _linking(app: App, accounts: AccountSettings | None, texts: Mapping[str, bytes]) -> App:
    """Return the app with what all apps have in common: when a number is too old, and the texts of consent."""
    link = app.policy.link
    if accounts is not None:
        link = replace(link, stale_after=accounts.stale_after, on_stale=OnConflict(accounts.on_stale))
    return replace(app, policy=replace(app.policy, link=link, consent_texts=texts))


def _with_path(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the values with ``ca_file`` as a path. Both forms name a file: this setting is not its content."""
    if isinstance(ca := values.get("ca_file"), Mapping) and ca.keys() == {"file"}:
        return {**values, "ca_file": ca["file"]}
    return values


def _nearest(platform: str) -> str:
    """Return the platform that was probably meant, or an empty string."""
    called = {
        each.lower(): name
        for name, each_platform in PLATFORMS.items()
        for each in (*each_platform.also_called, each_platform.title("zh"))
    }
    asked = platform.strip().lower()
    near = difflib.get_close_matches(asked, PLATFORMS, n=1)
    return called.get(asked) or (near[0] if near else "")


def _reason(error: OSError | ValueError) -> str:
    return type(error).__name__ if isinstance(error, OSError) else str(error)
