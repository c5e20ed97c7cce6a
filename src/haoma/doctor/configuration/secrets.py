"""Reads the secrets of a ``haoma.toml``, to find them where they must not be. They are compared, never shown."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final

from haoma.platforms.registry import PLATFORMS
from haoma.settings.lines import Lines
from haoma.settings.reader import FILE_BYTES, TOML_BYTES
from haoma.settings.service import SERVICE

_LIKE_A_SECRET: Final = re.compile(r"secret|private_key|aes_key|token$")
"""In the name of a setting that is not declared: it may be misspelt."""
_CERTIFICATE: Final = re.compile(r"(?<!root)_cert$|_certificate$")


@dataclass(frozen=True, slots=True)
class Known:
    """A value of the configuration.

    Attributes:
        app: Name of the app; empty for the service.
        setting: Name of the setting.
        where: Its full path, such as ``apps.shop.app_secret``.
        value: The value.
        file: The file that holds it; the ``haoma.toml`` itself if the value is in there.
        line: Its line, if it is in the ``haoma.toml``.
        secret: Whether it must not be shown.
    """

    app: str
    setting: str
    where: str
    value: str = field(repr=False)
    file: str
    line: int
    secret: bool

    @property
    def compact(self) -> str:
        """The value without PEM header lines and white space."""
        return re.sub(r"-----[A-Z0-9 ]+-----|\s+", "", self.value)


def known_values(path: Path, environ: Mapping[str, str] | None = None) -> list[Known]:
    """Return the secrets and certificates of a file that can be read. The settings report the others."""
    try:
        with path.open("rb") as opened:
            text = opened.read(TOML_BYTES).decode("utf-8-sig")
        values = tomllib.loads(text)
        lines = Lines(text)
    except (OSError, ValueError, RecursionError):
        return []
    return list(_Values(path, lines, os.environ if environ is None else environ).of(values))


@cache
def _declared() -> Mapping[str, bool]:
    settings = [*SERVICE, *(setting for platform in PLATFORMS.values() for setting in platform.settings)]
    return {setting.name: any(each.secret for each in settings if each.name == setting.name) for setting in settings}


def _is_secret(setting: str) -> bool:
    return _declared().get(setting, _LIKE_A_SECRET.search(setting) is not None)


class _Values:
    def __init__(self, path: Path, lines: Lines, environ: Mapping[str, str]) -> None:
        self._path = path
        self._lines = lines
        self._environ = environ

    def of(self, values: Mapping[str, Any]) -> Iterator[Known]:
        apps = values.get("apps")
        tables = {f"apps.{name}": table for name, table in apps.items()} if isinstance(apps, Mapping) else {}
        for place, table in {**tables, "service": values.get("service")}.items():
            for setting, value in table.items() if isinstance(table, Mapping) else ():
                secret = _is_secret(setting)
                if secret or _CERTIFICATE.search(setting):
                    for each in value if isinstance(value, list) else [value]:
                        yield from self._known(place, setting, each, secret=secret)

    def _known(self, place: str, setting: str, value: object, *, secret: bool) -> Iterator[Known]:
        where, file, line = f"{place}.{setting}", "", 0
        match value:
            case {"env": str(name)}:
                text = self._environ.get(name, "")
            case {"file": str(name)}:
                file, text = self._read(name)
            case str() if len(value) < 256 and "\n" not in value and self._is_file(value):
                file, text = self._read(value)
            case str():
                file, line, text = str(self._path), self._lines.of(where), value
            case _:
                return
        text = text.strip("\ufeff \t\r\n")
        if text and not text.lower().startswith("sha256:"):
            yield Known(place.removeprefix("apps.") if "." in place else "", setting, where, text, file, line, secret)

    def _is_file(self, name: str) -> bool:
        try:
            return (self._path.parent / name).is_file()
        except (OSError, ValueError):
            return False

    def _read(self, name: str) -> tuple[str, str]:
        path = self._path.parent / name
        try:
            with path.open("rb") as opened:
                return str(path), opened.read(FILE_BYTES).decode("utf-8-sig")
        except (OSError, ValueError):
            return str(path), ""
