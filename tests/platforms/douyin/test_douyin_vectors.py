"""The Douyin cases of the vector folders as a whole; what each gives is tested in `system/test_vectors.py`."""

from __future__ import annotations

import json
from functools import cache

from haoma.errors import HaomaError
from haoma.platforms.base.table import Table
from haoma.platforms.douyin import DOUYIN
from haoma.platforms.douyin.app import DouyinApp
from support.douyin import LOGIN, PHONE, STABLE, Bench
from support.vector_cases import Case, cases

CASES = cases("douyin")
_PATHS = {"stable_client_token": STABLE, "jscode2session": LOGIN, "get_phonenumber_info": PHONE}


@cache
def _configured(settings: str) -> DouyinApp | str:
    """Parse the keys once: that takes longer than all the rest."""
    table = Table("shop", json.loads(settings), now=0)
    return DOUYIN.configure(table) or next(fault.code for fault in table.faults if not fault.warning)


def _outcome(case: Case) -> HaomaError | str:
    app = _configured(json.dumps(case.app))
    if isinstance(app, str):
        return app
    bench = Bench({_PATHS[name]: body for name, body in case.replies.items()})
    bench.now = case.now
    try:
        return bench.find(app, case.sent).e164
    except HaomaError as error:
        return error


def test_most_vectors_must_fail() -> None:
    """The folders are there, and refusals are the rule."""
    failing = [case for case in CASES if case.code]
    assert len(CASES) > 150
    assert len(failing) > 5 * (len(CASES) - len(failing))


def test_what_cannot_be_opened_looks_the_same() -> None:
    """Whatever was wrong, the refusal shows nothing of it, but to the operator's log: one face for each way in."""
    shut: dict[str, list[HaomaError]] = {}
    for case in CASES:
        if case.code == "trust.cannot-open" and "wrong-keys" not in case.name:
            outcome = _outcome(case)
            assert isinstance(outcome, HaomaError)
            shut.setdefault(case.path.name.partition("-")[0], []).append(outcome)
    assert len(shut["code"]) > 30
    assert len(shut["sealed"]) > 12
    for way in ("code", "sealed"):
        faces = {(str(each), repr(each), each.status, each.step, each.next_action, each.spent) for each in shut[way]}
        assert len(faces) == 1
    assert {each.diagnosis for each in shut["code"]} == {
        "length", "padding", "text", "fields", "number", "watermark-app",
    }  # fmt: skip
    assert {each.diagnosis for each in shut["sealed"]} >= {
        "base64", "length", "padding", "text", "fields", "number", "watermark-app",
    }  # fmt: skip
