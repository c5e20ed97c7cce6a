"""Settings: ``haoma.toml`` and the environment in, configured apps out; every fault of a file is reported at once.

::

    allow_insecure_upstreams = false      # true permits http to a fake platform, and warns at every start
    ca_file = "company-ca.pem"            # authorities to trust instead of the system's, for a proxy in between

    [apps.shop]
    platform = "alipay"                   # the other settings are the platform's own: platforms/*/app.py
    aes_key = { file = "secrets/aes" }    # any value may stand in a file or in the environment
    app_private_key = { env = "SHOP_KEY" }

    [service]
    listen = "127.0.0.1:8080"
    server_keys = ["sha256:…"]            # `haoma key` makes one; in clear is possible too
    publishable_keys = ["…"]

Files are sought from the directory of ``haoma.toml``. A setting that holds a key may also name its file directly.
"""

from __future__ import annotations

import base64
import difflib
import functools
import hashlib
import ipaddress
import os
import re
import tomllib
import warnings as python_warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509 import load_pem_x509_certificates

from haoma.contract import Table, hint
from haoma.crypto.keys import parse_private_key
from haoma.errors import ConfigFaults, Fault, UnknownApp
from haoma.io import clock
from haoma.io.files import FollowedFile
from haoma.platforms import PLATFORMS
from haoma.toml_lines import Lines, syntax_fault

if TYPE_CHECKING:
    from haoma.contract import App

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

FILE_BYTES: Final = 64 * 1024
"""Largest file that a setting may name. Keys and certificates have a few KiB."""
TOML_BYTES: Final = 1024 * 1024
WEAK_KEY: Final = 24
"""Fewest characters of a service key that nobody can guess, if they are random."""

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_DIGEST: Final = re.compile(r"sha256:([0-9a-f]{64})", re.IGNORECASE)
_BEARER: Final = re.compile(r"[!-~]{1,512}")
_PREFIX: Final = {"server": "hk_server_", "publishable": "hk_publishable_"}  # as `haoma key` makes them
_OTHER_KIND: Final = {"server": "publishable", "publishable": "server"}
_LISTEN: Final = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):([0-9]{1,5})")
_KEY_FILE: Final = re.compile(r"[^\x00-\x1f]{1,255}\.(?:pem|key|crt|cer|der|txt)", re.IGNORECASE)
_DER_SEQUENCE: Final = b"\x30"  # what every key and certificate in DER begins with
_OWN: Final = ("allow_insecure_upstreams", "ca_file")
_TOP: Final = (*_OWN, "apps", "service")
_LEVELS: Final = ("debug", "info", "warning", "error")
_NOTHING: Final[Mapping[str, object]] = MappingProxyType({})
_DEFAULT_LISTEN: Final = "127.0.0.1:8080"


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
        environ: Where ``{ env = "…" }`` looks; the environment of the process when None.
        now: Unix seconds, to judge certificates by; the clock's when None.
        serving: Also check what only the service needs.
        workers: Number of processes, when it is not the file that says it.

    Raises:
        ConfigFaults: ``config.faults``: all faults of the file, each with line, cause and remedy.
    """
    name = os.fspath(path)
    try:
        text = _read_text(Path(name), TOML_BYTES)
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
    except (RecursionError, ValueError) as error:  # Python refuses to read numbers of thousands of digits
        reason = "nested too deep" if isinstance(error, RecursionError) else "a number is too long"
        raise ConfigFaults([Fault("config.not-toml", name, because={"reason": reason}, file=name, line=1)]) from None
    reader = _Reader(Path(name).parent, environ, now, lambda where: (name, lines.of(where)))
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
    """Build the settings from what a ``haoma.toml`` would hold; see `load`.

    Raises:
        ConfigFaults: ``config.faults``.
    """
    reader = _Reader(Path(base_dir), environ, now, lambda _where: ("", 0))
    return reader.settings(values, "", serving=serving, workers=workers)


def configure(
    platform: str, *, name: str | None = None, allow_insecure_upstreams: bool = False, **settings: Any
) -> App:
    """Configure one app from Python.

    ``haoma.configure("alipay", app_id="2021…", alipay_public_key="MIIB…", aes_key="…")``. Warnings are given with
    ``warnings.warn`` as `HaomaWarning`.

    Args:
        platform: ``alipay``, ``wechat``, …
        name: Name of the app, which a client is asked by; the platform's when None.
        allow_insecure_upstreams: Permit http to a fake platform.
        settings: The platform's settings, as in ``haoma.toml``. None is no value: it is most often a variable of the
            environment that is not set.

    Raises:
        ConfigFaults: ``config.faults``: all faults at once.
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
    """Return what is wrong with apps only when they are seen together, whether a file or Python configured them."""
    found: list[Fault] = []
    names: set[str] = set()
    by_id: dict[tuple[str, str], App] = {}
    by_secret: dict[bytes, App] = {}
    for app in apps:
        where = f"apps.{app.name}"
        first = by_id.setdefault((app.platform, app.app_id), app)
        if app.name in names:
            found.append(Fault("config.same-name-twice", where))
        elif first is not app:
            found.append(
                Fault("config.duplicate-app-id", f"{where}.app_id", warning=True, because={"other": first.name})
            )
        names.add(app.name)
        for other in {by_secret.setdefault(secret, app).name for secret in app.exclusive} - {app.name}:
            found.append(Fault("config.shared-aes-key", f"apps.{other}.aes_key", because={"other": app.name}))
            found.append(Fault("config.shared-aes-key", f"{where}.aes_key", because={"other": other}))
    return found


def parse_listen(text: str) -> tuple[str, int] | None:
    """Return host and port of ``127.0.0.1:8080`` or ``[::1]:8080``, or None if it is neither."""
    match = _LISTEN.fullmatch(text)
    if match is None or int(match[2]) > 65535:
        return None
    return match[1].strip("[]"), int(match[2])


class _Reader:
    """Reads one document and collects its faults."""

    def __init__(
        self,
        base: Path,
        environ: Mapping[str, str] | None,
        now: float | None,
        line_of: Callable[[str], tuple[str, int]],
    ) -> None:
        self._base = base
        self._environ = os.environ if environ is None else environ
        self._now = clock.now() if now is None else now
        self._line_of = line_of
        # Checking a private key takes longer than reading the rest, and the apps of one operator often share a key.
        self._parse_private_key = functools.cache(parse_private_key)
        self._faults: list[Fault] = []
        self._names: set[str] = set()
        self._words: set[str] = {"platform"}

    def settings(self, values: Mapping[str, Any], path: str, *, serving: bool, workers: int | None) -> Settings:
        """Return the settings of a whole document."""
        top_values = {key: value for key, value in values.items() if key in _OWN}
        if isinstance(ca := top_values.get("ca_file"), Mapping) and ca.keys() == {"file"}:
            top_values["ca_file"] = ca["file"]  # this setting is the name of a file, either way
        top = self._table("", top_values, "")
        insecure = top.flag("allow_insecure_upstreams")
        if insecure:
            top.warn("config.insecure-upstreams-allowed", "allow_insecure_upstreams")
        ca_file = self._ca_file(top)
        for setting in values:
            if setting not in _TOP:
                top.fault("config.unknown-setting", setting, **hint(setting, _TOP), known=", ".join(_TOP))
        self._faults += top.faults
        apps = self._apps(values.get("apps"), insecure=insecure)
        service = self._service(values.get("service", {}), serving=serving)
        if workers is None:
            self._compare(apps, service, service.workers, "service.workers")
        else:
            self._compare(apps, service, workers, "--workers")
        for fault in self._faults:
            fault.where = self._told(fault.where)
        # A stable sort: faults of one line keep the order in which they were found.
        self._faults.sort(key=lambda fault: fault.line)
        if any(not fault.warning for fault in self._faults):
            raise ConfigFaults(self._faults)
        return Settings(
            apps=MappingProxyType(apps),
            service=service,
            allow_insecure_upstreams=insecure,
            ca_file=ca_file,
            warnings=tuple(self._faults),
            path=path,
        )

    def _table(self, name: str, values: Mapping[str, Any], where: str | None, **options: Any) -> Table:
        """Return a table whose values have been fetched from where they stand."""
        place = f"apps.{name}" if where is None else where
        keys = PLATFORMS[values["platform"]].key_settings if where is None else frozenset({"signing_key"})
        fetched = {
            setting: self._fetch(value, ".".join(filter(None, (place, setting))), may_name_file=setting in keys)
            for setting, value in values.items()
        }
        return _Fetched(
            name,
            fetched,
            now=self._now,
            where=where,
            line_of=self._line_of,
            parse_private_key=self._parse_private_key,
            **options,
        )

    def _fault(
        self, code: str, where: str, *, warning: bool = False, because: Mapping[str, object] = _NOTHING, **more: object
    ) -> None:
        file, line = self._line_of(where)
        self._faults.append(Fault(code, where, because={**because, **more}, warning=warning, file=file, line=line))

    # --- values that stand elsewhere ---

    def _fetch(self, value: object, where: str, *, may_name_file: bool) -> object:
        """Return a value with its ``{ file }`` and ``{ env }`` replaced, or `_UNREAD` after a fault."""
        if value is None:
            self._fault("config.empty-value", where, found="None")
            return _UNREAD
        if isinstance(value, list):
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
        """Tell whether the text of a key setting is the name of a file: one that is there, or that looks like one."""
        if len(value) > 255 or "\n" in value or "\x00" in value:
            return False
        try:
            return (self._base / value).is_file() or _KEY_FILE.fullmatch(value) is not None
        except OSError:
            return False

    def _file(self, path: str, where: str) -> str | None:
        try:
            text = _read_text(self._base / path, FILE_BYTES)
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
        """Return a place as far as it consists of known words: what stands there as a name may be a secret."""
        head, _, rest = where.partition(".")
        if head == "apps":
            name, _, rest = rest.partition(".")
            if name not in self._names:
                return head
            head = f"apps.{name}"
        elif head != "service":
            return where if where in _TOP or where == "--workers" else ""
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
        app: App | None = PLATFORMS[platform].configure(table)
        self._words |= table.known
        self._faults += table.faults
        if app is not None:
            provable = {check.name for way in PLATFORMS[platform].proves for check in way.checks if check.proven}
            for check in sorted(app.policy.require - provable):
                self._fault("config.never-proven", f"{where}.require", check=check.value)
        return app

    def _ca_file(self, table: Table) -> str | None:
        name = table.text("ca_file")
        if not name:
            return None
        path = self._base / name
        try:
            text = _read_text(path, TOML_BYTES)
        except (OSError, ValueError) as error:
            table.fault("config.file-unreadable", "ca_file", characters=len(name), reason=_reason(error))
            return None
        try:
            load_pem_x509_certificates(text.encode("utf-8"))
        except ValueError:
            table.fault("config.certificate-unreadable", "ca_file", reason="no PEM certificate in it")
        return str(path)

    def _service(self, values: object, *, serving: bool) -> ServiceSettings:
        if not isinstance(values, Mapping):
            self._fault("config.wrong-type", "service", found=type(values).__name__, needed="table")
            return ServiceSettings()
        # An empty list is nothing: it is how a template says that there is none.
        table = self._table("", {key: value for key, value in values.items() if value != []}, "service")
        listen = parse_listen(table.text("listen", default=_DEFAULT_LISTEN))
        if listen is None:
            table.fault("config.bad-listen", "listen", needed="host:port")
        host, port = listen or ("", 0)
        keys = [*_keys(table, "server"), *_keys(table, "publishable")]
        digests = {key.digest for key in keys if key.kind == "server"}
        if any(key.kind == "publishable" and key.digest in digests for key in keys):
            table.fault("config.same-key-twice", "publishable_keys")
        # A key that could not be read has its own fault; whatever else is wrong with the table does not hide this one.
        if serving and not keys and "server_keys" not in table and "publishable_keys" not in table:
            table.fault("config.no-server-keys", "")
        service = ServiceSettings(
            host=host,
            port=port,
            keys=tuple(dict.fromkeys(keys)),
            workers=_whole(table, "workers", default=1, most=256),
            cors_origins=_origins(table),
            signing_key=_signing_key(table),
            body_seconds=table.number("body_seconds", default=5, least=0.1, most=60),
            request_seconds=table.number("request_seconds", default=20, least=1, most=300),
            drain_seconds=table.number("drain_seconds", default=25, least=0, most=300),
            log_level=table.choice("log_level", _LEVELS, default="info"),
            trusted_proxies=_networks(table),
            refused_limit=_whole(table, "refused_limit", default=30, most=1000),
            refused_seconds=table.number("refused_seconds", default=600, least=1, most=86400),
        )
        table.finish()
        self._words |= table.known
        self._faults += table.faults
        return service

    def _compare(self, apps: Mapping[str, App], service: ServiceSettings, workers: int, where: str) -> None:
        """Find what is wrong with apps and service only when they are seen together."""
        for fault in compare(apps.values()):
            self._fault(fault.code, fault.where, warning=fault.warning, because=fault.because)
        if workers == 1:
            return
        if remembering := [name for name, app in apps.items() if app.remembers]:
            file, line = self._line_of(where)
            because = {"workers": workers, "apps": ", ".join(remembering)}
            line = 0 if where.startswith("-") else line  # an option of the command is in no line
            self._faults.append(Fault("config.needs-one-worker", where, because=because, file=file, line=line))
        unread = any(fault.where == "service.signing_key" for fault in self._faults)
        if service.publishable_keys and service.signing_key is None and not unread:
            self._fault("config.signing-key-needed", "service.signing_key", workers=workers)


class _Unread:
    """In the place of a value that could not be fetched."""


_UNREAD: Final = _Unread()


class _Fetched(Table):
    """A table in which some values could not be fetched. That they have no type is not reported on top of it."""

    def _report(self, code: str, setting: str, because: Mapping[str, object], *, warning: bool) -> None:
        if code != "config.wrong-type" or not isinstance(self._values.get(setting), _Unread):
            super()._report(code, setting, because, warning=warning)

    @property
    def broken(self) -> bool:
        """True if a fault was found that is more than a warning."""
        return super().broken or any(isinstance(value, _Unread) for value in self._values.values())


def _nearest(platform: str) -> str:
    """Return the platform that somebody must have meant, or an empty text."""
    called = {each.lower(): name for name, each_platform in PLATFORMS.items() for each in each_platform.also_called}
    asked = platform.strip().lower()
    near = difflib.get_close_matches(asked, PLATFORMS, n=1)
    return called.get(asked) or (near[0] if near else "")


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
            # A key of the mini program among the server's would give full numbers to everybody who unpacks it.
            table.fault("config.key-of-the-other-kind", setting, found=f"{_PREFIX[_OTHER_KIND[kind]]}...")
        else:
            if len(text) < WEAK_KEY and kind == "server":
                table.warn("config.weak-server-key", setting, characters=len(text), least=WEAK_KEY)
            found.append(ServiceKey(kind, hashlib.sha256(text.encode("ascii")).digest()))
    return found


def _whole(table: Table, setting: str, *, default: int, most: int) -> int:
    number = table.number(setting, default=default, least=1, most=most)
    if number % 1:
        table.fault("config.wrong-type", setting, found="float", needed="whole number")
    return int(number)


def _networks(table: Table) -> tuple[Network, ...]:
    networks = []
    for text in table.texts("trusted_proxies"):
        try:
            network = ipaddress.ip_network(text)
        except ValueError:
            network = None
        if network is not None and network.prefixlen:
            networks.append(network)
        else:  # whoever trusts everybody lets everybody choose an address
            table.fault("config.wrong-type", "trusted_proxies", needed="10.0.0.0/8, 2001:db8::/32 or one address")
    return tuple(networks)


def _origins(table: Table) -> tuple[str, ...]:
    origins = table.texts("cors_origins")
    for origin in origins:
        if not re.fullmatch(r"https?://[A-Za-z0-9.:\[\]-]+", origin):
            table.fault("config.bad-url", "cors_origins", needed="https://host")
    return tuple(origins)


def _signing_key(table: Table) -> Ed25519PrivateKey | None:
    text = table.text("signing_key")
    if not text:
        return None
    try:
        key = load_pem_private_key(text.encode("utf-8"), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        table.fault("config.key-unreadable", "signing_key", needed="Ed25519 private key in PEM, without password")
        return None
    return key


def _reason(error: OSError | ValueError) -> str:
    return type(error).__name__ if isinstance(error, OSError) else str(error)


def _read_text(path: Path, limit: int) -> str:
    """Read a text file of at most ``limit`` bytes; a key or certificate in DER comes as base64.

    Raises:
        OSError: It cannot be read.
        ValueError: It is too large, or not UTF-8 text.
    """
    with path.open("rb") as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise ValueError(f"more than {limit // 1024} KiB")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        if content[:1] != _DER_SEQUENCE:
            raise ValueError("not UTF-8 text") from None
        return base64.b64encode(content).decode("ascii")
