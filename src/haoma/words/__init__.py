"""The words for users, in Chinese and English. No Python file holds any.

They are in ``.toml`` files, one for each room: those of a part of haoma, such as ``cli``, are beside this module; those
of a platform are in its folder (``platforms/NAME``), those of its mirror in ``mirror/`` there
(``platforms/NAME/mirror``). An entry is a table with one text in each language::

    [no-such-app]
    zh = "… {app} …"
    en = "there is no app named {app}"

A file is read when one of its texts is first needed. The texts of error codes are in ``catalogue.toml`` and
``refusals.toml``; see `haoma.catalogue`.
"""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

LANGUAGES: Final = ("zh", "en")


class UnknownWords(LookupError):
    """There is no such entry. The message names the file and the key."""


def text(room: str, key: str, lang: str, /, **facts: object) -> str:
    """Return a text in ``zh`` or ``en``, with its placeholders filled in; in English for any other language.

    Raises:
        UnknownWords: The room has no such entry.
        KeyError: A placeholder has no fact.
    """
    entry = entries(room).get(key)
    if entry is None:
        raise UnknownWords(f"{_place(room)} has no [{key}]")
    return entry["zh" if lang == "zh" else "en"].format_map(facts)


@cache
def rooms_of_platforms() -> tuple[str, ...]:
    """Return the rooms of the platforms, without their mirrors'."""
    folders = resources.files("haoma").joinpath("platforms").iterdir()
    return tuple(sorted(f"platforms/{each.name}" for each in folders if each.joinpath("words.toml").is_file()))


@cache
def entries(room: str) -> Mapping[str, Mapping[str, str]]:
    """Return the entries of a room by key. The key of an entry in a table has the name of the table in front.

    Raises:
        UnknownWords: There is no such room.
    """
    path = resources.files("haoma").joinpath(*_place(room).split("/"))
    try:
        tables = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise UnknownWords(f"there is no {_place(room)}") from error
    return dict(_flat(tables))


def _place(room: str) -> str:
    return f"{room}/words.toml" if "/" in room else f"words/{room}.toml"


def _flat(tables: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Mapping[str, str]]]:
    for name, table in tables.items():
        if isinstance(table.get("en"), str):
            yield prefix + name, table
        else:
            yield from _flat(table, f"{prefix}{name}.")
