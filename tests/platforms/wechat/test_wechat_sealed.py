"""The session_key flow: session_keys, tries, replays and the questions to WeChat."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import pytest

from haoma.authorize import log_in
from haoma.crypto.forging import forge_cbc
from haoma.errors import AlreadyUsed, CannotOpen, SessionUnknown, Spent, TimedOut
from haoma.verified import ALL_CHECKS, CheckName
from support.wechat import (
    APP_ID,
    BUSY,
    CHECK,
    DEAD,
    LOGIN,
    NOW,
    OPENID,
    PHONE_INFO,
    SECRET,
    STABLE,
    TOKEN,
    Bench,
    configured,
    refusal,
)
from support.wire import repeated

APP = configured(accept_encrypted_data=True)
CHECKED = configured(accept_encrypted_data=True, check_encrypted_message=True)
KEYS = [base64.b64encode(bytes([number]) * 16).decode() for number in range(9)]


def _sealed(key: str = KEYS[0], *, number: str = "13580006666", iv: bytes = b"i" * 16, **change: Any) -> dict[str, str]:
    plain = {**PHONE_INFO, "phoneNumber": number, "purePhoneNumber": number, **change}
    text = forge_cbc(base64.b64decode(key), iv, json.dumps(plain).encode())
    return {"encryptedData": text, "iv": base64.b64encode(iv).decode()}


def _session(key: str) -> dict[str, str]:
    return {"openid": OPENID, "session_key": key}


def _bench(*keys: str, **more: Any) -> Bench:
    """WeChat that gives these session_keys, one with each login."""
    return Bench({STABLE: TOKEN, LOGIN: tuple(_session(key) for key in keys or KEYS[:1]), **more})


def _log_in(bench: Bench, app: Any = APP) -> str:
    handle, login = bench.run(log_in(app, {"login_code": "a-login-code"}, now=bench.clock.now))
    assert not any(key in repr((handle, login)) for key in KEYS)
    return handle


def test_a_session_opens_what_its_login_sealed() -> None:
    """The front end holds a handle and nothing else; the checks say what is proven and what not."""
    bench = _bench()
    handle = _log_in(bench)
    phone = bench.find(APP, {"session": handle, "authorization": _sealed()})
    assert phone.e164 == "+8613580006666"
    assert tuple(check.name for check in phone.checks) == ALL_CHECKS
    assert [check.name for check in phone.checks if not check.proven] == [CheckName.SIGNATURE]
    assert KEYS[0] not in json.dumps(phone.to_dict()) + repr(phone) + handle + repr(bench.steps)


def test_the_last_two_session_keys_are_tried() -> None:
    """A login in between may have made a new key; the one before still opens, the one before that does not."""
    bench = _bench(*KEYS[:3])
    handles = [_log_in(bench) for _ in range(3)]
    assert bench.find(APP, {"session": handles[2], "authorization": _sealed(KEYS[2])}).e164
    assert bench.find(APP, {"session": handles[2], "authorization": _sealed(KEYS[1])}).e164
    assert isinstance(bench.refused(APP, {"session": handles[2], "authorization": _sealed(KEYS[0])}), CannotOpen)


def test_the_same_session_key_again_does_not_push_the_other_out() -> None:
    """Not every login makes a new key."""
    bench = _bench(KEYS[0], KEYS[1], KEYS[1])
    handles = [_log_in(bench) for _ in range(3)]
    assert bench.find(APP, {"session": handles[2], "authorization": _sealed(KEYS[0])}).e164


def test_session_keys_are_not_kept_without_need() -> None:
    """An app that does not accept encrypted data does not keep them at all, and does not mind if there is none."""
    app = configured()
    assert _log_in(_bench(**{LOGIN: {"openid": OPENID}}), app)
    bench = _bench()
    _log_in(bench, app)
    assert not any(KEYS[0] in str(getattr(step, "value", "")) for step in bench.steps)
    assert not any("session-keys" in getattr(step, "key", "") for step in bench.steps)


def test_an_expired_session_is_unknown() -> None:
    """After `session_seconds` the user has to log in again."""
    bench = _bench()
    handle = _log_in(bench)
    bench.clock.now += APP.policy.session_seconds + 1
    assert isinstance(bench.refused(APP, {"session": handle, "authorization": _sealed()}), SessionUnknown)


def _wrong(number: int) -> dict[str, str]:
    return {**_sealed(), "iv": base64.b64encode(number.to_bytes(16)).decode()}


def test_three_failures_burn_a_session_key() -> None:
    """The fourth try is not made, right or wrong: an oracle needs thousands. A new login has a new key."""
    bench = _bench(*KEYS[:2])
    handle = _log_in(bench)
    diagnoses = [
        bench.refused(APP, {"session": handle, "authorization": _wrong(number)}).diagnosis for number in range(1, 20)
    ]
    assert diagnoses[:3] == ["text", "text", "text"]
    assert set(diagnoses[3:]) == {"tries"}
    error = bench.refused(APP, {"session": handle, "authorization": _sealed()})
    assert (type(error), error.diagnosis) == (CannotOpen, "tries")
    assert bench.find(APP, {"session": _log_in(bench), "authorization": _sealed(KEYS[1])}).e164


def test_logging_in_again_gives_no_new_tries() -> None:
    """Tries belong to the session_key, not to the login that brought it."""
    bench = _bench(KEYS[0])
    for number in range(1, 9):
        bench.refused(APP, {"login_code": f"login-{number}", "authorization": _wrong(number)})
    error = bench.refused(APP, {"login_code": "login-9", "authorization": _sealed()})
    assert error.diagnosis == "tries"


def test_successes_do_not_pay_for_failures() -> None:
    """A success gives back its own try and no other; a failure is never given back."""
    bench = _bench(*KEYS[:2])
    handle = _log_in(bench)
    for number in range(3):
        for each in range(3):
            fresh = _sealed(number=f"135800{number}{each}666")
            assert bench.find(APP, {"session": handle, "authorization": fresh}).e164
        bench.refused(APP, {"session": handle, "authorization": _wrong(number + 1)})
    error = bench.refused(APP, {"session": handle, "authorization": _sealed(number="13580009999")})
    assert error.diagnosis == "tries"


def test_an_older_key_that_opens_does_not_burn_the_newer_one() -> None:
    """The newest key is tried first; when the older one opens, both tries are given back."""
    bench = _bench(*KEYS[:2])
    _log_in(bench)
    handle = _log_in(bench)
    for number in range(5):
        assert bench.find(
            APP, {"session": handle, "authorization": _sealed(KEYS[0], number=f"1358000{number}666")}
        ).e164
    assert bench.find(APP, {"session": handle, "authorization": _sealed(KEYS[1])}).e164


def test_a_ciphertext_is_taken_once() -> None:
    """The same request gets the same answer; a replay in another session is refused, however it is written."""
    bench = _bench()
    sealed = next(
        each for number in range(100) if "+" in (each := _sealed(number=f"13580006{number:03d}"))["encryptedData"]
    )
    sent = {"session": _log_in(bench), "authorization": sealed}
    assert repeated(bench.find(APP, sent)) == bench.find(APP, sent)
    other = _log_in(bench)
    assert isinstance(bench.refused(APP, {"session": other, "authorization": sealed}), AlreadyUsed)
    spaced = {**sealed, "encryptedData": sealed["encryptedData"].replace("+", " ")}
    assert isinstance(bench.refused(APP, {"session": other, "authorization": spaced}), AlreadyUsed)


@pytest.mark.parametrize("max_age", [10, 300, 3600])
def test_a_ciphertext_is_remembered_as_long_as_it_is_young(max_age: int) -> None:
    """While a watermark is young enough, the ledger knows the ciphertext."""
    app = configured(accept_encrypted_data=True, max_age=max_age)
    assert app.policy.code_seconds > 2 * max_age
    bench = _bench()
    first, second = _log_in(bench, app), _log_in(bench, app)
    ahead = _sealed(watermark={"timestamp": int(NOW) + max_age, "appid": APP_ID})
    assert bench.find(app, {"session": first, "authorization": ahead}).e164
    bench.clock.now += 2 * max_age
    assert isinstance(bench.refused(app, {"session": second, "authorization": ahead}), AlreadyUsed)


def test_a_refused_ciphertext_may_come_with_another_login() -> None:
    """Nothing was learnt and nothing was used up: the right login opens it."""
    bench = _bench(*KEYS[:2])
    assert isinstance(bench.refused(APP, {"login_code": "one", "authorization": _sealed(KEYS[1])}), CannotOpen)
    assert bench.find(APP, {"login_code": "two", "authorization": _sealed(KEYS[1])}).e164


@pytest.mark.parametrize("age", [-301, 301, 10**6, 10**400, -(10**400)])
def test_the_age_of_the_watermark(age: int) -> None:
    """Older or newer than five minutes is refused, by whatever number; the limit itself is not."""
    bench = _bench()
    handle = _log_in(bench)
    stale = _sealed(watermark={"timestamp": int(NOW) - age, "appid": APP_ID})
    assert bench.refused(APP, {"session": handle, "authorization": stale}).diagnosis == "watermark-age"
    limit = _sealed(watermark={"timestamp": int(NOW) - (300 if age > 0 else -300), "appid": APP_ID})
    assert bench.find(APP, {"session": handle, "authorization": limit}).e164


@pytest.mark.parametrize("session_key", [None, "", "short", "AAECAwQFBgcICQoLDA0ODxA=", 5, "****"])
def test_a_login_without_a_usable_session_key(session_key: object) -> None:
    """Where encrypted data is accepted, a login has to bring sixteen bytes."""
    bench = Bench({LOGIN: {"openid": OPENID, "session_key": session_key}})
    error = bench.refused(APP, {"login_code": "a-login-code", "authorization": _sealed()})
    assert error.code == "outside.nonsense-reply"
    assert error.because["reason"] == "session_key"


# --- checkencryptedmsg


@pytest.mark.parametrize("hashed", ["base64-text", "bytes"])
def test_wechat_is_asked_by_hash(hashed: str) -> None:
    """What is hashed is a setting, because WeChat's page does not say; the token is in the query alone."""
    app = configured(accept_encrypted_data=True, check_encrypted_message=True, encrypted_hash=hashed)
    sealed = _sealed()
    text = sealed["encryptedData"]
    expected = hashlib.sha256(text.encode() if hashed == "base64-text" else base64.b64decode(text)).hexdigest()

    def check(call: Any) -> object:
        assert json.loads(call.body) == {"encrypted_msg_hash": expected}
        assert call.query == {"access_token": TOKEN["access_token"]}
        return {"errcode": 0, "errmsg": "ok", "vaild": True}

    bench = _bench(**{CHECK: check})
    phone = bench.find(app, {"session": _log_in(bench), "authorization": sealed})
    assert all(each.proven for each in phone.checks)
    assert bench.calls[CHECK] == 1


def test_wechat_may_spell_it_right_one_day() -> None:
    """`valid` is read as well as `vaild`."""
    bench = _bench(**{CHECK: {"errcode": 0, "valid": True}})
    assert bench.find(CHECKED, {"session": _log_in(bench), "authorization": _sealed()}).e164


@pytest.mark.parametrize(
    ("answer", "diagnosis"),
    [
        ({"errcode": 0, "vaild": False}, "platform-check"),
        ({"errcode": 0, "vaild": False, "valid": True}, "platform-check"),
        ({"errcode": 1, "errmsg": "not found", "vaild": True}, "platform-check: 1"),
    ],
)
def test_nothing_is_opened_that_wechat_does_not_know(answer: dict[str, object], diagnosis: str) -> None:
    """A forgery under a leaked session_key costs no try, because no key is touched."""
    bench = _bench(**{CHECK: (*[answer] * 5, {"errcode": 0, "vaild": True})})
    handle = _log_in(bench)
    for number in range(5):
        error = bench.refused(CHECKED, {"session": handle, "authorization": _wrong(number)})
        assert isinstance(error, CannotOpen)
        assert (error.diagnosis, error.step, error.spent) == (diagnosis, 3, Spent.NO)
    assert bench.find(CHECKED, {"session": handle, "authorization": _sealed()}).e164


def test_the_question_renews_a_dead_token() -> None:
    """The rules of the token hold here too: one more fetch, one more call."""
    tokens = (TOKEN, {**TOKEN, "access_token": "57_second-token"})
    bench = _bench(**{STABLE: tokens, CHECK: (DEAD, {"errcode": 0, "vaild": True})})
    assert bench.find(CHECKED, {"session": _log_in(bench), "authorization": _sealed()}).e164
    assert (bench.calls[CHECK], bench.calls[STABLE]) == (2, 2)


@pytest.mark.parametrize(
    ("failure", "code"),
    [
        (TimedOut(), "outside.timed-out"),
        (BUSY, "platform.busy"),
        ({**BUSY, "vaild": True}, "platform.busy"),
        (refusal(12345), "platform.refused"),
        (b"<html>", "outside.nonsense-reply"),
        (DEAD, "platform.token-rejected"),
        ({"errcode": 0}, "outside.nonsense-reply"),
        *(({"errcode": 0, "vaild": each}, "outside.nonsense-reply") for each in (None, "true", 1, [True])),
    ],
)
def test_a_question_without_an_answer_uses_nothing_up(failure: object, code: str) -> None:
    """Whatever is not a plain yes opens nothing. Asking is harmless: another try works, with the same ciphertext."""
    tokens = tuple({**TOKEN, "access_token": f"57_token-{each}"} for each in range(3))
    answers = (failure, *([failure] if failure is DEAD else []), {"errcode": 0, "vaild": True})
    bench = _bench(**{STABLE: tokens, CHECK: answers})
    handle = _log_in(bench)
    error = bench.refused(CHECKED, {"session": handle, "authorization": _sealed()})
    assert (error.code, error.spent) == (code, Spent.NO)
    assert bench.find(CHECKED, {"session": handle, "authorization": _sealed()}).e164


def test_the_secret_of_the_login_is_not_shown() -> None:
    """jscode2session takes secret and code in the query; neither is in any repr or error."""
    bench = Bench({LOGIN: {"errcode": 40029, "errmsg": f"invalid code a-login-code {SECRET} rid: 65f3e9f7-77cf1a1c"}})
    error = bench.refused(APP, {"login_code": "a-login-code", "authorization": _sealed()})
    shown = repr(bench.wire.sends) + repr(bench.steps) + repr(error) + str(error) + error.platform_message
    assert SECRET not in shown
    assert "a-login-code" not in shown
    assert error.request_id == "65f3e9f7-77cf1a1c"
