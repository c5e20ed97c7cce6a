"""Abstract values: what an expression may hold, as far as it matters for a phone number.

A value is a set of possibilities. Its tags say what the platform or the server gave; its objects and functions are
those of the program. ``open`` means that it may also be something that was not followed. Nothing here knows a syntax.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from tree_sitter import Node

    from haoma.doctor.mini_program.scopes import Module, Scope


class Tag(StrEnum):
    """What the platform, the server or the user gave."""

    PHONE_EVENT = "the button's event"
    PHONE_DETAIL = "the event's detail"
    KIT_DETAIL = "the detail, handed over by a UI kit in place of the event"
    SEALED_EVENT = "the button's event of a platform that gives no code"
    SEALED_DETAIL = "the detail without a code"
    SHIM_EVENT = "the event of uni-app's own button, made of an envelope"
    SHIM_DETAIL = "the detail of that event"
    EMPTY_EVENT = "the event of a button that gives nothing"
    EMPTY_DETAIL = "its detail, which is empty"
    CLOUD_ID = "the cloudID"
    PHONE_CODE = "the phone code"
    SEALED = "encryptedData"
    IV = "iv"
    SIGN = "sign"
    ENVELOPE_REPLY = "what getPhoneNumber gave"
    ENVELOPE = "the envelope, untouched"
    ENVELOPE_OBJECT = "the envelope, parsed"
    CIPHERTEXT = "the inner response of the envelope"
    LOGIN = "what the login gave"
    LOGIN_CODE = "the login code"
    REPLY = "an answer of the server"
    REPLY_TO_PHONE = "the server's answer to the authorization"
    KEPT_REPLY = "such an answer, kept and read again"
    NUMBER = "a number out of the server's answer"
    KEPT_NUMBER = "such a number, kept and read again"
    SESSION_KEY = "session_key"
    MISSING = "undefined"


EVENTS: Final = frozenset({
    Tag.PHONE_EVENT, Tag.PHONE_DETAIL, Tag.KIT_DETAIL, Tag.SEALED_EVENT, Tag.SEALED_DETAIL, Tag.SHIM_EVENT,
    Tag.SHIM_DETAIL,
})  # fmt: skip
EMPTY: Final = frozenset({Tag.EMPTY_EVENT, Tag.EMPTY_DETAIL})
READ: Final = EVENTS | EMPTY
"""Events and details, of which it is known what they do not have."""
BASE64: Final = frozenset({
    Tag.SEALED, Tag.IV, Tag.SIGN, Tag.ENVELOPE_REPLY, Tag.ENVELOPE, Tag.ENVELOPE_OBJECT, Tag.CIPHERTEXT,
})  # fmt: skip
"""What does not survive an address: base64, in which every ``+`` becomes a space."""
AUTHORIZATION: Final = frozenset({*EVENTS, *BASE64, Tag.PHONE_CODE, Tag.CLOUD_ID})
"""What the platform gave at the button."""
NUMBERS: Final = frozenset({Tag.NUMBER, Tag.KEPT_NUMBER})

NUMBER_NAME: Final = re.compile(
    r"(?:pure_?)?(?:user_?)?(?:phone|mobile|telephone|tel|cell)(?:_?(?:number|no|num))?", re.IGNORECASE
)
_OF_OTHERS: Final = re.compile(r"address|contact|order|shop|store|seller|receiver|service|company", re.IGNORECASE)
_FIELDS: Final = ("code", "encryptedData", "iv")
_NO_NUMBER: Final = dict.fromkeys(("value", "phoneNumber", "purePhoneNumber", "phone", "mobile"), Tag.MISSING)
_DETAIL: Final = {
    **_NO_NUMBER, "code": Tag.PHONE_CODE, "encryptedData": Tag.SEALED, "iv": Tag.IV, "cloudID": Tag.CLOUD_ID,
    "sign": Tag.SIGN, "detail": Tag.PHONE_DETAIL,
}  # fmt: skip
_MEMBERS: Final[dict[Tag, dict[str, Tag]]] = {
    Tag.PHONE_EVENT: {"detail": Tag.PHONE_DETAIL, **dict.fromkeys(_FIELDS, Tag.MISSING)},
    Tag.PHONE_DETAIL: _DETAIL,
    Tag.KIT_DETAIL: {**_DETAIL, "detail": Tag.MISSING},
    Tag.SEALED_EVENT: {"detail": Tag.SEALED_DETAIL, **dict.fromkeys(_FIELDS, Tag.MISSING)},
    Tag.SEALED_DETAIL: {**_DETAIL, "code": Tag.MISSING},
    Tag.SHIM_EVENT: {"detail": Tag.SHIM_DETAIL, **dict.fromkeys(_FIELDS, Tag.MISSING)},
    Tag.SHIM_DETAIL: {**_NO_NUMBER, "encryptedData": Tag.CIPHERTEXT, "sign": Tag.SIGN, "code": Tag.MISSING},
    Tag.EMPTY_EVENT: {"detail": Tag.EMPTY_DETAIL},
    Tag.EMPTY_DETAIL: {**_NO_NUMBER, **dict.fromkeys((*_FIELDS, "sign", "response"), Tag.MISSING)},
    Tag.ENVELOPE_REPLY: {"response": Tag.ENVELOPE},
    Tag.ENVELOPE_OBJECT: {"response": Tag.CIPHERTEXT, "sign": Tag.SIGN},
    Tag.LOGIN: {"code": Tag.LOGIN_CODE, "authCode": Tag.LOGIN_CODE, "auth_code": Tag.LOGIN_CODE},
}  # fmt: skip
_WIDEST: Final = 6
"""Most objects, functions or texts of one value. Beyond that it is open."""


@dataclass(eq=False)
class Object:
    """An object of the program, which assignments change.

    Attributes:
        members: What its names hold.
        rest: What any other name may hold.
        kind: ``api`` for a platform's global, ``external`` for a package, ``kept`` for what outlives a call, ``props``
            for what a component is given; else empty.
        name: Which platform or package.
        bases: Objects that it inherits from.
        given: Something given that was spread into it.
        is_shared: True if it outlives a call, and functions that are not followed may change it.
    """

    members: dict[str, Value] = field(default_factory=dict)
    rest: Value | None = None
    kind: str = ""
    name: str = ""
    bases: list[Object] = field(default_factory=list)
    given: Value | None = None
    is_shared: bool = False

    def put(self, name: str, value: Value) -> None:
        """Add what a name may hold."""
        if self.kind == "kept":
            value = kept(value)
            outlive(value)
        elif self.is_shared:
            value = unsettled(value)
            outlive(value)
        known = self.members.get(name)
        if known is None and len(self.members) >= 400:
            self.rest = join(self.rest or NOTHING, value)
            return
        self.members[name] = value if known is None else join(known, value)

    def find(self, name: str) -> Value | None:
        """Return what a name holds here or in what it inherits from; None if nothing is known."""
        waiting, seen = [self], list[Object]()
        while waiting:
            here = waiting.pop(0)
            if here in seen:
                continue
            seen.append(here)
            if name in here.members:
                return here.members[name]
            waiting += here.bases
        return self.rest


Native = Callable[[Any, "Call"], "Value"]
"""A function that is built in: gets the interpreter and the call."""


@dataclass(frozen=True)
class Function:
    """A function of the program, or one that is built in.

    Attributes:
        node: Its syntax; None if it is built in.
        module: The file that it is written in.
        scope: The names that it sees.
        this: What ``this`` is, for arrow functions and bound methods.
        native: What it does, if it is built in.
        name: Its name, if it has one.
        statics: For a class, its prototype with what is static.
    """

    node: Node | None = None
    module: Module | None = None
    scope: Scope | None = None
    this: Value | None = None
    native: Native | None = None
    name: str = ""
    statics: Object | None = None

    @property
    def key(self) -> object:
        """Return what makes it the same function, whoever holds it."""
        if self.node is None:
            return id(self.native), self.name
        return self.node.id, id(self.scope), id(self.module)


@dataclass(frozen=True)
class Value:
    """What an expression may hold.

    Attributes:
        tags: What was given.
        objects: Objects of the program.
        functions: Functions.
        texts: The constant texts that it may be; empty if it is none, or one that is not known.
        open: True if it may be something that was not followed.
    """

    tags: frozenset[Tag] = frozenset()
    objects: tuple[Object, ...] = ()
    functions: tuple[Function, ...] = ()
    texts: frozenset[str] = frozenset()
    open: bool = False

    @property
    def text(self) -> str:
        """The one text that it is; empty if there are several or none."""
        return next(iter(self.texts)) if len(self.texts) == 1 else ""

    @property
    def truth(self) -> bool | None:
        """Whether it is truthy, as far as that is certain."""
        if self.open:
            return None
        held = bool(self.objects or self.functions)
        if self.tags == {Tag.MISSING} and not (held or self.texts):
            return False
        if self.tags or (held and self.texts):
            return None
        if held:
            return True
        truths = {each not in ("", "false", "0", "null") for each in self.texts}
        return truths.pop() if len(truths) == 1 else None


@dataclass(frozen=True)
class Call:
    """A call, as a function that is built in sees it.

    Attributes:
        arguments: Its arguments.
        this: What it is called on.
        node: Its syntax.
        module: Where it stands.
    """

    arguments: list[Value]
    this: Value
    node: Node
    module: Module

    def argument(self, number: int) -> Value:
        """Return an argument; undefined if there is none."""
        return self.arguments[number] if number < len(self.arguments) else UNDEFINED


NOTHING: Final = Value()
"""Something of no interest, such as a text that is not constant."""
UNKNOWN: Final = Value(open=True)
"""Something that was not followed."""
UNDEFINED: Final = Value(frozenset({Tag.MISSING}))


def tagged(*tags: Tag) -> Value:
    """Return a value with tags alone."""
    return Value(frozenset(tags))


def of_text(text: str) -> Value:
    """Return a constant text."""
    return Value(texts=frozenset({text[:200]}))


def of_object(*objects: Object) -> Value:
    """Return objects as a value."""
    return Value(objects=objects)


def native(act: Native, name: str = "") -> Value:
    """Return a function that is built in."""
    return Value(functions=(Function(native=act, name=name),))


FLAGS: Final = frozenset({"true", "false", "null", "0", ""})


def join(*values: Value) -> Value:
    """Return what any of them may hold."""
    if len(values) == 1:
        return values[0]
    objects = {id(each): each for value in values for each in value.objects}
    functions = {each.key: each for value in values for each in value.functions}
    texts = frozenset().union(*(value.texts for value in values))
    if texts and texts <= FLAGS and any(value == NOTHING for value in values):
        texts = frozenset()  # one of them may be anything
    wide = max(len(objects), len(functions), len(texts)) > _WIDEST
    return Value(
        frozenset().union(*(value.tags for value in values)),
        tuple(objects.values())[:_WIDEST],
        tuple(functions.values())[:_WIDEST],
        texts if len(texts) <= _WIDEST else frozenset(),
        wide or any(value.open for value in values),
    )


def unsettled(value: Value) -> Value:
    """Return a value that another function may have changed by then: a flag or an empty text says nothing."""
    return replace(value, texts=frozenset()) if value.texts and value.texts <= FLAGS else value


def outlive(value: Value, depth: int = 0) -> None:
    """Mark the objects of a value as such that other functions may change by the time they are read."""
    for each in value.objects:
        if each.kind == "" and depth < _DEEPEST:
            each.is_shared = True
            for name, held in each.members.items():
                each.members[name] = unsettled(held)
                outlive(held, depth + 1)


_KEPT: Final = {Tag.NUMBER: Tag.KEPT_NUMBER, Tag.REPLY_TO_PHONE: Tag.KEPT_REPLY}


def kept(value: Value) -> Value:
    """Return a value as it is read again from where it was kept."""
    value = unsettled(value)
    if not value.tags & _KEPT.keys():
        return value
    return replace(value, tags=frozenset(_KEPT.get(each, each) for each in value.tags))


def member_of_tag(tag: Tag, name: str) -> Value:
    """Return what a member of something given is."""
    if tag in (Tag.REPLY, Tag.REPLY_TO_PHONE, Tag.KEPT_REPLY):
        if name in ("session_key", "sessionKey", "SessionKey"):
            return tagged(Tag.SESSION_KEY)
        if _OF_OTHERS.search(name):
            return NOTHING
        if tag is not Tag.REPLY and NUMBER_NAME.fullmatch(name):  # it may be an object around the number
            return tagged(Tag.NUMBER if tag is Tag.REPLY_TO_PHONE else Tag.KEPT_NUMBER)
        return tagged(tag)
    if tag in NUMBERS:
        return tagged(tag) if NUMBER_NAME.fullmatch(name) else NOTHING
    found = _MEMBERS.get(tag, {}).get(name)
    return tagged(found) if found else NOTHING


def without(value: Value, tag: Tag) -> Value:
    """Return a value that does not hold a tag."""
    return replace(value, tags=value.tags - {tag}) if tag in value.tags else value


@dataclass(frozen=True)
class Leaf:
    """One part of what is sent: the names on the way to it, and what it holds."""

    path: tuple[str, ...]
    value: Value

    @property
    def name(self) -> str:
        """The last name; empty for the whole."""
        return self.path[-1] if self.path else ""


_DEEPEST: Final = 6
_LEAVES: Final = 200


def leaves(value: Value, name: str = "") -> list[Leaf]:
    """Return the parts of a value, down to what is no object."""
    # No more are made than are returned: lists of lists that share their items have more parts than memory.
    return list(islice(_leaves(value, (name,) if name else (), []), _LEAVES))


def _leaves(value: Value, path: tuple[str, ...], around: list[Object]) -> Iterator[Leaf]:
    yield Leaf(path, value)
    for each in value.objects:
        if each in around or len(around) > _DEEPEST or each.kind in ("api", "external"):
            continue
        for name, one in list(each.members.items())[:_LEAVES]:
            yield from _leaves(one, (*path, name), [*around, each])
        for other in (each.rest, each.given):
            if other is not None:
                yield from _leaves(other, path, [*around, each])


def all_tags(value: Value) -> frozenset[Tag]:
    """Return the tags of a value and of everything in it."""
    return frozenset[Tag]().union(*(leaf.value.tags for leaf in leaves(value)))


def is_open(value: Value) -> bool:
    """Return whether a value, or a part of it, may be something that was not followed."""
    return any(leaf.value.open for leaf in leaves(value))


def flat(values: Iterable[Value]) -> Value:
    """Return a text made of values: their tags, without their structure."""
    values = list(values)
    return Value(frozenset[Tag]().union(*map(all_tags, values)), open=any(map(is_open, values)))


def concatenated(*values: Value) -> Value:
    """Return texts put together: their tags, and what of them is constant."""
    whole = flat(values)
    pieces = "".join(each.text for each in values)
    return Value(whole.tags, texts=frozenset({pieces[:300]} if pieces else ()), open=whole.open)
