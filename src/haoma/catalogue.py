"""The texts of every refusal: title, cause, remedy and page, in Chinese and English.

Our own codes are in ``catalogue.toml``, a platform's codes in ``platforms/<platform>/refusals.toml``. The latter also
maps each platform code to one of our errors. The behaviour of an error is defined by its class.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from haoma.words import LANGUAGES, text

if TYPE_CHECKING:
    from collections.abc import Iterable


class Who(StrEnum):
    """Who has to act after a refusal, so that the next request succeeds."""

    USER = "user"  # taps again, agrees, logs in, binds a number
    DEVELOPER = "developer"  # changes the code, the settings or the platform's console
    PLATFORM = "platform"  # has a fault, or has not done its part yet
    NOBODY = "nobody"  # it passes, or nothing is wrong


@dataclass(frozen=True, slots=True)
class Words:
    """The text for people about one code.

    Attributes:
        title: What happened, in one line.
        cause: Why it usually happens.
        remedy: What to do, with the console path to click.
        page: Path of the documentation page.
        see: URL of the platform's own page; empty if there is none.
        who: Who has to act.
    """

    title: str
    cause: str
    remedy: str
    page: str
    see: str = ""
    who: Who = Who.DEVELOPER


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a platform's ``refusals.toml``.

    Attributes:
        native: The platform's code, with ``/sub_code`` and ``@place`` if the meaning depends on them.
        code: Our code.
        spent: Whether a one-time code is used up: ``no``, ``yes`` or ``unknown``.
        drop_token: True if the access token must be discarded.
        ask_again: True if an identical request can never succeed, although our code usually allows a retry.
        who: Who has to act.
    """

    native: str
    code: str
    spent: str
    drop_token: bool
    ask_again: bool
    text: dict[str, dict[str, str]]
    see: str
    who: Who

    def words(self, lang: str) -> Words:
        """Return the text of the entry."""
        found = self.text[lang]
        return Words(found["title"], found["cause"], found["remedy"], page(self.code), self.see, self.who)

    def called(self, platform: str, lang: str) -> str:
        """Return the display name of the code, with its place if it has one: ``wechat:40029 (at the login)``."""
        native, _, place = self.native.partition("@")
        return f"{platform}:{native}" + (f" ({text('places', place, lang)})" if place else "")


@cache
def codes() -> dict[str, dict[str, Any]]:
    """Return the catalogue of our own codes."""
    return tomllib.loads((resources.files("haoma") / "catalogue.toml").read_text("utf-8"))


@cache
def platforms() -> tuple[str, ...]:
    """Return the names of the platforms that have a table of refusals."""
    folders = (resources.files("haoma") / "platforms").iterdir()
    return tuple(sorted(each.name for each in folders if (each / "refusals.toml").is_file()))


def shapes(platform: str) -> dict[str, list[str]]:
    """Return patterns of a platform's codes and ids that may be repeated, from its ``shapes.toml`` if there is one."""
    path = resources.files("haoma") / "platforms" / platform / "shapes.toml"
    return tomllib.loads(path.read_text("utf-8")) if path.is_file() else {}


@cache
def refusals(platform: str) -> dict[str, Entry]:
    """Return a platform's table of refusals by native code; empty if the platform has none."""
    path = resources.files("haoma") / "platforms" / platform / "refusals.toml"
    if not platform.isidentifier() or not path.is_file():
        return {}
    return {
        native: Entry(
            native=native,
            code=entry["is"],
            spent=entry.get("spent", "no"),
            drop_token=entry.get("drop_token", False),
            ask_again=entry.get("ask_again", False),
            text={lang: entry[lang] for lang in LANGUAGES},
            see=entry.get("see", ""),
            who=Who(entry.get("who") or codes()[entry["is"]]["who"]),
        )
        for native, entry in tomllib.loads(path.read_text("utf-8")).items()
    }


def find_refusal(platform: str, native: str, sub: str = "", place: str = "") -> Entry | None:
    """Return the most specific entry for a platform's code: with the sub code, at this place, or the code alone."""
    table = refusals(platform)
    for name in (f"{native}/{sub}", f"{native}@{place}", native):
        if name in table:
            return table[name]
    return None


def entries(code: str, platforms: Iterable[str]) -> list[tuple[str, Entry]]:
    """Return the entries for a platform's code: all its variants, or the one with exactly this name.

    Args:
        code: ``alipay:40006``, ``alipay:40001/isv.missing-encrypt-key``, ``isv.missing-encrypt-key``, or any of them
            without the platform's name.
        platforms: Names of all platforms.
    """
    platform, colon, native = code.partition(":")
    native = native if colon else code
    found = []
    for name in platforms:
        if colon and name != platform.lower():
            continue
        table = refusals(name)
        whole = [entry for entry in table.values() if native in re.split("[/@]", entry.native.partition("@")[0])]
        found += [(name, entry) for entry in whole or filter(None, [table.get(native)])]
    return found


def words(
    code: str, lang: str = "en", *, platform: str = "", native: str = "", sub: str = "", place: str = ""
) -> Words:
    """Return the text of a code: the most specific one for the platform's own code, this platform or this place."""
    lang = lang if lang in LANGUAGES else "en"
    entry = find_refusal(platform, native, sub, place) if platform and native else None
    if entry is not None and entry.code == code:
        return entry.words(lang)
    entry_of_code = codes().get(code)
    if entry_of_code is None:
        return Words(code, "", "", page(code))
    text, who = dict(entry_of_code[lang]), entry_of_code["who"]
    for name in (platform, place):
        if isinstance(special := entry_of_code.get(name), dict):
            text |= special.get(lang, {})
            who = special.get("who", who)
    return Words(text["title"], text["cause"], text["remedy"], page(code), entry_of_code.get("see", ""), Who(who))


def page(code: str) -> str:
    """Return the path of a code's page, relative to ``docs/``."""
    return f"errors/{code}.md"
