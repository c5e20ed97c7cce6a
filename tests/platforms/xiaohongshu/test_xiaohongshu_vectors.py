"""The Xiaohongshu cases of the vector folders as a whole; what each gives is tested in `system/test_vectors.py`."""

from __future__ import annotations

from haoma.errors import HaomaError
from haoma.platforms.base.table import Table
from haoma.platforms.xiaohongshu import XIAOHONGSHU
from support.vector_cases import Case, cases
from support.wire import Bench

CASES = cases("xiaohongshu")
_PATHS = {"token": "/api/rmp/token", "session": "/api/rmp/session"}


def _outcome(case: Case) -> HaomaError | str:
    app = XIAOHONGSHU.configure(Table("shop", case.app, now=case.now))
    assert app is not None
    try:
        return Bench({_PATHS[name]: body for name, body in case.replies.items()}).find(app, case.sent).e164
    except HaomaError as error:
        return error


def test_most_vectors_must_fail() -> None:
    """The folders are there, and refusals are the rule."""
    failing = [case for case in CASES if case.code]
    assert len(CASES) > 150
    assert len(failing) > 3 * (len(CASES) - len(failing))


def test_what_cannot_be_opened_looks_the_same() -> None:
    """Whatever was wrong with a sealed message, the refusal shows nothing of it, but to the operator's log."""
    shut = [outcome for case in CASES if case.code == "trust.cannot-open" if (outcome := _outcome(case))]
    assert len(shut) > 70
    errors = [outcome for outcome in shut if isinstance(outcome, HaomaError)]
    assert len(errors) == len(shut)
    faces = {
        (str(each), repr(each), each.status, each.step, each.next_action, each.request_id, each.spent)
        for each in errors
    }
    assert len(faces) == 1
    kinds = {"base64", "length", "padding", "text", "fields", "members", "user-info", "watermark-app", "number"}
    assert {each.diagnosis for each in errors} == kinds
