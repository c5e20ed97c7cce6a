"""Who answers the steps about what is kept, counted, held and used: a port with a sync and an async face.

`haoma.io.memory` answers them out of one process. What has to be true of any answerer is in ``tests/answerers``.
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
    """The answer has to be waited for. Whoever is woken, or has waited in vain, asks the same again.

    Every waiter has a future of its own: one that is cancelled takes nobody with it. It gets no answer, only a sign.

    Attributes:
        woken: Done when it is time to ask again.
        seconds: How long to wait at most.
    """

    woken: Future[None]
    seconds: float


class Answers(Protocol):
    """The sync face. Any thread may use it.

    Attributes:
        shared: Whether all processes of an application have the same answerer. Without one a reservation, a session or
            a token is known to one process only.
    """

    @property
    def shared(self) -> bool:
        """Whether all processes have the same answerer."""

    def answer(self, step: Step[Any], held: list[Held]) -> object:
        """Return the answer to ``step``, or a `Waiting`.

        Args:
            step: The question.
            held: Gets a reservation or lease *before* it is made, so that whoever holds the list can `let_go` of it
                wherever an exception comes up.

        Raises:
            HaomaError: What the step says.
        """

    def let_go(self, held: Held, failure: HaomaError | None = None) -> object:
        """End what a flow held that ended without a word of its own. Nothing is changed if it did say something.

        This is a kindness to those who wait. Without it a reservation or a lease ends when its time is over.

        Args:
            held: The reservation, whose outcome is unknown, or the lease.
            failure: What those who wait for the lease shall be told, if anything.
        """


class AsyncAnswers(Protocol):
    """The async face. What it returns may be an awaitable; what is at hand need not be one."""

    @property
    def shared(self) -> bool:
        """Whether all processes have the same answerer."""

    def answer(self, step: Step[Any], held: list[Held]) -> Awaitable[object] | object:
        """Return the answer to ``step``, or a `Waiting`, or an awaitable of either; see `Answers.answer`."""

    def let_go(self, held: Held, failure: HaomaError | None = None) -> Awaitable[object] | object:
        """End what a flow held, now or when the awaitable is done; see `Answers.let_go`."""
