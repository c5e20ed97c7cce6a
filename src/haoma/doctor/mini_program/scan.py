"""Reads a mini program's folder for mistakes that the server cannot see."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Final

from haoma.doctor.mini_program import dart, markup, rules, spelling, syntax
from haoma.doctor.mini_program.follow import Follower
from haoma.doctor.mini_program.framework import Framework
from haoma.doctor.mini_program.modules import Modules
from haoma.doctor.mini_program.secrets import secrets
from haoma.doctor.mini_program.sources import Source, read
from haoma.platforms.base.diagnosis import Diagnosis, good, note, warning

if TYPE_CHECKING:
    from haoma.doctor.configuration.secrets import Known
    from haoma.settings.model import ServiceKey

Tell = Callable[[int], object]
Progress = Callable[[int], AbstractContextManager[Tell]]
"""Gets how much there is to do; what it yields is told how much more is done."""
_MOST_BUTTONS: Final = 3000


def _quietly(_total: int) -> AbstractContextManager[Tell]:
    return nullcontext(lambda _more: None)


def scan(
    folder: Path,
    known: Sequence[Known] = (),
    server_keys: Sequence[ServiceKey] = (),
    *,
    platforms: Sequence[str] = (),
    progress: Progress = _quietly,
) -> Iterator[Diagnosis]:
    """Read a folder and yield the findings.

    Without the parser (``haoma[front-end]``) secrets alone are searched, and that is said.

    Args:
        folder: The mini program.
        known: Values of the configuration that must not be in it.
        server_keys: Digests of keys that must not be in it.
        platforms: The platforms of the configured apps.
        progress: Shows how far it is.
    """
    sources, left_out = read(folder)
    hidden = [each for each in known if each.secret]
    digests = [key for key in server_keys if key.kind == "server"]
    program = [source for source in sources if not source.is_plain]
    parsed = syntax.is_installed()
    worth = sum(map(markup.is_worth, program))
    told = set[tuple[str, str, int, str]]()
    left = len(sources) + worth
    with progress(left) as show:

        def tell(more: int) -> None:
            nonlocal left
            left -= more
            show(more)

        found = _findings(sources, hidden, digests, frozenset(platforms), tell, parsed=parsed)
        for each in found:
            place = each.code, each.file, each.line, str(each.because)
            if place not in told:  # two pages may lead to the same place
                told.add(place)
                yield each
        tell(left)
    if left_out:
        yield note("doctor.not-all-read", "", left_out=left_out)
    if program and not told and parsed and not left_out:
        yield good("doctor.front-end-clean", "", files=len(sources))
    elif not program:
        yield warning("doctor.not-all-read", "", files=0)


def _findings(
    sources: Sequence[Source],
    known: Sequence[Known],
    keys: Sequence[ServiceKey],
    platforms: frozenset[str],
    tell: Tell,
    *,
    parsed: bool,
) -> Iterator[Diagnosis]:
    program = [source for source in sources if not source.is_plain]
    framework = Framework(program, platforms)
    modules = Modules(program)
    buttons: list[markup.Button] = []
    for source in sources:
        yield from secrets(source, known, keys)
        if parsed and not source.is_plain:
            yield from rules.surely(source, dart.findings, source)
            yield from rules.surely(source, rules.session_keys, source, modules)
            yield from rules.surely(source, _buttons, source, modules, buttons)
        tell(1)
    if not parsed:
        yield note("doctor.parser-missing", "")
        return
    for source, name in framework.not_understood:
        yield source.on(1, note("doctor.framework-not-understood", "", framework=name))
    if framework.not_understood:
        return
    for button in buttons:
        yield from rules.surely(button.source, spelling.findings, button, framework)
    followed = Follower(modules, framework, buttons).run(lambda: tell(1))
    yield from rules.findings(followed)
    for path, what in modules.lost.items():
        if markup.is_worth(modules.sources[path]):
            yield modules.sources[path].on(0, rules.not_understood(what))


def _buttons(source: Source, modules: Modules, buttons: list[markup.Button]) -> Iterator[Diagnosis]:
    """Add the buttons of a file, of which there is nothing to say yet."""
    if len(buttons) < _MOST_BUTTONS:
        buttons += markup.buttons(source, modules)
    yield from ()
