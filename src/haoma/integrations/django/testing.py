"""Tests of a Django project: taps of simulated users, without a platform and without an account there.

With `django.test.TestCase`::

    @classmethod
    def setUpTestData(cls):
        cls.phones = cls.enterClassContext(simulated_phones())

    def test_login(self):
        tap = self.phones.tap("wechat", user="anna", number="13800138000")
        answer = self.client.post(tap.path, tap.body, content_type="application/json")

``TEST_RUNNER = "haoma.integrations.django.testing.Runner"`` does so for a whole run of ``manage.py test``, which then
needs no haoma.toml. With pytest there is the fixture ``haoma_django`` (`haoma.pytest_plugin`).

While it lasts, the setting ``HAOMA`` names the simulated platforms and a store of its own; its options stay.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.test import override_settings
from django.test.runner import DiscoverRunner

from haoma.integrations.django import conf
from haoma.settings.reader import from_mapping
from haoma.simulator import Person, Simulator
from haoma.store.config import format_key, new_key
from haoma.store.upgrade import upgrade

if TYPE_CHECKING:
    from haoma.settings.model import Settings


@dataclass(frozen=True, slots=True)
class PhoneTap:
    """What a mini program holds after a tap.

    Attributes:
        app: Name of the app.
        body: What it posts.
        phone_number: The number, in E.164 form.
        path: Where it posts it, if ``urls`` are included at the root.
    """

    app: str
    body: dict[str, Any] = field(repr=False)
    phone_number: str = field(repr=False)

    @property
    def path(self) -> str:
        """The address of the view."""
        return f"/v1/apps/{self.app}/phone-number"


class Phones:
    """Simulated users and their platforms.

    Attributes:
        simulator: For everything that this class does not offer, such as ``simulator.calls``.
    """

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator

    def __deepcopy__(self, _memo: object) -> Phones:
        # `TestCase` copies what `setUpTestData` has made, and platforms cannot be copied.
        return self

    def tap(self, platform: str, scene: str = "ok", *, user: str = "", number: str = "") -> PhoneTap:
        """Let a user log in and tap the button.

        Args:
            platform: Name of the platform.
            scene: What happens; ``haoma simulate`` lists them.
            user: A name. The same name is the same user of a platform. Somebody new if empty.
            number: A mobile number of the mainland. Drawn if empty.

        Raises:
            UnknownScene: There is no such platform or scene.
        """
        tap = self.simulator.tap(platform, scene, person=Person(user, number=number))
        return PhoneTap(tap.app, tap.body or {}, tap.phone_number)


@contextmanager
def simulated_phones(**apps: Mapping[str, Any]) -> Iterator[Phones]:
    """Simulate the platforms for the length of a ``with`` block.

    Args:
        apps: Settings of single apps that differ, such as ``alipay={"on_conflict": "review"}``.
    """
    with ExitStack() as stack:
        simulator, loaded = stack.enter_context(_simulation(apps))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        store = replace(loaded.store, database_url=f"sqlite:///{folder / 'haoma.db'}")
        upgrade(store)
        stack.enter_context(configured(replace(loaded, store=store)))
        yield Phones(simulator)


class Runner(DiscoverRunner):
    """Django's own, with simulated platforms for the whole run: system checks and tests need no haoma.toml."""

    def setup_test_environment(self, **options: Any) -> None:
        """Begin to simulate."""
        super().setup_test_environment(**options)
        self._simulation = simulated_phones()
        self._simulation.__enter__()

    def teardown_test_environment(self, **options: Any) -> None:
        """End it."""
        self._simulation.__exit__(None, None, None)
        super().teardown_test_environment(**options)


def configured(config: Path | Settings) -> Any:
    """Return a context in which the setting ``HAOMA`` names another configuration, with the options of the project."""
    found = getattr(settings, "HAOMA", None)
    options = {name: value for name, value in found.items() if name in conf.DEFAULTS} if isinstance(found, dict) else {}
    return override_settings(HAOMA={**options, "CONFIG": config})


@contextmanager
def _simulation(apps: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[Simulator, Settings]]:
    """Start a simulator, or lend the one of this process, which nobody stops: it takes longer than most tests."""
    if not apps:
        yield _shared()
        return
    with Simulator() as simulator:
        yield simulator, _settings(simulator, apps)


@cache
def _shared() -> tuple[Simulator, Settings]:
    simulator = Simulator().start()
    return simulator, _settings(simulator, {})


def _settings(simulator: Simulator, apps: Mapping[str, Mapping[str, Any]]) -> Settings:
    tables = simulator.stage.settings(simulator.url)
    for name, changes in apps.items():
        tables["apps"][name] = {**tables["apps"][name], **changes}
    tables["store"] = {"database_url": "sqlite:///haoma.db", "keys": [format_key(new_key())]}
    tables["accounts"] = {name: [format_key(new_key())] for name in ("keys", "peppers", "audit_keys")}
    return from_mapping(tables)
