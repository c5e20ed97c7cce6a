"""What every platform's reader of withdrawals ends with: one step, by the app's policy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from haoma.platforms.base.contract import Heard
from haoma.steps import Withdrawn, ask

if TYPE_CHECKING:
    from haoma.platforms.base.contract import App
    from haoma.steps import Flow
    from haoma.verified import Subject

AUTHORIZATION = "authorization"
ACCOUNT = "account"


def withdraw(app: App, who: Subject, *, what: str, at: float, key: str, said: str) -> Flow[Heard]:
    """Act on a verified message that a user has withdrawn.

    Args:
        app: The app from which the user withdrew.
        who: The user.
        what: `AUTHORIZATION` or `ACCOUNT`.
        at: When the user withdrew, in Unix seconds.
        key: Identifies the message.
        said: The text that tells the platform not to repeat the message.
    """
    acted = yield from ask(Withdrawn(app.scope, app.platform, app.name, who, what, app.policy.on_withdrawn, at, key))
    return Heard(said, f"{what}-withdrawn", acted=acted)
