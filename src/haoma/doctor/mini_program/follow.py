"""Follows what the platform gives from every button to the requests that send it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Self

from haoma.doctor.mini_program import components, syntax
from haoma.doctor.mini_program.expressions import evaluate
from haoma.doctor.mini_program.flow import block
from haoma.doctor.mini_program.framework import OWN_BUTTON
from haoma.doctor.mini_program.kits import Shape, component_of
from haoma.doctor.mini_program.machine import STEPS, OutOfSteps, Place, Seen
from haoma.doctor.mini_program.markup import Button, elements
from haoma.doctor.mini_program.members import member
from haoma.doctor.mini_program.scopes import Frame, Module, Scope
from haoma.doctor.mini_program.sources import APIS, PAGES, PROGRAMS, VUE
from haoma.doctor.mini_program.stores import given_to
from haoma.doctor.mini_program.values import (
    AUTHORIZATION,
    NOTHING,
    NUMBERS,
    UNKNOWN,
    Object,
    Tag,
    Value,
    all_tags,
    join,
    of_object,
    tagged,
)
from haoma.io import clock

if TYPE_CHECKING:
    from haoma.doctor.mini_program.framework import Framework
    from haoma.doctor.mini_program.machine import Machine
    from haoma.doctor.mini_program.modules import Modules
    from haoma.doctor.mini_program.sources import Source

_NAME: Final = re.compile(r"(?:this\.|_ctx\.)?[A-Za-z_$][\w$]*")
_TAP: Final = re.compile(r"(?:bind:?|catch:?|@|v-on:|on)(?:tap|click)(?:\.\w+)*", re.IGNORECASE)
_APP: Final = re.compile(r"(?:^|/)(?:(?:app|main|App)\.(?:[jt]sx?|vue)|stores?/index\.[jt]s)$")
_ENTRIES: Final = 12
_OTHERS: Final = 200
_ROUNDS: Final = 3
_CALLS: Final = re.compile(rf"\b(?:{'|'.join(sorted(APIS))})\s*\.\s*getPhoneNumber\s*\(")
_KEEPS: Final = re.compile(r"getStorage|globalData|\$store|useStore|Store\(|getApp|\$on\b|onLoad|props|Props")


@dataclass
class Handled:
    """What happens when a button is used.

    Attributes:
        button: The button.
        name: The handler as it is written.
        seen: What was seen on the way.
        found: True if the handler was found.
        tap: The attribute, if it listens to a tap on the button and not to the phone's event.
        shim: What was seen with what uni-app's own button gives where the platform gives an envelope.
    """

    button: Button
    name: str
    seen: Seen
    found: bool = True
    tap: str = ""
    shim: Seen = field(default_factory=Seen)


@dataclass
class Followed:
    """What was followed in a whole program.

    Attributes:
        handled: The handlers of the buttons.
        rest: What was seen elsewhere.
        unheard: Components that are in no table, and pass on nothing that was followed.
        keeps: True if what a button gives is kept, where something that was not followed may find it.
    """

    handled: list[Handled] = field(default_factory=list)
    rest: Seen = field(default_factory=Seen)
    unheard: list[Button] = field(default_factory=list)
    keeps: bool = False


class Follower:
    """The walk through one program."""

    def __init__(self, modules: Modules, framework: Framework, buttons: Sequence[Button]) -> None:
        self.modules = modules
        self.framework = framework
        self.buttons = buttons
        self.machine: Machine = components.machine_for(modules)
        self.followed = Followed()
        self._done = set[str]()
        self._instances: dict[tuple[str, int], Object] = {}
        self._strange: list[Button] = []
        self._too_large = set[str]()

    def run(self, tick: Callable[[], object]) -> Followed:
        """Follow everything. ``tick`` is called for each button."""
        self._enter()
        by_file: dict[str, list[Button]] = {}
        for each in self.buttons:
            by_file.setdefault(each.source.path, []).append(each)
        for buttons in by_file.values():
            if clock.monotonic() > self.machine.until:
                place = Place(buttons[0].source.path, buttons[0].line)
                self.followed.rest.lost[place, "no time left", ""] = None
                break
            with _Limited(self.machine, self.followed.rest, buttons[0].source):
                self._page(buttons)
            tick()
        for _round in range(_ROUNDS):
            if not self._hear():
                break
        self._callers()
        self._others()
        for module in self.modules.run:
            wrong = syntax.error(module.root)
            if wrong is not None:
                self.followed.rest.lost[self.machine.place(wrong, module), "syntax", ""] = None
        if not any(send.tags & AUTHORIZATION for each in self.followed.handled for send in each.seen.sends):
            self.followed.keeps |= self._is_kept_elsewhere()
        heard = {(each.button.source.path, each.button.line) for each in self.followed.handled}
        self.followed.unheard = [each for each in self._strange if (each.source.path, each.line) not in heard]
        return self.followed

    # --- the program around the buttons ---

    def _enter(self) -> None:
        """Run what the platform runs first: the app, and what it sets up for everybody."""
        entries = [source for source in self.modules.sources.values() if _APP.search(source.path)][:_ENTRIES]
        if not self.buttons:
            return
        for source in entries:
            for module in self.modules.of(source):
                with _Limited(self.machine, self.followed.rest, source):
                    this = components.instance(self.machine, module)
                    app = self.machine.kept["app"]
                    for name, value in this.members.items():
                        app.put(name, value)
                    components.run_all(self.machine, module, app, every=True)

    def _callers(self) -> None:
        """Run what asks the platform by a call of its own, as mini games do."""
        callers = [
            source for source in self.modules.sources.values()
            if source.path not in self._done and source.suffix in PROGRAMS | VUE and _CALLS.search(source.text)
        ]  # fmt: skip
        for source in callers[:_OTHERS]:
            self._done.add(source.path)
            for module in self.modules.of(source):
                with _Limited(self.machine, self.followed.rest, source):
                    components.run_all(self.machine, module, components.instance(self.machine, module))

    def _others(self) -> None:
        """Run the pages without a button that read what the others kept, if that is of interest."""
        kept = [self.machine.kept[name] for name in ("storage", "app", "query", "bus", "props", "redux")]
        if not any(all_tags(of_object(each)) & (NUMBERS | AUTHORIZATION) for each in kept):
            return
        others = [
            source
            for source in self.modules.sources.values()
            if source.path not in self._done and source.suffix in PROGRAMS | VUE and _KEEPS.search(source.text)
        ]
        for source in others[:_OTHERS]:
            for module in self.modules.of(source):
                with _Limited(self.machine, self.followed.rest, source):
                    components.run_all(self.machine, module, components.instance(self.machine, module))

    # --- pages ---

    def _scripts(self, source: Source) -> list[Module]:
        if source.suffix in PAGES:
            beside = [each for each in self.framework.beside(source) if each.suffix in (".ts", ".js", ".mjs", ".mpx")]
            files = beside or self._importers(source)
        else:
            files = [source]
        scripts = [module for each in files for module in self.modules.of(each)]
        for each in files:
            if each.path in self.modules.lost:
                self._too_large.add(source.path)
                self.followed.rest.lost[Place(each.path, 1), self.modules.lost[each.path], ""] = None
        return scripts

    def _importers(self, source: Source) -> list[Source]:
        """Return the scripts of the pages that include a template."""
        name = re.escape(source.stem.rpartition("/")[2])
        named = re.compile(rf"src\s*=\s*[\"'][^\"'\n]{{0,200}}\b{name}(?:{re.escape(source.suffix)})?[\"']")
        others = [each for each in self.modules.sources.values() if each.suffix in PAGES and each is not source]
        pages = [each for each in others if named.search(each.text)]
        beside = [each for page in pages[:_OTHERS] for each in self.framework.beside(page)]
        return [each for each in beside if each.suffix in (".ts", ".js")]

    def _page(self, buttons: Sequence[Button]) -> None:
        source = buttons[0].source
        scripts = self._scripts(source)
        self._done |= {source.path, *(each.source.path for each in scripts)}
        known = [each for each in buttons if self._is_known(each)]
        self._strange += [each for each in buttons if each not in known]
        in_jsx = [each for each in known if each.is_jsx]
        in_markup = [each for each in known if not each.is_jsx]
        found, this = self._round(source, scripts, in_markup, in_jsx)
        sent = any(send.tags & AUTHORIZATION for each in found for send in each.seen.sends)
        if not sent or self._has_kept(scripts, this):  # what a handler keeps, another function may send
            found, this = self._round(source, scripts, in_markup, in_jsx)
        self.followed.handled += found
        self.followed.keeps |= self._has_kept(scripts, this, AUTHORIZATION)

    def _round(
        self, source: Source, scripts: Sequence[Module], in_markup: Sequence[Button], in_jsx: Sequence[Button]
    ) -> tuple[list[Handled], Value]:
        """Run everything of a page, then what its buttons call."""
        this = self._run_scripts(source, scripts, in_jsx)
        with _Limited(self.machine, self.followed.rest, source):
            self._use_the_rest(scripts, in_jsx)
        found = [one for each in in_markup for one in self._handle(each, scripts, this)]
        found += [one for each in in_jsx for one in self._handle_jsx(each)]
        self._give(source, scripts, this)
        return found, this

    def _has_kept(
        self, scripts: Sequence[Module], this: Value, wanted: frozenset[Tag] = NUMBERS | AUTHORIZATION
    ) -> bool:
        """Return whether something of interest was kept: by the page, by React, or for everybody."""
        own = [value for each in this.objects for base in (each, *each.bases) for value in base.members.values()]
        own += [value for each in scripts if each.source.suffix in VUE for value in each.scope.names.values()]
        states = [value for state in self.machine.states.values() for value in state.members.values()]
        shared = [of_object(self.machine.kept[name]) for name in ("storage", "app", "redux", "bus")]
        replies = frozenset({Tag.KEPT_REPLY}) if Tag.NUMBER in wanted else frozenset()
        logins = frozenset({Tag.LOGIN_CODE}) if replies else frozenset()
        return (
            any(all_tags(each) & (wanted | replies) for each in own)
            or any(all_tags(each) & (wanted | replies | logins) for each in states)
            or any(all_tags(each) & wanted for each in shared)
        )

    def _is_kept_elsewhere(self) -> bool:
        """Return whether a file, or what all files share, holds what a button gave."""
        held = [value for each in self.modules.run for value in each.scope.names.values()]
        held += map(of_object, self.machine.kept.values())
        return any(all_tags(each) & AUTHORIZATION for each in held)

    def _give(self, source: Source, scripts: Sequence[Module], this: Value) -> None:
        """Keep what a template gives to the components of the program, if it is of interest."""
        if source.suffix not in VUE | PAGES or not scripts or not self._has_kept(scripts, this):
            return
        for _node, tag, attributes in elements(source, self.modules):
            if not self.framework.has_file(tag):
                continue
            for name, written in attributes.items():
                value = self._bound(source, name, written, scripts, this)
                if all_tags(value) & (NUMBERS | AUTHORIZATION):
                    given_to(self.machine, tag).put(_camel(name), value)

    def _bound(self, source: Source, name: str, written: str, scripts: Sequence[Module], this: Value) -> Value:
        """Return what an attribute of a template gives."""
        if source.suffix in PAGES:
            path = written.removeprefix("{{").removesuffix("}}").strip() if written.startswith("{{") else ""
            return member(member(this, "data"), path) if _NAME.fullmatch(path) else NOTHING
        if not name.startswith((":", "v-bind:")) or not re.fullmatch(r"[\w$.]{1,80}", written):
            return NOTHING
        value = self._visible(scripts, this).find(written.partition(".")[0]) or NOTHING
        for each in written.split(".")[1:]:
            value = member(value, each)
        inner = [each.members["value"] for each in value.objects if each.members.keys() == {"value", "current"}]
        return join(*inner) if inner else value

    def _is_known(self, button: Button) -> bool:
        """Return whether it is known what a button gives: that of the platform, and those of the table."""
        component = component_of(button, self.framework)
        return component.own or component.kit is not None

    def _use_the_rest(self, scripts: Sequence[Module], buttons: Sequence[Button]) -> None:
        """Run the handlers of everything else that JSX shows."""
        files = {each.source.path for each in scripts}
        own = {each.node.id for each in buttons if each.node is not None}
        shown = [each for key, each in self.machine.buttons.items() if key[1] in files and key[0] not in own]
        for node, module, attributes in shown[:_OTHERS]:
            for value in attributes.values():
                components.root(self.machine, value, node, module, NOTHING, UNKNOWN)

    def _run_scripts(self, source: Source, scripts: Sequence[Module], in_jsx: Sequence[Button]) -> Value:
        """Run the scripts of a page, each part within limits of its own. Return what ``this`` is in them."""
        together = Object(kind="kept")
        for module in scripts:
            key = module.source.path, module.first_line
            if key not in self._instances:
                with _Limited(self.machine, self.followed.rest, source) as limited:
                    self._instances[key] = components.instance(self.machine, module)
                self._too_large |= {source.path} if limited.ended else set()
            this = self._instances.get(key)
            if this is None:
                continue
            together.bases.append(this)
            with _Limited(self.machine, self.followed.rest, source):
                components.run_all(self.machine, module, this)
            for each in in_jsx:
                with _Limited(self.machine, self.followed.rest, source):
                    if each.module is module:
                        components.show(self.machine, each, this)
        return of_object(together)

    # --- handlers ---

    def _handle(self, button: Button, scripts: Sequence[Module], this: Value) -> Iterator[Handled]:
        for name, written in button.attributes.items():
            tap = name if _TAP.fullmatch(name) else ""
            if not tap and name not in button.events:
                continue
            event = NOTHING if tap else self._event(button, name)
            seen = Seen()
            found = False
            with _Limited(self.machine, seen, button.source):
                found = self._run_handler(button.source, written, scripts, this, event)
            found = found or bool(seen.lost) or button.source.path in self._too_large
            shim = Seen()
            if found and not tap and self._is_mapped(button):
                with _Limited(self.machine, shim, button.source):
                    self._run_handler(button.source, written, scripts, this, tagged(Tag.SHIM_EVENT))
            if found or not tap:
                yield Handled(button, written, seen, found, tap, shim)

    def _is_mapped(self, button: Button) -> bool:
        """Return whether uni-app makes this button into one that gives an envelope, on a configured platform."""
        framework = self.framework
        return (
            bool(framework.platforms) and framework.for_authorize and framework.of(button.source) == "uni"
            and button.kind == "getPhoneNumber" and button.is_compiled(OWN_BUTTON) and "#if" not in button.source.text
        )  # fmt: skip

    def _run_handler(self, source: Source, written: str, scripts: Sequence[Module], this: Value, event: Value) -> bool:
        """Run what an attribute names. Return whether it was found."""
        if source.suffix in PAGES:
            value = member(this, written) if _NAME.fullmatch(written) else NOTHING
            for script in scripts[:1] if value.functions else ():
                components.root(self.machine, value, script.root, script, this, event)
            return bool(value.functions) and bool(scripts)
        tree = syntax.parse(written, "tsx") if scripts else None
        if tree is None or tree.root_node.has_error:
            return False
        held = Module(source, tree.root_node)
        scope = Scope(self._visible(scripts, this), {"$event": event}, this)
        frame = Frame(held, scope, [])
        statements = tree.root_node.named_children
        components.root(self.machine, NOTHING, held.root, held, this)
        if len(statements) == 1 and statements[0].type == "expression_statement":
            value = evaluate(self.machine, statements[0].named_children[0], frame)
            components.root_again(self.machine, value, held, this, event)
            return bool(value.functions) or "(" in written
        block(self.machine, statements, frame)
        return True

    def _visible(self, scripts: Sequence[Module], this: Value) -> Scope:
        """Return the names that a template sees: those of ``this``, and of the script of a ``setup``."""
        scope = Scope(None, {}, this)
        for module in scripts:
            scope.names |= module.scope.names
        for each in this.objects:
            waiting = [each]
            while waiting:
                one = waiting.pop()
                scope.names |= {name: value for name, value in one.members.items() if name not in scope.names}
                waiting += one.bases
        return scope

    def _handle_jsx(self, button: Button) -> Iterator[Handled]:
        node = button.node
        shown = self.machine.buttons.get((node.id, button.source.path)) if node is not None else None
        events = button.events
        taps = [name for name in button.attributes if _TAP.fullmatch(name)]
        for name in (*events, *taps):
            tap = name if name in taps else ""
            value = shown[2].get(name, NOTHING) if shown else NOTHING
            seen = Seen()
            if shown and value.functions:
                event = NOTHING if tap else self._event(button, name)
                with _Limited(self.machine, seen, button.source):
                    components.root(self.machine, value, shown[0], shown[1], NOTHING, event)
            if value.functions or not tap:
                found = bool(value.functions) or button.source.path in self._too_large
                yield Handled(button, button.attributes[name], seen, found, tap)

    def _event(self, button: Button, name: str) -> Value:
        """Return what the platform or the kit gives to a handler."""
        if "authorize" in name.lower():
            return tagged(Tag.EMPTY_EVENT)
        kit = component_of(button, self.framework).kit
        if kit is not None and kit.shape is Shape.DETAIL:
            return tagged(Tag.KIT_DETAIL)
        if self.framework.envelopes_only and button.source.suffix in VUE and not self.framework.is_taro:
            return tagged(Tag.SHIM_EVENT)
        if self.framework.envelopes_only:
            return tagged(Tag.EMPTY_EVENT)
        return tagged(Tag.PHONE_EVENT if self.framework.gives_code(button.source) else Tag.SEALED_EVENT)

    # --- events of components of their own ---

    def _hear(self) -> bool:
        """Run what listens to events with which components passed on an authorization. Return whether something did."""
        emitted = {
            key: join(*values)
            for key, values in self.machine.emitted.items()
            if key[0] and all_tags(join(*values)) & (AUTHORIZATION | NUMBERS)
        }
        self.machine.emitted = {}
        heard = False
        for (name, direct), value in emitted.items():
            listens = re.compile(rf"(?:(?:bind|catch):?|@|v-on:|\bon-?){re.escape(name)}\s*=", re.IGNORECASE)
            for source in list(self.modules.sources.values()):
                if source.suffix in PAGES | VUE and listens.search(source.text):
                    native = source.suffix in PAGES and not direct
                    event = of_object(Object({"detail": value}, rest=NOTHING)) if native else value
                    heard |= self._heard_in(source, listens, event)
        return heard

    def _heard_in(self, source: Source, listens: re.Pattern[str], event: Value) -> bool:
        scripts = self._scripts(source)
        self._done |= {source.path, *(each.source.path for each in scripts)}
        heard = False
        this = self._run_scripts(source, scripts, ())
        for node, tag, attributes in elements(source, self.modules):
            for name, written in attributes.items():
                if listens.fullmatch(f"{name.partition('.')[0]}="):
                    seen = Seen()
                    found = False
                    with _Limited(self.machine, seen, source):
                        found = self._run_handler(source, written, scripts, this, event)
                    button = Button(source, syntax.line(node), tag, attributes)
                    self.followed.handled.append(Handled(button, written, seen, found))
                    heard = True
        return heard


def _camel(attribute: str) -> str:
    name = attribute.removeprefix("v-bind").removeprefix(":")
    return re.sub(r"-(\w)", lambda found: found[1].upper(), name)


class _Limited:
    """A part of the walk with its own record, which ends when it is too long, or when the analysis itself fails.

    People write what nobody thought of; one file of it must not hide what is wrong in the others.
    """

    def __init__(self, machine: Machine, seen: Seen, source: Source) -> None:
        self._machine = machine
        self._seen = seen
        self._source = source
        self.ended = False
        self._before = machine.seen

    def __enter__(self) -> Self:
        self._before, self._machine.seen = self._machine.seen, self._seen
        self._machine.steps, self._machine.depth, self._machine.unsure = STEPS, 0, 0
        return self

    def __exit__(self, kind: type[BaseException] | None, *_rest: object) -> bool:
        machine = self._machine
        self.ended = kind is not None and issubclass(kind, Exception)
        if kind is not None and self.ended:
            what = "code too large to follow" if issubclass(kind, OutOfSteps | RecursionError) else "analysis failed"
            at = machine.place(*machine.stack[0][:2]) if machine.stack else Place(self._source.path, 1)
            self._seen.lost[at, what, ""] = None
        machine.stack.clear()
        machine.running.clear()
        machine.seen = self._before
        return self.ended
