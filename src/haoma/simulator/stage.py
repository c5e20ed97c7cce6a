"""All mirrors together: taps, calls, and the configuration to use them. No sockets here."""

from __future__ import annotations

import base64
import json
import os
from collections import Counter
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from haoma.io import clock
from haoma.platforms.base.mirroring import ANYBODY
from haoma.platforms.registry import PLATFORMS, load
from haoma.simulator.sms import Messages
from haoma.words import text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from haoma.platforms.base.mirroring import Answer, Call, Mirror, Person, Push, Scene, Tap, Visit

SERVICE: Final = "127.0.0.1:8080"
"""Where the service listens, according to the configuration that the simulator serves."""


class Ages(NamedTuple):
    """How long ago something happened on the device, in seconds.

    Attributes:
        login: From the login to the tap.
        tap: From the tap to now.
    """

    login: float = 0.0
    tap: float = 0.0


FRESH: Final = Ages()


class UnknownScene(LookupError):
    """The platform or scene does not exist. The message lists those that do."""


class Stage:
    """Every platform's mirror. Thread-safe.

    Args:
        platforms: Names of the platforms; all if empty. Each makes keys, which takes time.

    Attributes:
        mirrors: By name of the platform.
        messages: The SMS providers.
        server_key, publishable_key: API keys in the served configuration, new in each run.
        service: Address for the platforms' pushes, such as ``http://127.0.0.1:8080``; empty if nothing listens.
    """

    def __init__(
        self,
        *,
        random_bytes: Callable[[int], bytes] = os.urandom,
        now: Callable[[], float] = clock.now,
        service: str = "",
        platforms: Sequence[str] = (),
    ) -> None:
        self._now = now
        self.service = service
        self._lock = Lock()
        names = tuple(platforms or PLATFORMS)
        if unknown := set(names).difference(PLATFORMS):
            raise UnknownScene(f"no platform {min(unknown)!r}; there are: {', '.join(PLATFORMS)}")
        self._calls: dict[str, Counter[str]] = {name: Counter() for name in names}
        self.mirrors: dict[str, Mirror] = {name: load(PLATFORMS[name].mirror)(random_bytes) for name in names}
        self.messages = Messages(random_bytes)
        self.server_key, self.publishable_key = (
            prefix + base64.urlsafe_b64encode(random_bytes(33)).decode("ascii")
            for prefix in ("simulator_server_", "simulator_publishable_")
        )
        self._store_keys = [f"1:{base64.b64encode(os.urandom(32)).decode('ascii')}" for _ in range(4)]

    def scenes(self) -> Iterator[tuple[str, Scene]]:
        """Yield platform name and scene, for all platforms."""
        for name, mirror in self.mirrors.items():
            for scene in mirror.scenes:
                yield name, scene

    def tap(
        self, platform: str, scene: str, *, allow: bool = True, person: Person = ANYBODY, ages: Ages = FRESH
    ) -> Tap:
        """Play a scene on the device: log in, tap the button, allow or deny.

        Raises:
            UnknownScene: The platform or scene does not exist.
        """
        visit = self.begin(platform, scene, person=person, ago=ages.login + ages.tap)
        return self.end(platform, visit, allow=allow, ago=ages.tap)

    def begin(self, platform: str, scene: str, *, person: Person = ANYBODY, ago: float = 0.0) -> Visit:
        """Play the first half of a scene: the mini program logs in, or did so some seconds ago.

        Raises:
            UnknownScene: The platform or scene does not exist.
        """
        self.scene(platform, scene)
        with self._lock:
            return self.mirrors[platform].login(scene, now=self._now() - ago, person=person)

    def end(self, platform: str, visit: Visit, *, allow: bool = True, ago: float = 0.0) -> Tap:
        """Play the second half of a scene: the user taps the button, and allows or denies."""
        with self._lock:
            return self.mirrors[platform].press(visit, allow=allow, now=self._now() - ago)

    def scene(self, platform: str, name: str) -> Scene:
        """Return a scene.

        Raises:
            UnknownScene: The platform or scene does not exist.
        """
        mirror = self.mirrors.get(platform)
        if mirror is None:
            raise UnknownScene(f"no platform {platform!r}; there are: {', '.join(self.mirrors)}")
        scenes = {each.name: each for each in mirror.scenes}
        if name not in scenes:
            raise UnknownScene(f"no scene {name!r} of {platform}; there are: {', '.join(scenes)}")
        return scenes[name]

    def withdraw(self, platform: str, app: str, user: Mapping[str, str], *, account: bool = False) -> tuple[Push, ...]:
        """Return what a platform pushes when a user withdraws from an app, or closes the account at the platform.

        Raises:
            UnknownScene: The platform or the app does not exist, or the platform pushes nothing.
        """
        mirror = self.mirrors.get(platform)
        if mirror is None:
            raise UnknownScene(f"no platform {platform!r}; there are: {', '.join(self.mirrors)}")
        with self._lock:
            if app not in mirror.settings(""):
                raise UnknownScene(f"no app {app!r} of {platform}")
            pushes = mirror.withdraw(app, user, account=account, now=self._now())
        if not pushes:
            raise UnknownScene(f"{platform} pushes no withdrawals to {app}")
        return pushes

    def answer(self, call: Call) -> Answer | None:
        """Answer a call to a platform, or return None if no platform has such a path."""
        with self._lock:
            if (sent := self.messages.answer(call, self._now())) is not None:
                return sent
            for name, mirror in self.mirrors.items():
                answer = mirror.answer(call, self._now())
                if answer is not None:
                    self._calls[name][call.path] += 1
                    return answer
        return None

    def calls(self) -> dict[str, dict[str, int]]:
        """Return how often each path of each platform was called."""
        with self._lock:
            return {name: dict(counter) for name, counter in self._calls.items()}

    def settings(self, base_url: str, listen: str = SERVICE, *, sms: str = "") -> dict[str, Any]:
        """Return the whole configuration, for a service at ``listen`` and platforms at ``base_url``.

        ``sms`` names the provider of text messages; without one there are none.
        """
        with self._lock:
            apps = {
                name: table for mirror in self.mirrors.values() for name, table in mirror.settings(base_url).items()
            }
        service = {
            "listen": listen,
            "server_keys": [self.server_key],
            "publishable_keys": [self.publishable_key],
        }
        texts = {"sms": self.messages.settings(base_url, sms)} if sms else {}
        return {"allow_insecure_upstreams": True, "service": service, **texts, "apps": apps}

    def settings_toml(
        self, base_url: str, listen: str = SERVICE, *, database_url: str = "", patient: bool = False, sms: str = ""
    ) -> str:
        """Return the configuration as the text of a ``haoma.toml``.

        Args:
            base_url: Where the platforms are.
            listen: Where the service listens.
            database_url: Where accounts are kept; nowhere if empty. Conflicts are left to be decided.
            patient: Allow any number of refused codes, as one gets them by playing one scene after another.
            sms: Who sends text messages; nobody if empty.
        """
        title = " ".join(text("simulator", "config", lang) for lang in ("en", "zh"))
        settings = self.settings(base_url, listen, sms=sms)
        if patient:
            settings["service"] |= {"refused_limit": 1000, "refused_seconds": 1}
        if database_url:
            store, numbers, peppers, audit = self._store_keys
            settings |= {
                "store": {"database_url": database_url, "keys": [store]},
                "accounts": {"keys": [numbers], "peppers": [peppers], "audit_keys": [audit]},
            }
            for app in settings["apps"].values():
                app["on_conflict"] = "review"
        return f"# {title}\n\n" + "\n".join(_lines(settings))


def _lines(table: Mapping[str, Any], path: tuple[str, ...] = ()) -> Iterator[str]:
    inner = {name: value for name, value in table.items() if isinstance(value, dict)}
    # A JSON string is a TOML basic string, except for characters beyond the BMP, which are left unescaped.
    plain = [f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in table.items() if name not in inner]
    if plain:
        yield from ((f"[{'.'.join(path)}]",) if path else ())
        yield from (*plain, "")
    for name, value in inner.items():
        yield from _lines(value, (*path, name))
