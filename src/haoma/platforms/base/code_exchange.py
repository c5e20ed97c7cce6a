"""Decides whether a one-time code is spent, in one place for every platform. No rule is costlier to get wrong.

1. A code that has not been sent is not spent, whatever fails first: no token, no connection (`not_sent`).
2. Once it has been sent, a failure leaves the outcome unknown (`sent`, `sending_a_code`).
3. An answer means what the platform's table says (``refusals.toml``). An unlisted refusal leaves the outcome unknown.
4. After a try with an unknown outcome, in this request or an earlier one, nothing can prove that the code is unspent.
   A later refusal of the code proves nothing either, because that try may have spent it (`CodeExchange`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

from haoma.errors import (
    CodeRejected,
    ConnectionLost,
    HaomaError,
    NonsenseReply,
    OutcomeUnknown,
    ReplyTooLarge,
    Spent,
    TimedOut,
)
from haoma.steps import Pause, ask

if TYPE_CHECKING:
    from collections.abc import Callable

    from haoma.errors import PlatformRefusal
    from haoma.steps import Flow

T = TypeVar("T")

_PAUSES: Final = (0.2, 0.4)
"""Seconds to wait before asking a busy platform again."""


def not_sent(flow: Flow[T]) -> Flow[T]:
    """Run what comes before a code is sent (rule 1).

    Raises:
        HaomaError: Any error of ``flow``, with ``spent`` NO.
    """
    try:
        return (yield from flow)
    except HaomaError as error:
        raise error.evolve(spent=Spent.NO) from None


def sent(call: Flow[T]) -> Flow[T]:
    """Make a call that may use up a one-time code (rule 2).

    Raises:
        TimedOut, ConnectionLost, ReplyTooLarge, NonsenseReply: ``outside.*``, with ``spent`` UNKNOWN.
    """
    try:
        return (yield from call)
    except (TimedOut, ConnectionLost, ReplyTooLarge, NonsenseReply) as error:
        raise error.evolve(spent=Spent.UNKNOWN) from None


def sending_a_code(call: Flow[T], step: int) -> Flow[T]:
    """Make a call that sends a code and has no call before it (rule 2).

    Raises:
        OutcomeUnknown: ``outside.outcome-unknown``: the connection failed after the code was sent.
        ReplyTooLarge, NonsenseReply: ``outside.*``, with ``spent`` UNKNOWN.
    """
    return unknown_if_sent(sent(call), step)


def unknown_if_sent(call: Flow[T], step: int) -> Flow[T]:
    """Make a call that marks what it has sent with `sent`; it may have to fetch a token first.

    Raises:
        OutcomeUnknown: ``outside.outcome-unknown``: the connection failed after the code was sent.
    """
    try:
        return (yield from call)
    except (TimedOut, ConnectionLost) as error:
        if error.spent is Spent.NO:
            raise
        raise OutcomeUnknown(step=step, because=error.because, spent=Spent.UNKNOWN) from None
    except (NonsenseReply, ReplyTooLarge) as error:
        if error.step or error.spent is Spent.NO:
            raise
        raise error.evolve(step=step + 1) from None  # the step that reads the reply


@dataclass(slots=True)
class CodeExchange:
    """The exchange of one code.

    Attributes:
        unknown: A try, in this request or an earlier one, ended with an unknown outcome.
    """

    unknown: bool

    def run(self, flow: Flow[T]) -> Flow[T]:
        """Run the exchange (rule 4).

        Raises:
            HaomaError: Any error of ``flow``, with ``spent`` UNKNOWN instead of NO after a try of unknown outcome.
        """
        try:
            return (yield from flow)
        except HaomaError as error:
            if not self.unknown or error.spent is not Spent.NO:
                raise
            raise error.evolve(spent=Spent.UNKNOWN) from None

    def ask(self, question: Callable[[], Flow[T]], step: int, is_busy: Callable[[T], bool]) -> Flow[T]:
        """Ask with the code, and again after a pause while the platform says that it is busy.

        A busy platform may have acted on the request, so the outcome is unknown from then on.

        Args:
            question: Makes the call; see `unknown_if_sent`.
            step: Number of the step.
            is_busy: Tells whether an answer says that the platform is busy.

        Raises:
            OutcomeUnknown: ``outside.outcome-unknown``.
        """
        pauses = iter(_PAUSES)
        while True:
            answer = yield from unknown_if_sent(question(), step)
            if not is_busy(answer):
                return answer
            self.unknown = True
            pause = next(pauses, None)
            if pause is None:
                return answer
            yield from ask(Pause(pause))

    def refused(self, refusal: PlatformRefusal, *, busy: bool = False, used: bool | None = None) -> HaomaError:
        """Return the error for a platform's refusal of the code (rules 3 and 4).

        Args:
            refusal: The refusal.
            busy: Whether the platform only says that it is busy.
            used: Whether the refusal may mean that the code was used already. Defaults to whether it is `CodeRejected`.
        """
        if busy:
            spent = Spent.UNKNOWN
        elif self.unknown and (isinstance(refusal, CodeRejected) if used is None else used):
            spent = Spent.YES  # whichever try spent it, the code is of no further use
        else:
            return refusal
        return OutcomeUnknown(
            step=refusal.step,
            platform_code=refusal.platform_code,
            platform_message=refusal.platform_message,
            request_id=refusal.request_id,
            because=refusal.because,
            spent=spent,
        )
