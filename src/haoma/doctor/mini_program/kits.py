"""Buttons of UI kits: what each passes on, and in which shape. The table is ``kits.toml``."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from haoma.doctor.mini_program.framework import Framework
    from haoma.doctor.mini_program.markup import Button

_IMPORT: Final = re.compile(r"import\s+(?P<names>[\w$\s{},*]{1,400}?)\s+from\s*[\"'](?P<path>[^\"'\n]{1,200})[\"']")
_COMPONENT: Final = re.compile(r"\"(?P<tag>[\w-]+)\"\s*:\s*\"(?P<path>[^\"\n]{1,200})\"")
_OWN_FILE: Final = ("./", "../", "@/", "~/", "/")
PLAIN: Final = frozenset({"button", "Button"})
"""The platform's own button, also as Taro names it."""
NO_BUTTONS: Final = frozenset(
    {"view", "View", "text", "Text", "image", "Image", "form", "Form", "div", "span", "a", "label"}
)
"""The platform's other components, which ask for nothing."""


class Shape(StrEnum):
    """What a handler gets from a kit's button."""

    EVENT = "event"  # the platform's event: the data is in e.detail
    DETAIL = "detail"  # the detail itself: the data is in e


class Kit(NamedTuple):
    """A button of a UI kit.

    Attributes:
        name: The kit.
        package: A pattern for its package.
        component: The component's name in it.
        tag: A pattern for its tag in a template.
        majors: The major versions that behave so; empty for all that were looked at.
        shape: What a handler gets.
        forwards: The values of ``open-type`` whose event arrives.
        loses: Those whose event does not arrive.
        source: The address of the file or thread that shows it.
    """

    name: str
    package: str
    component: str
    tag: re.Pattern[str] | None
    majors: frozenset[int]
    shape: Shape
    forwards: frozenset[str]
    loses: frozenset[str]
    source: str


@cache
def kits() -> tuple[Kit, ...]:
    """Return the kits of the table."""
    path = files("haoma.doctor.mini_program") / "kits.toml"
    table: dict[str, list[dict[str, Any]]] = tomllib.loads(path.read_text("utf-8"))
    return tuple(
        Kit(
            each["kit"], each["package"], each["component"], re.compile(each["tag"]) if "tag" in each else None,
            frozenset(each.get("majors", ())), Shape(each["shape"]), frozenset(each.get("forwards", ())),
            frozenset(each.get("loses", ())), each["source"],
        )
        for each in table["button"]
    )  # fmt: skip


class Found(NamedTuple):
    """What the component of a button is.

    Attributes:
        kit: Its kit, if it is in the table.
        own: True for the platform's button.
        local: True for a component of the program itself, as far as an import or a file shows.
        package: The package, if it is named.
    """

    kit: Kit | None = None
    own: bool = False
    local: bool = False
    package: str = ""


def component_of(button: Button, framework: Framework) -> Found:
    """Return what the component of a button is."""
    name, path = _named(button, framework)
    if path.startswith(_OWN_FILE) and not any(each.package in path for each in kits()):
        return Found(local=True)
    candidates = [each for each in kits() if path and each.package in path and _is_part(name, path, each)]
    if not path:
        if button.tag in PLAIN | NO_BUTTONS:
            return Found(own=True)
        candidates = [each for each in kits() if each.tag is not None and each.tag.fullmatch(button.tag)]
    elif path.startswith("@tarojs/"):
        return Found(own=True)
    fits = [each for each in candidates if not each.majors or framework.major(each.package) in each.majors]
    if fits:
        return Found(fits[0])
    return Found(local=not candidates and not path and framework.has_file(button.tag), package=path)


def _is_part(name: str, path: str, kit: Kit) -> bool:
    parts = path.lower().split("/")
    return kit.component in ("", name) or kit.component.lower() in parts


def _named(button: Button, framework: Framework) -> tuple[str, str]:
    """Return under which name, and from where, a file gets the component of a button."""
    for name, alias, path in _imports(button.source.text):
        if alias == button.tag:
            return name, path
    for source in framework.settings_of(button.source):
        for each in _COMPONENT.finditer(source.text):
            if each["tag"] == button.tag:
                return button.tag, each["path"]
    return button.tag, ""


def _imports(text: str) -> Iterator[tuple[str, str, str]]:
    for found in _IMPORT.finditer(text):
        for each in re.sub(r"[{}]", ",", found["names"]).split(","):
            words = each.split()
            if words:
                yield words[0], words[-1], found["path"]
