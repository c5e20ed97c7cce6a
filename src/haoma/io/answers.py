"""The interface of an answerer: it answers the steps about stored values, counters, leases and one-time values.

There is a sync and an async protocol. `haoma.io.memory` is the answerer for a single process. The tests that every
answerer must pass are in ``tests/answerers``.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeAlias

if TYPE_CHECKING:
    from concurrent.futures import Future

    from haoma.errors import HaomaError
    from haoma.steps import Lease, Ref, Step

Held: TypeAlias = "Ref | Lease"


class Waiting(NamedTuple):
    """The answer is not available yet. Wait, then ask for the same step again.

    Each waiter has its own future, so that cancelling one does not affect the others. The future carries no answer.

    Attributes:
        woken: Done when it is time to ask again.
        seconds: Maximum time to wait. Ask again after that as well.
    """

    woken: Future[None]
    seconds: float


class Answers(Protocol):
    """The sync protocol. Any thread may use the answerer.

    Attributes:
        shared: Whether all processes of an application share this answerer. If not, only one process knows a
            reservation, a session or a token.
    """

    @property
    def shared(self) -> bool:
        """Whether all processes share this answerer."""

    def answer(self, step: Step[Any], held: list[Held]) -> object:
        """Return the answer to ``step``, or a `Waiting`.

        Args:
            step: The step.
            held: A reservation or lease is added to this list *before* it is made, so that the driver can `let_go` of
                it wherever an exception is raised.

        Raises:
            HaomaError: The errors documented by the step.
        """

    def let_go(self, held: Held, failure: HaomaError | None = None) -> object:
        """End a reservation or lease whose flow ended without concluding it. Do nothing if it was concluded.

        This only shortens the wait of others. Without it the reservation or lease expires.

        Args:
            held: The lease, or the reservation, whose outcome is then unknown.
            failure: The error for those who wait for the lease, if any.
        """


class AsyncAnswers(Protocol):
    """The async protocol. Results may be awaitables, or plain values if they are available at once."""

    @property
    def shared(self) -> bool:
        """Whether all processes share this answerer."""

    def answer(self, step: Step[Any], held: list[Held]) -> Awaitable[object] | object:
        """Return the answer to ``step``, or a `Waiting`, or an awaitable of either; see `Answers.answer`."""

    def let_go(self, held: Held, failure: HaomaError | None = None) -> Awaitable[object] | object:
        """End a reservation or lease, now or when the awaitable is done; see `Answers.let_go`."""
