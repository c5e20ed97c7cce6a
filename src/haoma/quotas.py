"""What is left of the quotas that platforms sell: asked for an app, whatever its platform."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from haoma.errors import HaomaError
from haoma.platforms.registry import PLATFORMS

if TYPE_CHECKING:
    from haoma.platforms.base.contract import App, Quota
    from haoma.steps import Flow


@dataclass(frozen=True, slots=True)
class Told:
    """What a platform told of one quota.

    Attributes:
        name: What it is called, such as the button's ``open-type``. From our code, never from a platform.
        quota: The figures; None if there are none.
        error: Why there are none; None if there are some.
    """

    name: str
    quota: Quota | None = None
    error: HaomaError | None = None


def sells(app: App) -> bool:
    """Return whether something is sold for an app that its platform can be asked about."""
    declared = PLATFORMS[app.platform].quotas
    return declared is not None and bool(declared(app))


def ask_quotas(app: App) -> Flow[tuple[Told, ...]]:
    """Ask the platform what is left of everything that it sells for an app. One that fails does not stop the others.

    Asking is free, uses nothing up, and invalidates nobody's token. Nothing is raised.
    """
    declared = PLATFORMS[app.platform].quotas
    told = []
    for name, question in (declared(app) if declared is not None else {}).items():
        try:
            told.append(Told(name, quota=(yield from question())))
        except HaomaError as error:
            told.append(Told(name, error=error.evolve(platform=error.platform or app.platform, app=app.name)))
    return tuple(told)
