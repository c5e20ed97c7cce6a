"""State libraries and hooks that keep something or pass a call on: Vuex, Pinia, Redux, Zustand, MobX, ahooks."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from haoma.doctor.mini_program.builtins import FUNCTIONS, Act, run
from haoma.doctor.mini_program.members import member, put, spread
from haoma.doctor.mini_program.requests import unfollowed
from haoma.doctor.mini_program.values import NOTHING, UNKNOWN, Call, Object, Value, join, native, of_object, of_text

if TYPE_CHECKING:
    from haoma.doctor.mini_program.machine import Machine

_MODULES: Final = 60


def _named(value: Value) -> dict[str, Value]:
    return {name: each for one in value.objects for name, each in one.members.items()}


# --- Vuex ------------------------------------------------------------------------------------------------------------


def _vuex(machine: Machine, call: Call) -> Value:
    """Return a store whose ``commit`` and ``dispatch`` run what its modules declare."""
    store = Object(kind="kept")
    state = Object(kind="kept")
    made = of_object(store)
    mutations, actions = machine.kept["mutations"], machine.kept["actions"]
    _register(machine, call, call.argument(0), state, made, "")
    store.put("state", of_object(state))
    store.put("getters", UNKNOWN)

    def commit(machine: Machine, inner: Call) -> Value:
        found = mutations.find(inner.argument(0).text.rpartition("/")[2])
        return run(machine, found, inner, of_object(state), *inner.arguments[1:]) if found else UNKNOWN

    def dispatch(machine: Machine, inner: Call) -> Value:
        found = actions.find(inner.argument(0).text.rpartition("/")[2])
        return run(machine, found, inner, made, *inner.arguments[1:]) if found else UNKNOWN

    store.put("commit", native(commit, "commit"))
    store.put("dispatch", native(dispatch, "dispatch"))
    machine.kept["prototype"].put("$store", made)
    return made


def _register(machine: Machine, call: Call, options: Value, state: Object, made: Value, name: str) -> None:
    initial = member(options, "state")
    initial = run(machine, initial, call) if initial.functions else initial
    spread(state, initial)  # names of modules seldom meet; one state for all keeps both ways of reading it
    if name:
        state.put(name, of_object(state))
    for kind in ("mutations", "actions"):
        for each, act in list(_named(member(options, kind)).items())[:_MODULES]:
            machine.kept[kind].put(each, join(act, member(act, "handler")) if act.objects else act)
    for each, inside in list(_named(member(options, "modules")).items())[:_MODULES]:
        _register(machine, call, inside, state, made, each)


def _mapped(kind: str) -> Act:
    def act(_machine: Machine, call: Call) -> Value:
        """Return the functions that ``mapActions`` and ``mapMutations`` put into a component."""
        new = Object()
        room = call.argument(0).text
        for given in call.arguments:
            for name, value in _named(given).items():
                wanted = value.text or name
                new.put(value.text if name.isdigit() else name, native(_through(kind, wanted, room), wanted))
        return of_object(new)

    return act


def _of_file(machine: Machine, call: Call, kind: str, room: str, name: str) -> Value | None:
    """Return a function of a module of the store whose store is not in the program, by the name of its file."""
    places = [f"{folder}/{inner}{room}" for folder in ("store", "stores") for inner in ("", "modules/")]
    for place in places if room else ():
        found = machine.imports(machine, f"@/{place}", call.module)
        for each in found.objects:
            act = member(member(of_object(each), "default"), kind)
            if member(act, name).functions:
                return member(act, name)
    return None


def _through(kind: str, name: str, room: str) -> Act:
    def act(machine: Machine, call: Call) -> Value:
        store = machine.kept["prototype"].find("$store") or UNKNOWN
        found = machine.kept[kind].find(name.rpartition("/")[2]) or _of_file(machine, call, kind, room, name)
        first = store if kind == "actions" else member(store, "state")
        if found is None:
            return unfollowed(machine, call, name, "store")
        return run(machine, found, call, first, *call.arguments)

    return act


def _map_state(machine: Machine, call: Call) -> Value:
    new = Object()
    state = member(machine.kept["prototype"].find("$store") or UNKNOWN, "state")
    for given in call.arguments:
        for name, value in _named(given).items():
            key = value.text if name.isdigit() else name
            found = run(machine, value, call, state) if value.functions else member(state, value.text or key)
            new.put(key, found)
    return of_object(new)


# --- Pinia, Zustand, MobX, Redux -------------------------------------------------------------------------------------


def _pinia(_machine: Machine, call: Call) -> Value:
    """Return the function that gives a store of Pinia, always the same one."""
    options = next((each for each in reversed(call.arguments[:2]) if each.objects or each.functions), NOTHING)
    store = Object(kind="kept")
    this = of_object(store)

    def use(machine: Machine, inner: Call) -> Value:
        if "$patch" not in store.members:
            store.put("$patch", native(_patch, "$patch"))
            if options.functions:
                spread(store, run(machine, options, inner))
            state = member(options, "state")
            spread(store, run(machine, state, inner) if state.functions else state)
            for kind in ("actions", "getters"):
                spread(store, member(options, kind))
        return this

    def _patch(machine: Machine, inner: Call) -> Value:
        given = inner.argument(0)
        if given.functions:
            run(machine, given, inner, this)
        spread(store, given)
        return NOTHING

    return native(use, "useStore")


def _store_to_refs(machine: Machine, call: Call) -> Value:
    return FUNCTIONS["toRefs"](machine, call)


def _zustand(machine: Machine, call: Call) -> Value:
    """Return the hook of a Zustand store; ``create()(…)`` as well."""
    if not call.arguments:
        return native(_zustand, "create")
    state = Object(kind="kept")
    this = of_object(state)

    def change(machine: Machine, inner: Call) -> Value:
        given = inner.argument(0)
        spread(state, run(machine, given, inner, this) if given.functions else given)
        return NOTHING

    made = run(machine, call.argument(0), call, native(change, "set"), native(lambda _m, _c: this, "get"))
    spread(state, made)

    def use(machine: Machine, inner: Call) -> Value:
        return run(machine, inner.argument(0), inner, this) if inner.argument(0).functions else this

    hook = native(use, "useStore")
    statics = {"getState": native(lambda _m, _c: this, "getState"), "setState": native(change, "setState")}
    return join(hook, of_object(Object(statics)))


def _bindings(_machine: Machine, call: Call) -> Value:
    """Put the actions of a MobX store into a page, as ``createStoreBindings(this, {store, actions})`` does."""
    options = call.argument(1)
    store = member(options, "store")
    for kind in ("actions", "fields"):
        for key, name in _named(member(options, kind)).items():
            found = member(store, name.text)
            put(call.argument(0), name.text if key.isdigit() else key, found)
    return of_object(Object(rest=native(lambda _m, _c: NOTHING, "destroyStoreBindings")))


def _thunk(_machine: Machine, call: Call) -> Value:
    """Return the action of Redux Toolkit's ``createAsyncThunk``: what it is given, called at once."""
    act, name = call.argument(1), call.argument(0).text

    def dispatch(machine: Machine, inner: Call) -> Value:
        redux = native(lambda _m, _c: of_object(machine.kept["redux"]), "getState")
        given = inner.argument(0) if inner.arguments else NOTHING
        payload = run(machine, act, inner, given, of_object(Object({"getState": redux}, rest=UNKNOWN)))
        return _reduced(machine, inner, name, payload)

    return join(native(dispatch, "thunk"), of_object(Object({"fulfilled": of_text(name)}, rest=NOTHING)))


def _reduced(machine: Machine, call: Call, name: str, payload: Value) -> Value:
    """Run the reducers of an action."""
    action = of_object(Object({"payload": payload, "type": of_text(name)}))
    for state, reducer in machine.reducers.get(name, ()):
        run(machine, reducer, call, state, action)
    return action


def _slice(machine: Machine, call: Call) -> Value:
    """Return a slice of Redux Toolkit: its reducers run when their action is made."""
    options = call.argument(0)
    state = Object(kind="kept")
    spread(state, member(options, "initialState"))
    name, held = member(options, "name").text, of_object(state)
    machine.kept["redux"].put(name, held)
    actions = Object()
    for key, reducer in list(_named(member(options, "reducers")).items())[:_MODULES]:
        machine.reducers.setdefault(f"{name}/{key}", []).append((held, reducer))
        actions.put(key, native(_action(f"{name}/{key}"), key))

    def add(machine: Machine, inner: Call) -> Value:
        machine.reducers.setdefault(inner.argument(0).text, []).append((held, inner.argument(1)))
        return inner.this

    builder = of_object(Object({"addCase": native(add, "addCase")}, rest=NOTHING))
    run(machine, member(options, "extraReducers"), call, builder)
    return of_object(Object({"actions": of_object(actions), "reducer": NOTHING}))


def _action(name: str) -> Act:
    def act(machine: Machine, call: Call) -> Value:
        return _reduced(machine, call, name, call.argument(0))

    return act


def _selected(machine: Machine, call: Call) -> Value:
    return run(machine, call.argument(0), call, of_object(machine.kept["redux"]))


def _dispatcher(_machine: Machine, _call: Call) -> Value:
    """Return ``dispatch`` of Redux: a thunk is run, anything else is an action."""

    def dispatch(machine: Machine, inner: Call) -> Value:
        given = inner.argument(0)
        if given.functions:
            return run(machine, Value(functions=given.functions), inner, native(dispatch, "dispatch"), UNKNOWN)
        return given

    return native(dispatch, "dispatch")


def _use_request(_machine: Machine, call: Call) -> Value:
    """Return what ``useRequest(service)`` gives: functions that call the service."""
    service = call.argument(0)
    calls = ("run", "runAsync", "refresh", "send", "mutate")
    return of_object(Object(dict.fromkeys(calls, service), rest=NOTHING))


def _observable(_machine: Machine, call: Call) -> Value:
    return call.argument(0)


def _emitter(machine: Machine, _call: Call) -> Value:
    return native(lambda _machine, inner: emit(machine, inner), "emit")


def emit(machine: Machine, call: Call) -> Value:
    """Keep what a component hands to its own event."""
    machine.emit(call.argument(0).text, join(NOTHING, *call.arguments[1:]))
    return NOTHING


def _props(machine: Machine, call: Call) -> Value:
    given = given_to(machine, call.module.source.stem)
    return of_object(Object(rest=UNKNOWN, kind="props", bases=[given]))


def given_to(machine: Machine, stem: str) -> Object:
    """Return what pages give to a component, by its file."""
    folder, _, name = stem.rpartition("/")
    tag = folder.rpartition("/")[2] if name == "index" else name
    return machine.kept["props"].members.setdefault(kebab(tag), of_object(Object(kind="kept"))).objects[0]


def kebab(name: str) -> str:
    """Return a component's name in small letters, as a template may write it."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", name).lower()


FUNCTIONS.update({
    "Vuex.Store": _vuex, "Store": _vuex, "createStore": _vuex, "mapActions": _mapped("actions"),
    "mapMutations": _mapped("mutations"), "mapState": _map_state,
    "mapGetters": _map_state, "mapWritableState": _map_state,
    "useStore": lambda machine, _call: machine.kept["prototype"].find("$store") or UNKNOWN,
    "defineStore": _pinia, "storeToRefs": _store_to_refs,
    "observable": _observable, "makeAutoObservable": _observable, "action": _observable, "flow": _observable,
    "createStoreBindings": _bindings, "createAsyncThunk": _thunk, "createSlice": _slice,
    "useSelector": _selected, "useAppSelector": _selected, "useDispatch": _dispatcher,
    "useAppDispatch": _dispatcher,
    "zustand.create": _zustand, "zustand.": _zustand, "useRequest": _use_request, "defineEmits": _emitter,
    "defineProps": _props, "withDefaults": _observable,
})  # fmt: skip
