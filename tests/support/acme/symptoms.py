"""How Acme looks to the doctor."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from haoma.platforms.base.contract import App
from haoma.platforms.base.diagnosis import Diagnosis, note
from haoma.platforms.base.symptoms import Captured, Looked, Run, Symptoms, code_of, look_at_reply


def reply(captured: Captured) -> Looked | None:
    """Look at a reply of Acme's."""
    return look_at_reply(captured, "acme", _codes)


def _codes(found: Mapping[str, Any]) -> list[str] | None:
    return code_of(found.get("acme_code")) or None


def examine(app: App) -> Iterator[Diagnosis]:
    """Note that it is there."""
    yield note("doctor.no-login", f"apps.{app.name}.acme")


def probe(app: App, run: Run) -> Iterator[Diagnosis]:
    """Ask for nothing."""
    del run
    yield note("doctor.quota-unknown", f"apps.{app.name}", component="acme")


SYMPTOMS: Final = Symptoms(
    kinds=("acme-reply",),
    reply=reply,
    code_fields={"acme_code": 0},
    app_id=re.compile(r"acme[0-9]{1,4}"),
    examine=examine,
    probes=(probe,),
)
