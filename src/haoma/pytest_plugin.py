"""Fixtures for pytest: simulated platforms, and a client that asks them. Installed with haoma; nothing is to be loaded.

::

    def test_a_user_logs_in(haoma_simulator, haoma_client):
        anna = haoma_simulator.person("anna", number="13900139000")
        tap = anna.tap("wechat")                         # the same user at each tap
        phone = haoma_client.get_phone_number(tap.app, tap.body)
        assert phone.e164 == tap.phone_number

    @pytest.mark.haoma("wechat", "kuaishou", accounts=True)
    def test_two_platforms(haoma_config):                # a haoma.toml for your own application
        app = create_app(haoma_config)

The marker names the platforms, because each makes keys when it starts; without it they are those of the ini option
``haoma_platforms``, and WeChat if there is none. ``accounts=True`` keeps accounts, in a database of the test's own.
"""

from __future__ import annotations

import shutil
import warnings
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from haoma import AsyncClient, Client
    from haoma.simulator import Simulator, Tap

_INI = "haoma_platforms"
_EXPECTED = r"(?s).*\[config\.(insecure-upstreams-allowed|memory-not-shared)\]"


class SomeOne:
    """A user with a number, the same one on every platform and at each tap.

    Attributes:
        name: The platforms' ids of the user are made of it.
        number: The national number.
    """

    def __init__(self, simulator: Simulator, name: str, number: str) -> None:
        self._simulator = simulator
        self.name = name
        self.number = number

    def __repr__(self) -> str:
        return f"SomeOne({self.name!r})"

    def tap(self, platform: str = "wechat", scene: str = "ok", *, login_age: float = 0.0, tap_age: float = 0.0) -> Tap:
        """Log in, and tap the button: ``tap.body`` is what the mini program posts for ``tap.app``.

        Args:
            platform: Name of the platform.
            scene: A named situation, such as ``denied``.
            login_age: Seconds from the login to the tap.
            tap_age: Seconds since the tap.

        Raises:
            UnknownScene: The test has no such platform, or it has no such scene.
        """
        from haoma.simulator import Person

        person = Person(user=self.name, number=self.number)
        return self._simulator.tap(platform, scene, person=person, login_age=login_age, tap_age=tap_age)


class Platforms:
    """The simulated platforms of a test.

    Attributes:
        simulator: The simulator, for everything that is not here.
    """

    def __init__(self, simulator: Simulator, database: Path | None) -> None:
        self.simulator = simulator
        self._database = database

    def __repr__(self) -> str:
        return f"<Platforms {', '.join(self.simulator.stage.mirrors)} at {self.simulator.url}>"

    def person(self, name: str, *, number: str = "") -> SomeOne:
        """Return a user. The same name is the same user, with the same number if none is given.

        Args:
            name: Any name.
            number: The national number of a mobile in mainland China.
        """
        if not number:
            from hashlib import sha256

            number = f"139{int.from_bytes(sha256(name.encode()).digest()[:8]) % 100_000_000:08d}"
        return SomeOne(self.simulator, name, number)

    def tap(self, platform: str = "wechat", scene: str = "ok", *, login_age: float = 0.0, tap_age: float = 0.0) -> Tap:
        """Let somebody new tap the button; see `SomeOne.tap`.

        Raises:
            UnknownScene: The test has no such platform, or it has no such scene.
        """
        return self.simulator.tap(platform, scene, login_age=login_age, tap_age=tap_age)

    @property
    def calls(self) -> dict[str, dict[str, int]]:
        """How often each path of each platform was called, in all tests so far."""
        return self.simulator.calls

    def toml(self) -> str:
        """Return the haoma.toml for these platforms."""
        url = "" if self._database is None else f"sqlite:///{self._database}"
        return self.simulator.settings_toml(database_url=url)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the ini option ``haoma_platforms``."""
    parser.addini(_INI, "The platforms that haoma simulates where no marker names them.", "args", ["wechat"])


def pytest_configure(config: pytest.Config) -> None:
    """Add the marker ``haoma``."""
    config.addinivalue_line(
        "markers",
        "haoma(*platforms, accounts=False): the platforms that haoma simulates, and whether it keeps accounts",
    )


class _Stages:
    """The simulators of a session, by their platforms: to start one takes longer than a test."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._started: dict[tuple[str, ...], Simulator] = {}
        self._database: Path | None = None

    def of(self, platforms: Sequence[str]) -> Simulator:
        from haoma.simulator import Simulator

        names = tuple(sorted(set(platforms)))
        if names not in self._started:
            self._started[names] = Simulator(platforms=names).start()
        return self._started[names]

    def empty_database(self, path: Path) -> Path:
        """Write a database with tables and without rows. They are made once, and copied."""
        if self._database is None:
            from haoma.store.config import StoreSettings
            from haoma.store.upgrade import upgrade

            self._database = self._folder / "accounts.db"
            upgrade(StoreSettings(database_url=f"sqlite:///{self._database}"))
        shutil.copy(self._database, path)
        return path

    def stop(self) -> None:
        for each in self._started.values():
            each.stop()


@pytest.fixture(scope="session")
def _haoma_stages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[_Stages]:
    stages = _Stages(tmp_path_factory.mktemp("haoma"))
    yield stages
    stages.stop()


@pytest.fixture
def haoma_simulator(request: pytest.FixtureRequest, _haoma_stages: _Stages) -> Platforms:
    """The simulated platforms of the test; see `Platforms`."""
    from haoma import HaomaWarning

    # It warns of what is right here: platforms without TLS on this machine. pytest drops the filter after the test.
    warnings.filterwarnings("ignore", _EXPECTED, HaomaWarning)
    marker = request.node.get_closest_marker("haoma")
    platforms = marker.args if marker and marker.args else request.config.getini(_INI)
    accounts = bool(marker and marker.kwargs.get("accounts"))
    database = None
    if accounts:
        folder: Path = request.getfixturevalue("tmp_path")
        database = _haoma_stages.empty_database(folder / "accounts.db")
    return Platforms(_haoma_stages.of(platforms), database)


@pytest.fixture
def haoma_config(haoma_simulator: Platforms, tmp_path: Path) -> Path:
    """The haoma.toml for the platforms of the test, as a file."""
    path = tmp_path / "haoma.toml"
    path.write_text(haoma_simulator.toml(), "utf-8")
    return path


@pytest.fixture
def haoma_client(haoma_config: Path) -> Iterator[Client]:
    """A client of the platforms of the test. It knows nothing of other tests."""
    from haoma import Client, load

    with Client(load(haoma_config)) as client:
        yield client


@pytest.fixture
def haoma_async_client(haoma_config: Path) -> Iterator[AsyncClient]:
    """An asynchronous client of the platforms of the test, for any event loop. It knows nothing of other tests."""
    import asyncio

    from haoma import AsyncClient, load

    client = AsyncClient(load(haoma_config))
    yield client
    loop = asyncio.new_event_loop()  # `asyncio.run` would take away the loop of other plugins
    try:
        loop.run_until_complete(client.aclose())
    finally:
        loop.close()


@pytest.fixture
def haoma_django(haoma_simulator: Platforms, haoma_config: Path) -> Iterator[Platforms]:
    """The simulated platforms as the setting ``HAOMA`` of a Django project. The options of the project stay."""
    from haoma.integrations.django.testing import configured

    with configured(haoma_config):
        yield haoma_simulator
