"""What the language brings along: promises, lists, texts, JSON, and the hooks of Vue and React that keep something."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from haoma.doctor.mini_program.members import each_item, items, keys, member, put, reference, spread, texts_of
from haoma.doctor.mini_program.values import (
    AUTHORIZATION,
    NOTHING,
    UNDEFINED,
    UNKNOWN,
    Call,
    Object,
    Tag,
    Value,
    all_tags,
    flat,
    join,
    native,
    of_object,
    of_text,
    outlive,
    tagged,
    unsettled,
)

if TYPE_CHECKING:
    from haoma.doctor.mini_program.machine import Machine

Act = Callable[["Machine", Call], Value]


def run(machine: Machine, value: Value, call: Call, *arguments: Value) -> Value:
    """Call a value from something that is built in."""
    return machine.apply(machine, value, Call(list(arguments), NOTHING, call.node, call.module))


def run_callbacks(machine: Machine, call: Call, *arguments: Value) -> Value:
    """Call the functions that were given to something unknown. Return what they return."""
    given = [Value(functions=each.functions) for each in call.arguments if each.functions]
    return join(NOTHING, *(run(machine, each, call, *arguments) for each in given))


# --- methods of values -----------------------------------------------------------------------------------------------


def _then(machine: Machine, call: Call) -> Value:
    found = run(machine, call.argument(0), call, call.this) if call.argument(0).functions else call.this
    if call.argument(1).functions:
        with machine.unsurely():
            found = join(found, run(machine, call.argument(1), call, NOTHING))
    return found


def _catch(machine: Machine, call: Call) -> Value:
    with machine.unsurely():
        found = run(machine, call.argument(0), call, NOTHING)
    return join(call.this, found)


def _finally(machine: Machine, call: Call) -> Value:
    run(machine, call.argument(0), call)
    return call.this


def _each(machine: Machine, call: Call) -> Value:
    found = [run(machine, call.argument(0), call, each, NOTHING) for each in each_item(call.this)]
    return of_object(Object({str(number): each for number, each in enumerate(found)}))


def _some(machine: Machine, call: Call) -> Value:
    run(machine, call.argument(0), call, items(call.this), NOTHING)
    return call.this


def _found(machine: Machine, call: Call) -> Value:
    run(machine, call.argument(0), call, items(call.this), NOTHING)
    return items(call.this)


def _reduced(machine: Machine, call: Call) -> Value:
    start = call.argument(1)
    return join(start, run(machine, call.argument(0), call, start, items(call.this), NOTHING))


def _push(_machine: Machine, call: Call) -> Value:
    put(call.this, "", join(NOTHING, *call.arguments))
    return NOTHING


def _text(_machine: Machine, call: Call) -> Value:
    return Value(flat([call.this]).tags, open=call.this.open)


def _join(_machine: Machine, call: Call) -> Value:
    return flat([call.this])


def _concat(_machine: Machine, call: Call) -> Value:
    return join(call.this, *call.arguments)


def _bound(_machine: Machine, call: Call) -> Value:
    bound = call.arguments[1:]

    def act(machine: Machine, inner: Call) -> Value:
        given = [*bound, *inner.arguments]
        return machine.apply(machine, call.this, Call(given, call.argument(0), inner.node, inner.module))

    return native(act, "bound") if call.this.functions or call.this.objects else NOTHING


def _called(machine: Machine, call: Call) -> Value:
    return machine.apply(machine, call.this, Call(call.arguments[1:], call.argument(0), call.node, call.module))


def _applied(machine: Machine, call: Call) -> Value:
    given = [each for one in call.argument(1).objects for each in one.members.values()]
    return machine.apply(machine, call.this, Call(given, call.argument(0), call.node, call.module))


def _map_get(_machine: Machine, call: Call) -> Value:
    return member(call.this, call.argument(0).text) if call.argument(0).text else items(call.this)


def _map_set(_machine: Machine, call: Call) -> Value:
    put(call.this, call.argument(0).text, call.argument(1))
    return call.this


def _taken(_machine: Machine, call: Call) -> Value:
    return items(call.this)


METHODS: Final[dict[str, Act]] = {
    "then": _then, "catch": _catch, "finally": _finally,
    "map": _each, "flatMap": _each, "forEach": _each, "filter": _some, "find": _found, "some": _some, "every": _some,
    "reduce": _reduced, "push": _push, "unshift": _push, "add": _push,
    "shift": _taken, "pop": _taken, "concat": _concat, "join": _join,
    **dict.fromkeys(("replace", "replaceAll", "trim", "toString", "slice", "substring", "substr", "padEnd", "padStart",
                     "split", "valueOf", "toFixed", "normalize", "trimEnd", "trimStart"), _text),
    "toUpperCase": lambda _machine, call: texts_of(call.this, "upper"),
    "toLowerCase": lambda _machine, call: texts_of(call.this, "lower"),
    "bind": _bound, "call": _called, "apply": _applied, "get": _map_get, "set": _map_set, "append": _map_set,
    **dict.fromkeys(("includes", "indexOf", "startsWith", "endsWith", "test", "match", "hasOwnProperty", "charAt",
                     "search", "exec", "lastIndexOf", "charCodeAt", "at"), lambda _machine, _call: NOTHING),
}  # fmt: skip
LISTS: Final = frozenset({
    "map", "flatMap", "forEach", "filter", "find", "some", "every", "reduce", "push", "unshift", "add", "shift", "pop",
})  # fmt: skip
"""What a list does itself, whatever its items are."""


# --- globals ---------------------------------------------------------------------------------------------------------


def _parsed(_machine: Machine, call: Call) -> Value:
    given = call.argument(0)
    if Tag.ENVELOPE not in given.tags:
        return given
    return join(Value(given.tags - {Tag.ENVELOPE}, given.objects, open=given.open), tagged(Tag.ENVELOPE_OBJECT))


def _same(_machine: Machine, call: Call) -> Value:
    return call.argument(0)


def _nothing(_machine: Machine, _call: Call) -> Value:
    return NOTHING


def _assigned(_machine: Machine, call: Call) -> Value:
    target = call.argument(0)
    for each in target.objects:
        for given in call.arguments[1:]:
            spread(each, given)
    if not target.objects:
        new = Object()
        for given in call.arguments:
            spread(new, given)
        return of_object(new)
    return target


def _entries(_machine: Machine, call: Call) -> Value:
    pairs = [
        of_object(Object({"0": of_text(name), "1": value}))
        for each in call.argument(0).objects
        for name, value in list(each.members.items())[:20]
    ]
    pair = of_object(Object({"0": NOTHING, "1": Value(call.argument(0).tags, open=call.argument(0).open)}))
    return of_object(Object({str(number): each for number, each in enumerate(pairs or [pair])}))


def _keys(_machine: Machine, call: Call) -> Value:
    return keys(call.argument(0))


def _values(_machine: Machine, call: Call) -> Value:
    return of_object(Object(rest=items(call.argument(0))))


def _defined(machine: Machine, call: Call) -> Value:
    target, name, how = call.argument(0), call.argument(1).text, call.argument(2)
    if member(how, "value") != UNDEFINED:
        put(target, name, member(how, "value"))
    if member(how, "get").functions:
        put(target, name, run(machine, member(how, "get"), call))
    return target


def _all(_machine: Machine, call: Call) -> Value:
    return call.argument(0)


def _race(_machine: Machine, call: Call) -> Value:
    return items(call.argument(0))


def promise(machine: Machine, call: Call) -> Value:
    """Run what is given to ``new Promise``. Return what it resolves to."""
    inside = Object()
    given_out = False

    def resolve(machine: Machine, inner: Call) -> Value:
        inside.put("value", inner.argument(0) if inner.arguments else NOTHING)
        if given_out and all_tags(inside.members["value"]) & AUTHORIZATION:
            machine.lose(inner.node, inner.module, "promise that others wait for")
        return NOTHING

    run(machine, call.argument(0), call, native(resolve, "resolve"), native(_nothing, "reject"))
    given_out = True
    return inside.members.get("value", NOTHING)


def _timer(machine: Machine, call: Call) -> Value:
    run(machine, call.argument(0), call, *call.arguments[2:])
    return NOTHING


def _ref(_machine: Machine, call: Call) -> Value:
    outlive(call.argument(0))
    held = reference(unsettled(call.argument(0)))
    outlive(held)
    return held


def _reactive(_machine: Machine, call: Call) -> Value:
    outlive(call.argument(0))
    return call.argument(0)


def _state(machine: Machine, call: Call) -> Value:
    """Return the pair of a React state, which outlives its component."""
    state = _kept_state(machine, call)

    def change(_machine: Machine, inner: Call) -> Value:
        given = inner.argument(0)
        state.put("value", run(machine, given, inner, state.members["value"]) if given.functions else given)
        return NOTHING

    return of_object(Object({"0": state.members["value"], "1": native(change, "setState")}))


def _use_ref(machine: Machine, call: Call) -> Value:
    state = _kept_state(machine, call)
    state.members.setdefault("current", state.members["value"])
    return of_object(state)


def _kept_state(machine: Machine, call: Call) -> Object:
    key = call.node.id, call.module.source.path
    state = machine.states.setdefault(key, Object(kind="kept"))
    initial = call.argument(0)
    if "value" not in state.members:
        state.put("value", run(machine, initial, call) if initial.functions else initial if call.arguments else NOTHING)
    return state


def _computed(machine: Machine, call: Call) -> Value:
    given = call.argument(0)
    getter = given if given.functions else member(given, "get")
    return reference(run(machine, getter, call))


def _memo(machine: Machine, call: Call) -> Value:
    return run(machine, call.argument(0), call)


def _to_refs(_machine: Machine, call: Call) -> Value:
    new = Object()
    for each in call.argument(0).objects:
        for name, value in each.members.items():
            new.put(name, reference(value))
    return of_object(new)


def _import(machine: Machine, call: Call) -> Value:
    path = call.argument(0).text
    found = machine.imports(machine, path, call.module) if path else UNKNOWN
    defaults = [each.members.get("default", NOTHING) for each in found.objects if each.kind == ""]
    functions = tuple(function for each in defaults for function in each.functions)
    return join(found, Value(functions=functions)) if functions else found


_WRAPPERS: Final = (
    "useCallback", "useMemoizedFn", "useEvent", "useLockFn", "usePersistFn", "debounce", "throttle", "once", "memo",
    "forwardRef", "observer", "connect", "withRouter", "defineComponent", "markRaw", "toRaw",
    "readonly", "unref", "Behavior", "defineAsyncComponent", "wrapper", "useDebounceFn", "inject", "promisify", "pify",
    "definePageConfig", "definePage", "_debounce", "_throttle", "withSafe", "throttled", "debounced",
)  # fmt: skip
"""Functions that return what they are given, with something around it."""

FUNCTIONS: Final[dict[str, Act]] = {
    "JSON.parse": _parsed, "JSON.stringify": _same,
    "Object.assign": _assigned, "assign": _assigned, "Object.entries": _entries, "Object.keys": _keys,
    "Object.getOwnPropertyNames": _keys, "Reflect.ownKeys": _keys, "Object.values": _values,
    "Object.freeze": _same, "Object.defineProperty": _defined, "Object.create": _same, "Object.fromEntries": _all,
    "Promise.resolve": _same, "Promise.all": _all, "Promise.allSettled": _all, "Promise.race": _race,
    "Promise.any": _race, "Promise.reject": _nothing, "Array.from": _same, "Array.isArray": _nothing, "Array": _same,
    "Reflect.get": _map_get,
    **dict.fromkeys(("encodeURIComponent", "decodeURIComponent", "encodeURI", "String", "Number", "Boolean", "escape",
                     "unescape", "structuredClone", "cloneDeep", "btoa", "toRef", "nextTick_"), _same),
    **dict.fromkeys(("console.log", "console.info", "console.warn", "console.error", "console.debug", "isNaN",
                     "parseInt", "parseFloat", "clearTimeout", "clearInterval", "Date.now", "alert", "Math.random"),
                    _nothing),
    **dict.fromkeys(("setTimeout", "setInterval", "nextTick", "requestAnimationFrame", "queueMicrotask"), _timer),
    "ref": _ref, "shallowRef": _ref, "reactive": _reactive, "shallowReactive": _reactive,
    "computed": _computed, "useMemo": _memo, "toRefs": _to_refs, "useRef": _use_ref,
    "useState": _state, "require": _import, "requirePlugin": _nothing,
    **dict.fromkeys(_WRAPPERS, _same),
}  # fmt: skip
"""Functions by name: globals, and those of frameworks, wherever they were imported from."""
