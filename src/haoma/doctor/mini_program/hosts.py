"""The platforms' global objects: login, request, storage, and the callbacks of everything else."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from haoma.doctor.mini_program.builtins import run
from haoma.doctor.mini_program.members import member
from haoma.doctor.mini_program.requests import answered, by_verb, described, request
from haoma.doctor.mini_program.sources import APIS
from haoma.doctor.mini_program.values import NOTHING, Call, Object, Tag, Value, join, native, of_object, tagged
from haoma.doctor.platforms import all_symptoms

if TYPE_CHECKING:
    from haoma.doctor.mini_program.machine import Machine

GLOBALS: Final = frozenset({*APIS, "uniCloud"})
LOGINS: Final = frozenset({"login", "getAuthCode", "getLoginCode"})
_SEALING: Final = frozenset(each.api for _name, each in all_symptoms() if each.own_button and each.api)
"""Those whose ``getPhoneNumber`` gives an envelope."""


def called(machine: Machine, name: str, call: Call) -> Value:
    """Call a function of a platform."""
    api, _, path = name.partition(".")
    method = path.rpartition(".")[2]
    if method in LOGINS:
        machine.log_in(call.node, call.module)
        return answered(machine, call, call.argument(0), tagged(Tag.LOGIN))
    if method == "getPhoneNumber":
        given = tagged(Tag.ENVELOPE_REPLY if api in _SEALING else Tag.PHONE_DETAIL)
        return answered(machine, call, call.argument(0), given)
    if method in _CHAINED:
        return of_object(Object(kind="api", name=name))
    if method in _KEEPS:
        return _KEEPS[method](machine, call)
    sent = _sent(machine, path, method, call)
    if call.argument(0).functions:
        run(machine, call.argument(0), call, NOTHING)
    return answered(machine, call, call.argument(0), NOTHING) if sent is None else sent


def _sent(machine: Machine, path: str, method: str, call: Call) -> Value | None:
    """Record a request, if it is one."""
    if method in _DEFAULTS:
        return request(machine, call, call.argument(0), default=_DEFAULTS[method])
    if method in _VERBS and path != method:
        return by_verb(machine, call, _VERBS[method])
    if ".database." in f"{path}." and method in ("add", "update", "set"):
        return request(machine, call, call.argument(0), default="POST")
    if path.startswith("object."):
        return described(machine, Call([NOTHING, *call.arguments, _POST], call.this, call.node, call.module), method)
    return None


_DEFAULTS: Final = {
    "request": "GET", "httpRequest": "GET", "callContainer": "GET", "uploadFile": "POST", "callFunction": "POST",
}  # fmt: skip
"""Calls that send, and their method if none is given."""
_VERBS: Final = {"get": "GET", "post": "POST", "put": "POST"}


def _cloud_id(_machine: Machine, call: Call) -> Value:
    return call.argument(0)


def _cloud_object(_machine: Machine, _call: Call) -> Value:
    return of_object(Object(kind="api", name="uniCloud.object"))


_CHAINED: Final = frozenset({"database", "collection", "doc", "where"})
"""What leads to a document of a cloud database."""
_QUERY: Final = re.compile(r"[?&](?P<name>\w+)=")


def _open_page(machine: Machine, call: Call) -> Value:
    """Keep what is handed to another page in its address."""
    options = call.argument(0)
    url = member(options, "url")
    for given in url.texts:
        for found in _QUERY.finditer(given):
            machine.kept["query"].put(found["name"], Value(url.tags))
    return answered(machine, call, options, NOTHING)


_POST: Final = Value(texts=frozenset({"POST"}))


def _set_sync(machine: Machine, call: Call) -> Value:
    options = call.argument(0)
    key = options if options.texts or not options.objects else member(options, "key")
    data = call.argument(1) if len(call.arguments) > 1 else member(options, "data")
    machine.kept["storage"].put(key.text, data)
    return answered(machine, call, options, NOTHING)


def _get_sync(machine: Machine, call: Call) -> Value:
    options = call.argument(0)
    wrapped = not options.texts and bool(options.objects)
    key = (member(options, "key") if wrapped else options).text
    found = machine.kept["storage"].find(key) or NOTHING
    if wrapped:  # the result of getStorage, and of the synchronous call of some platforms
        found = of_object(Object({"data": found}))
    return answered(machine, call, options, found)


def _on(machine: Machine, call: Call) -> Value:
    name = call.argument(0).text
    machine.kept["listeners"].put(name, call.argument(1))
    said = machine.kept["bus"].find(name)
    return run(machine, call.argument(1), call, said) if said is not None else NOTHING


def _emit(machine: Machine, call: Call) -> Value:
    machine.kept["bus"].put(call.argument(0).text, join(NOTHING, *call.arguments[1:2]))
    heard = machine.kept["listeners"].find(call.argument(0).text)
    return run(machine, heard, call, *call.arguments[1:]) if heard is not None else NOTHING


_KEEPS: Final = {
    **dict.fromkeys(("setStorageSync", "setStorage"), _set_sync),
    **dict.fromkeys(("getStorageSync", "getStorage"), _get_sync),
    **dict.fromkeys(("navigateTo", "redirectTo", "reLaunch", "push"), _open_page),
    "CloudID": _cloud_id, "importObject": _cloud_object, "$on": _on, "$once": _on, "$emit": _emit,
}  # fmt: skip


def app(machine: Machine) -> Value:
    """Return what ``getApp()`` gives."""
    return of_object(machine.kept["app"])


def get_app() -> Value:
    """Return ``getApp`` itself."""
    return native(lambda machine, _call: app(machine), "getApp")


def extras(machine: Machine, name: str) -> dict[str, Value]:
    """Return what the program itself set on a platform's global object, such as ``uni.$http``."""
    prefix = f"{name}."
    kept = machine.kept["api"].members
    return {key.removeprefix(prefix): each for key, each in kept.items() if key.startswith(prefix)}
