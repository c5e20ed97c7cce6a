"""Runs the simulator: in a thread for tests (`Simulator`), or in the foreground for `haoma simulate` (`serve`)."""

from __future__ import annotations

import asyncio
import signal
import sys
from concurrent.futures import Future
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Final, Self

from haoma.io import clock
from haoma.platforms.base.mirroring import ANYBODY
from haoma.platforms.registry import PLATFORMS
from haoma.settings.service import parse_listen
from haoma.simulator.clockwork import Clockwork
from haoma.simulator.device import ADDRESS, Device, is_loopback
from haoma.simulator.phone import Phone
from haoma.simulator.phone.service import Beside, Own, Theirs
from haoma.simulator.pushing import deliver
from haoma.simulator.server import Server
from haoma.simulator.stage import SERVICE, Ages, Stage
from haoma.words import text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import TracebackType

    from haoma.platforms.base.mirroring import Person, Tap
    from haoma.simulator.beside import Service
    from haoma.simulator.phone.service import Target
    from haoma.simulator.pushing import Delivery

LISTEN: Final = "127.0.0.1:8900"


class Simulator:
    """The simulated platforms, on a free port of this machine, as a context manager.

    ```python
    with Simulator() as simulator:
        simulator.write_config(tmp_path / "haoma.toml")
        tap = simulator.tap("wechat", "ok")
        ...  # post tap.body to /v1/apps/{tap.app}/phone-number, or give it to a Client
        assert simulator.calls["wechat"]["/wxa/business/getuserphonenumber"] == 1
    ```

    Args:
        listen: ``host:port``; port 0 is a free one.
        now: The clock of the platforms, in Unix seconds. A test may move it.
        platforms: Names of the platforms; all if empty. Fewer start faster.

    Attributes:
        url: Its address; empty while it is stopped.
        clock: The clock of the platforms.
        stage: The mirrors, for everything that this class does not offer.
    """

    def __init__(
        self,
        listen: str = "127.0.0.1:0",
        *,
        now: Callable[[], float] = clock.now,
        platforms: Sequence[str] = (),
    ) -> None:
        self._host, self._port = address(listen)
        self.clock = Clockwork(now)
        self.stage = Stage(now=self.clock.now, platforms=platforms)
        self._service: Service | Theirs | None = None
        self.url = ""
        self._thread: Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop = asyncio.Event()

    @property
    def calls(self) -> dict[str, dict[str, int]]:
        """How often each path of each platform was called."""
        return self.stage.calls()

    @property
    def server_key(self) -> str:
        """The server key in the configuration."""
        return self.stage.server_key

    @property
    def publishable_key(self) -> str:
        """The publishable key in the configuration."""
        return self.stage.publishable_key

    def tap(
        self,
        platform: str,
        scene: str,
        *,
        allow: bool = True,
        service: str = "",
        person: Person = ANYBODY,
        login_age: float = 0.0,
        tap_age: float = 0.0,
    ) -> Tap:
        """Play a scene on the device, and return what the mini program holds afterwards.

        Args:
            platform: Name of the platform.
            scene: Name of the scene.
            allow: Whether the user taps "allow".
            service: Address of a running service, such as ``http://127.0.0.1:8080``. The pushes of the scene are posted
                to it first, and so are pushes that are requested later. Without it nothing is pushed: pass
                ``tap.pushes`` to `haoma.authorize.take_push`.
            person: Who taps, if it matters: a chosen user and number. Drawn anew if not given.
            login_age: Seconds from the login to the tap. A login code, or a session_key, may be too old by then.
            tap_age: Seconds since the tap. A code may have expired.

        Raises:
            UnknownScene: The platform or scene does not exist.
        """
        tap = self.stage.tap(platform, scene, allow=allow, person=person, ages=Ages(login_age, tap_age))
        if service:
            self.stage.service = service
            for push in tap.pushes:
                deliver(service, push)
        return tap

    def withdraw(
        self, platform: str, app: str, user: Mapping[str, str], *, service: str, account: bool = False
    ) -> list[Delivery]:
        """Withdraw as a user does in the platform's settings. The platform pushes it to the service.

        Args:
            platform: Name of the platform.
            app: Name of the app.
            user: The user's ids, as in ``subject`` of an answer.
            service: Address of the running service.
            account: Whether the user closes the account at the platform.

        Returns:
            How the service answered each push.

        Raises:
            UnknownScene: The platform or app does not exist, or the platform pushes no withdrawals.
        """
        pushes = self.stage.withdraw(platform, app, user, account=account)
        return [deliver(service, push) for push in pushes]

    def settings_toml(self, listen: str = SERVICE, *, database_url: str = "") -> str:
        """Return the text of the ``haoma.toml`` for this simulator, with the service at ``listen``.

        Args:
            listen: Where the service listens.
            database_url: Where accounts are kept; nowhere if empty. Conflicts are left to be decided
                (``on_conflict = "review"``).
        """
        return self.stage.settings_toml(self.url, listen, database_url=database_url)

    def write_config(self, path: str | Path, listen: str = SERVICE, *, accounts: bool = False) -> Path:
        """Write the ``haoma.toml`` for this simulator, and return its path.

        Args:
            path: Where to.
            listen: Where the service listens.
            accounts: Also keep accounts, in a SQLite database next to it that is made here.
        """
        path = Path(path)
        url = f"sqlite:///{path.resolve().with_name('accounts.db')}" if accounts else ""
        path.write_text(self.settings_toml(listen, database_url=url), encoding="utf-8")
        if accounts:
            from haoma.settings.reader import load
            from haoma.store.upgrade import upgrade

            upgrade(load(path).store)
        return path

    def use(self, service: Service | Theirs) -> None:
        """Let the page send to a service that runs beside the simulator. Call it before a page is opened."""
        self._service = service

    def _target(self) -> Target:
        if isinstance(self._service, Theirs):
            return self._service
        return Beside(self._service) if self._service else Own(lambda listen: _patient(self.stage, self.url, listen))

    def start(self) -> Self:
        """Start, and return when the simulator listens.

        Raises:
            OSError: Cannot listen on the address.
        """
        ready: Future[str] = Future()
        self._thread = Thread(target=self._run, args=(ready,), name="haoma-simulator", daemon=True)
        self._thread.start()
        try:
            self.url = ready.result()
        except OSError:
            self._thread = self._loop = None
            raise
        return self

    def stop(self) -> None:
        """Close every connection and stop."""
        if self._thread is not None and self._loop is not None:
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join()
        self._thread = self._loop = None
        self.url = ""

    def _run(self, ready: Future[str]) -> None:
        async def main() -> None:
            self._loop = asyncio.get_running_loop()
            self._stop = asyncio.Event()
            await _until(self._stop, self.stage, self.clock, self._host, self._port, ready.set_result, self._target)

        try:
            asyncio.run(main())
        except OSError as error:
            ready.set_exception(error)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self.stop()


def serve(listen: str = LISTEN, service: str = "", lang: str = "en") -> None:
    """Serve in the foreground until SIGINT or SIGTERM.

    Args:
        listen: ``host:port``. A host other than the loopback causes a warning.
        service: Address of haoma, such as ``http://haoma:8080``, or of the page's path on another server, such as
            ``http://127.0.0.1:3000/api/phone``. The page posts there, and pushes go there.
        lang: ``zh`` or ``en``.

    Raises:
        ValueError: ``listen`` or ``service`` is malformed.
        OSError: Cannot listen on the address.
    """
    host, port = address(listen, lang)
    given = ADDRESS.fullmatch(service)
    if service and not given:
        raise ValueError(text("simulator", "bad-service", lang))
    origin = given[1] if given else ""
    if not is_loopback(host):
        sys.stderr.write(text("simulator", "open-to-the-network", lang, host=host) + "\n")

    async def main() -> None:
        stop = asyncio.Event()

        here: list[str] = []

        def started(url: str) -> None:
            sys.stdout.write(text("simulator", "service-started", lang, service=url) + "\n")
            sys.stdout.flush()

        def announce(url: str) -> None:
            here.append(url)
            facts = {"url": url, "service": SERVICE, "platform": next(iter(PLATFORMS))}
            sys.stdout.write(text("simulator", "ready", lang, **facts) + "\n")
            sys.stdout.flush()

        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        clockwork = Clockwork()
        stage = Stage(now=clockwork.now, service=origin or f"http://{SERVICE}")

        def target() -> Target:
            return Theirs(service) if service else Own(lambda listen: _patient(stage, here[0], listen), started)

        await _until(stop, stage, clockwork, host, port, announce, target, origin)

    asyncio.run(main())


def _patient(stage: Stage, url: str, listen: str) -> str:
    return stage.settings_toml(url, listen, patient=True)


async def _until(
    stop: asyncio.Event,
    stage: Stage,
    clockwork: Clockwork,
    host: str,
    port: int,
    ready: Callable[[str], None],
    target: Callable[[], Target],
    service: str = "",
) -> None:
    phone = Phone(stage, clockwork, target)
    device = Device(stage, host, service, phone=phone)
    server = Server(device.respond)
    device.url = await server.start(host, port)
    try:
        ready(device.url)
        await stop.wait()
    finally:
        await server.stop()
        await phone.stop()


def address(listen: str, lang: str = "en") -> tuple[str, int]:
    """Return host and port of ``host:port``.

    Raises:
        ValueError: It is malformed.
    """
    address = parse_listen(listen)
    if address is None:
        raise ValueError(text("cli", "host-port", lang, example=LISTEN))
    return address
