"""Access to what the platforms declare for the doctor."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final

from haoma.platforms.base.symptoms import Symptoms
from haoma.platforms.registry import PLATFORMS, load

if TYPE_CHECKING:
    from haoma.platforms.base.contract import App

_NO_SYMPTOMS: Final = Symptoms()


@cache
def symptoms(platform: str) -> Symptoms:
    """Return the symptoms of a platform; empty if it declares none, or does not exist."""
    place = PLATFORMS[platform].symptoms if platform in PLATFORMS else ""
    found: Symptoms = load(place) if place else _NO_SYMPTOMS
    return found


def of_app(app: App) -> Symptoms:
    """Return the symptoms of an app's platform."""
    return symptoms(app.platform)


def all_symptoms() -> list[tuple[str, Symptoms]]:
    """Return the symptoms of all platforms with their names, in the order in which their replies are examined."""
    return sorted(((name, symptoms(name)) for name in PLATFORMS), key=lambda each: each[1].turn)


def opens_offline(platform: str) -> bool:
    """Return whether a platform's mini programs send an envelope instead of a code or data under a session_key."""
    return platform in PLATFORMS and PLATFORMS[platform].find_offline is not None


@cache
def usual() -> str:
    """Return the platform that is assumed if nothing identifies one."""
    return next((name for name, each in all_symptoms() if each.usual), next(iter(PLATFORMS)))
