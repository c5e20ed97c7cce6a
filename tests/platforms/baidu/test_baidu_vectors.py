"""The Baidu cases of the vector folders as a whole; what each gives is tested in `system/test_vectors.py`."""

from __future__ import annotations

from haoma.errors import HaomaError
from haoma.platforms.baidu import BAIDU
from haoma.platforms.base.table import Table
from support.vector_cases import Case, cases
from support.wire import Bench

CASES = cases("baidu")
_PATHS = {
    "jscode2sessionkey": "/oauth/jscode2sessionkey",
    "getsessionkey": "/rest/2.0/smartapp/getsessionkey",
    "token": "/oauth/2.0/token",
}


def _outcome(case: Case) -> HaomaError | str:
    app = BAIDU.configure(Table("shop", case.app, now=case.now))
    assert app is not None
    try:
        return Bench({_PATHS[name]: body for name, body in case.replies.items()}).find(app, case.sent).e164
    except HaomaError as error:
        return error


def test_most_vectors_must_fail() -> None:
    """The folders are there, and refusals are the rule."""
    failing = [case for case in CASES if case.code]
    assert len(CASES) > 120
    assert len(failing) > 3 * (len(CASES) - len(failing))


def test_what_cannot_be_opened_looks_the_same() -> None:
    """Whatever was wrong with a sealed message, the refusal shows nothing of it, but to the operator's log."""
    shut = [outcome for case in CASES if case.code == "trust.cannot-open" if (outcome := _outcome(case))]
    assert len(shut) > 30
    errors = [outcome for outcome in shut if isinstance(outcome, HaomaError)]
    assert len(errors) == len(shut)
    faces = {
        (str(each), repr(each), each.status, each.step, each.next_action, each.request_id, each.spent)
        for each in errors
    }
    assert len(faces) == 1
    assert {each.diagnosis for each in errors} == {
        "base64",
        "length",
        "padding",
        "frame",
        "app-key",
        "text",
        "fields",
        "members",
        "user-info",
        "number",
    }
