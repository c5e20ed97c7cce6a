"""Buttons that ask for a phone number, in the markup of every platform and framework.

Native pages and the templates of Vue files are read with the grammar of HTML, JSX with that of TypeScript.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from haoma.doctor.mini_program import syntax
from haoma.doctor.mini_program.conditions import Asked, may_be_compiled, places
from haoma.doctor.mini_program.sources import PAGES, VUE
from haoma.doctor.mini_program.syntax import text

if TYPE_CHECKING:
    from tree_sitter import Node

    from haoma.doctor.mini_program.modules import Modules
    from haoma.doctor.mini_program.scopes import Module
    from haoma.doctor.mini_program.sources import Source

PHONE_TYPE: Final = re.compile(r"getPhoneNumber|getRealtimePhoneNumber|getAuthorize", re.IGNORECASE)
PHONE_EVENT: Final = re.compile(r"get-?(?:realtime-?)?phone-?number|get-?authorize", re.IGNORECASE)
_WORTH: Final = re.compile(r"get_?-?(?:realtime)?phone-?number|getauthorize", re.IGNORECASE)
_BUTTONS: Final = 500
_LISTENS: Final = re.compile(r"(?:mut-|capture-)?(?:bind|catch)|@|v-on:|on[A-Z]")
OPEN: Final = frozenset({"...", "v-bind", "v-on"})
"""Spread attributes, which may pass on more than the text shows."""


@dataclass(frozen=True)
class Button:
    """A button that asks for a phone number, or a component that passes on its event.

    Attributes:
        source: Its file.
        line: Its line.
        tag: Its name.
        attributes: Its attributes as they are written, without quotes and braces.
        asked: The conditional compilation of uni-app around it: whether each is wanted, and what it asks.
        node: Its syntax, in JSX.
        module: The script that it stands in, in JSX.
    """

    source: Source
    line: int
    tag: str
    attributes: Mapping[str, str]
    asked: Asked = ()
    node: Node | None = field(default=None, compare=False)
    module: Module | None = field(default=None, compare=False)

    @property
    def is_jsx(self) -> bool:
        """True if it stands in JSX."""
        return self.node is not None

    @property
    def kind(self) -> str:
        """Its ``open-type``, as it is written."""
        return next((value for name, value in self.attributes.items() if kind_of(name) == "opentype"), "").strip("\"'`")

    @property
    def is_dynamic(self) -> bool:
        """True if its type is chosen at run time."""
        bound = any(name in self.attributes for name in (":open-type", "v-bind:open-type", ":openType"))
        return bound or "{{" in self.kind or (self.is_jsx and not PHONE_TYPE.fullmatch(self.kind.partition("|")[0]))

    @property
    def events(self) -> list[str]:
        """The names of its attributes that listen to the phone's events."""
        return [name for name in self.attributes if PHONE_EVENT.search(name) and kind_of(name) != "opentype"]

    def is_compiled(self, own: re.Pattern[str]) -> bool:
        """Return whether it may be compiled for the platforms whose names match ``own``."""
        return may_be_compiled(self.asked, own)


def kind_of(attribute: str) -> str:
    """Return an attribute's name independent of the framework: ``:open-type`` and ``openType`` are ``opentype``."""
    return re.sub(r"[:@.-]|v-bind", "", attribute).lower()


def _asks(attributes: Mapping[str, str]) -> bool:
    """Return whether attributes are those of a button for the phone number."""
    scope = attributes.get("scope", "").strip("\"'`")
    if (
        scope.isalpha()
        and scope.lower() != "phonenumber"
        and not any("phonenumber" in name.lower() for name in attributes)
    ):
        return False  # it asks for something else
    return any(
        PHONE_TYPE.search(value) if kind_of(name) == "opentype" else PHONE_EVENT.search(name)
        for name, value in attributes.items()
    )


def _is_left_over(tag: str, attributes: Mapping[str, str]) -> bool:
    """Return whether an element of the platform asks for nothing, and its tap calls what the phone's event would."""
    if (
        not re.fullmatch(r"[a-z]+", tag)
        or OPEN & attributes.keys()
        or any(kind_of(each) == "opentype" for each in attributes)
    ):
        return False
    heard = {value for name, value in attributes.items() if PHONE_EVENT.search(name)}
    others = {value for name, value in attributes.items() if not PHONE_EVENT.search(name) and _LISTENS.match(name)}
    return heard <= others


def _names_nothing(source: Source, attributes: Mapping[str, str]) -> bool:
    """Return whether an element asks for nothing, has a tap, and names methods that its file does not have."""
    if OPEN & attributes.keys() or any(kind_of(each) == "opentype" for each in attributes):
        return False
    heard = [value for name, value in attributes.items() if PHONE_EVENT.search(name)]
    methods = [found[1] for each in heard if (found := re.fullmatch(r"this\.(\w+)", each))]
    absent = all(len(re.findall(rf"\b{each}\b", source.text)) == 1 for each in methods)
    return absent and len(methods) == len(heard) and bool({"onClick", "onTap"} & attributes.keys())


def is_worth(source: Source) -> bool:
    """Return whether a file may hold a button. Most do not, and need not be parsed."""
    return _WORTH.search(source.text) is not None


def buttons(source: Source, modules: Modules) -> Iterator[Button]:
    """Yield the buttons of a file."""
    if not is_worth(source):
        return
    if source.suffix in PAGES or source.suffix in VUE:
        yield from _of_markup(source, modules)
    if source.suffix not in PAGES:
        yield from _of_jsx(source, modules)


def elements(source: Source, modules: Modules) -> Iterator[tuple[Node, str, dict[str, str]]]:
    """Yield each element of a page or template: its syntax, its tag and its attributes."""
    tree = syntax.parse(source.text, "html")
    if tree is None:
        modules.lost[source.path] = "file too large to follow"
        return
    for node in syntax.walk(tree.root_node):
        if node.type in ("start_tag", "self_closing_tag"):
            tag = next((text(each) for each in node.named_children if each.type == "tag_name"), "")
            yield node, tag, dict(map(_attribute, (each for each in node.named_children if each.type == "attribute")))


def _attribute(node: Node) -> tuple[str, str]:
    name, *value = node.named_children
    written = text(value[0]) if value else ""
    return text(name), written[1:-1].strip() if written[:1] in ("'", '"') else written


def _of_markup(source: Source, modules: Modules) -> Iterator[Button]:
    conditions = list(_conditions(source)) if source.suffix in VUE else []
    found = 0
    for node, tag, attributes in elements(source, modules):
        if _asks(attributes) and not _is_left_over(tag, attributes):
            asked = next((asked for at, asked in reversed(conditions) if at <= node.start_byte), [])
            yield Button(source, syntax.line(node), tag, attributes, asked)
            found += 1
            if found >= _BUTTONS:
                return


def _conditions(source: Source) -> Iterator[tuple[int, Asked]]:
    """Yield where conditional compilation changes, in bytes, and what is asked from there on."""
    position, done = 0, 0
    for start, _end, asked in places(source.text):
        position += len(source.text[done:start].encode("utf-8", "replace"))
        done = start
        yield position, asked


def _of_jsx(source: Source, modules: Modules) -> Iterator[Button]:
    if source.suffix in (".json", ".html", ".wxs", ".sjs", ".dart", ".env"):
        return
    for module in modules.of(source):
        for node in syntax.walk(module.root):
            if node.type in ("jsx_opening_element", "jsx_self_closing_element"):
                attributes = dict(_jsx_attributes(node))
                if _asks(attributes) and not _names_nothing(source, attributes):
                    yield Button(
                        source, module.line(node), text(node.child_by_field_name("name")), attributes, (), node, module
                    )


def _jsx_attributes(node: Node) -> Iterator[tuple[str, str]]:
    for each in node.named_children:
        if each.type == "jsx_attribute" and each.named_children:
            value = text(each.named_children[1]) if len(each.named_children) > 1 else "true"
            yield text(each.named_children[0]), value[1:-1].strip() if value[:1] in ("'", '"', "{") else value
        elif each.type == "jsx_expression":
            yield "...", text(each)
