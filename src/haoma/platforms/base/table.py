"""The table that holds the settings of one app."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from haoma.crypto import keys
from haoma.errors import Fault
from haoma.link import LinkPolicy, OnConflict
from haoma.platforms.base.setting import Kind, Setting
from haoma.policy import Policy
from haoma.secret import Secret
from haoma.verified import CheckName

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

_HTTPS: Final = "https"
_ONE_TEXT: Final = (Kind.TEXT, Kind.WORD, Kind.ADDRESS, Kind.FILE)
_NUMBER: Final = re.compile(r"[0-9]{1,12}(\.[0-9]{1,6})?")
_TENANT: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_MEMBER: Final = re.compile(r"([A-Za-z_][A-Za-z0-9_]{0,39}\.)?[A-Za-z_][A-Za-z0-9_]{0,39}")


class Table:
    """The settings of one app, or of the place ``where``, read by name. Faults are collected, not raised.

    Settings are declared before they are read. The declaration gives the kind, the limits and the default. Reading a
    setting that is not declared, or reading it as another kind, is a programming error.

    Attributes:
        name: Name of the app.
        now: Unix seconds, to check certificates against.
        allow_insecure_upstreams: Whether http addresses are permitted.
        faults: The faults found, warnings included.
        parse_private_key: Reads a private key; raises `haoma.crypto.keys.KeyProblem`.

    Args:
        follow: Returns a function that reads the named file, and reads it again after it has changed. The core itself
            reads no files.
        unreadable: Settings whose values could not be fetched. That has been reported, so their type is not.
    """

    def __init__(
        self,
        name: str,
        values: Mapping[str, Any],
        *,
        now: float,
        allow_insecure_upstreams: bool = False,
        where: str | None = None,
        line_of: Callable[[str], tuple[str, int]] = lambda _where: ("", 0),
        follow: Callable[[str], Callable[..., str]] | None = None,
        parse_private_key: Callable[[str], RSAPrivateKey] = keys.parse_private_key,
        unreadable: Collection[str] = (),
    ) -> None:
        self.name = name
        self.now = now
        self.allow_insecure_upstreams = allow_insecure_upstreams
        self.faults: list[Fault] = []
        self.parse_private_key = parse_private_key
        self._values = values
        self._unreadable = unreadable
        self._line_of = line_of
        self._follow = follow
        self._where = f"apps.{name}" if where is None else where
        self._read: set[str] = {"platform"} if where is None else set()
        self._declared: dict[str, Setting] = {}

    def __contains__(self, setting: str) -> bool:
        return setting in self._values

    @property
    def broken(self) -> bool:
        """True if there is a fault other than a warning."""
        return bool(self._unreadable) or any(not fault.warning for fault in self.faults)

    @property
    def known(self) -> frozenset[str]:
        """The names of the settings that were read."""
        return frozenset(self._read)

    def fault(self, code: str, setting: str, **because: object) -> None:
        """Report a fault of a setting."""
        self._report(code, setting, because, warning=False)

    def warn(self, code: str, setting: str, **because: object) -> None:
        """Report something that works but should be looked at."""
        self._report(code, setting, because, warning=True)

    def _report(self, code: str, setting: str, because: Mapping[str, object], *, warning: bool) -> None:
        if code == "config.wrong-type" and setting in self._unreadable:
            return
        where = ".".join(filter(None, (self._where, setting)))
        file, line = self._line_of(where)
        self.faults.append(Fault(code, where, because=because, warning=warning, file=file, line=line))

    def declare(self, settings: Iterable[Setting]) -> None:
        """Declare the settings that there are."""
        self._declared |= {setting.name: setting for setting in settings}

    @property
    def declared(self) -> frozenset[str]:
        """The names of the declared settings."""
        return frozenset(self._declared)

    def _of(self, name: str, *kinds: Kind) -> Setting:
        """Return the declaration of a setting, and note that the setting was read.

        Raises:
            LookupError: The setting is not declared.
            TypeError: The setting is declared as another kind.
        """
        setting = self._declared.get(name)
        if setting is None:
            raise LookupError(f"the setting {name} is not declared")
        if setting.kind not in kinds:
            raise TypeError(f"the setting {name} is declared as {setting.kind}")
        self._read.add(name)
        return setting

    def text(self, setting: str, *, required: bool | None = None, default: str | None = None) -> str:
        """Return a text setting, stripped of surrounding white space.

        Args:
            setting: The name.
            required: Whether it is required, if that depends on other settings.
            default: The default, if it depends on other settings.
        """
        declared = self._of(setting, *_ONE_TEXT)
        values = self._texts(declared, required=required)
        return values[0] if values else str(declared.default or "") if default is None else default

    def secret(self, setting: str, *, required: bool | None = None) -> Secret | None:
        """Return a secret text setting."""
        declared = self._of(setting, Kind.TEXT)
        if not declared.secret:
            raise TypeError(f"the setting {setting} is not declared as secret")
        values = self._texts(declared, required=required)
        return Secret(values[0]) if values else None

    def texts(self, setting: str, *, required: bool | None = None) -> list[str]:
        """Return a setting that is a text, or a list of texts for rotation, as a list."""
        return self._texts(self._of(setting, Kind.TEXT, Kind.TEXTS, Kind.LIST), required=required)

    def _texts(self, declared: Setting, *, required: bool | None) -> list[str]:
        setting, single = declared.name, declared.kind not in (Kind.TEXTS, Kind.LIST)
        value = self._values.get(setting)
        if value is None:
            if declared.required if required is None else required:
                self.fault("config.missing-setting", setting)
            return []
        listed = value if isinstance(value, list | tuple) and not single else [value]
        if not all(isinstance(each, str) for each in listed):
            needed = "text" if single else "text or list of texts"
            self.fault("config.wrong-type", setting, found=type(value).__name__, needed=needed)
            return []
        stripped = [each.strip() for each in listed]
        if not stripped or not all(stripped):
            self.fault("config.empty-value", setting)
            return []
        return stripped

    def flag(self, setting: str) -> bool:
        """Return a boolean setting."""
        return self.flag_or(setting) is True

    def flag_or(self, setting: str) -> bool | str:
        """Return a setting that is true, false or one of the declared words."""
        words = self._of(setting, Kind.FLAG).choices
        value = self._values.get(setting, False)
        if isinstance(value, str):  # the environment and files only have text
            value = value.strip()
            if value in words:
                return value
            value = {"true": True, "false": False}.get(value, value)
        if not isinstance(value, bool):
            needed = " | ".join(("true", "false", *words))
            self.fault("config.wrong-type", setting, found=type(value).__name__, needed=needed)
            return False
        return value

    def function(self, setting: str) -> Callable[..., Any] | None:
        """Return a setting that is a function. It can only be set from Python."""
        self._of(setting, Kind.FUNCTION)
        value = self._values.get(setting)
        if value is None or callable(value):
            return value
        self.fault("config.wrong-type", setting, found=type(value).__name__, needed="function")
        return None

    def followed(self, setting: str) -> Callable[..., Any] | None:
        """Return a function that reads the file named by a setting, and reads it again after it has changed."""
        path = self.text(setting)
        if self._follow is None:
            self.fault("config.file-unreadable", setting, reason="no files here")
            return None
        return self._follow(path)

    def choice(self, setting: str) -> str:
        """Return a setting that is one of a few words."""
        declared = self._of(setting, Kind.WORD)
        value = self.text(setting)
        if value not in declared.choices:
            self.fault(
                "config.wrong-type", setting, **hint(value, declared.choices), needed=" | ".join(declared.choices)
            )
            return str(declared.default)
        return value

    def url(self, setting: str, *, default: str | None = None) -> str:
        """Return an address without trailing slash, query or user; https unless insecure upstreams are allowed."""
        standard = str(self._of(setting, Kind.ADDRESS).default or "") if default is None else default
        value = self.text(setting, default=standard)
        try:
            parts = urlsplit(value)
            port = parts.port
        except ValueError:
            self.fault("config.bad-url", setting)
            return standard
        if (
            parts.scheme not in (_HTTPS, "http")
            or not parts.hostname
            or parts.query
            or parts.fragment
            or parts.username
        ):
            self.fault("config.bad-url", setting)
            return standard
        if port == 0:
            self.fault("config.bad-url", setting)
        if parts.scheme != _HTTPS and not self.allow_insecure_upstreams:
            self.fault("config.insecure-upstream", setting)
        return value.rstrip("/")

    def number(self, setting: str) -> float:
        """Return a number setting within its limits."""
        declared = self._of(setting, Kind.NUMBER)
        least, most, default = declared.least, declared.most, float(declared.default or 0)
        value = self._values.get(setting, default)
        if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):  # the environment and files only have text
            value = float(value)
        if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
            self.fault("config.wrong-type", setting, found=type(value).__name__, needed=f"number {least:g} to {most:g}")
            return default
        if declared.whole and value % 1:
            self.fault("config.wrong-type", setting, found="float", needed="whole number")
            return default
        return float(value)

    def policy(self) -> Policy:
        """Return the policy, from those of the shared settings that this platform has declared.

        They are ``require``, ``max_age``, ``session_seconds``, ``repeat_seconds``, ``accept_members``,
        ``on_withdrawn``, ``on_conflict`` and ``link_unbound_numbers``.
        """
        names = self.texts("require")
        known = {check.value for check in CheckName}
        for name in names:
            if name not in known:
                self.fault("config.wrong-type", "require", **hint(name, known), needed=" | ".join(sorted(known)))
        unbound = self.flag("link_unbound_numbers")
        if unbound:
            self.warn("config.unbound-numbers-linked", "link_unbound_numbers")
        policy = Policy(
            require=frozenset(CheckName(name) for name in names if name in known),
            repeat_seconds=self.number("repeat_seconds"),
            link=LinkPolicy(on_conflict=OnConflict(self.choice("on_conflict")), link_unbound_numbers=unbound),
        )
        if "max_age" in self._declared:
            policy = replace(policy, max_age=self.number("max_age"))
        if "session_seconds" in self._declared:
            policy = replace(policy, session_seconds=self.number("session_seconds"))
        if "accept_members" in self._declared:
            policy = replace(policy, accept_members=self._members())
        if "on_withdrawn" in self._declared:
            policy = replace(policy, on_withdrawn=self.choice("on_withdrawn"))
        return policy

    def _members(self) -> frozenset[str]:
        names = self.texts("accept_members")
        if not all(map(_MEMBER.fullmatch, names)):
            self.fault("config.wrong-type", "accept_members", needed="names such as countryCode or watermark.appid")
        elif names:
            self.warn("config.members-accepted", "accept_members", members=len(names))
        return frozenset(names)

    def tenant(self) -> str:
        """Return the tenant that the app belongs to."""
        name = self.text("tenant")
        if not _TENANT.fullmatch(name):
            self.fault("config.wrong-type", "tenant", needed="lower-case letters, digits and -, at most 63")
        return name

    def reply(self) -> str:
        """Return the shape in which the service answers for this app."""
        return self.choice("reply")

    def finish(self) -> None:
        """Report the settings that were never read."""
        known = self._read | self._declared.keys()
        for setting in self._values:
            if setting not in known:
                self.fault("config.unknown-setting", setting, **hint(setting, known), known=", ".join(sorted(known)))
            elif setting not in self._read:
                self.fault("config.setting-without-effect", setting)


RENAMED: Final = MappingProxyType({"old_way": "accept_encrypted_data", "signing_key": "signing_keys"})
"""Renamed settings. The fault for the old name says the new one."""


def hint(written: object, known: Collection[str]) -> dict[str, object]:
    """Return what may be said about an unknown word in the configuration.

    It may be a secret in the wrong place, so it is not repeated: only its length, and the word that was probably meant.
    """
    text = str(written)
    renamed = RENAMED.get(text)
    if renamed is not None and renamed in known:
        return {"characters": len(text), "renamed_to": renamed}
    near = difflib.get_close_matches(text, known, n=1)
    return {"characters": len(text), **({"nearest": near[0]} if near else {})}


def origin(url: str) -> str:
    """Return scheme, host and port of an address, as `Send` compares them."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()
