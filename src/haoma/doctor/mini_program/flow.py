"""Walks through a program as if it ran, with abstract values: statements, functions and classes.

Every branch is taken, loops run once, and an assignment adds to what a name may hold. A function is entered where it is
called, so that what is sent is known together with what was given.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import nullcontext
from functools import cache
from typing import TYPE_CHECKING, Final

from haoma.doctor.mini_program import expressions, hosts, members, reads, requests
from haoma.doctor.mini_program.machine import CALLS, DEPTH, Machine, OutOfSteps, Place
from haoma.doctor.mini_program.scopes import Frame, Module, Scope
from haoma.doctor.mini_program.syntax import text
from haoma.doctor.mini_program.values import (
    AUTHORIZATION,
    NOTHING,
    UNDEFINED,
    UNKNOWN,
    Call,
    Function,
    Object,
    Tag,
    Value,
    all_tags,
    join,
    of_object,
    outlive,
    unsettled,
    without,
)

if TYPE_CHECKING:
    from tree_sitter import Node


# --- files -----------------------------------------------------------------------------------------------------------


def run_module(machine: Machine, module: Module) -> Object:
    """Run a file, once. Return what it exports."""
    if module.evaluated:
        return module.exports
    module.evaluated = True
    scope = module.scope
    exports = module.exports
    scope.names |= {"exports": of_object(exports), "module": of_object(Object({"exports": of_object(exports)}))}
    scope.this = of_object(Object())
    owner, machine.owner = machine.owner, module
    try:
        # What bundlers export are getters of functions that are defined further down.
        for _again in range(2 if "defineProperty" in module.source.text else 1):
            block(machine, module.root.named_children, Frame(module, scope, []))
    finally:
        machine.owner = owner
    for each in scope.names["module"].objects:
        assigned = each.members.get("exports", NOTHING)  # a script may give the name to a variable of its own
        others = [one for one in assigned.objects if one is not exports]
        exports.bases += reversed(others)
        exports.put("default", assigned if others or assigned.functions else NOTHING)
    return exports


def import_path(machine: Machine, path: str, module: Module) -> Value:
    """Return what the file at a path exports, or the package."""
    file = machine.modules.find(path, module.source)
    library = requests.library(path)
    if library or file is None:
        taro = Object(kind="api", name="Taro")
        return of_object(taro if path == "@tarojs/taro" else Object(kind="external", name=library or path))
    found = [_import_one(machine, each) for each in machine.modules.of(file)]
    return of_object(*found) if found else UNKNOWN


def _import_one(machine: Machine, module: Module) -> Object:
    """Run a file that another one imports, and leave enough steps for that one."""
    kept_back = machine.steps // 5
    machine.steps -= kept_back
    try:
        return run_module(machine, module)
    except OutOfSteps:
        if machine.is_late:
            raise
        machine.seen.lost[Place(module.source.path, 1), "code too large to follow", ""] = None
        machine.steps = 0
        return module.exports
    finally:
        machine.steps += kept_back


# --- functions -------------------------------------------------------------------------------------------------------


def apply(machine: Machine, value: Value, call: Call) -> Value:
    """Call whatever a value may be: functions of the program, of a platform, of a package."""
    found = [call_function(machine, each, call) for each in value.functions]
    for each in value.objects:
        if each.kind == "api":
            found.append(hosts.called(machine, each.name, call))
        elif each.kind == "external":
            found.append(requests.external(machine, each.name, call))
    if value.open and not found:
        return requests.unfollowed(machine, call, "")
    return join(*found) if found else NOTHING


def call_function(machine: Machine, function: Function, call: Call) -> Value:
    """Run a function with arguments. Return what it returns."""
    if function.native is not None:
        return function.native(machine, call)
    node, module = function.node, function.module
    if node is None or module is None or function.scope is None:
        return UNKNOWN
    key = function.key
    if machine.running.count(key) > 1:
        return UNKNOWN
    if len(machine.running) >= CALLS or machine.depth > DEPTH:
        if any(all_tags(each) & AUTHORIZATION for each in call.arguments):
            machine.lose(call.node, call.module, "call too deep to follow")
        machine.seen.skipped = True
        return UNKNOWN
    this = function.this if function.this is not None else call.this
    scope = Scope(function.scope, this=this, turn=machine.turn)
    frame = Frame(module, scope, [])
    machine.running.append(key)
    machine.stack.append((call.node, call.module, function.name))
    try:
        _bind_parameters(machine, node, call.arguments, frame)
        body = node.child_by_field_name("body")
        if body is not None and body.type == "statement_block":
            hoist(body.named_children, frame)
            block(machine, body.named_children, frame)
        elif body is not None:
            frame.returned.append(expressions.evaluate(machine, body, frame))
    finally:
        machine.running.pop()
        machine.stack.pop()
    return join(*frame.returned) if frame.returned else NOTHING


def _bind_parameters(machine: Machine, node: Node, arguments: list[Value], frame: Frame) -> None:
    single = node.child_by_field_name("parameter")
    if single is not None:
        bind(machine, single, arguments[0] if arguments else UNDEFINED, frame)
        return
    parameters = node.child_by_field_name("parameters")
    frame.scope.declare("arguments", of_object(Object({str(n): each for n, each in enumerate(arguments)})))
    position = 0
    for each in parameters.named_children if parameters is not None else ():
        if each.type not in ("required_parameter", "optional_parameter"):
            continue
        pattern = each.child_by_field_name("pattern") or each
        if pattern.type == "this":
            continue
        if pattern.type == "rest_pattern":
            rest = {str(number): one for number, one in enumerate(arguments[position:])}
            bind(machine, pattern.named_children[0], of_object(Object(rest)), frame)
            break
        given = arguments[position] if position < len(arguments) else UNDEFINED
        default = each.child_by_field_name("value")
        if default is not None:
            given = _or_default(machine, given, default, frame)
        bind(machine, pattern, given, frame)
        position += 1


# --- patterns --------------------------------------------------------------------------------------------------------


def bind(machine: Machine, pattern: Node, value: Value, frame: Frame) -> None:
    """Declare the names of a pattern."""
    kind = pattern.type
    if kind in ("identifier", "shorthand_property_identifier_pattern"):
        frame.scope.declare(text(pattern), value, len(machine.branches))
    elif kind == "assignment_pattern":
        left, right = pattern.child_by_field_name("left"), pattern.child_by_field_name("right")
        if left is not None and right is not None:
            bind(machine, left, _or_default(machine, value, right, frame), frame)
    elif kind == "object_pattern":
        _bind_object(machine, pattern, value, frame)
    elif kind == "array_pattern":
        for number, each in enumerate(pattern.named_children):
            if each.type == "rest_pattern":
                bind(machine, each.named_children[0], value, frame)
            else:
                bind(machine, each, members.item(value, str(number)), frame)
    elif kind in ("member_expression", "subscript_expression"):
        expressions.assign(machine, pattern, value, frame)


def _or_default(machine: Machine, value: Value, default: Node, frame: Frame) -> Value:
    if value.truth is True or (value.tags and Tag.MISSING not in value.tags):
        return value
    other = expressions.evaluate(machine, default, frame)
    return other if value == UNDEFINED else join(without(value, Tag.MISSING), other)


def _bind_object(machine: Machine, pattern: Node, value: Value, frame: Frame) -> None:
    if value == UNDEFINED:
        machine.read_from_nothing()
    for each in pattern.named_children:
        if each.type == "shorthand_property_identifier_pattern":
            bind(machine, each, reads.member(machine, value, text(each), each, frame), frame)
        elif each.type == "object_assignment_pattern":
            left, right = each.child_by_field_name("left"), each.child_by_field_name("right")
            if left is not None and right is not None:
                found = reads.member(machine, value, text(left), each, frame)
                bind(machine, left, _or_default(machine, found, right, frame), frame)
        elif each.type == "pair_pattern":
            key, inner = each.child_by_field_name("key"), each.child_by_field_name("value")
            if key is not None and inner is not None:
                name = expressions.key_of(machine, key, frame)
                bind(machine, inner, reads.member(machine, value, name, each, frame), frame)
        elif each.type == "rest_pattern":
            bind(machine, each.named_children[0], value, frame)


# --- statements ------------------------------------------------------------------------------------------------------


def hoist(statements: list[Node], frame: Frame) -> None:
    """Declare the functions of a block, which may be called before they are written."""
    for each in statements:
        node = each
        if each.type == "export_statement":
            node = each.child_by_field_name("declaration") or each
        if node.type in ("function_declaration", "generator_function_declaration"):
            name = text(node.child_by_field_name("name"))
            frame.scope.declare(name, of_function(node, frame, name))


def of_function(node: Node, frame: Frame, name: str = "", this: Value | None = None) -> Value:
    """Return a function as a value."""
    return Value(functions=(Function(node, frame.module, frame.scope, this, None, name),))


def block(machine: Machine, statements: list[Node], frame: Frame) -> bool:
    """Run statements. Return whether they leave the function."""
    hoist(statements, frame)
    return any(statement(machine, each, frame) for each in statements)


def statement(machine: Machine, node: Node, frame: Frame) -> bool:
    """Run a statement. Return whether it leaves the function."""
    run = _STATEMENTS.get(node.type)
    if run is None:
        return False
    machine.step()
    if machine.depth > DEPTH:
        machine.seen.skipped = True
        return False
    machine.depth += 1
    try:
        return bool(run(machine, node, frame))
    finally:
        machine.depth -= 1


def _expression(machine: Machine, node: Node, frame: Frame) -> None:
    for each in node.named_children:
        expressions.evaluate(machine, each, frame)


def _declaration(machine: Machine, node: Node, frame: Frame) -> None:
    outlives = frame.scope.turn < 0 and text(node.children[0]) != "const"
    for each in node.named_children:
        pattern, value = each.child_by_field_name("name"), each.child_by_field_name("value")
        if pattern is None:
            continue
        name = text(pattern) if pattern.type == "identifier" else ""
        held = expressions.named(machine, value, name, frame) if value else NOTHING
        if frame.scope.turn < 0 and name and _changed(name).search(frame.module.source.text):
            outlive(held)
        bind(machine, pattern, unsettled(held) if outlives else held, frame)


@cache
def _changed(name: str) -> re.Pattern[str]:
    """Return a pattern of an assignment to a member of what has a name."""
    return re.compile(rf"(?<![\w$.]){re.escape(name)}(?:\.[\w$]{{1,60}}|\[[^\]\n]{{1,60}}\]){{1,6}}\s*=(?!=)")


def _block(machine: Machine, node: Node, frame: Frame) -> bool:
    return block(machine, node.named_children, frame.inner())


def _return(machine: Machine, node: Node, frame: Frame) -> bool:
    for each in node.named_children:
        if each.type != "comment":
            frame.returned.append(expressions.evaluate(machine, each, frame))
    return True


def _if(machine: Machine, node: Node, frame: Frame) -> bool:
    condition = node.child_by_field_name("condition")
    truth = expressions.evaluate(machine, condition, frame).truth if condition is not None else None
    before, sent = dict(machine.pending), machine.sent
    ends: list[bool] = []
    sents: list[bool] = []
    after = dict(before)
    for name, skipped in (("consequence", False), ("alternative", True)):
        branch = node.child_by_field_name(name)
        machine.pending, machine.sent = dict(before), sent
        if truth is skipped and truth is not None:
            machine.seen.skipped |= branch is not None or len(ends) == 1
            ends.append(True)
            continue
        with machine.branch() if truth is None else nullcontext():
            left = branch is not None and statement(machine, branch, frame)
        ends.append(left)
        sents += [] if left else [machine.sent]
        after |= {} if left else machine.pending
    machine.pending, machine.sent = after, any(sents)
    return all(ends)


def _inner_statements(machine: Machine, node: Node, frame: Frame) -> bool:
    left = False
    for each in node.named_children:
        left |= statement(machine, each, frame)
    return left


def _try(machine: Machine, node: Node, frame: Frame) -> bool:
    left = False
    for name in ("body", "handler", "finalizer"):
        part = node.child_by_field_name(name)
        if part is None:
            continue
        if name == "handler":
            with machine.unsurely():
                _catch(machine, part, frame)
        else:
            body = part.child_by_field_name("body") if part.type == "finally_clause" else part
            left = statement(machine, body, frame) if body is not None else left
    return left


def _catch(machine: Machine, node: Node, frame: Frame) -> None:
    inner = frame.inner()
    parameter, body = node.child_by_field_name("parameter"), node.child_by_field_name("body")
    if parameter is not None:
        bind(machine, parameter, NOTHING, inner)
    if body is not None:
        statement(machine, body, inner)


def _for_in(machine: Machine, node: Node, frame: Frame) -> None:
    left, right, body = (node.child_by_field_name(name) for name in ("left", "right", "body"))
    inner = frame.inner()
    if left is None or right is None or body is None:
        return
    value = expressions.evaluate(machine, right, frame)
    of_items = text(node.child_by_field_name("operator")) == "of"
    with machine.branch():
        for one in members.each_item(value if of_items else members.keys(value)):
            again = inner.inner()
            bind(machine, left, one, again)
            statement(machine, body, again)


def _loop(machine: Machine, node: Node, frame: Frame) -> None:
    inner = frame.inner()
    with machine.branch():
        _loop_once(machine, node, inner)


def _loop_once(machine: Machine, node: Node, inner: Frame) -> None:
    for name in ("initializer", "condition", "body", "increment"):
        part = node.child_by_field_name(name)
        if part is not None and not statement(machine, part, inner) and part.type not in _STATEMENTS:
            expressions.evaluate(machine, part, inner)


def _switch(machine: Machine, node: Node, frame: Frame) -> None:
    value, body = node.child_by_field_name("value"), node.child_by_field_name("body")
    if value is not None:
        expressions.evaluate(machine, value, frame)
    before = dict(machine.pending)
    after = dict(before)
    for case in body.named_children if body is not None else ():
        machine.pending = dict(before)
        with machine.branch():
            left = block(machine, [each for each in case.named_children if each.type in _STATEMENTS], frame)
        after |= {} if left else machine.pending
    machine.pending = after


def _class(machine: Machine, node: Node, frame: Frame) -> None:
    frame.scope.declare(text(node.child_by_field_name("name")), expressions.evaluate(machine, node, frame))


def _export(machine: Machine, node: Node, frame: Frame) -> None:
    exports = frame.module.exports
    declaration, value = node.child_by_field_name("declaration"), node.child_by_field_name("value")
    source = node.child_by_field_name("source")
    is_default = any(each.type == "default" for each in node.children)
    if declaration is not None:
        statement(machine, declaration, frame)
        for name in declared(declaration):
            found = frame.scope.names.get(name, NOTHING)
            exports.put("default" if is_default else name, found)
            if is_default:
                exports.put(name, found)
                frame.module.options.append(found)
    elif value is not None:
        found = expressions.named(machine, value, "default", frame)
        exports.put("default", found)
        frame.module.options.append(found)
    elif source is not None:
        _export_from(node, import_from(machine, source, frame), exports)
    else:
        for each in _specifiers(node):
            inner, alias = each.child_by_field_name("name"), each.child_by_field_name("alias")
            exports.put(text(alias or inner), frame.scope.find(text(inner)) or UNKNOWN)


def _specifiers(node: Node) -> list[Node]:
    return [one for each in node.named_children if each.type == "export_clause" for one in each.named_children]


def _export_from(node: Node, found: Value, exports: Object) -> None:
    specifiers = _specifiers(node)
    for each in specifiers:
        name, alias = each.child_by_field_name("name"), each.child_by_field_name("alias")
        exports.put(text(alias or name), members.member(found, text(name)))
    if not specifiers:
        exports.bases += found.objects


def declared(node: Node) -> list[str]:
    """Return the names that a declaration declares."""
    if node.type in ("lexical_declaration", "variable_declaration"):
        patterns = [each.child_by_field_name("name") for each in node.named_children]
        return [name for each in patterns if each is not None for name in _names(each)]
    name = node.child_by_field_name("name")
    return [text(name)] if name is not None else []


def _names(pattern: Node) -> list[str]:
    if not pattern.named_children:
        return [text(pattern)]
    kinds = ("identifier", "shorthand_property_identifier_pattern")
    return [text(each) for each in pattern.named_children if each.type in kinds]


def _import(machine: Machine, node: Node, frame: Frame) -> None:
    source = node.child_by_field_name("source")
    clause = next((each for each in node.named_children if each.type == "import_clause"), None)
    if source is None:
        return
    found = import_from(machine, source, frame)
    for each in clause.named_children if clause is not None else ():
        if each.type == "identifier":
            # Conditional compilation may import one name from several files.
            before = frame.scope.names.get(text(each))
            default = members.default_of(found)
            _imported(frame, text(each), join(before, default) if before is not None else default, found, "default")
        elif each.type == "namespace_import":
            frame.scope.declare(text(each.named_children[0]), found)
        elif each.type == "named_imports":
            for one in each.named_children:
                name, alias = one.child_by_field_name("name"), one.child_by_field_name("alias")
                _imported(frame, text(alias or name), members.member(found, text(name)), found, text(name))


def _imported(frame: Frame, name: str, value: Value, found: Value, key: str) -> None:
    frame.scope.declare(name, value)
    files = [each for each in found.objects if each.kind == ""]
    if files:
        frame.scope.imported[name] = files[0], key


def import_from(machine: Machine, source: Node, frame: Frame) -> Value:
    """Return what the file that is named by a text exports, or the package."""
    return import_path(machine, "".join(text(each) for each in source.named_children), frame.module)


_Run = Callable[[Machine, "Node", Frame], bool | None]
_STATEMENTS: Final[dict[str, _Run]] = {
    "expression_statement": _expression, "lexical_declaration": _declaration, "variable_declaration": _declaration,
    "statement_block": _block, "return_statement": _return, "throw_statement": _return, "if_statement": _if,
    "else_clause": _inner_statements, "try_statement": _try, "for_in_statement": _for_in, "for_statement": _loop,
    "while_statement": _loop, "do_statement": _loop, "switch_statement": _switch,
    "labeled_statement": _inner_statements,
    "class_declaration": _class, "abstract_class_declaration": _class, "export_statement": _export,
    "import_statement": _import,
}  # fmt: skip
