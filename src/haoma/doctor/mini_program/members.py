"""What a member of a value is, and what an assignment to it changes."""

from __future__ import annotations

import re
from typing import Any, Final

from haoma.doctor.mini_program.values import (
    NOTHING,
    UNDEFINED,
    UNKNOWN,
    Call,
    Native,
    Object,
    Tag,
    Value,
    join,
    member_of_tag,
    native,
    of_object,
    of_text,
)

_WRITTEN_OUT: Final = 24
_LISTENER: Final = re.compile(r"on[A-Z]\w*")
_SAME: Final = frozenset({"value", "current"})
"""Names under which something given may be kept: a ``ref``."""


def member(value: Value, name: str) -> Value:
    """Return what a member of a value may hold."""
    parts = [_of_object(each, name) for each in value.objects]
    parts += [member_of_tag(each, name) for each in value.tags if each is not Tag.MISSING]
    if value.open:
        parts.append(native(_heard(name), name) if _LISTENER.fullmatch(name) else UNKNOWN)
    if value.functions:
        parts.append(_of_function(value, name))
    return join(*parts) if parts else NOTHING


def _heard(name: str) -> Native:
    """Return a listener that somebody outside of what was read may have given."""

    def hear(machine: Any, call: Call) -> Value:
        machine.emit(name.removeprefix("on"), join(NOTHING, *call.arguments[:1]), direct=True)
        return NOTHING

    return hear


def _of_object(each: Object, name: str) -> Value:
    if each.kind in ("api", "external"):
        found = each.find(name)
        return found if found is not None else of_object(Object(kind=each.kind, name=f"{each.name}.{name}"))
    found = each.find(name)
    if each.given is not None:
        return join(found or NOTHING, member(each.given, name))
    if found is not None:
        return found
    if name in ("length", "size") or each.is_shared:
        return NOTHING
    return UNDEFINED if each.kind == "" and not each.bases else UNKNOWN


def _of_function(value: Value, name: str) -> Value:
    statics = [each.statics.find(name) for each in value.functions if each.statics is not None]
    return join(*(each for each in statics if each is not None)) if any(statics) else NOTHING


def item(value: Value, key: str) -> Value:
    """Return what an item of a list may be. The pair of an error and a result, as uni-app gives it, counts."""
    if value.tags:
        rest = Value(value.tags)
        return join(rest, member(Value(objects=value.objects), key)) if value.objects else rest
    return member(value, key)


def items(value: Value) -> Value:
    """Return what any item of a list may be."""
    parts = [one for each in value.objects for one in (*each.members.values(), *([each.rest] if each.rest else []))]
    return join(NOTHING, Value(value.tags, open=value.open), *parts[:20])


def each_item(value: Value) -> list[Value]:
    """Return the items of a list that is written out, one by one; for any other list, what any item may be."""
    if len(value.objects) == 1 and not value.tags and not value.open:
        (one,) = value.objects
        if one.rest is None and one.given is None and 0 < len(one.members) <= _WRITTEN_OUT and "0" in one.members:
            return list(one.members.values())
    return [items(value)]


def keys(value: Value) -> Value:
    """Return the list of the names of an object."""
    names = [name for each in value.objects for name in each.members][:_WRITTEN_OUT]
    if not names or value.open or value.tags:
        return of_object(Object(rest=NOTHING))
    return of_object(Object({str(number): of_text(name) for number, name in enumerate(names)}))


def put(value: Value, name: str, given: Value) -> None:
    """Assign to a member of each object that a value may be."""
    for each in value.objects:
        if name:
            each.put(name, given)
        else:
            each.rest = join(each.rest or NOTHING, given)


def spread(target: Object, value: Value) -> None:
    """Copy the members of a value into an object."""
    for each in value.objects:
        waiting, seen = [each], list[Object]()
        while waiting and len(seen) < 10:
            one = waiting.pop(0)
            seen.append(one)
            for name, held in one.members.items():
                target.put(name, held)
            if one.rest is not None:
                target.rest = join(target.rest or NOTHING, one.rest)
            waiting += [base for base in one.bases if base not in seen]
            if one.given is not None:
                target.given = join(target.given or NOTHING, one.given)
    if value.tags - {Tag.MISSING} or value.open:
        target.given = join(target.given or NOTHING, Value(value.tags - {Tag.MISSING}, open=value.open))


def default_of(value: Value) -> Value:
    """Return what ``import x from`` names: the default, or the whole of a package or of CommonJS."""
    parts = [each if each.kind == "external" else None for each in value.objects]
    found = [of_object(each) for each in parts if each is not None]
    for each in value.objects:
        if each.kind != "external":
            default = each.find("default")
            found.append(default if default is not None else of_object(each))
    return join(*found) if found else value


def texts_of(value: Value, change: str) -> Value:
    """Return a text in capitals or small letters."""
    changed = [of_text(getattr(each, change)()) for each in value.texts]
    return join(Value(value.tags, open=value.open), *changed)


def reference(value: Value) -> Value:
    """Return what a ``ref`` holds: an object whose ``value`` and ``current`` it is."""
    return of_object(Object(dict.fromkeys(_SAME, value)))
