"""A read of a member: what it gives, and whether the event has it at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from haoma.doctor.mini_program import members
from haoma.doctor.mini_program.machine import Machine, Missed
from haoma.doctor.mini_program.values import EMPTY, READ, UNDEFINED, Tag, Value, member_of_tag

if TYPE_CHECKING:
    from tree_sitter import Node

    from haoma.doctor.mini_program.scopes import Frame


def member(machine: Machine, value: Value, name: str, node: Node, frame: Frame) -> Value:
    """Return a member, and record a read of what is not there."""
    if value.tags == {Tag.MISSING} and not (value.objects or value.functions or value.open or value.texts):
        return UNDEFINED
    found = members.member(value, name)
    if Tag.SESSION_KEY in found.tags and name in ("session_key", "sessionKey"):
        machine.seen.keys[machine.place(node, frame.module)] = None
    if found == UNDEFINED and any(member_of_tag(each, name) == UNDEFINED for each in value.tags & READ):
        kit = Tag.KIT_DETAIL in value.tags
        place = machine.place(node, frame.module)
        machine.missed_at[place] = Missed(place, *_instead(value, name), kit, bool(value.tags & EMPTY))
    return found


def _instead(value: Value, name: str) -> tuple[str, str]:
    """Return what was read, and what should be."""
    if Tag.KIT_DETAIL in value.tags and name == "detail":
        return "e.detail", "e"
    if value.tags & {Tag.PHONE_EVENT, Tag.SEALED_EVENT, Tag.SHIM_EVENT}:
        return f"e.{name}", f"e.detail.{name}"
    needed = "my.getPhoneNumber" if value.tags & EMPTY else "e.detail"
    return f"e.detail.{name}", "e.detail.encryptedData" if Tag.SEALED_DETAIL in value.tags else needed
