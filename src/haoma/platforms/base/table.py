"""The table that holds the settings of one app."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from haoma.crypto import keys
from haoma.errors import Fault
from haoma.policy import Policy
from haoma.secret import Secret
from haoma.verified import CheckName

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

_HTTPS: Final = "https"
_NUMBER: Final = re.compile(r"[0-9]{1,12}(\.[0-9]{1,6})?")
_MEMBER: Final = re.compile(r"([A-Za-z_][A-Za-z0-9_]{0,39}\.)?[A-Za-z_][A-Za-z0-9_]{0,39}")


class Table:
    """The settings of one app, or of the place ``where``, read by name. Faults are collected, not raised.

    Attributes:
        name: Name of the app.
        now: Unix seconds, to check certificates against.
        allow_insecure_upstreams: Whether http addresses are permitted.
        faults: The faults found, warnings included.
        parse_private_key: Reads a private key; raises `haoma.crypto.keys.KeyProblem`.

    Args:
        follow: Returns a function that reads the named file, and reads it again after it has changed. The core itself
            reads no files.
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
    ) -> None:
        self.name = name
        self.now = now
        self.allow_insecure_upstreams = allow_insecure_upstreams
        self.faults: list[Fault] = []
        self.parse_private_key = parse_private_key
        self._values = values
        self._line_of = line_of
        self._follow = follow
        self._where = f"apps.{name}" if where is None else where
        self._read: set[str] = {"platform"} if where is None else set()

    def __contains__(self, setting: str) -> bool:
        return setting in self._values

    @property
    def broken(self) -> bool:
        """True if there is a fault other than a warning."""
        return any(not fault.warning for fault in self.faults)

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
        where = ".".join(filter(None, (self._where, setting)))
        file, line = self._line_of(where)
        self.faults.append(Fault(code, where, because=because, warning=warning, file=file, line=line))

    def text(self, setting: str, *, required: bool = False, default: str = "") -> str:
        """Return a text setting, stripped of surrounding white space."""
        values = self.texts(setting, required=required, single=True)
        return values[0] if values else default

    def secret(self, setting: str, *, required: bool = False) -> Secret | None:
        """Return a secret text setting."""
        value = self.text(setting, required=required)
        return Secret(value) if value else None

    def texts(self, setting: str, *, required: bool = False, single: bool = False) -> list[str]:
        """Return a setting that is a text, or a list of texts for rotation, as a list."""
        self._read.add(setting)
        value = self._values.get(setting)
        if value is None:
            if required:
                self.fault("config.missing-setting", setting)
            return []
        listed = value if isinstance(value, list) and not single else [value]
        if not all(isinstance(each, str) for each in listed):
            needed = "text" if single else "text or list of texts"
            self.fault("config.wrong-type", setting, found=type(value).__name__, needed=needed)
            return []
        stripped = [each.strip() for each in listed]
        if not stripped or not all(stripped):
            self.fault("config.empty-value", setting)
            return []
        return stripped

    def flag(self, setting: str, *, default: bool = False, words: tuple[str, ...] = ()) -> bool:
        """Return a boolean setting."""
        self._read.add(setting)
        value = self._values.get(setting, default)
        if isinstance(value, str):  # the environment and files only have text
            value = {"true": True, "false": False}.get(value.strip(), value)
        if not isinstance(value, bool):
            self.fault(
                "config.wrong-type", setting, found=type(value).__name__, needed=" | ".join(("true", "false", *words))
            )
            return default
        return value

    def flag_or(self, setting: str, words: tuple[str, ...]) -> bool | str:
        """Return a setting that is true, false or one of a few words."""
        value = self._values.get(setting)
        if isinstance(value, str) and value.strip() in words:
            self._read.add(setting)
            return value.strip()
        return self.flag(setting, words=words)

    def function(self, setting: str) -> Callable[..., Any] | None:
        """Return a setting that is a function. It can only be set from Python."""
        self._read.add(setting)
        value = self._values.get(setting)
        if value is None or callable(value):
            return value
        self.fault("config.wrong-type", setting, found=type(value).__name__, needed="function")
        return None

    def followed(self, setting: str, *, default: str) -> Callable[..., Any] | None:
        """Return a function that reads the file named by a setting, and reads it again after it has changed."""
        path = self.text(setting, default=default)
        if self._follow is None:
            self.fault("config.file-unreadable", setting, reason="no files here")
            return None
        return self._follow(path)

    def choice(self, setting: str, choices: tuple[str, ...], *, default: str) -> str:
        """Return a setting that is one of a few words."""
        value = self.text(setting, default=default)
        if value not in choices:
            self.fault("config.wrong-type", setting, **hint(value, choices), needed=" | ".join(choices))
            return default
        return value

    def url(self, setting: str, *, default: str) -> str:
        """Return an address without trailing slash, query or user; https unless insecure upstreams are allowed."""
        value = self.text(setting, default=default)
        try:
            parts = urlsplit(value)
            port = parts.port
        except ValueError:
            self.fault("config.bad-url", setting)
            return default
        if (
            parts.scheme not in (_HTTPS, "http")
            or not parts.hostname
            or parts.query
            or parts.fragment
            or parts.username
        ):
            self.fault("config.bad-url", setting)
            return default
        if port == 0:
            self.fault("config.bad-url", setting)
        if parts.scheme != _HTTPS and not self.allow_insecure_upstreams:
            self.fault("config.insecure-upstream", setting)
        return value.rstrip("/")

    def number(self, setting: str, *, default: float, least: float, most: float) -> float:
        """Return a number setting within its limits."""
        self._read.add(setting)
        value = self._values.get(setting, default)
        if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):  # the environment and files only have text
            value = float(value)
        if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
            self.fault("config.wrong-type", setting, found=type(value).__name__, needed=f"number {least:g} to {most:g}")
            return default
        return float(value)

    def policy(self, *, sealed: bool = False) -> Policy:
        """Return the policy, from the settings that all platforms share.

        They are ``require``, ``max_age``, ``session_seconds`` and ``repeat_seconds``.

        Args:
            sealed: True if the platform has session_keys. Then there is also ``accept_members``.
        """
        names = self.texts("require")
        known = {check.value for check in CheckName}
        for name in names:
            if name not in known:
                self.fault("config.wrong-type", "require", **hint(name, known), needed=" | ".join(sorted(known)))
        return Policy(
            require=frozenset(CheckName(name) for name in names if name in known),
            max_age=self.number("max_age", default=300, least=10, most=3600),
            session_seconds=self.number("session_seconds", default=7200, least=60, most=2_592_000),
            repeat_seconds=self.number("repeat_seconds", default=30, least=0, most=600),
            accept_members=self._members() if sealed else frozenset(),
        )

    def _members(self) -> frozenset[str]:
        names = self.texts("accept_members")
        if not all(map(_MEMBER.fullmatch, names)):
            self.fault("config.wrong-type", "accept_members", needed="names such as countryCode or watermark.appid")
        elif names:
            self.warn("config.members-accepted", "accept_members", members=len(names))
        return frozenset(names)

    def reply(self) -> str:
        """Return the shape in which the service answers for this app."""
        return self.choice("reply", ("problem", "code-msg-data"), default="problem")

    def finish(self) -> None:
        """Report the settings that were never read."""
        for setting in self._values:
            if setting not in self._read:
                self.fault(
                    "config.unknown-setting", setting, **hint(setting, self._read), known=", ".join(sorted(self._read))
                )


RENAMED: Final = MappingProxyType({"old_way": "accept_encrypted_data"})
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
