"""The session_key flow, and the fall-back to it: session_keys, tries and replays."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from haoma.authorize import log_in, verify_with_session_key
from haoma.errors import (
    AlreadyUsed,
    BadField,
    CannotOpen,
    CodeRejected,
    ConnectionLost,
    HaomaError,
    OutcomeUnknown,
    SessionUnknown,
    Spent,
    TimedOut,
    TooManyRefusedCodes,
)
from haoma.platforms.base.mirroring import Answer, Call
from haoma.verified import ALL_CHECKS, CheckName
from support.douyin import (
    APP_ID,
    BUSY,
    GONE,
    LOGIN,
    OK,
    OPENID,
    OTHER_KEY,
    PHONE,
    SESSION_KEY,
    STABLE,
    Bench,
    block,
    configured,
    refusal,
    sealed,
    session,
    token,
)
from support.wire import Given, repeated

APP = configured(accept_encrypted_data=True)
KEYS = [base64.b64encode(bytes([number]) * 16).decode() for number in range(9)]
NUMBER, OTHER = "+8613800138000", "+8613900139000"


def _bench(*keys: str, **more: Any) -> Bench:
    """Douyin that gives these session_keys, one with each login."""
    return Bench({LOGIN: [session(key) for key in keys or [SESSION_KEY]], **more})


def _log_in(bench: Bench, app: Any = APP) -> str:
    handle, login = bench.run(log_in(app, {"login_code": "a-login-code"}, now=bench.now))
    assert SESSION_KEY not in repr((handle, login))
    return handle


def _wrong(number: int) -> dict[str, str]:
    return {**sealed(), "iv": base64.b64encode(number.to_bytes(16)).decode()}


def test_a_session_opens_what_its_login_sealed() -> None:
    """The front end holds a handle and nothing else; the checks say what is proven and what not."""
    bench = _bench()
    handle = _log_in(bench)
    phone = bench.find(APP, {"session": handle, "authorization": sealed()})
    assert phone.e164 == NUMBER
    assert tuple(check.name for check in phone.checks) == ALL_CHECKS
    assert {check.name for check in phone.checks if not check.proven} == {CheckName.SIGNATURE, CheckName.FRESHNESS}
    assert SESSION_KEY not in json.dumps(phone.to_dict()) + repr(phone) + handle + repr(bench.steps)


@pytest.mark.parametrize("timestamp", [0, 1, 1700000000, 1700000000000, 15000000000000000, "soon", None])
def test_the_age_is_not_judged(timestamp: object) -> None:
    """In which unit the time is given nobody knows; the check says that nothing is proven."""
    bench = _bench()
    old = sealed(watermark={"appid": APP_ID, "timestamp": timestamp})
    phone = bench.find(APP, {"session": _log_in(bench), "authorization": old})
    assert not phone.proves(CheckName.FRESHNESS)


def test_a_ciphertext_is_remembered_for_longer_than_a_session_lives() -> None:
    """Nearly four hours later it is still known, in another session too; by then the session_key is gone."""
    bench = _bench()
    handles = [_log_in(bench), _log_in(bench)]
    assert bench.find(APP, {"session": handles[0], "authorization": sealed()}).e164
    bench.now += 6300
    assert isinstance(bench.refused(APP, {"session": handles[1], "authorization": sealed()}), AlreadyUsed)
    bench.now += 8090
    assert isinstance(bench.refused(APP, {"session": handles[1], "authorization": sealed()}), AlreadyUsed)
    bench.now += 20
    assert isinstance(bench.refused(APP, {"session": handles[1], "authorization": sealed()}), SessionUnknown)


def test_the_last_two_session_keys_are_tried() -> None:
    """A login in between may have made a new key; the one before still opens, the one before that does not."""
    bench = _bench(*KEYS[:3])
    handles = [_log_in(bench) for _ in range(3)]
    for key in KEYS[2], KEYS[1]:
        assert bench.find(APP, {"session": handles[2], "authorization": sealed(key=key)}).e164
    assert isinstance(bench.refused(APP, {"session": handles[2], "authorization": sealed(key=KEYS[0])}), CannotOpen)


def test_session_keys_are_not_kept_without_need() -> None:
    """An app that does not accept encrypted data does not keep them at all."""
    bench = _bench()
    _log_in(bench, configured())
    assert not any("session-keys" in getattr(step, "key", "") for step in bench.steps)


def test_three_failures_burn_a_session_key() -> None:
    """The fourth try is not made, right or wrong: an oracle needs thousands."""
    bench = _bench()
    handle = _log_in(bench)
    errors = [bench.refused(APP, {"session": handle, "authorization": _wrong(number)}) for number in range(1, 20)]
    assert [error.diagnosis for error in errors] == ["text"] * 3 + ["tries"] * 16
    assert bench.refused(APP, {"session": handle, "authorization": sealed()}).diagnosis == "tries"


def test_a_ciphertext_is_taken_once() -> None:
    """The same request gets the same answer; a replay in another session is refused, however it is written."""
    bench = _bench()
    message = next(each for number in range(200) if "+" in (each := sealed(f"13800138{number:03d}"))["encryptedData"])
    sent = {"session": _log_in(bench), "authorization": message}
    assert repeated(bench.find(APP, sent)) == bench.find(APP, sent)
    other = _log_in(bench)
    spaced = {**message, "encryptedData": message["encryptedData"].replace("+", " ")}
    for again in message, spaced:
        assert isinstance(bench.refused(APP, {"session": other, "authorization": again}), AlreadyUsed)


def test_it_opens_at_the_desk() -> None:
    """Under a session_key at hand, without any step; what is not proven is said."""
    for sent in sealed(), {"code": "a-code", **sealed()}:
        phone = verify_with_session_key(APP, sent, SESSION_KEY, now=0)
        assert phone.e164 == NUMBER
        assert [check.name for check in phone.checks if check.proven] == [CheckName.APP_BINDING]
    faces = set()
    for sent, key in (
        (_wrong(1), SESSION_KEY),
        (sealed(), KEYS[0]),
        ({**sealed(), "iv": "*"}, SESSION_KEY),
    ):
        with pytest.raises(CannotOpen) as caught:
            verify_with_session_key(APP, sent, key, now=0)
        faces.add((str(caught.value), caught.value.step))
    assert len(faces) == 1
    with pytest.raises(CannotOpen, match="needed=base64 of 16 bytes"):  # whose key it is may know that it is none
        verify_with_session_key(APP, sealed(), "no key", now=0)
    with pytest.raises(BadField):
        verify_with_session_key(APP, {"code": "a-code"}, SESSION_KEY, now=0)


# --- code and sealed data


def _both(number: int = 0, **change: str) -> dict[str, str]:
    return {"code": f"code-{number}", **sealed("13900139000"), **change}


def test_the_code_comes_first() -> None:
    """While Douyin takes the code, what is beside it is not looked at."""
    bench = _bench(**{PHONE: OK})
    phone = bench.find(APP, {"login_code": "a-login-code", "authorization": _both(iv="nonsense")})
    assert phone.e164 == NUMBER
    assert not phone.proves(CheckName.LOGIN_BINDING)


def test_a_refused_code_falls_back() -> None:
    """Douyin has refused the code for good: the session_key flow, with the session_key flow's checks; the same request, the same answer."""
    bench = _bench(**{PHONE: GONE})
    sent = {"login_code": "a-login-code", "authorization": _both()}
    phone = bench.find(APP, sent)
    assert phone.e164 == OTHER
    assert phone.subject is not None
    assert phone.subject.openid == OPENID
    assert {check.name for check in phone.checks if not check.proven} == {CheckName.SIGNATURE, CheckName.FRESHNESS}
    assert bench.find(APP, sent) == repeated(phone)
    assert bench.calls[PHONE] == bench.calls[LOGIN] == 1


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (TimedOut(), OutcomeUnknown),
        (ConnectionLost(), OutcomeUnknown),
        (BUSY, OutcomeUnknown),
        (refusal(28009999), HaomaError),
        (refusal(28001018), HaomaError),
        (refusal(28001007), HaomaError),
        (b"<html>", HaomaError),
        ({"err_no": 0, "data": block(key=OTHER_KEY)}, CannotOpen),
    ],
)
def test_nothing_else_falls_back(answer: object, expected: type[HaomaError]) -> None:
    """Whatever leaves open what became of the code, or is not about the code, ends there."""
    bench = _bench(**{PHONE: answer})
    error = bench.refused(APP, {"login_code": "a-login-code", "authorization": _both()})
    assert isinstance(error, expected)
    assert not isinstance(error, CodeRejected)


def test_after_an_unknown_outcome_nothing_falls_back() -> None:
    """The refusal that follows a timeout may mean "used up by the first try": then the number was given away."""
    bench = _bench(**{PHONE: [TimedOut(), GONE]})
    sent = {"login_code": "a-login-code", "authorization": _both()}
    assert isinstance(bench.refused(APP, sent), OutcomeUnknown)
    assert isinstance(bench.refused(APP, sent), OutcomeUnknown)


@pytest.mark.parametrize("accept_encrypted_data", [True, False])
@pytest.mark.parametrize("with_login", [True, False])
def test_the_fall_back_needs_the_session_key_flow_and_a_login(accept_encrypted_data: bool, with_login: bool) -> None:
    """Without either of them a refused code is a refused code."""
    bench = _bench(**{PHONE: GONE})
    login = {"login_code": "a-login-code"} if with_login else {}
    app = configured(accept_encrypted_data=accept_encrypted_data)
    if accept_encrypted_data and with_login:
        assert bench.find(app, {**login, "authorization": _both()}).e164 == OTHER
    else:
        assert isinstance(bench.refused(app, {**login, "authorization": _both()}), CodeRejected)


def test_a_ciphertext_cannot_come_again_beside_another_bad_code() -> None:
    """The fall-back claims the ciphertext: beside other bad codes, alone, by another caller it is refused."""
    bench = _bench(**{PHONE: GONE})
    handle = _log_in(bench)
    assert bench.find(APP, {"session": handle, "authorization": _both(1)}).e164 == OTHER
    for number in (2, 3):
        error = bench.refused(APP, {"session": handle, "authorization": _both(number)})
        assert isinstance(error, AlreadyUsed)
        assert error.because["kind"] == "encrypted-data"
    alone = {"session": handle, "authorization": sealed("13900139000")}
    assert isinstance(bench.refused(APP, alone), AlreadyUsed)
    assert isinstance(bench.refused(APP, {"session": handle, "authorization": _both(1)}, caller="b"), AlreadyUsed)


def test_a_ciphertext_that_came_alone_cannot_come_beside_a_bad_code() -> None:
    """The other way round as well."""
    bench = _bench(**{PHONE: GONE})
    handle = _log_in(bench)
    assert bench.find(APP, {"session": handle, "authorization": sealed("13900139000")}).e164 == OTHER
    assert isinstance(bench.refused(APP, {"session": handle, "authorization": _both(1)}), AlreadyUsed)


def test_the_fall_back_under_an_old_key_proves_no_one_time_use() -> None:
    """The session_key is older than what is remembered of used ciphertexts; beside a code it is so as well."""
    bench = _bench(**{PHONE: GONE})
    _log_in(bench)
    bench.now += APP.policy.code_seconds + 100
    phone = bench.find(APP, {"session": _log_in(bench), "authorization": _both()})
    assert not phone.proves(CheckName.ONE_TIME_USE)


def test_what_does_not_open_in_the_fall_back_is_not_claimed() -> None:
    """A refused ciphertext may come again with the right login; the code stays refused, and Douyin is asked once."""
    bench = _bench(KEYS[0], SESSION_KEY, **{PHONE: GONE})
    sent = {"session": _log_in(bench), "authorization": _both()}
    error = bench.refused(APP, sent)
    assert isinstance(error, CannotOpen)
    assert error.spent is Spent.YES
    assert isinstance(bench.refused(APP, sent), CannotOpen)
    assert bench.calls[PHONE] == 1
    assert bench.find(APP, {"session": _log_in(bench), "authorization": sealed("13900139000")}).e164 == OTHER


def test_the_fall_back_pays_tries_like_the_session_key_flow() -> None:
    """Bad codes are no way around the three tries of a session_key."""
    bench = _bench(**{PHONE: GONE})
    handle = _log_in(bench)
    errors = [
        bench.refused(APP, {"session": handle, "authorization": {"code": f"code-{number}", **_wrong(number)}})
        for number in range(1, 9)
    ]
    assert [error.diagnosis for error in errors] == ["text"] * 3 + ["tries"] * 5
    assert len({str(error) for error in errors}) == 1


def test_a_login_without_a_session_key_left() -> None:
    """When the session_keys have expired before the session, the refusal of the code is the answer."""
    bench = _bench(**{PHONE: GONE})
    handle = _log_in(
        bench, configured()
    )  # kept by an app that does not accept encrypted data, which keeps no session_key
    error = bench.refused(APP, {"session": handle, "authorization": _both()})
    assert isinstance(error, CodeRejected)
    error = bench.refused(APP, {"session": handle, "authorization": sealed("13900139000")})
    assert isinstance(error, SessionUnknown)


def test_a_refused_code_counts_whatever_came_of_the_fall_back() -> None:
    """Something sealed beside each made-up code does not make Douyin's refusals free: the user's budget runs out."""
    bench = _bench(**{PHONE: GONE})
    handle = _log_in(bench)
    for number in range(1, 40):
        sent = {"session": handle, "authorization": {"code": f"made-up-{number}", **_wrong(number)}}
        last = bench.refused(APP, sent)
    assert isinstance(last, TooManyRefusedCodes)
    assert bench.calls[PHONE] == APP.policy.refused_limit


@pytest.mark.parametrize("sent", [{"code": "code-1"}, {"code": "code-1", "iv": "A" * 22 + "=="}])
def test_a_refused_code_with_nothing_sealed_beside_it(sent: dict[str, str]) -> None:
    """The refusal of the code is the answer, also where there is a login whose session_key is kept."""
    bench = _bench(**{PHONE: GONE})
    error = bench.refused(APP, {"session": _log_in(bench), "authorization": sent})
    assert isinstance(error, CodeRejected)


def test_the_same_request_when_only_the_ciphertext_is_still_remembered() -> None:
    """The claim on the code ends some seconds earlier than that on the ciphertext, which has the last word."""

    class Slow(Given):
        """Takes ten seconds for the first code."""

        def answer(self, call: Call, now: float) -> Answer | None:
            if call.path == PHONE and bench.calls[PHONE] == 1:
                bench.now += 10
            return super().answer(call, now)

    app = configured(accept_encrypted_data=True, session_seconds=3600)
    bench = _bench()
    bench.side = Slow({STABLE: token(), LOGIN: session(), PHONE: GONE})
    sent = {"login_code": "a-login-code", "authorization": _both()}
    assert bench.find(app, sent).e164 == OTHER
    bench.now += app.policy.code_seconds - 5
    error = bench.refused(app, sent)
    assert isinstance(error, AlreadyUsed)
    assert (error.because, error.spent) == ({"kind": "encrypted-data", "code_refused": "28005187"}, Spent.YES)
    assert bench.calls[PHONE] == 2
