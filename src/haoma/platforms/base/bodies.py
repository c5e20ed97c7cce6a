"""Examples of what the front ends of a platform send, from the ``bodies.toml`` in its folder.

An entry is a table with its line in each language and the body; what a mini program gets at run time is in ``<>``::

    [code]
    zh = "…"
    en = "The code of the phone button"
    body = { login_code = "<wx.login>", authorization = { code = "<e.detail.code>" } }

The entry ``login`` is a body of the login route. A platform without a login has none.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Final

LOGIN: Final = "login"


@dataclass(frozen=True, slots=True)
class Body:
    """One example.

    Attributes:
        zh, en: What it is, in one line.
        value: The body.
    """

    zh: str
    en: str
    value: Mapping[str, Any]


@cache
def bodies(platform: str) -> Mapping[str, Body]:
    """Return a platform's examples by name."""
    path = resources.files("haoma") / "platforms" / platform / "bodies.toml"
    entries = tomllib.loads(path.read_text("utf-8"))
    return {name: Body(entry["zh"], entry["en"], entry["body"]) for name, entry in entries.items()}
