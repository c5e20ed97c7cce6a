"""A receiver of webhooks over real HTTP, which notes what arrives and answers what a test says."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from haoma import webhooks
from support.live import Asked, Reply, platform

SECRET = b"canary-webhook-secret-of-32-bytes"
NEWER = b"canary-webhook-newer-of-32-bytes!"
Answer = Callable[[webhooks.Event], "Reply | int"]


class Receiver:
    """What a receiver has seen.

    Attributes:
        url: Where it listens.
        events: Every event that arrived, verified, in order; one that came twice is there twice.
        asked: The requests.
        answer: What it answers: a status, or a whole reply.
    """

    def __init__(self, *secrets: bytes) -> None:
        self.url = ""
        self.events: list[webhooks.Event] = []
        self.asked: list[Asked] = []
        self.answer: Answer = lambda _: 204
        self._secrets = [webhooks.format_secret(each) for each in secrets or (SECRET,)]
        self._lock = threading.Lock()

    @property
    def ids(self) -> list[str]:
        return [each.id for each in self.events]

    @property
    def types(self) -> list[str]:
        return [each.type for each in self.events]

    def take(self, asked: Asked) -> Reply:
        event = webhooks.verify(asked.headers, asked.body, self._secrets, now=time.time())
        with self._lock:
            self.events.append(event)
            self.asked.append(asked)
        found: Any = self.answer(event)
        return (found, {}, b"") if isinstance(found, int) else found


def slowly(seconds: float) -> Answer:
    """Return what accepts an event after some time."""

    def answer(_event: webhooks.Event) -> int:
        time.sleep(seconds)
        return 204

    return answer


@contextlib.contextmanager
def receiving(*secrets: bytes) -> Iterator[Receiver]:
    """Receive webhooks that are signed with one of the secrets."""
    receiver = Receiver(*secrets)
    with platform(receiver.take) as url:
        receiver.url = f"{url}/hooks/haoma/"
        yield receiver
