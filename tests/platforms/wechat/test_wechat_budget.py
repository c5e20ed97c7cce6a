"""Refused codes: each is a call on the app's quota, so a user has so many in so many seconds."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from haoma.authorize import authorize, log_in
from haoma.crypto.forging import forge_cbc
from haoma.errors import AlreadyUsed, CodeRejected, HaomaError, TimedOut, TooManyRefusedCodes
from support.wechat import BUSY, LOGIN, OK, PHONE, PHONE_INFO, STABLE, TOKEN, USED, Bench, configured

APP = replace(configured(), policy=replace(configured().policy, refused_limit=3, refused_seconds=600.0))


def _bench(*answers: object) -> Bench:
    return Bench({STABLE: TOKEN, PHONE: answers, LOGIN: {"openid": "first", "session_key": "A" * 22 + "=="}})


def _send(bench: Bench, code: str, **more: Any) -> HaomaError | None:
    try:
        bench.find(APP, {**more, "authorization": {"code": code}})
    except HaomaError as error:
        return error
    return None


def test_the_budget_of_a_user() -> None:
    """So many are sent, the next one is not; who does not say who he is has none, and the platform's own limit."""
    bench = _bench(USED)
    for number in range(3):
        assert type(_send(bench, f"code-{number}", login_code=f"login-{number}")) is CodeRejected
    error = _send(bench, "code-3", login_code="login-3")
    assert type(error) is TooManyRefusedCodes
    assert error.retry_after == 600
    assert type(_send(bench, "code-4")) is CodeRejected  # nobody's
    bench.clock.now += 600
    assert type(_send(bench, "code-5", login_code="login-5")) is CodeRejected


@pytest.mark.parametrize("answer", [OK, BUSY, TimedOut()])
def test_only_a_refused_code_counts(answer: object) -> None:
    """A number, a platform that is busy and a reply that never came give the try back."""
    bench = _bench(answer)
    for number in range(5):
        error = _send(bench, f"code-{number}", login_code=f"login-{number}")
        assert not isinstance(error, TooManyRefusedCodes | CodeRejected)


def test_whose_budget_it_is() -> None:
    """Each user has his own; whoever is nobody has none, and a log-in by the back end is one."""
    users = [{"openid": name, "session_key": "A" * 22 + "=="} for name in ("first", "first", "first", "first", "other")]
    bench = Bench({STABLE: TOKEN, PHONE: (USED,), LOGIN: tuple(users)})
    found = [_send(bench, f"code-{number}", login_code=f"login-{number}") for number in range(5)]
    assert [type(each) for each in found] == [CodeRejected] * 3 + [TooManyRefusedCodes, CodeRejected]


def test_another_name_of_an_app_is_another_request() -> None:
    """It may have another policy: the same request does not get the answer of the first."""
    bench = _bench(OK)
    assert _send(bench, "a-code") is None
    with pytest.raises(AlreadyUsed):
        bench.find(replace(APP, name="another"), {"authorization": {"code": "a-code"}})


def test_the_login_of_the_back_end_is_exchanged() -> None:
    """It was given beside what the front end sent."""
    bench = _bench(OK)
    phone = bench.run(authorize(APP, {"code": "a-code"}, now=bench.clock.now, login_code="of-the-back-end"))
    assert phone.subject is not None
    assert phone.subject.openid == "first"


def test_whose_budget_is_used_up_has_the_session_key_flow() -> None:
    """It is a budget of codes: sealed data costs no call, and its tries are counted by its key."""
    app = replace(APP, accept_encrypted_data=True)
    bench = _bench(USED)
    session, _ = bench.run(log_in(app, {"login_code": "a-login"}, now=bench.clock.now))
    for number in range(3):
        assert type(_send(bench, f"code-{number}", session=session)) is CodeRejected
    assert type(_send(bench, "code-3", session=session)) is TooManyRefusedCodes
    text = forge_cbc(bytes(16), bytes(16), json.dumps(PHONE_INFO).encode())
    sealed = {"encryptedData": text, "iv": "A" * 22 + "=="}
    assert bench.find(app, {"session": session, "authorization": sealed}).e164 == "+8613580006666"
