"""What a platform's ``mirror/`` is made of.

A mirror is the platform's side: it writes what ``read`` reads, signs what ``verify`` verifies, seals what ``open``
opens and answers what ``fetch`` asks. Only the simulator and the tests import mirrors. A mirror has no socket, clock
or randomness of its own either: it is told the time and given a source of random bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol


class Fate(StrEnum):
    """What happens to the connection when an answer is due."""

    REPLY = "reply"
    RESET = "reset"  # the request is acted upon, then the connection is reset without an answer
    HANG = "hang"  # nothing comes until the client gives up


@dataclass(frozen=True, slots=True)
class Scene:
    """A named situation.

    Attributes:
        name: Such as ``wrong-aes-key``; stable.
        zh, en: What happens on the device and on the platform, one line each.
        expect: ``ok``, or the code of the error that haoma must answer with.
        app: Name of the app, in the simulator's ``haoma.toml``, that the authorization is sent to.
    """

    name: str
    zh: str
    en: str
    expect: str
    app: str


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
    """What the simulated platform posts to the service by itself.

    Attributes:
        app: Name of the app that it is meant for.
        path: Where the service takes it.
        query: Query of the request.
        body: The exact bytes.
    """

    app: str
    path: str
    query: dict[str, str] = field(repr=False)
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the simulated platform answers.

    Attributes:
        status: HTTP status; real platforms answer 200 to refusals too.
        headers: Header names in lower case.
        body: The exact bytes.
        delay: Seconds to wait before it.
        fate: What happens to the connection.
        then: What the platform posts to the service afterwards, because it was asked to.
    """

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = field(default=b"", repr=False)
    delay: float = 0.0
    fate: Fate = Fate.REPLY
    then: tuple[Push, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Tap:
    """What the mini program has in hand after the user tapped.

    Attributes:
        scene: Name of the scene.
        app: Name of the app to send it to.
        event: What the platform's callback received, untouched.
        login_code: What ``login()`` gave before; empty when the scene has none.
        body: What the front-end kit posts to ``/v1/apps/{app}/phone-number``; None when there is nothing to post.
        expect: ``ok``, or the code of the error that haoma must answer with.
        phone_number: The number in E.164 that must come out when ``expect`` is ``ok``; else empty.
        pushes: What the platform has posted to the service by the time of the tap. It belongs to the scene: without it
            the scene ends otherwise.
    """

    scene: str
    app: str
    event: dict[str, Any] = field(repr=False)
    login_code: str = field(repr=False)
    body: dict[str, Any] | None = field(repr=False)
    expect: str
    phone_number: str = field(default="", repr=False)
    pushes: tuple[Push, ...] = field(default=(), repr=False)


class Mirror(Protocol):
    """The platform's side of a platform.

    Constructed as ``Mirror(random_bytes)`` with a source of random bytes; it makes its own keys.
    """

    name: str
    scenes: tuple[Scene, ...]
    demo: tuple[str, ...]
    """Names of the scenes that the demo walks through; empty if it leaves the platform out."""
    counted: str
    """Address of the call that spends a code, which the demo counts; empty if there is none."""

    def settings(self, base_url: str) -> dict[str, dict[str, Any]]:
        """Return the ``[apps.NAME]`` tables that fit this mirror, when it is served at ``base_url``."""

    def tap(self, scene: str, *, allow: bool, now: float) -> Tap:
        """Play a scene on the device: log in, tap the button, allow or deny.

        Raises:
            KeyError: There is no such scene.
        """

    def answer(self, call: Call, now: float) -> Answer | None:
        """Answer a request to the platform, or None if the platform has no such address."""


RandomBytes = Callable[[int], bytes]
