"""The building blocks of a platform's ``mirror/``.

A mirror plays the platform's side: it writes what ``read`` reads, signs what ``verify`` verifies, seals what ``open``
opens, and answers what ``fetch`` asks. Only the simulator and the tests import mirrors. Like the core, a mirror has no
socket, clock or randomness of its own: it receives the time and a source of random bytes.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import Any, Final, Protocol

from haoma.words import text

RandomBytes = Callable[[int], bytes]


class Fate(StrEnum):
    """What happens to the connection in place of, or along with, an answer."""

    REPLY = "reply"
    RESET = "reset"  # the platform acts on the request, then resets the connection without answering
    HANG = "hang"  # no answer comes, until the client gives up


@dataclass(frozen=True, slots=True)
class Scene:
    """A named, reproducible situation.

    Attributes:
        name: Such as ``wrong-aes-key``. Stable.
        expect: ``ok``, or the code of the error that haoma must return.
        app: The app, in the simulator's ``haoma.toml``, to which the authorization is sent.
        words: The key of its line in ``mirror/words.toml``; the name of the scene if empty.
        facts: Values for the placeholders of the line.
        way: The way in the platform's ``words.toml`` whose steps it goes; empty if the authorization tells.
    """

    name: str
    expect: str
    app: str
    words: str = ""
    facts: Mapping[str, object] = field(default_factory=dict, hash=False)
    way: str = ""

    def line(self, platform: str, lang: str) -> str:
        """Return what happens on the device and on the platform, on one line in ``zh`` or ``en``."""
        return text(f"platforms/{platform}/mirror", self.words or self.name, lang, **self.facts)


@cache
def replies(platform: str) -> Mapping[str, str]:
    """Return what a platform says with its codes, in its own language, from its ``mirror/replies.toml``."""
    path = resources.files("haoma") / "platforms" / platform / "mirror" / "replies.toml"
    return tomllib.loads(path.read_text("utf-8"))


@dataclass(frozen=True, slots=True)
class Call:
    """A request that reached the simulated platform."""

    method: str
    path: str
    query: dict[str, str] = field(repr=False)
    headers: dict[str, str] = field(repr=False)
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Push:
    """A request that the simulated platform posts to the service on its own initiative.

    Attributes:
        app: Name of the app that it is meant for.
        path: Path at which the service accepts it.
        query: Query of the request.
        body: The exact bytes.
    """

    app: str
    path: str
    query: dict[str, str] = field(repr=False)
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of the simulated platform.

    Attributes:
        status: HTTP status. Real platforms answer 200 to refusals too.
        headers: Header names in lower case.
        body: The exact bytes.
        delay: Seconds to wait before answering.
        fate: What happens to the connection.
        then: What the platform posts to the service afterwards, because the request asked for it.
    """

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = field(default=b"", repr=False)
    delay: float = 0.0
    fate: Fate = Fate.REPLY
    then: tuple[Push, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Tap:
    """What the mini program holds after the user has tapped the button.

    Attributes:
        scene: Name of the scene.
        app: Name of the app to send it to.
        event: The unmodified event of the platform's callback.
        login_code: The code of the earlier ``login()``; empty if the scene has none.
        body: What the front-end kit posts to ``/v1/apps/{app}/phone-number``; None if there is nothing to post.
        expect: ``ok``, or the code of the error that haoma must return.
        phone_number: The number in E.164 that must be returned if ``expect`` is ``ok``; else empty.
        pushes: What the platform has posted to the service before the tap. Without it the scene ends differently.
        failed: Whether the event is no authorization: the user declined, or the button failed. A good front end posts
            nothing then.
    """

    scene: str
    app: str
    event: dict[str, Any] = field(repr=False)
    login_code: str = field(repr=False)
    body: dict[str, Any] | None = field(repr=False)
    expect: str
    phone_number: str = field(default="", repr=False)
    pushes: tuple[Push, ...] = field(default=(), repr=False)
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Person:
    """Who taps the button. What is empty is drawn anew for each tap.

    Attributes:
        user: A name, from which a platform's ids of the user are made: the same name is the same user.
        developer_user: A name, from which the id is made that all apps of a developer share (unionid).
        number: The national number of a mobile in mainland China.
    """

    user: str = ""
    developer_user: str = ""
    number: str = field(default="", repr=False)

    def mobile(self, prefix: str, random_bytes: RandomBytes) -> str:
        """Return the number, or one that begins with seven given digits."""
        return self.number or f"{prefix}{int.from_bytes(random_bytes(4)) % 10_000:04d}"


ANYBODY: Final = Person()


def drawn(name: str, random_bytes: RandomBytes) -> RandomBytes:
    """Return a source of bytes that are always the same for a name, and random without one."""
    return (lambda size: hashlib.shake_256(name.encode()).digest(size)) if name else random_bytes


SESSION_KEY_LIFE: Final = 3600.0
"""Seconds that a simulated session_key lasts after its login. No platform says how long a real one does."""


@dataclass(frozen=True, slots=True)
class Visit:
    """A user in the mini program, between the login and the tap.

    Attributes:
        scene: What is going to happen.
        person: Who it is.
        login_code: What the platform's ``login()`` gave; empty if it has none.
        user: What the mirror remembers of the login.
    """

    scene: Scene
    person: Person
    login_code: str = field(default="", repr=False)
    user: Any = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Button:
    """The button of a platform's mini programs.

    Attributes:
        login: The call that logs in; empty if there is none, because there is no mini program.
        open_type: The button's ``open-type``; empty if there is no such button.
        scope: The button's ``scope``, if it has one.
    """

    login: str = ""
    open_type: str = ""
    scope: str = ""


class Mirror(Protocol):
    """The simulated platform.

    Constructed as ``Mirror(random_bytes)``, where ``random_bytes`` is a source of random bytes. It makes its own keys.
    """

    name: str
    scenes: tuple[Scene, ...]
    demo: tuple[str, ...]
    """The scenes that the demo plays; empty if the demo skips this platform."""
    counted: str
    """Path of the call that uses up a code, which the demo counts; empty if there is none."""
    button: Button = Button()

    def settings(self, base_url: str) -> dict[str, dict[str, Any]]:
        """Return the ``[apps.NAME]`` tables for this mirror, served at ``base_url``."""

    def login(self, scene: str, *, now: float, person: Person = ANYBODY) -> Visit:
        """Begin a scene on the device: the mini program logs in.

        Raises:
            KeyError: The scene does not exist.
        """

    def press(self, visit: Visit, *, allow: bool, now: float) -> Tap:
        """End a scene on the device: the user taps the button, and allows or denies. Time may have passed."""

    def tap(self, scene: str, *, allow: bool, now: float, person: Person = ANYBODY) -> Tap:
        """Play a whole scene on the device, all at once.

        Raises:
            KeyError: The scene does not exist.
        """
        return self.press(self.login(scene, now=now, person=person), allow=allow, now=now)

    def withdraw(self, app: str, user: Mapping[str, str], /, *, account: bool, now: float) -> tuple[Push, ...]:
        """Return what the platform posts when a user withdraws the authorization, or closes the account there.

        Args:
            app: Name of the app.
            user: The user's ids by kind: ``openid``, ``unionid``, ``user_id``.
            account: Whether the user closes the account.
            now: Unix seconds.
        """

    def answer(self, call: Call, now: float) -> Answer | None:
        """Answer a request, or return None if the platform has no such path."""
