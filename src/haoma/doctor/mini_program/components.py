"""Pages and components: what ``this`` is in them, which of their functions run, and which the button calls."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from haoma.doctor.mini_program.builtins import FUNCTIONS, run
from haoma.doctor.mini_program.flow import apply, import_path, run_module
from haoma.doctor.mini_program.machine import Machine
from haoma.doctor.mini_program.members import member, put, spread
from haoma.doctor.mini_program.sources import VUE
from haoma.doctor.mini_program.stores import emit, given_to
from haoma.doctor.mini_program.syntax import text
from haoma.doctor.mini_program.values import NOTHING, UNKNOWN, Call, Function, Object, Value, native, of_object

if TYPE_CHECKING:
    from tree_sitter import Node

    from haoma.doctor.mini_program.markup import Button
    from haoma.doctor.mini_program.modules import Modules
    from haoma.doctor.mini_program.scopes import Module

_ROOMS: Final = ("methods", "actions", "lifetimes", "pageLifetimes", "observers", "watch", "filters")
"""Where the options of a component hold functions."""
_ROUNDS_OF_DATA: Final = 20


def machine_for(modules: Modules) -> Machine:
    """Return a machine for a program."""
    return Machine(modules, apply, import_path)


def instance(machine: Machine, module: Module) -> Object:
    """Return ``this`` of the page or component that a script describes."""
    run_module(machine, module)
    data = Object(kind="kept")
    this = Object({"data": of_object(data), "state": of_object(data)}, kind="kept", rest=None)
    for name, act in _METHODS.items():
        this.put(name, native(act, name))
    whole = of_object(this)
    for options in module.options:
        _describe(machine, module, options, whole)
    given = given_to(machine, module.source.stem)
    data.bases.append(given)
    this.bases += [given, machine.kept["prototype"]]
    return this


def _call(module: Module, this: Value, *arguments: Value) -> Call:
    return Call(list(arguments), this, module.root, module)


def _describe(machine: Machine, module: Module, options: Value, this: Value) -> None:
    """Add what the options of a page or component say: data, methods, mixins, and what ``setup`` returns."""
    classes = tuple(each for each in options.functions if each.statics is not None)
    this.objects[0].bases += machine.apply(machine, Value(functions=classes), _call(module, NOTHING)).objects
    for each in options.objects:
        for name in ("mixins", "behaviors", "extends"):
            mixed = member(of_object(each), name)
            for one in mixed.objects:
                for held in (of_object(one), *one.members.values()):
                    _mix(machine, module, held, this)
        _mix(machine, module, of_object(each), this)


def _mix(machine: Machine, module: Module, options: Value, this: Value) -> None:
    inside = this.objects[0]
    for each in options.objects:
        spread(inside, of_object(Object({k: v for k, v in each.members.items() if k not in ("data", "methods")})))
        for name in _ROOMS:
            spread(inside, member(of_object(each), name))
        _keep_data(machine, module, member(of_object(each), "data"), this)
        for name, value in list(_one(member(of_object(each), "computed")).items())[:_ROUNDS_OF_DATA]:
            put(this, name, machine.apply(machine, value, _call(module, this)) if value.functions else UNKNOWN)
        setup = member(of_object(each), "setup")
        if setup.functions:
            context = of_object(Object({"emit": native(emit, "emit")}, rest=NOTHING))
            given = machine.apply(machine, setup, _call(module, this, UNKNOWN, context))
            spread(inside, given)
            run(machine, Value(functions=given.functions), _call(module, this))


def _one(value: Value) -> dict[str, Value]:
    return {name: each for one in value.objects for name, each in one.members.items()}


def _keep_data(machine: Machine, module: Module, data: Value, this: Value) -> None:
    if data.functions:
        data = machine.apply(machine, data, _call(module, this))
    for name, value in _one(data).items():
        put(this, name, value)
        put(member(this, "data"), name, value)


# --- what a component brings along -----------------------------------------------------------------------------------


def _set_data(machine: Machine, call: Call) -> Value:
    given = call.argument(0)
    if given.functions:
        given = run(machine, given, call, member(call.this, "data"))
    for name, value in _one(given).items():
        place, (*around, last) = member(call.this, "data"), name.split(".")
        for each in around:
            inner = member(place, each)
            if not inner.objects:
                inner = of_object(Object())
                put(place, each, inner)
            place = inner
        put(place, last, value)
    run(machine, call.argument(1), call)
    return NOTHING


def _set(_machine: Machine, call: Call) -> Value:
    put(call.argument(0), call.argument(1).text, call.argument(2))
    return NOTHING


def _later(machine: Machine, call: Call) -> Value:
    return FUNCTIONS["nextTick"](machine, call)


_METHODS: Final = {
    "setData": _set_data, "setState": _set_data, "$set": _set, "$emit": emit, "triggerEvent": emit,
    "$nextTick": _later, "$forceUpdate": lambda _machine, _call: NOTHING,
}  # fmt: skip


# --- what runs -------------------------------------------------------------------------------------------------------


_INTEREST: Final = re.compile(
    r"log_?in|code|request|post|put|http|fetch|ajax|api|storage|phone|mobile|tel|encrypted|dispatch|commit|store|emit|"
    r"trigger|\$on|props|user",
    re.IGNORECASE,
)
"""What a function has to say to be worth running for what it keeps or sends."""


def _is_of_interest(function: Function) -> bool:
    return _INTEREST.search(text(function.node)) is not None


def run_all(machine: Machine, module: Module, this: Object, *, every: bool = False) -> None:
    """Run the functions of a component with unknown arguments, for what they keep and send.

    Args:
        machine: The walk.
        module: The component's file.
        this: What ``this`` is in it.
        every: True to run all; else those that say something of interest.
    """
    seen, waiting = list[Object](), [this]
    while waiting and len(seen) < 10:
        each = waiting.pop(0)
        seen.append(each)
        for value in list(each.members.values())[:200]:
            found = tuple(one for one in value.functions if one.node is not None and (every or _is_of_interest(one)))
            root(machine, Value(functions=found), module.root, module, of_object(this), _argument(machine, found))
        waiting += [base for base in each.bases if base not in seen and base.kind != "kept"]
    if module.source.suffix in VUE and not module.options:  # a script with setup, whose names a template sees
        for value in list(module.scope.names.values())[:200]:
            own = tuple(one for one in value.functions if one.module is module and one.node and _is_of_interest(one))
            root(machine, Value(functions=own), module.root, module, of_object(this), UNKNOWN)


def _argument(machine: Machine, functions: tuple[Function, ...]) -> Value:
    """Return what the platform gives to a function: to ``onLoad``, what is in the address of the page."""
    query = machine.kept["query"]
    return of_object(query) if query.members and any(each.name == "onLoad" for each in functions) else UNKNOWN


def root(machine: Machine, value: Value, node: Node, module: Module, this: Value, *arguments: Value) -> None:
    """Run a function that the platform calls: nothing was called before it, and nothing is logged in."""
    machine.stack.clear()
    machine.running.clear()
    machine.pending.clear()
    machine.missed_at.clear()
    machine.sent, machine.branches = False, ()
    machine.turn += 1
    for each in value.functions:
        machine.apply(machine, Value(functions=(each,)), Call(list(arguments), this, node, module))


def functions_around(node: Node) -> Node | None:
    """Return the outermost function, or class, that a node stands in."""
    found = None
    here = node.parent
    while here is not None:
        if here.type in ("function_declaration", "arrow_function", "function_expression", "method_definition"):
            found = here
        here = here.parent
    return found


def outermost(module: Module, node: Node) -> Value:
    """Return the outermost function around a node as a value that sees the names of its file."""
    around = functions_around(node)
    if around is None:
        return NOTHING
    return Value(functions=(Function(around, module, module.scope, of_object(Object(rest=UNKNOWN))),))


def root_again(machine: Machine, value: Value, module: Module, this: Value, event: Value) -> None:
    """Run the functions that an attribute of a template holds."""
    for each in value.functions:
        machine.apply(machine, Value(functions=(each,)), Call([event], this, module.root, module))


def show(machine: Machine, button: Button, this: Object) -> None:
    """Run the component whose JSX holds a button, until the button is shown."""
    node, module = button.node, button.module
    if node is None or module is None or functions_around(node) is None:
        return
    key = node.id, button.source.path
    machine.buttons.pop(key, None)
    render = member(of_object(this), "render")
    root(machine, render, module.root, module, of_object(this))
    if key in machine.buttons:
        return
    made = outermost(module, node)
    root(machine, made, module.root, module, of_object(this), UNKNOWN)
    if key in machine.buttons:
        return
    for each in made.functions:
        given = machine.apply(machine, Value(functions=(each,)), _call(module, of_object(this), UNKNOWN))
        root(machine, Value(functions=given.functions), module.root, module, of_object(this), UNKNOWN)
