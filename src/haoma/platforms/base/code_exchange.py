"""Whether a one-time code is spent: the costliest rule, in one place, for every platform.

1. Until the code is sent it is not spent, whatever fails: no token, no connection (`not_sent`).
2. From the moment when it is sent, a failure does not tell (`sent`, `sending_a_code`).
3. An answer tells what the platform's table says (``refusals.toml``). A refusal that is in no table does not tell.
4. After a try without a known outcome, of this request or of an earlier one, nothing tells that the code is not spent;
   and a refusal of the code is no news, because that try may have spent it (`CodeExchange`).
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
"""Seconds before a platform that says that it is busy is asked again."""


def not_sent(flow: Flow[T]) -> Flow[T]:
    """Run what comes before a code is sent (rule 1).

    Raises:
        HaomaError: Whatever ``flow`` raises, with ``spent`` NO.
    """
    try:
        return (yield from flow)
    except HaomaError as error:
        raise error.evolve(spent=Spent.NO) from None


def sent(call: Flow[T]) -> Flow[T]:
    """Make a call that may use a one-time code up (rule 2).

    Raises:
        TimedOut, ConnectionLost, ReplyTooLarge, NonsenseReply: ``outside.*``, with ``spent`` UNKNOWN.
    """
    try:
        return (yield from call)
    except (TimedOut, ConnectionLost, ReplyTooLarge, NonsenseReply) as error:
        raise error.evolve(spent=Spent.UNKNOWN) from None


def sending_a_code(call: Flow[T], step: int) -> Flow[T]:
    """Make a call with a code, and nothing before it (rule 2).

    Raises:
        OutcomeUnknown: ``outside.outcome-unknown``: the connection failed after the code was sent.
        ReplyTooLarge, NonsenseReply: ``outside.*``, with ``spent`` UNKNOWN.
    """
    return unknown_if_sent(sent(call), step)


def unknown_if_sent(call: Flow[T], step: int) -> Flow[T]:
    """Make a call that knows itself whether it was sent, by `sent`; a token may have to be fetched before.

    Raises:
        OutcomeUnknown: ``outside.outcome-unknown``: the connection failed after the code was sent.
    """
    try:
        return (yield from call)
    except (TimedOut, ConnectionLost) as error:
        if error.spent is Spent.NO:
            raise
        raise OutcomeUnknown(step=step, because=error.because, spent=Spent.UNKNOWN) from None


@dataclass(slots=True)
class CodeExchange:
    """The exchange of one code.

    Attributes:
        unknown: A try, of this or of an earlier request, ended without a known outcome.
    """

    unknown: bool

    def run(self, flow: Flow[T]) -> Flow[T]:
        """Run the exchange (rule 4).

        Raises:
            HaomaError: Whatever ``flow`` raises; with ``spent`` UNKNOWN instead of NO after a try that is unknown.
        """
        try:
            return (yield from flow)
        except HaomaError as error:
            if not self.unknown or error.spent is not Spent.NO:
                raise
            raise error.evolve(spent=Spent.UNKNOWN) from None

    def ask(self, question: Callable[[], Flow[T]], step: int, is_busy: Callable[[T], bool]) -> Flow[T]:
        """Ask with the code, and again after a pause while the platform says that it is busy.

        A platform that is busy may have acted: from then on the outcome is unknown.

        Args:
            question: Makes the call; see `unknown_if_sent`.
            step: Number of the step.
            is_busy: Tells whether an answer says so.

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
            used: Whether the refusal may mean that the code was used before; by default whether it is `CodeRejected`.
        """
        if busy:
            spent = Spent.UNKNOWN
        elif self.unknown and (isinstance(refusal, CodeRejected) if used is None else used):
            spent = Spent.YES  # by whichever try: it is of no further use
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
