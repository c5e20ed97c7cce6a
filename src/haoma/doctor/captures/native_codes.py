"""What a platform's code means, when nobody says which of its calls has answered."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from haoma import catalogue
from haoma.doctor.diagnosis import Severity, of_error
from haoma.platforms.base.refusal import refusal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from haoma.doctor.captures.capture import Captured
    from haoma.doctor.diagnosis import Diagnosis


def meanings(
    captured: Captured, platform: str, native: str, words: str = "", *, place: str = "", request_id: str = ""
) -> Iterator[Diagnosis]:
    """Yield the refusal that a code is; then, as notes, what else it is when another call answered.

    Args:
        captured: The capture, for the app that it was sent to.
        platform: Name of the platform.
        native: Its code.
        words: Its words.
        place: Which call answered, if that shows.
        request_id: Its id of the request.
    """
    first, *others = places(platform, native, place)
    app = captured.named
    for each in (first, *others):
        refused = refusal(platform, native, place=each, message=words, request_id=request_id)
        error = refused.evolve(app=app.name if app is not None and app.platform == platform else "")
        if each == first:
            yield of_error(error)
        else:
            yield replace(of_error(error, severity=Severity.NOTE, answer_of=each), guess=True)


def places(platform: str, native: str, known: str = "") -> list[str]:
    """Return the calls whose answers the code may stand in, as far as it then means different errors of ours."""
    return [known] if known else list(_by_code(platform, native).values()) or [""]


def has_meaning(platform: str, native: str) -> bool:
    """Tell whether a platform's table knows a code, in whichever answer."""
    return bool(_by_code(platform, native))


def place_of(platform: str, native: str, code: str) -> str:
    """Return the call in whose answer a platform's code means this error of ours; empty if in all, or in none."""
    return _by_code(platform, native).get(code, "")


def _by_code(platform: str, native: str) -> dict[str, str]:
    seen: dict[str, str] = {}
    named = (name.partition("@")[2] for name in catalogue.refusals(platform) if name.startswith(f"{native}@"))
    for each in ("", *named):
        entry = catalogue.find_refusal(platform, native, place=each)
        if entry is not None:
            seen.setdefault(entry.code, each)
    return seen
