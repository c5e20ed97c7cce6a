"""What sends: the platforms' request, the request libraries, and functions that could not be followed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from haoma.doctor.mini_program.builtins import FUNCTIONS, run, run_callbacks
from haoma.doctor.mini_program.machine import Send
from haoma.doctor.mini_program.members import member
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
    of_object,
)

if TYPE_CHECKING:
    from haoma.doctor.mini_program.machine import Machine, Place

_VERBS: Final = {
    **dict.fromkeys(("post", "put", "patch", "postForm", "postJson", "postJSON", "doPost", "httpPost", "upload", "Post",
                     "Put", "Patch", "POST", "PUT"), "POST"),
    **dict.fromkeys(("get", "delete", "head", "getJSON", "doGet", "httpGet", "Get", "GET"), "GET"),
}  # fmt: skip
_COPIED: Final = ("luch-request", "flyio", "uni-ajax", "axios", "uview-ui", "uview-plus", "alova")
STATE: Final = frozenset({"zustand"})
_METHOD: Final = re.compile(r"get|post|put|patch|delete|head|options", re.IGNORECASE)
_REQUESTS: Final = re.compile(
    r"\$?_?(?:\w*request\w*|\w*ajax|\w*fetch|\w*http\w*|axios|req|sendReq|callApi|callAPI)", re.IGNORECASE
)
_CLIENTS: Final = re.compile(r"\$?u|.*(?:http|request|req|axios|ajax|api|fly|client|net|server)\w*", re.IGNORECASE)
_LIBRARIES: Final = re.compile(
    r"axios|luch-request|flyio|uni-ajax|alova|umi-request|uview|uview-ui|uview-plus|request|got|ky|superagent|"
    r"@escook/request-miniprogram|weapp-request|wx-promise-request|@uni-helper/axios-adapter|taro-axios|"
    r"uni-request|fly|@runtime.*request|mp-request"
)
_MAKERS: Final = re.compile(r"create\w*|Request|Fly|extend|instance|[hH]ttp")
_QUIET: Final = re.compile(
    r"(?:console|log|logger|wx\.showToast|Toast|message|\$?toast|dialog|track|report\w*|monitor|sensors|JSON|Math|Object|"
    r"Array|Promise|\$tip|\$msg|\$modal)(?:\..*)?"
)
_COPIES: Final = frozenset({"cloneDeep", "deepClone", "clone", "merge", "stringify", "parse"})
_LOOKS: Final = frozenset({
    "log", "info", "warn", "error", "debug", "dir", "table", "includes", "indexOf", "test", "match",
    "isEmpty", "isNil", "isObject", "showToast", "showModal", "toast", "alert", "hideLoading", "showLoading",
    "$message",
    "preventDefault", "stopPropagation", "has", "keys", "values", "entries", *_COPIES,
    "$toast", "fail", "reject", "assert", "isString", "trace", "print",
})  # fmt: skip
"""Functions that only look at what they are given, or keep it."""


def request(machine: Machine, call: Call, options: Value, *, default: str = "GET") -> Value:
    """Record a request that is described by an object. Return what it answers."""
    url = join(*(each for name in ("url", "path", "baseURL") if (each := member(options, name)) != UNDEFINED), NOTHING)
    query = [member(options, name) for name in ("params", "query", "qs") if member(options, name) != UNDEFINED]
    body = [member(options, name) for name in ("data", "body", "formData") if member(options, name) != UNDEFINED]
    method, by_default = method_of(options, default)
    in_address = join(url, *(each for each in query if method != "GET"))
    send = Send(*_places(machine, call), method, in_address, join(*body, *query, NOTHING), by_default)
    return answered(machine, call, options, machine.send(send))


def _places(machine: Machine, call: Call) -> tuple[Place, Place]:
    return machine.place(call.node, call.module), machine.origin(call.node, call.module)


def method_of(options: Value, default: str) -> tuple[str, bool]:
    """Return the method of a request, ``?`` if it is not known, and whether it is the one of a request without."""
    named = [each for name in ("method", "type") if (each := member(options, name)) != UNDEFINED]
    given = join(*named) if named else UNDEFINED
    if given.texts and not given.open and not given.tags:
        methods = {each.upper() for each in given.texts if _METHOD.fullmatch(each)}
        return (methods.pop() if len(methods) == 1 else "?"), False
    if given == UNDEFINED and options.objects and not options.open:
        return default, True
    return "?", False


def answered(machine: Machine, call: Call, options: Value, reply: Value) -> Value:
    """Call the callbacks of a request or of a call of the platform. Return its result, for a promise."""
    for name in ("success", "onSuccess"):
        done = member(options, name)
        if done.functions:
            run(machine, done, call, reply)
    for name in ("fail", "error", "onFail"):
        failed = member(options, name)
        if failed.functions:
            with machine.unsurely():
                run(machine, failed, call, NOTHING)
    complete = member(options, "complete")
    if complete.functions:
        run(machine, complete, call, reply)
    return reply


def by_verb(machine: Machine, call: Call, method: str) -> Value:
    """Record a request whose method is its name, such as ``axios.post(url, data)``."""
    url, data, config = call.argument(0), call.argument(1), call.argument(2)
    if url.objects and not url.texts and (member(url, "url") != UNDEFINED):
        options = url
        send = Send(*_places(machine, call), method, member(options, "url"), url)
    elif method == "GET":
        send = Send(*_places(machine, call), method, url, data)
    else:
        query = member(config, "params") if config != UNDEFINED and config.objects else NOTHING
        send = Send(*_places(machine, call), method, join(url, query), data)
    reply = machine.send(send)
    run_callbacks(machine, call, reply)
    return join(reply, answered(machine, call, data, reply)) if member(data, "success").functions else reply


def external(machine: Machine, name: str, call: Call) -> Value:
    """Call something of a package."""
    package, _, path = _split(name)
    parts = [each for each in path.split(".") if each and each != "default"]
    last = parts[-1] if parts else ""
    if last in FUNCTIONS:
        return FUNCTIONS[last](machine, call)
    if _LIBRARIES.fullmatch(package) or package.startswith("@/"):
        if not parts or last in ("request", "middleware"):  # luch-request has both
            return described(machine, call, last or package)
        if _MAKERS.fullmatch(last):
            return of_object(Object(kind="external", name=package))
        if last in _VERBS:
            return by_verb(machine, call, _VERBS[last])
    if package in STATE and (act := FUNCTIONS.get(f"{package}.{last}")):
        return act(machine, call)
    return unfollowed(machine, call, last or package, package)


def library(path: str) -> str:
    """Return the request library that an import names, also where its files were copied into the program."""
    return next((each for each in _COPIED if each in path), "")


def _split(name: str) -> tuple[str, str, str]:
    """Return package and path of the name of something external."""
    if name.startswith("@"):
        scope, _, rest = name.partition("/")
        package, dot, path = rest.partition(".")
        return f"{scope}/{package}", dot, path
    return name.partition(".")


def described(machine: Machine, call: Call, name: str) -> Value:
    """Record a call of a request function whose code is not here: options, or address, data and method."""
    first = call.argument(0)
    if first.objects and not first.texts:
        return request(machine, call, first, default="GET" if name in ("axios", "luch-request") else "?")
    named = {each.upper() for one in call.arguments[1:] for each in one.texts if _METHOD.fullmatch(each)}
    rest = [each for each in call.arguments[1:] if not any(map(_METHOD.fullmatch, each.texts))]
    options = rest[-1] if rest else NOTHING
    method, by_default = method_of(options, "?")
    if named:
        method, by_default = (named.pop() if len(named) == 1 else "?"), False
    if name == "fetch":
        return request(machine, call, _with_url(options, first))
    reply = machine.send(Send(*_places(machine, call), method, first, join(*rest, NOTHING), by_default))
    run_callbacks(machine, call, reply)
    for each in rest:
        answered(machine, call, each, reply)
    return reply


def _with_url(options: Value, url: Value) -> Value:
    new = Object({"url": url}, bases=list(options.objects))
    return of_object(new)


def _by_path(value: Value, path: str) -> Value:
    """Return a member by its path, as ``get(e, 'detail.iv')`` does."""
    for name in path.split("."):
        value = member(value, name)
    return value


def unfollowed(machine: Machine, call: Call, name: str, receiver: str = "") -> Value:
    """Call something that was not found: a request by its name, or a place where the trail ends."""
    authorized = frozenset[Tag]().union(*map(all_tags, call.arguments)) & AUTHORIZATION
    if name in FUNCTIONS:
        return FUNCTIONS[name](machine, call)
    verb = _VERBS.get(name)
    path = call.argument(0).text
    if name == "get" and not receiver and len(call.arguments) > 1 and call.argument(1).text:
        return _by_path(call.argument(0), call.argument(1).text)
    if verb and (_CLIENTS.fullmatch(receiver) or verb == "POST" or path.startswith(("/", "http"))):
        return by_verb(machine, call, verb)
    if _REQUESTS.fullmatch(name) and call.arguments:
        return described(machine, call, name)
    if name in _LOOKS or _QUIET.fullmatch(receiver or name) or not authorized:
        run_callbacks(machine, call, NOTHING)
        return Value(flat(call.arguments).tags, open=True) if name in _COPIES else UNKNOWN
    machine.lose(call.node, call.module, "function not found", name)
    reply = machine.send(Send(*_places(machine, call), "?", NOTHING, join(*call.arguments), to=name))
    run_callbacks(machine, call, reply)
    for each in call.arguments:
        answered(machine, call, each, reply)
    return reply
