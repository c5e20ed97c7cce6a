"""What an app demands of an authorization."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from haoma.errors import NotProven, Spent

if TYPE_CHECKING:
    from haoma.verified import CheckName, VerifiedPhone


@dataclass(frozen=True, slots=True)
class Policy:
    """What an app demands of an authorization.

    Attributes:
        require: Checks that must be proven; a result without one of them is refused.
        max_age: Oldest watermark in seconds, and the largest clock difference the other way.
        code_seconds: How long it is remembered that a one-time value was used: for as long as it could be used again. A
            code lives for five minutes on any platform.
        repeat_seconds: How long after its answer the same request gets the same answer again. After that it is refused.
        session_seconds: How long a session handle of the login route lives.
        refused_limit, refused_seconds: How many refused phone codes one login may send in how many seconds.
        accept_members: Members of a message under a session_key that are passed over though the platform does not
            document them. Each of them weakens what keeps joined messages out (``session_keys``).
    """

    require: frozenset[CheckName] = frozenset()
    max_age: float = 300.0
    code_seconds: float = 600.0
    repeat_seconds: float = 30.0
    refused_limit: int = 30
    refused_seconds: float = 600.0
    session_seconds: float = 7200.0
    accept_members: frozenset[str] = frozenset()

    def apply(self, phone: VerifiedPhone) -> VerifiedPhone:
        """Return ``phone``, or refuse it.

        Raises:
            NotProven: ``trust.not-proven``.
        """
        missing = [check.name.value for check in phone.checks if check.name in self.require and not check.proven]
        if missing:
            raise NotProven(
                platform=phone.platform, app=phone.app, because={"not_proven": ", ".join(missing)}, spent=Spent.YES
            )
        return phone


STANDARD: Final = Policy()
