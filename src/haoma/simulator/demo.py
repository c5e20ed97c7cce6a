"""The demo: starts the simulator and the real service, plays the scenes, and leaves both running.

Every line that it shows was sent and received over HTTP. Codes and ciphertexts are shortened, numbers are masked.
"""

from __future__ import annotations

import signal
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from haoma.simulator.beside import Outcome, Service, ServiceDied, free_port
from haoma.simulator.running import Simulator
from haoma.simulator.showing import one_line
from haoma.words import text
from haoma.words.facts import phrase

if TYPE_CHECKING:
    from haoma.platforms.base.mirroring import Mirror, Tap
    from haoma.simulator.stage import Stage

_AT_ONCE: Final = 40

_CURL: Final = """\
curl -s {simulator}/device/{platform}/tap -d '{{"scene": "ok"}}' \\
  | python3 -c 'import json, sys; print(json.dumps(json.load(sys.stdin)["body"]))' \\
  | curl -s {service}/v1/apps/{app}/phone-number -H 'Authorization: Bearer {key}' \\
      -H 'Content-Type: application/json' -H 'Accept-Language: {lang}' -d @-"""


@dataclass(frozen=True, slots=True)
class _Result:
    platform: str
    scene: str
    expected: str
    found: str
    seconds: float
    good: bool


def run(once: bool = False, lang: str = "en") -> int:  # noqa: FBT001, FBT002 - a switch of the command line
    """Run the demo.

    Args:
        once: Stop after the scenes instead of leaving both running.
        lang: ``zh`` or ``en``.

    Returns:
        0 if every scene ended as expected, else 1.
    """
    console = Console(highlight=False, soft_wrap=True)
    previous = signal.signal(signal.SIGTERM, _interrupt)
    try:
        return _Demo(console, lang).run(once=once)
    except KeyboardInterrupt:
        return 130
    finally:
        signal.signal(signal.SIGTERM, previous)


def _interrupt(_number: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt


class _Demo:
    def __init__(self, console: Console, lang: str) -> None:
        self._console = console
        self._lang = lang
        self._results: list[_Result] = []

    def _say(self, name: str, **values: object) -> str:
        return escape(text("simulator", f"demo.{name}", self._lang, **values))

    def run(self, *, once: bool) -> int:
        simulator_port, port = (0, free_port()) if once else (free_port(8900), free_port(8080))
        with tempfile.TemporaryDirectory(prefix="haoma-demo-") as folder:
            simulator = Simulator(f"127.0.0.1:{simulator_port}").start()
            try:
                config = Path(folder) / "haoma.toml"
                settings = simulator.stage.settings_toml(simulator.url, f"127.0.0.1:{port}", patient=True)
                config.write_text(settings, encoding="utf-8")
                service = Service(config, port)
                simulator.use(service)
                return self._beside(simulator, service, once=once)
            finally:
                simulator.stop()

    def _beside(self, simulator: Simulator, service: Service, *, once: bool) -> int:
        if not self._console.is_terminal:
            self._console.print(self._say("starting"))
        status = self._console.status(self._say("starting"))
        status.start()
        try:
            with service:
                status.stop()
                self._walk(simulator, service)
                code = self._verdict()
                if not once:
                    self._leave_running(simulator, service)
                return code
        except ServiceDied as error:
            status.stop()
            self._console.print(f"[red]{self._say('died')}[/]\n{escape(str(error))}")
            return 1
        finally:
            status.stop()

    # --- the walk

    def _walk(self, simulator: Simulator, service: Service) -> None:
        self._console.print(f"[bold green]{self._say('phone', simulator=simulator.url)}[/]")
        self._console.print(f"[bold]{self._say('running', simulator=simulator.url, service=service.url)}[/]")
        lines = {(name, scene.name): scene.line(name, self._lang) for name, scene in simulator.stage.scenes()}
        for platform, scene in scenes(simulator.stage):
            tap = simulator.tap(platform, scene)
            outcome = service.post(tap.app, tap.body or {}, key=simulator.server_key, lang=self._lang)
            found = _found(outcome)
            good = found == (tap.phone_number or tap.expect)
            shown = outcome.body.get("masked", "") if outcome.status == 200 else found
            self._add(platform, scene, tap.expect, "ok" if good and tap.phone_number else shown, outcome, good=good)
            self._show(lines[platform, scene], tap, outcome)
        self._forty_at_once(simulator, service)
        self._publishable(simulator, service)

    def _add(self, platform: str, scene: str, expected: str, found: str, outcome: Outcome, *, good: bool) -> None:
        self._results.append(_Result(platform, scene, expected, found, outcome.seconds, good))
        mark = "[green]✓[/]" if good else "[red]✗[/]"
        self._console.print(f"\n{mark} [bold]{platform}[/] [bold cyan]{scene}[/]")

    def _line(self, name: str, told: str) -> None:
        self._console.print(f"  [dim]{self._say(name)}[/]  {told}")

    def _show(self, line: str, tap: Tap, outcome: Outcome) -> None:
        body = outcome.body
        self._console.print(f"  {escape(line)}")
        self._line("sent", f"[dim]{escape(f'{tap.app} ← {one_line(tap.body)}')}[/]")
        if outcome.status == 200:
            self._line("came", f"[green]200 {escape(str(body.get('masked')))}[/]")
            checks = (
                f"{'✓' if check['proven'] else '·'} {phrase(check['name'], self._lang)}"
                for check in body.get("checks", [])
            )
            self._line("proven", escape("  ".join(checks)))
            return
        code, title = str(body.get("code", "")), str(body.get("title", ""))
        self._line("came", f"[yellow]{outcome.status} {escape(code)}[/]  {escape(title)}")
        self._line("click", escape(str(body.get("remedy", ""))))

    def _forty_at_once(self, simulator: Simulator, service: Service) -> None:
        mirror = next(each for each in _shown_mirrors(simulator.stage) if each.counted)
        tap = simulator.tap(mirror.name, "ok")
        before = simulator.calls[mirror.name].get(mirror.counted, 0)

        def send(_number: int) -> Outcome:
            return service.post(tap.app, tap.body or {}, key=simulator.server_key, lang=self._lang)

        with ThreadPoolExecutor(_AT_ONCE) as pool:
            outcomes = list(pool.map(send, range(_AT_ONCE)))
        calls = simulator.calls[mirror.name].get(mirror.counted, 0) - before
        same = sum(_found(outcome) == tap.phone_number for outcome in outcomes)
        slowest = max(outcomes, key=lambda outcome: outcome.seconds)
        found, expected = (self._say("once-found", count=n, calls=m) for n, m in ((same, calls), (_AT_ONCE, 1)))
        good = same == _AT_ONCE and calls == 1
        self._add(mirror.name, f"ok × {_AT_ONCE}", expected, found, slowest, good=good)
        self._console.print(f"  {self._say('once', count=_AT_ONCE)}")
        masked = slowest.body.get("masked")
        self._line("came", self._say("once-result", count=same, masked=masked, calls=calls))

    def _publishable(self, simulator: Simulator, service: Service) -> None:
        name = _shown_mirrors(simulator.stage)[0].name
        tap = simulator.tap(name, "ok")
        outcome = service.post(tap.app, tap.body or {}, key=simulator.publishable_key, lang=self._lang)
        masked = str(outcome.body.get("masked", ""))
        secret = tap.phone_number[-11:]
        good = outcome.status == 200 and "****" in masked and secret not in str(outcome.body)
        expected = self._say("publishable-found")
        found = expected if good else str(outcome.body.get("code", outcome.status))
        self._add(name, self._say("publishable-scene"), expected, found, outcome, good=good)
        self._console.print(f"  {self._say('publishable')}")
        self._line("came", self._say("publishable-result", masked=masked) if good else escape(found))

    # --- the end

    def _verdict(self) -> int:
        columns = (self._say(f"column.{name}") for name in ("platform", "scene", "result", "time"))
        table = Table("", *columns, box=None, header_style="dim", pad_edge=False, padding=(0, 1, 0, 0))
        for each in self._results:
            mark = "[green]✓[/]" if each.good else "[red]✗[/]"
            found = each.found if each.good else f"{each.found} ≠ {each.expected}"
            table.add_row(mark, *map(escape, (each.platform, each.scene, found, f"{each.seconds * 1000:.0f}")))
        self._console.print()
        self._console.print(table)
        bad = [f"{each.platform}/{each.scene}" for each in self._results if not each.good]
        if bad:
            self._console.print(f"\n[bold red]{self._say('bad', bad=len(bad), names=', '.join(bad))}[/]")
            return 1
        self._console.print(f"\n[bold green]{self._say('good', count=len(self._results))}[/]")
        return 0

    def _leave_running(self, simulator: Simulator, service: Service) -> None:
        where = {"simulator": simulator.url, "service": service.url, "key": simulator.server_key, "log": service.log}
        self._console.print(
            f"\n{self._say('left')}\n\n{self._say('addresses', **where)}\n\n{self._say('try', **where)}"
        )
        for mirror in _shown_mirrors(simulator.stage):
            curl = _CURL.format(platform=mirror.name, app=mirror.name, lang=self._lang, **where)
            self._console.print(f"\n{escape(curl)}")
        try:
            service.wait()
            self._console.print(f"[red]{self._say('ended', log=service.log)}[/]")
        except KeyboardInterrupt:
            return


def scenes(stage: Stage) -> list[tuple[str, str]]:
    """Return platform and scene of everything that the demo plays."""
    return [(mirror.name, scene) for mirror in _shown_mirrors(stage) for scene in mirror.demo]


def _shown_mirrors(stage: Stage) -> list[Mirror]:
    return [mirror for mirror in stage.mirrors.values() if mirror.demo]


def _found(outcome: Outcome) -> str:
    """Return the number, or the refusal's code."""
    return str(outcome.body.get("phone_number" if outcome.status == 200 else "code", ""))
