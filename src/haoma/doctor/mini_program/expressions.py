"""What an expression may hold, and what it does on the way."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import nullcontext
from typing import TYPE_CHECKING, Final

from haoma.doctor.mini_program import calls, hosts, members, requests
from haoma.doctor.mini_program.builtins import FUNCTIONS, run
from haoma.doctor.mini_program.hosts import GLOBALS, get_app
from haoma.doctor.mini_program.machine import DEPTH, Machine
from haoma.doctor.mini_program.reads import member
from haoma.doctor.mini_program.scopes import Frame, Scope
from haoma.doctor.mini_program.syntax import text
from haoma.doctor.mini_program.values import (
    NOTHING,
    UNDEFINED,
    UNKNOWN,
    Call,
    Function,
    Object,
    Tag,
    Value,
    concatenated,
    flat,
    join,
    native,
    of_object,
    of_text,
    unsettled,
    without,
)

if TYPE_CHECKING:
    from tree_sitter import Node

_AROUND: Final = ("parenthesized_expression", "non_null_expression", "as_expression")
_PROP: Final = re.compile(r"on[A-Z]\w*")
_PROPS: Final = re.compile(r"(?:^|\.)props$")
_OPTIONS: Final = ("Page", "Component", "App", "defineComponent", "Vue.extend", "Vue.component", "ComponentWithStore")


def evaluate(machine: Machine, node: Node | None, frame: Frame) -> Value:
    """Return what an expression may hold."""
    if node is None:
        return NOTHING
    act = _EXPRESSIONS.get(node.type)
    if act is None:
        return NOTHING
    machine.step()
    if machine.depth > DEPTH:
        machine.seen.skipped = True
        return UNKNOWN
    machine.depth += 1
    try:
        return act(machine, node, frame)
    finally:
        machine.depth -= 1


def named(machine: Machine, node: Node, name: str, frame: Frame) -> Value:
    """Return what an expression may hold that is given a name: a function takes it."""
    if node.type in _FUNCTIONS:
        return _function(machine, node, frame, name)
    return evaluate(machine, node, frame)


def _inner(machine: Machine, node: Node, frame: Frame) -> Value:
    found = NOTHING
    for each in node.named_children:
        if each.type != "comment":
            found = evaluate(machine, each, frame)
    return found


def _first(machine: Machine, node: Node, frame: Frame) -> Value:
    return evaluate(machine, node.named_children[0] if node.named_children else None, frame)


# --- names and texts -------------------------------------------------------------------------------------------------


def _identifier(machine: Machine, node: Node, frame: Frame) -> Value:
    name = text(node)
    found = frame.scope.find(name)
    if found is not None:
        return found
    if name in GLOBALS:
        extra = machine.kept["api"].members.get(name)
        api = of_object(Object(kind="api", name=name, members=hosts.extras(machine, name)))
        return join(api, extra) if extra else api
    if name in ("getApp", "useApp"):
        return get_app()
    if name == "undefined":
        return UNDEFINED
    return native(FUNCTIONS[name], name) if name in FUNCTIONS else UNKNOWN


def _string(_machine: Machine, node: Node, _frame: Frame) -> Value:
    return of_text("".join(text(each) for each in node.named_children))


def _template(machine: Machine, node: Node, frame: Frame) -> Value:
    pieces, parts = [], []
    for each in node.named_children:
        if each.type == "template_substitution":
            part = _inner(machine, each, frame)
            parts.append(part)
            pieces.append(part.text)
        else:
            pieces.append(text(each))
    whole = flat(parts)
    return Value(whole.tags, texts=frozenset({"".join(pieces)[:300]}), open=whole.open)


def _constant(_machine: Machine, node: Node, _frame: Frame) -> Value:
    return of_text(text(node))


def _this(_machine: Machine, _node: Node, frame: Frame) -> Value:
    return frame.scope.this


# --- objects ---------------------------------------------------------------------------------------------------------


def key_of(machine: Machine, node: Node, frame: Frame) -> str:
    """Return the name of a member of an object; empty if it is not constant."""
    if node.type == "computed_property_name":
        return _inner(machine, node, frame).text
    if node.type == "string":
        return "".join(text(each) for each in node.named_children)
    return text(node)


def _object(machine: Machine, node: Node, frame: Frame) -> Value:
    new = Object()
    for each in node.named_children:
        if each.type == "pair":
            key, value = each.child_by_field_name("key"), each.child_by_field_name("value")
            if key is not None and value is not None:
                name = key_of(machine, key, frame)
                members.put(of_object(new), name, named(machine, value, name, frame))
        elif each.type == "shorthand_property_identifier":
            new.put(text(each), _identifier(machine, each, frame))
        elif each.type == "method_definition":
            key = each.child_by_field_name("name")
            name = key_of(machine, key, frame) if key is not None else ""
            getter = any(one.type == "get" for one in each.children)
            method = _function(machine, each, frame, name)
            new.put(name, _got(machine, method, each, frame, of_object(new)) if getter else method)
        elif each.type == "spread_element":
            members.spread(new, _inner(machine, each, frame))
    return of_object(new)


def _got(machine: Machine, getter: Value, node: Node, frame: Frame, this: Value) -> Value:
    return machine.apply(machine, getter, Call([], this, node, frame.module))


def _array(machine: Machine, node: Node, frame: Frame) -> Value:
    new = Object()
    for number, each in enumerate(node.named_children):
        if each.type == "spread_element":
            given = _inner(machine, each, frame)
            new.rest = join(new.rest or NOTHING, members.items(given))
        else:
            new.put(str(number), evaluate(machine, each, frame))
    return of_object(new)


_FUNCTIONS: Final = frozenset({
    "arrow_function", "function_expression", "function", "generator_function", "method_definition",
})  # fmt: skip


def _function(_machine: Machine, node: Node, frame: Frame, name: str = "") -> Value:
    this = frame.scope.this if node.type == "arrow_function" else None
    return Value(functions=(Function(node, frame.module, frame.scope, this, None, name),))


def class_of(machine: Machine, node: Node, frame: Frame) -> Value:
    """Return a class: a function that makes instances."""
    statics, methods = Object(), Object()
    fields: list[Node] = []
    heritage = next((each for each in node.named_children if each.type == "class_heritage"), None)
    base = _heritage(machine, heritage, frame) if heritage is not None else NOTHING
    body = node.child_by_field_name("body")
    for each in body.named_children if body is not None else ():
        static = any(one.type == "static" for one in each.children)
        key = each.child_by_field_name("name")
        if key is None:
            continue
        name = key_of(machine, key, frame)
        if each.type == "method_definition":
            (statics if static else methods).put(name, _function(machine, each, frame, name))
        elif static:
            value = each.child_by_field_name("value")
            statics.put(name, named(machine, value, name, frame) if value is not None else NOTHING)
        else:
            fields.append(each)
    bases = [one.statics for one in base.functions if one.statics is not None]
    prototype = Object(dict(methods.members), bases=[each for one in bases for each in one.bases])
    statics.put("prototype", of_object(prototype))

    def make(machine: Machine, call: Call) -> Value:
        return _instance(machine, call, prototype, fields, base, frame)

    statics.bases = [prototype]
    name = text(node.child_by_field_name("name"))
    return Value(functions=(Function(native=make, name=name, statics=statics, module=frame.module),))


def _heritage(machine: Machine, node: Node, frame: Frame) -> Value:
    return _inner(machine, node.named_children[0], frame) if node.named_children else NOTHING


def _instance(machine: Machine, call: Call, prototype: Object, fields: list[Node], base: Value, frame: Frame) -> Value:
    new = Object(bases=[prototype])
    this = of_object(new)
    for one in base.functions:
        new.bases += run(machine, Value(functions=(one,)), call, *call.arguments).objects
    inner = Frame(frame.module, Scope(frame.scope, this=this, turn=frame.scope.turn), [])
    for each in fields:
        key, value = each.child_by_field_name("name"), each.child_by_field_name("value")
        if key is not None:
            name = key_of(machine, key, inner)
            new.put(name, named(machine, value, name, inner) if value is not None else NOTHING)
    constructor = prototype.find("constructor")
    if constructor is not None:
        machine.apply(machine, constructor, Call(call.arguments, this, call.node, call.module))
    return this


def _member(machine: Machine, node: Node, frame: Frame) -> Value:
    inner, name = node.child_by_field_name("object"), text(node.child_by_field_name("property"))
    value = evaluate(machine, inner, frame)
    whole = f"{text(inner)[:40]}.{name}"
    if value == UNKNOWN and whole in FUNCTIONS:
        return native(FUNCTIONS[whole], whole)
    if value == UNDEFINED and node.child_by_field_name("optional_chain") is None:
        machine.read_from_nothing()
    return member(machine, value, name, node, frame)


def _subscript(machine: Machine, node: Node, frame: Frame) -> Value:
    value = evaluate(machine, node.child_by_field_name("object"), frame)
    key = evaluate(machine, node.child_by_field_name("index"), frame)
    if key.text:
        found = members.item(value, key.text) if key.text.isdigit() else member(machine, value, key.text, node, frame)
    else:
        parts = [member(machine, value, each, node, frame) for each in key.texts]
        found = join(*parts) if parts else members.items(value)
    return without(found, Tag.MISSING) if found.tags == {Tag.MISSING} and not key.text else found


# --- operators -------------------------------------------------------------------------------------------------------


def _assignment(machine: Machine, node: Node, frame: Frame) -> Value:
    left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
    named_by = left.child_by_field_name("property") if left is not None and left.type == "member_expression" else left
    name = text(named_by) if named_by is not None and named_by.child_count == 0 else ""
    value = named(machine, right, name, frame) if right is not None else NOTHING
    if left is not None:
        assign(machine, left, value, frame)
    return value


def assign(machine: Machine, left: Node, value: Value, frame: Frame) -> None:
    """Assign to a name, a member or a pattern."""
    kind = left.type
    if kind in ("identifier", "shorthand_property_identifier_pattern"):
        frame.scope.assign(text(left), value, machine.turn, len(machine.branches))
    elif kind in ("member_expression", "subscript_expression"):
        target = evaluate(machine, left.child_by_field_name("object"), frame)
        key = left.child_by_field_name("index")
        name = evaluate(machine, key, frame).text if key is not None else text(left.child_by_field_name("property"))
        calls.assign(machine, text(left.child_by_field_name("object")), target, name, value)
    elif kind in ("parenthesized_expression", "non_null_expression", "as_expression"):
        assign(machine, left.named_children[0], value, frame)
    elif kind == "object_pattern":
        _assign_members(machine, left, value, frame)
    elif kind == "array_pattern":
        for number, each in enumerate(left.named_children):
            assign(machine, each, members.item(value, str(number)), frame)


def _assign_members(machine: Machine, left: Node, value: Value, frame: Frame) -> None:
    for each in left.named_children:
        if each.type == "pair_pattern":
            key, inner = each.child_by_field_name("key"), each.child_by_field_name("value")
            if key is not None and inner is not None:
                assign(machine, inner, member(machine, value, key_of(machine, key, frame), each, frame), frame)
        elif each.type in ("shorthand_property_identifier_pattern", "object_assignment_pattern"):
            name = each.child_by_field_name("left") or each
            assign(machine, name, member(machine, value, text(name), each, frame), frame)


def _augmented(machine: Machine, node: Node, frame: Frame) -> Value:
    left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
    before = evaluate(machine, left, frame)
    value = evaluate(machine, right, frame)
    both = concatenated(before, value)
    if left is not None:
        assign(machine, left, both, frame)
    return both


def _binary(machine: Machine, node: Node, frame: Frame) -> Value:
    operator = text(node.child_by_field_name("operator"))
    if operator == "+":
        return _sum(machine, node, frame)
    left = evaluate(machine, node.child_by_field_name("left"), frame)
    if operator in ("||", "&&", "??"):
        return _logical(machine, node, frame, left, operator)
    right = evaluate(machine, node.child_by_field_name("right"), frame)
    if operator in ("===", "==", "!==", "!=") and left.text and right.text and not (left.tags or right.tags):
        return of_text("true" if (left.text == right.text) == operator.startswith("=") else "false")
    return NOTHING


def _sum(machine: Machine, node: Node, frame: Frame) -> Value:
    """Add texts, however many: the first stand deepest."""
    operands: list[Node] = []
    here: Node | None = node
    while here is not None and here.type == "binary_expression" and text(here.child_by_field_name("operator")) == "+":
        right = here.child_by_field_name("right")
        operands += [right] if right is not None else []
        here = here.child_by_field_name("left")
    operands += [here] if here is not None else []
    return concatenated(*(evaluate(machine, each, frame) for each in reversed(operands[-200:])))


def _logical(machine: Machine, node: Node, frame: Frame, left: Value, operator: str) -> Value:
    truth = left.truth
    if (operator == "&&" and truth is False) or (operator == "||" and truth is True):
        machine.seen.skipped |= operator == "&&"
        return left
    before = dict(machine.pending)
    with machine.branch() if truth is None else nullcontext():
        right = evaluate(machine, node.child_by_field_name("right"), frame)
    machine.pending = before | machine.pending
    if operator == "&&" or truth is False:
        return unsettled(right) if truth is None else right
    return join(without(left, Tag.MISSING), right)


def _ternary(machine: Machine, node: Node, frame: Frame) -> Value:
    truth = evaluate(machine, node.child_by_field_name("condition"), frame).truth
    branches = {True: ("consequence",), False: ("alternative",), None: ("consequence", "alternative")}[truth]
    machine.seen.skipped |= truth is not None
    with machine.branch() if truth is None else nullcontext():
        return join(*(evaluate(machine, node.child_by_field_name(each), frame) for each in branches))


def _unary(machine: Machine, node: Node, frame: Frame) -> Value:
    truth = evaluate(machine, node.child_by_field_name("argument"), frame).truth
    if text(node.child_by_field_name("operator")) == "!" and truth is not None:
        return of_text("false" if truth else "true")
    return NOTHING


# --- calls -----------------------------------------------------------------------------------------------------------


def _arguments(machine: Machine, node: Node, frame: Frame) -> list[Value]:
    given = node.child_by_field_name("arguments")
    found: list[Value] = []
    for each in given.named_children if given is not None else ():
        if each.type == "comment":
            continue
        if each.type == "spread_element":
            spread = _inner(machine, each, frame)
            found += [one for held in spread.objects for one in held.members.values()] or [members.items(spread)]
        else:
            found.append(evaluate(machine, each, frame))
    return found[:20]


def _call(machine: Machine, node: Node, frame: Frame) -> Value:
    function = node.child_by_field_name("function")
    while function is not None and function.type in _AROUND:
        function = function.named_children[0]
    if function is None:
        return NOTHING
    if function.type in ("member_expression", "subscript_expression"):
        return _method_call(machine, node, function, frame)
    if function.type == "import":
        arguments = _arguments(machine, node, frame)
        return machine.imports(machine, arguments[0].text, frame.module) if arguments else UNKNOWN
    return _plain_call(machine, node, function, frame)


def _plain_call(machine: Machine, node: Node, function: Node, frame: Frame) -> Value:
    name = text(function) if function.type == "identifier" else ""
    callee = evaluate(machine, function, frame)
    call = Call(_arguments(machine, node, frame), NOTHING, node, frame.module)
    if name in _OPTIONS and not (callee.functions and callee.functions[0].node):
        calls.describe(machine, frame, call.argument(0))
        return call.argument(0)
    if calls.is_callable(callee):
        return machine.apply(machine, callee, call)
    if callee.objects and not callee.open:
        return NOTHING
    return requests.unfollowed(machine, call, name or text(function)[:40])


def _method_call(machine: Machine, node: Node, function: Node, frame: Frame) -> Value:
    inner = function.child_by_field_name("object")
    receiver = evaluate(machine, inner, frame)
    index = function.child_by_field_name("index")
    name = evaluate(machine, index, frame).text if index is not None else text(function.child_by_field_name("property"))
    call = Call(_arguments(machine, node, frame), receiver, node, frame.module)
    whole = f"{text(inner)[:40]}.{name}"
    if whole in FUNCTIONS:
        return FUNCTIONS[whole](machine, call)
    if whole in _OPTIONS:
        calls.describe(machine, frame, call.argument(len(call.arguments) - 1))
        return call.argument(len(call.arguments) - 1)
    callee = member(machine, receiver, name, function, frame) if name else NOTHING
    if _PROP.fullmatch(name) and _PROPS.search(text(inner)):
        machine.emit(name.removeprefix("on"), join(NOTHING, *call.arguments[:1]), direct=True)
        return machine.apply(machine, callee, call) if callee.functions else NOTHING
    return calls.called_by_name(machine, call, callee, name, text(inner))


def _new(machine: Machine, node: Node, frame: Frame) -> Value:
    constructor = node.child_by_field_name("constructor")
    call = Call(_arguments(machine, node, frame), NOTHING, node, frame.module)
    return calls.constructed(machine, text(constructor), evaluate(machine, constructor, frame), call)


# --- JSX -------------------------------------------------------------------------------------------------------------


def _jsx(machine: Machine, node: Node, frame: Frame) -> Value:
    opening = node.child_by_field_name("open_tag") or node
    attributes: dict[str, Value] = {}
    for each in opening.named_children:
        if each.type == "jsx_attribute" and each.named_children:
            value = each.named_children[1] if len(each.named_children) > 1 else None
            name = text(each.named_children[0])
            attributes[name] = of_text("true") if value is None else named_in(machine, value, name, frame)
        elif each.type == "jsx_expression":
            attributes["..."] = _inner(machine, each, frame)
    machine.buttons[opening.id, frame.module.source.path] = (opening, frame.module, attributes)
    for each in node.named_children:
        if each.type in ("jsx_element", "jsx_self_closing_element", "jsx_expression"):
            evaluate(machine, each, frame)
    _component(machine, opening, attributes, frame)
    return NOTHING


def named_in(machine: Machine, node: Node, name: str, frame: Frame) -> Value:
    """Return what an attribute holds."""
    inner = node.named_children[0] if node.type == "jsx_expression" and node.named_children else node
    return named(machine, inner, name, frame)


def _component(machine: Machine, opening: Node, attributes: dict[str, Value], frame: Frame) -> None:
    """Run a component of the program with what it is given, so that the events that it passes on are followed."""
    name = text(opening.child_by_field_name("name"))
    component = frame.scope.find(name) if name[:1].isupper() else None
    props = Object({key: each for key, each in attributes.items() if key != "..."}, rest=NOTHING)
    if component is not None and component.functions and len(machine.running) < 4:
        call = Call([of_object(props)], NOTHING, opening, frame.module)
        made = machine.apply(machine, component, call)
        render = members.member(made, "render")
        if render.functions:
            members.put(made, "props", of_object(props))
            machine.apply(machine, render, Call([], made, opening, frame.module))


def _jsx_expression(machine: Machine, node: Node, frame: Frame) -> Value:
    return _inner(machine, node, frame)


_Act = Callable[[Machine, "Node", Frame], Value]
_EXPRESSIONS: Final[dict[str, _Act]] = {
    "identifier": _identifier, "shorthand_property_identifier": _identifier, "undefined": lambda _m, _n, _f: UNDEFINED,
    "this": _this, "super": _this, "string": _string, "template_string": _template, "number": _constant,
    "true": _constant, "false": _constant, "null": _constant, "object": _object, "array": _array,
    **dict.fromkeys(_FUNCTIONS, _function), "class": class_of, "class_declaration": class_of,
    "abstract_class_declaration": class_of,
    "member_expression": _member, "subscript_expression": _subscript, "assignment_expression": _assignment,
    "augmented_assignment_expression": _augmented, "binary_expression": _binary, "ternary_expression": _ternary,
    "unary_expression": _unary, "update_expression": lambda _m, _n, _f: NOTHING,
    "call_expression": _call, "new_expression": _new,
    **dict.fromkeys(("parenthesized_expression", "sequence_expression", "await_expression", "spread_element",
                     "yield_expression"), _inner),
    **dict.fromkeys(("as_expression", "satisfies_expression", "non_null_expression"), _first),
    "type_assertion": _inner, "jsx_expression": _jsx_expression,
    **dict.fromkeys(("jsx_element", "jsx_self_closing_element", "jsx_fragment"), _jsx),
}  # fmt: skip
