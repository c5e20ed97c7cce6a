"""The WeChat cases of the vector folders as a whole; what each gives is tested in `system/test_vectors.py`."""

from __future__ import annotations

from typing import Any

from haoma.errors import HaomaError
from haoma.platforms.base.table import Table
from haoma.platforms.wechat import WECHAT
from support.vector_cases import Case, cases
from support.wechat import CHECK, LOGIN, PHONE, STABLE, TOKEN, Bench

CASES = cases("wechat")
_PATHS = {"stable_token": STABLE, "jscode2session": LOGIN, "getuserphonenumber": PHONE, "checkencryptedmsg": CHECK}


def _bench(case: Case) -> Bench:
    replies: dict[str, Any] = {STABLE: TOKEN} | {_PATHS[name]: body for name, body in case.replies.items()}
    bench = Bench(replies)
    bench.clock.now = case.now
    return bench


def _outcome(case: Case) -> HaomaError | str:
    app = WECHAT.configure(Table("shop", case.app, now=0))
    assert app is not None
    try:
        return _bench(case).find(app, case.sent).e164
    except HaomaError as error:
        return error


def test_most_vectors_must_fail() -> None:
    """The folders are there, and refusals are the rule."""
    failing = [case for case in CASES if case.code]
    assert len(CASES) > 100
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
        "base64", "length", "padding", "text", "fields", "members", "number", "user-info", "watermark-app", "watermark-age",
        "platform-check", "platform-check: 1",
    }  # fmt: skip
