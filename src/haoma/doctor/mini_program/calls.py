"""Which function a call means: one of the program, a platform, a package, the language, or none that was found."""

from __future__ import annotations

from typing import TYPE_CHECKING

from haoma.doctor.mini_program import members, requests
from haoma.doctor.mini_program.builtins import FUNCTIONS, LISTS, METHODS, promise
from haoma.doctor.mini_program.values import UNKNOWN, Call, Object, Value, join, of_object

if TYPE_CHECKING:
    from haoma.doctor.mini_program.machine import Machine
    from haoma.doctor.mini_program.scopes import Frame


def describe(machine: Machine, frame: Frame, options: Value) -> None:
    """Keep the options of a page or component for the file that runs."""
    (machine.owner or frame.module).options.append(options)


def is_callable(value: Value) -> bool:
    """Return whether it is known what a value does when it is called."""
    return bool(value.functions) or any(each.kind in ("api", "external") for each in value.objects)


def called_by_name(machine: Machine, call: Call, callee: Value, name: str, receiver: str) -> Value:
    """Call a method whose receiver says what it is, or whose name has to."""
    promised = name in ("then", "catch", "finally") and not callee.functions
    if name in LISTS and any(each.rest and name not in each.members for each in call.this.objects):
        return METHODS[name](machine, call)  # a list of functions, of which none is the method
    if is_callable(callee) and not promised:
        return machine.apply(machine, callee, call)
    # `get` of what is not known is more likely a request than that of a map.
    if promised or (name in METHODS and not (name == "get" and call.this.open)):
        return METHODS[name](machine, call)
    return requests.unfollowed(machine, call, name, receiver.rpartition(".")[2][:40])


def assign(machine: Machine, written: str, target: Value, name: str, value: Value) -> None:
    """Assign to a member. What is set on a platform's object or on a prototype is there for everybody."""
    members.put(target, name, value)
    for each in target.objects:
        if each.kind == "api":
            machine.kept["api"].put(f"{each.name}.{name}", value)
    if written.endswith((".prototype", ".globalProperties")):
        machine.kept["prototype"].put(name, value)


def constructed(machine: Machine, name: str, callee: Value, call: Call) -> Value:
    """Return what ``new`` makes."""
    if name == "Promise":
        return promise(machine, call)
    made = [each for each in callee.functions if each.statics is not None]
    if made:
        return machine.apply(machine, Value(functions=tuple(made)), call)
    if callee.functions:
        this = of_object(Object())
        return join(this, machine.apply(machine, callee, Call(call.arguments, this, call.node, call.module)))
    if name in FUNCTIONS and not callee.functions:
        return FUNCTIONS[name](machine, call)
    if any(each.kind == "external" for each in callee.objects):
        return of_object(*(Object(kind="external", name=each.name) for each in callee.objects))
    return of_object(Object()) if name in ("Map", "Set", "FormData", "WeakMap", "URLSearchParams") else UNKNOWN
