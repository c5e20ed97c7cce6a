"""A setting, declared as data: `Table` reads by it, and ``tools/pages.py`` writes the stub and the tables by it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from haoma.link import OnConflict
from haoma.verified import CheckName


class Kind(StrEnum):
    """What a setting holds."""

    TEXT = "text"
    TEXTS = "text or list"  # a list while a key is changed, the newest first
    LIST = "list"
    FLAG = "true or false"
    WORD = "word"
    ADDRESS = "address"
    NUMBER = "number"
    FILE = "file name"
    FUNCTION = "function"  # from Python only


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting.

    Attributes:
        name: Its name in ``haoma.toml``.
        kind: What it holds.
        required: Whether it must always be there. Where that depends on other settings, the platform says so when it
            reads it.
        default: What it is without a value; None if it is nothing, or depends on other settings.
        secret: Whether its value must not be seen.
        key: Whether it holds a key or certificate, and may name a file directly.
        choices: The words that it may be; with `Kind.FLAG` in addition to true and false, with `Kind.LIST` those that
            may stand in the list. All words if there are none.
        least, most: The limits of a number.
        whole: Whether a number has no fraction.
        unit: What a number counts: ``seconds``, ``days``, or nothing.
    """

    name: str
    kind: Kind = Kind.TEXT
    required: bool = False
    default: str | float | None = None
    secret: bool = False
    key: bool = False
    choices: tuple[str, ...] = ()
    least: float = 0
    most: float = 0
    whole: bool = False
    unit: str = ""


def key_settings(settings: Iterable[Setting]) -> frozenset[str]:
    """Return the names of those that may name a file."""
    return frozenset(setting.name for setting in settings if setting.key)


def seconds(name: str, *, default: float, least: float, most: float) -> Setting:
    """Return a setting of a number of seconds."""
    return Setting(name, Kind.NUMBER, default=default, least=least, most=most, unit="seconds")


SHARED: Final = (
    Setting("require", Kind.LIST, choices=tuple(CheckName)),
    seconds("repeat_seconds", default=30, least=0, most=600),
    Setting("reply", Kind.WORD, default="problem", choices=("problem", "code-msg-data")),
    Setting("on_conflict", Kind.WORD, default="reject", choices=tuple(OnConflict)),
    Setting("link_unbound_numbers", Kind.FLAG),
    Setting("tenant", default="default"),
)
"""Settings that every platform reads."""

SESSION_SECONDS: Final = seconds("session_seconds", default=7200, least=60, most=2_592_000)
"""For platforms with a login."""

MAX_AGE: Final = seconds("max_age", default=300, least=10, most=3600)
"""For platforms that say when they made the data."""

ON_WITHDRAWN: Final = Setting("on_withdrawn", Kind.WORD, default="unlink", choices=("unlink", "erase", "notify"))
"""For platforms that say when a user withdraws."""

ACCEPT_MEMBERS: Final = Setting("accept_members", Kind.LIST)
"""For platforms with session_keys."""
