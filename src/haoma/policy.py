"""The policy of an app: what it requires of an authorization."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from haoma.errors import NotProven, Spent
from haoma.link import STANDARD as LINK
from haoma.link import LinkPolicy

if TYPE_CHECKING:
    from collections.abc import Mapping

    from haoma.verified import CheckName, VerifiedPhone


@dataclass(frozen=True, slots=True)
class Policy:
    """The requirements of an app for an authorization.

    Attributes:
        require: Checks that must be proven. A result without one of them is refused.
        max_age: Maximum age of a watermark in seconds, and the maximum clock difference in the other direction.
        code_seconds: How long the use of a one-time value is remembered: as long as it could be used again. Codes live
            for five minutes on every platform.
        repeat_seconds: How long an identical request gets the same answer again. After that it is refused.
        session_seconds: Lifetime of a session handle in seconds.
        refused_limit, refused_seconds: How many refused phone codes one login may send within how many seconds.
        accept_members: Undocumented members that are ignored in a message under a session_key. Each one weakens the
            protection against spliced messages (``session_keys``).
        link: How numbers are linked to accounts.
        consent_texts: SHA-256 of the text of each version of the consent policy. If there are any, no other version is
            accepted.
        on_withdrawn: What happens when the platform says that a user has withdrawn: ``unlink``, ``erase`` or
            ``notify``.
    """

    require: frozenset[CheckName] = frozenset()
    max_age: float = 300.0
    code_seconds: float = 600.0
    repeat_seconds: float = 30.0
    refused_limit: int = 30
    refused_seconds: float = 600.0
    session_seconds: float = 7200.0
    accept_members: frozenset[str] = frozenset()
    link: LinkPolicy = LINK
    consent_texts: Mapping[str, bytes] = field(default_factory=dict)
    on_withdrawn: str = "unlink"

    def apply(self, phone: VerifiedPhone) -> VerifiedPhone:
        """Return ``phone`` if it meets the policy.

        Raises:
            NotProven: ``trust.not-proven``: a required check is not proven.
        """
        if not self.require:  # the usual case
            return phone
        missing = [check.name.value for check in phone.checks if check.name in self.require and not check.proven]
        if missing:
            raise NotProven(
                platform=phone.platform, app=phone.app, because={"not_proven": ", ".join(missing)}, spent=Spent.YES
            )
        return phone


STANDARD: Final = Policy()
