"""The setting ``HAOMA``: where the configuration is, and what Django has to know beside it.

::

    HAOMA = BASE_DIR / "haoma.toml"                                  # a path alone
    HAOMA = {"CONFIG": BASE_DIR / "haoma.toml", "ON_VERIFIED": "shop.users.on_verified"}
    HAOMA = {"apps": {"shop": {"platform": ..., "app_id": ...}}}          # the tables themselves

Names in capitals are the options of `DEFAULTS`. All others are the tables of a ``haoma.toml``.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import quote

from django.conf import settings as django_settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from haoma.client import AsyncClient, Client
from haoma.errors import Fault
from haoma.integrations.django.tables import as_file, plain
from haoma.platforms.base.table import hint
from haoma.settings.model import Settings
from haoma.settings.reader import TABLES, from_mapping, load

PAGE: Final = "docs/django.md#settings"
"""The page that every complaint about the setting names."""
DEFAULTS: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "CONFIG": None,
        "ACCOUNT_FIELD": "haoma_account",
        "ON_VERIFIED": "haoma.integrations.django.users.on_verified",
        "RESPOND": "haoma.integrations.django.answers.session",
        "CALLER": "haoma.integrations.django.users.caller",
        "PHONE_FIELD": "phone",
        "PHONE_VERIFIED_FIELD": "phone_verified",
        "SEND_SMS": "haoma.integrations.django.allauth.no_sms",
    }
)
"""The options. Those with a dotted path name a function."""


class Options:
    """The options of one value of the setting.

    Args:
        value: The setting.

    Attributes:
        config: The path of a ``haoma.toml``, its tables, or settings that were loaded.

    Raises:
        ImproperlyConfigured: An option is unknown or of the wrong type. The message names `PAGE`.
    """

    def __init__(self, value: object) -> None:
        if isinstance(value, str | os.PathLike):
            value = {"CONFIG": value}
        if not isinstance(value, Mapping):
            raise _improper("config.wrong-type", "HAOMA", found=type(value).__name__, needed="a path or a dict")
        known = (*DEFAULTS, *TABLES)
        for name in value:
            if name not in known:
                raise _improper("config.unknown-setting", "HAOMA", **_meant(name, known), known=", ".join(known))
        tables = plain({name: table for name, table in value.items() if name in TABLES})
        path = value.get("CONFIG")
        if (path is None) != bool(tables):
            raise _improper("config.missing-setting", "HAOMA", needed="CONFIG, or the tables, and not both")
        if (
            path is not None
            and not isinstance(path, Settings)
            and not (isinstance(path, str | os.PathLike) and os.fspath(path))
        ):
            raise _improper("config.wrong-type", "HAOMA", option="CONFIG", found=type(path).__name__, needed="a path")
        self._values = {**DEFAULTS, **value}
        for name in DEFAULTS.keys() - {"CONFIG"}:
            found = self._values[name]
            if not (isinstance(found, str) and found) and not callable(found):
                raise _improper("config.wrong-type", "HAOMA", option=name, found=type(found).__name__, needed="text")
        self.config: str | Mapping[str, Any] | Settings = (
            tables if path is None else path if isinstance(path, Settings) else os.fspath(path)
        )

    @property
    def account_field(self) -> str:
        """The field of the user model with the account's id."""
        return str(self._values["ACCOUNT_FIELD"])

    @property
    def phone_fields(self) -> tuple[str, str]:
        """The fields of the user model with a number and whether it is verified, for django-allauth."""
        return str(self._values["PHONE_FIELD"]), str(self._values["PHONE_VERIFIED_FIELD"])

    @cached_property
    def on_verified(self) -> Callable[..., Any]:
        """The function that returns the user of a verified number: ``(phone, link) -> user``."""
        return self._function("ON_VERIFIED")

    @cached_property
    def respond(self) -> Callable[..., Any]:
        """The function that logs a user in, and returns the answer: ``(user, request) -> answer``."""
        return self._function("RESPOND")

    @cached_property
    def caller(self) -> Callable[..., Any]:
        """The function that returns the user or session that a request belongs to: ``(request) -> id or None``."""
        return self._function("CALLER")

    @cached_property
    def send_sms(self) -> Callable[..., Any]:
        """The function that sends a text message, for django-allauth."""
        return self._function("SEND_SMS")

    def uses_default(self, name: str) -> bool:
        """Return True if nobody has set an option."""
        return bool(self._values[name] == DEFAULTS[name])

    def _function(self, name: str) -> Callable[..., Any]:
        found = self._values[name]
        if isinstance(found, str):
            try:
                found = import_string(found)
            except ImportError as error:
                raise _improper("config.wrong-type", "HAOMA", option=name, found=str(error)) from None
        if not callable(found):
            raise _improper("config.wrong-type", "HAOMA", option=name, found=type(found).__name__, needed="a function")
        function: Callable[..., Any] = found
        return function

    def load(self) -> Settings:
        """Return the settings.

        Raises:
            ConfigFaults: ``config.faults``.
        """
        if isinstance(self.config, Settings):
            return self.config
        if isinstance(self.config, str):
            return load(self.config)
        return from_mapping(self.config, base_dir=base_dir())

    @contextmanager
    def as_file(self) -> Iterator[str]:
        """Yield the path of a ``haoma.toml``, for what reads a file. If there is none, one is made for the while."""
        if isinstance(self.config, str | Settings):
            yield self.config if isinstance(self.config, str) else self.config.path
            return
        with as_file(self.config, base_dir()) as path:
            yield path


def base_dir() -> Path:
    """Return where relative paths of tables in Python begin: ``BASE_DIR`` of the project."""
    return Path(getattr(django_settings, "BASE_DIR", "."))


def _meant(name: object, known: tuple[str, ...]) -> dict[str, object]:
    """Return what was probably meant; the same letters in the other case are the usual mistake."""
    same = [each for each in known if each.lower() == str(name).lower()]
    return {"nearest": same[0]} if same else hint(name, known)


def _improper(code: str, where: str, **because: object) -> ImproperlyConfigured:
    return ImproperlyConfigured(f"{Fault(code, where, because=because)} {PAGE}")


class _Current:
    """What belongs to the present value of the setting. It is made when first used, and again after a change."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._made: dict[type, Any] = {}

    def get(self, kind: type, make: Callable[[], Any]) -> Any:
        found = self._made.get(kind)
        if found is None:
            with self._lock:
                found = self._made.get(kind)
                if found is None:
                    found = self._made[kind] = make()
        return found

    def forget(self) -> None:
        with self._lock:
            made, self._made = self._made, {}
        if Client in made:
            made[Client].close()


_current = _Current()


def options() -> Options:
    """Return the options.

    Raises:
        ImproperlyConfigured: There is no setting ``HAOMA``, or it has a fault.
    """
    found: Options = _current.get(Options, _read)
    return found


def _read() -> Options:
    if not hasattr(django_settings, "HAOMA"):
        raise _improper("config.missing-setting", "HAOMA", needed='HAOMA = BASE_DIR / "haoma.toml"')
    return Options(django_settings.HAOMA)


def loaded() -> Settings:
    """Return the settings of this project.

    Raises:
        ConfigFaults: ``config.faults``.
    """
    found: Settings = _current.get(Settings, lambda: options().load())
    return found


def client() -> Client:
    """Return the client of this project, for code with threads.

    Raises:
        ConfigFaults: ``config.faults``.
    """
    found: Client = _current.get(Client, lambda: Client(loaded()))
    return found


def async_client() -> AsyncClient:
    """Return the client of this project, for asynchronous code. See `client`."""
    found: AsyncClient = _current.get(AsyncClient, lambda: AsyncClient(loaded()))
    return found


def reload(*, setting: str, **_signal: object) -> None:
    """Begin anew when the setting was changed, as tests do."""
    if setting == "HAOMA":
        _current.forget()


_SCHEMES: Final = MappingProxyType({"postgresql": "postgresql", "postgis": "postgresql", "mysql": "mysql"})
_PORTS: Final = MappingProxyType({"postgresql": "5432", "mysql": "3306"})


def database_url(database: Mapping[str, Any]) -> str:
    """Return the ``database_url`` of haoma for one of Django's ``DATABASES``: haoma's tables lie beside Django's.

    ``"store": {"database_url": database_url(DATABASES["default"]), "keys": [...]}``

    For SQLite it is a file of its own, ``….haoma.db`` beside Django's: SQLite has one writer, and a view in a
    transaction would wait for itself.

    Raises:
        ImproperlyConfigured: haoma cannot use such a database.
    """
    engine = str(database.get("ENGINE", "")).rpartition(".")[2]
    name = str(database.get("NAME", ""))
    if engine == "sqlite3":
        path = Path(name).absolute()
        return f"sqlite:///{path.with_name(f'{path.stem}.haoma.db')}"
    scheme = _SCHEMES.get(engine)
    if scheme is None or not name:
        raise _improper("config.bad-database-url", "HAOMA", found=engine, known=" | ".join(("sqlite3", *_SCHEMES)))
    login = quote(str(database.get("USER") or ""), safe="")
    password = quote(str(database.get("PASSWORD") or ""), safe="")
    who = f"{login}:{password}@" if password else f"{login}@" if login else ""
    host = database.get("HOST") or "127.0.0.1"
    return f"{scheme}://{who}{host}:{database.get('PORT') or _PORTS[scheme]}/{quote(name, safe='')}"
