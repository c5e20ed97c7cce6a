"""Tests of a Django project: taps of simulated users, without a platform and without an account there.

With pytest, ``pytest_plugins = ["haoma.integrations.django.testing"]`` in the root ``conftest.py``::

    def test_login(db, client, haoma_phones):
        tap = haoma_phones.tap("wechat", user="anna", number="13800138000")
        assert client.post(tap.path, tap.body, content_type="application/json").status_code == 200

With `django.test.TestCase`::

    @classmethod
    def setUpTestData(cls):
        cls.phones = cls.enterClassContext(simulated_phones())

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

from haoma.integrations.django import conf
from haoma.settings.reader import from_mapping
from haoma.simulator import Person, Simulator
from haoma.store.config import format_key, new_key
from haoma.store.upgrade import upgrade

if TYPE_CHECKING:
    from haoma.settings.model import Settings

try:
    import pytest
except ImportError:  # tests without pytest need no fixture
    pytest = None  # type: ignore[assignment]


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
        stack.enter_context(override_settings(HAOMA={**_options(), "CONFIG": replace(loaded, store=store)}))
        yield Phones(simulator)


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


def _options() -> dict[str, Any]:
    """Return the options of the project, without its configuration."""
    found = getattr(settings, "HAOMA", None)
    return {name: value for name, value in found.items() if name in conf.DEFAULTS} if isinstance(found, dict) else {}


if pytest is not None:

    @pytest.fixture
    def haoma_phones() -> Iterator[Phones]:
        """Simulated platforms, with a store that is empty in each test."""
        with simulated_phones() as phones:
            yield phones
