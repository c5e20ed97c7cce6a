"""State libraries and hooks that keep something or pass a call on: Vuex, Pinia, Redux, Zustand, MobX, ahooks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from haoma.doctor.mini_program.builtins import FUNCTIONS, Act, run
from haoma.doctor.mini_program.members import member, put, spread
from haoma.doctor.mini_program.values import NOTHING, UNKNOWN, Call, Object, Value, join, native, of_object

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
        for given in call.arguments:
            for name, value in _named(given).items():
                wanted = value.text or name
                new.put(value.text if name.isdigit() else name, native(_through(kind, wanted), wanted))
        return of_object(new)

    return act


def _through(kind: str, name: str) -> Act:
    def act(machine: Machine, call: Call) -> Value:
        store = machine.kept["prototype"].find("$store") or UNKNOWN
        found = machine.kept[kind].find(name.rpartition("/")[2])
        first = store if kind == "actions" else member(store, "state")
        return run(machine, found, call, first, *call.arguments) if found else UNKNOWN

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
    act = call.argument(1)

    def dispatch(machine: Machine, inner: Call) -> Value:
        return run(machine, act, inner, *inner.arguments[:1], of_object(Object(rest=UNKNOWN)))

    return join(native(dispatch, "thunk"), of_object(Object(rest=NOTHING)))


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
    machine.emitted.setdefault((call.argument(0).text, False), []).append(join(NOTHING, *call.arguments[1:2]))
    return NOTHING


def _props(_machine: Machine, call: Call) -> Value:
    return of_object(Object({"options": call.argument(0)}, rest=UNKNOWN, kind="props"))


FUNCTIONS.update({
    "Vuex.Store": _vuex, "Store": _vuex, "createStore": _vuex, "mapActions": _mapped("actions"),
    "mapMutations": _mapped("mutations"), "mapState": _map_state,
    "mapGetters": _map_state, "mapWritableState": _map_state,
    "useStore": lambda machine, _call: machine.kept["prototype"].find("$store") or UNKNOWN,
    "defineStore": _pinia, "storeToRefs": _store_to_refs,
    "observable": _observable, "makeAutoObservable": _observable, "action": _observable, "flow": _observable,
    "createStoreBindings": _bindings, "createAsyncThunk": _thunk, "useDispatch": _dispatcher,
    "useAppDispatch": _dispatcher,
    "zustand.create": _zustand, "zustand.": _zustand, "useRequest": _use_request, "defineEmits": _emitter,
    "defineProps": _props, "withDefaults": _observable,
})  # fmt: skip
