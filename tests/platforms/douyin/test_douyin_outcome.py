"""The code flow: what becomes of a code, above all when nobody knows, and what opens the reply."""

from __future__ import annotations

import json
from typing import Any

import pytest

from haoma.errors import (
    AlreadyUsed,
    CannotOpen,
    CodeRejected,
    ConnectFailed,
    ConnectionLost,
    HaomaError,
    LoginCodeRejected,
    NonsenseReply,
    NotProven,
    OutcomeUnknown,
    RateLimited,
    Refused,
    ReplyTooLarge,
    Spent,
    TimedOut,
)
from haoma.verified import ALL_CHECKS, CheckName
from support.douyin import (
    APP_ID,
    BUSY,
    DEAD,
    GONE,
    KEY,
    LOG_ID,
    LOGIN,
    OK,
    OPENID,
    OTHER_KEY,
    PAYLOAD,
    PHONE,
    SECRET,
    STABLE,
    Bench,
    block,
    configured,
    found,
    refusal,
    session,
)
from support.wire import repeated

APP = configured()
SENT = {"code": "a-code"}
NUMBER = "+8613800138000"


def _bench(*answers: object, **more: Any) -> Bench:
    return Bench({PHONE: list(answers), **more})


def test_the_checks_of_a_code_without_a_login() -> None:
    """All five checks are listed; only the login is not proven."""
    phone = _bench(OK).find(APP, SENT)
    assert tuple(check.name for check in phone.checks) == ALL_CHECKS
    unproven = [check for check in phone.checks if not check.proven]
    assert [(check.name, check.how) for check in unproven] == [(CheckName.LOGIN_BINDING, "no login was sent along")]
    assert phone.subject is None


def test_a_login_names_the_subject_and_binds_nothing() -> None:
    """Douyin is not told who is logged in, so the number is not bound to the subject, and the check says why."""
    bench = _bench(OK, **{LOGIN: session()})
    phone = bench.find(APP, {"login_code": "a-login-code", "authorization": SENT})
    assert phone.subject is not None
    assert (phone.subject.openid, phone.subject.unionid) == (OPENID, "u-nion")
    unproven = [check for check in phone.checks if not check.proven]
    assert [check.name for check in unproven] == [CheckName.LOGIN_BINDING]
    assert "one request" in unproven[0].how


def test_a_policy_may_refuse_what_is_not_bound() -> None:
    """An app that requires the login binding gets no number out of the code flow."""
    bench = _bench(OK, **{LOGIN: session()})
    app = configured(require=["login-binding"])
    error = bench.refused(app, {"login_code": "a-login-code", "authorization": SENT})
    assert isinstance(error, NotProven)
    assert error.spent is Spent.YES


@pytest.mark.parametrize(
    ("answer", "kind", "step", "spent"),
    [
        (TimedOut(), OutcomeUnknown, 3, Spent.UNKNOWN),
        (ConnectFailed(), ConnectFailed, 0, Spent.NO),
        (GONE, CodeRejected, 4, Spent.YES),
        (refusal(28009999), Refused, 4, Spent.UNKNOWN),
        ({"log_id": LOG_ID, "data": block()}, NonsenseReply, 4, Spent.UNKNOWN),
        ({"log_id": LOG_ID}, NonsenseReply, 4, Spent.UNKNOWN),
        ({"err_no": 0}, NonsenseReply, 4, Spent.YES),
        ({"err_no": 0, "data": {"phone": 1}}, NonsenseReply, 4, Spent.YES),
        ({"err_no": 0, "data": ""}, CannotOpen, 5, Spent.YES),
        ({"err_no": 0, "data": block(key=OTHER_KEY)}, CannotOpen, 5, Spent.YES),
    ],
)
def test_the_step_that_refuses(answer: object, kind: type[HaomaError], step: int, spent: Spent) -> None:
    """Each refusal bears the number of its step, and says what it means for the code."""
    error = _bench(answer).refused(APP, SENT)
    assert (type(error), error.step, error.spent) == (kind, step, spent)


def test_a_reply_in_a_wrapper() -> None:
    """One client of others was written for it: what is in the wrapper counts, and all of it has to be there."""
    wrapped = {"err_no": 0, "log_id": LOG_ID, "data": block({"phone_info": PAYLOAD, "phoneNumber": "13900139000"})}
    assert _bench(wrapped).find(APP, SENT).e164 == NUMBER
    bare = {"err_no": 0, "log_id": LOG_ID, "data": block({**PAYLOAD, "phone_info": {}})}
    assert isinstance(_bench(bare).refused(APP, SENT), CannotOpen)
    other = {"err_no": 0, "log_id": LOG_ID, "data": block({**PAYLOAD, "phone_info": "x"})}
    assert _bench(other).find(APP, SENT).e164 == NUMBER


def test_what_is_sent() -> None:
    """Address with its last slash, the token in its header, the code alone in the body; the login is JSON as well."""
    bench = _bench(OK, **{LOGIN: session()})
    bench.find(APP, {"login_code": "a-login-code", "authorization": SENT})
    login, _token, phone = (step.request for step in bench.sends)
    assert phone.url == "https://open.douyin.com/api/apps/v1/get_phonenumber_info/"
    assert dict(phone.headers) == {"content-type": "application/json", "access-token": "clt.first-token"}
    assert (phone.method, phone.query, json.loads(phone.body)) == ("POST", (), {"code": "a-code"})
    assert login.url == "https://developer.toutiao.com/api/apps/v2/jscode2session"
    assert (login.method, login.query) == ("POST", ())
    assert json.loads(login.body) == {"appid": APP_ID, "secret": SECRET, "code": "a-login-code"}


def test_nothing_secret_is_shown() -> None:
    """Secret, token, code, session_key and number are in no address, step, error or repr."""
    bench = _bench(refusal(28009999, f"no {SECRET} clt.first-token a-secret-code 13800138000"), **{LOGIN: session()})
    error = bench.refused(APP, {"login_code": "a-login-code", "authorization": {"code": "a-secret-code"}})
    shown = repr(bench.sends) + repr(bench.steps) + repr(APP) + repr(error) + str(error) + error.platform_message
    for secret in ("clt.first-token", "a-secret-code", "a-login-code", "13800138000", session()["data"]["session_key"]):
        assert secret not in shown
    assert error.request_id == LOG_ID


def test_the_secret_of_the_login_is_not_echoed() -> None:
    """Douyin's words are kept, our secret in them is not."""
    bench = _bench(OK, **{LOGIN: refusal(40018, f"bad code a-login-code {SECRET}")})
    error = bench.refused(APP, {"login_code": "a-login-code", "authorization": SENT})
    assert error.platform_message == "bad code *** ***"


def test_a_bad_login_leaves_the_code_alone() -> None:
    """A login that is refused comes first: the code is not sent, and works with a good login."""
    bench = _bench(OK, **{LOGIN: [refusal(40018), session()]})
    error = bench.refused(APP, {"login_code": "a-used-one", "authorization": SENT})
    assert isinstance(error, LoginCodeRejected)
    assert error.spent is Spent.NO
    assert PHONE not in bench.calls
    assert bench.find(APP, {"login_code": "a-good-one", "authorization": SENT}).subject


@pytest.mark.parametrize("failure", [TimedOut(), ConnectionLost()])
def test_a_login_that_breaks_off(failure: HaomaError) -> None:
    """Whether a login code was used up by a broken connection is unknown, and is said to be."""
    bench = _bench(OK, **{LOGIN: failure})
    assert isinstance(bench.refused(APP, {"login_code": "a-login-code", "authorization": SENT}), OutcomeUnknown)
    assert PHONE not in bench.calls


@pytest.mark.parametrize("openid", [None, "", 5, "a b", "x" * 129, {"openid": OPENID}])
def test_an_anonymous_login_is_no_login(openid: object) -> None:
    """Without an openid nobody is logged in, whatever else Douyin gives."""
    given = {"session_key": "", "openid": openid, "anonymous_openid": OPENID, "unionid": ""}
    bench = _bench(OK, **{LOGIN: {"err_no": 0, "data": given}})
    error = bench.refused(APP, {"login_code": "a-login-code", "authorization": SENT})
    assert isinstance(error, NonsenseReply)
    assert error.because["reason"] == "openid"
    assert PHONE not in bench.calls


@pytest.mark.parametrize("err_no", [28001005, 28001006, "28001005"])
def test_busy_is_tried_twice_more(err_no: Any) -> None:
    """Busy is tried three times in all, with growing pauses, and ends as an unknown outcome."""
    bench = _bench(refusal(err_no))
    error = bench.refused(APP, SENT)
    assert isinstance(error, OutcomeUnknown)
    assert (error.spent, error.platform_code) == (Spent.UNKNOWN, str(err_no))
    assert bench.pauses == [0.2, 0.4]
    assert bench.calls == {STABLE: 1, PHONE: 3}


@pytest.mark.parametrize("times", [1, 2])
def test_busy_that_passes(times: int) -> None:
    """A busy Douyin that recovers is not seen from outside."""
    bench = _bench(*[BUSY] * times, OK)
    assert bench.find(APP, SENT).e164 == NUMBER
    assert bench.pauses == [0.2, 0.4][:times]


def test_a_refused_code_after_busy_is_unknown() -> None:
    """Within one request: the try that got "busy" may be the one that used the code up."""
    error = _bench(BUSY, GONE).refused(APP, SENT)
    assert isinstance(error, OutcomeUnknown)
    assert error.platform_code == "28005187"


@pytest.mark.parametrize(
    "failure", [TimedOut(), ConnectionLost(), ReplyTooLarge(), b"<html>", b"", BUSY, refusal(28009999)]
)
def test_a_refused_code_after_an_unknown_outcome_is_unknown(failure: object) -> None:
    """Across requests: after an unknown outcome a refusal accuses nobody, and then the code is not sent again."""
    bench = _bench(*[failure] * (3 if failure is BUSY else 1), GONE)
    first = bench.refused(APP, SENT)
    assert first.spent is Spent.UNKNOWN
    second = bench.refused(APP, SENT)
    assert isinstance(second, OutcomeUnknown)
    assert (second.platform_code, second.request_id) == ("28005187", LOG_ID)
    calls = bench.calls[PHONE]
    assert isinstance(bench.refused(APP, SENT), OutcomeUnknown)
    assert bench.calls[PHONE] == calls


@pytest.mark.parametrize("failure", [TimedOut(), ConnectionLost()])
def test_an_unknown_outcome_may_still_turn_out_well(failure: HaomaError) -> None:
    """The same request again, within the life of the code, gets the number; another caller does not."""
    bench = _bench(failure, OK)
    error = bench.refused(APP, SENT)
    assert isinstance(error, OutcomeUnknown)
    assert error.retry
    assert isinstance(bench.refused(APP, SENT, caller="another"), AlreadyUsed)
    assert bench.find(APP, SENT).e164 == NUMBER
    assert bench.calls[PHONE] == 2


def test_what_comes_between_does_not_make_the_outcome_known() -> None:
    """Timeout, rate limit, no connection, refused: the first try still may have been the one."""
    bench = _bench(TimedOut(), refusal(28003018), ConnectFailed(), GONE)
    bench.refused(APP, SENT)
    for expected in (RateLimited, ConnectFailed):
        error = bench.refused(APP, SENT)
        assert isinstance(error, expected)
        assert error.spent is Spent.UNKNOWN
    assert isinstance(bench.refused(APP, SENT), OutcomeUnknown)


def test_no_connection_spends_nothing() -> None:
    """When nothing was sent, the code is free again, for anybody."""
    bench = _bench(ConnectFailed(), OK)
    error = bench.refused(APP, SENT)
    assert isinstance(error, ConnectFailed)
    assert error.spent is Spent.NO
    assert bench.find(APP, SENT, caller="another").e164 == NUMBER


def test_a_bad_code_is_a_bad_code() -> None:
    """Without an unknown try before it, 28005187 means what it says, and is asked once."""
    bench = _bench(GONE)
    error = bench.refused(APP, SENT)
    assert isinstance(error, CodeRejected)
    assert (error.spent, error.request_id) == (Spent.YES, LOG_ID)
    assert isinstance(bench.refused(APP, SENT), CodeRejected)
    assert bench.calls[PHONE] == 1


def test_an_unlisted_code_passes_through() -> None:
    """What Douyin answers to a used code is not documented: an unlisted code is passed on, and proves nothing."""
    error = _bench(refusal(28009999)).refused(APP, SENT)
    assert isinstance(error, Refused)
    assert (error.platform_code, error.spent) == ("28009999", Spent.UNKNOWN)
    assert (str(error.next_action), error.retry) == ("ask-again", False)


def test_the_status_does_not_matter() -> None:
    """Only the body decides, whatever HTTP status it comes with."""
    assert _bench((500, OK)).find(APP, SENT).e164 == NUMBER


def test_the_same_request_gets_the_same_answer() -> None:
    """A success is asked for once; another caller with the same code is refused."""
    bench = _bench(OK)
    assert repeated(bench.find(APP, SENT)) == bench.find(APP, SENT)
    assert isinstance(bench.refused(APP, SENT, caller="another"), AlreadyUsed)
    assert bench.calls[PHONE] == 1


# --- RSA


@pytest.mark.parametrize("keys", [[KEY, OTHER_KEY], [OTHER_KEY, KEY]])
@pytest.mark.parametrize("used", [KEY, OTHER_KEY])
def test_during_a_change_either_key_opens(keys: list[str], used: str) -> None:
    """Whatever the order, the reply opens under the key that is in the console."""
    bench = _bench({**OK, "data": block(key=used)})
    assert bench.find(configured(app_private_key=keys), SENT).e164 == NUMBER


def test_every_key_is_tried_before_a_refusal() -> None:
    """The operator's log says how far each key got; the refusal itself says how many there are."""
    app = configured(app_private_key=[OTHER_KEY, KEY])
    error = _bench(found(watermark={"appid": "tt1111111111111111"})).refused(app, SENT)
    assert isinstance(error, CannotOpen)
    assert error.diagnosis.endswith(", watermark-app")
    assert error.because == {"keys_tried": 2}


@pytest.mark.parametrize(
    "data",
    [
        "",
        "*",
        "AAAA",
        block()[:-8] + "AAAAAA==",
        block(b"13800138000"),
        block([PAYLOAD]),
        block(key=OTHER_KEY),
        block({**PAYLOAD, "watermark": None}),
        block({**PAYLOAD, "watermark": {"appid": "tt1111111111111111"}}),
        block({**PAYLOAD, "phoneNumber": "13900000000"}),
        block({**PAYLOAD, "purePhoneNumber": None}),
        block({**PAYLOAD, "countryCode": "999"}),
    ],
)
def test_what_does_not_open_has_one_face_and_has_spent_the_code(data: str) -> None:
    """Douyin has given the number away, so asking again is of no use; why it failed is not told."""
    bench = _bench({**OK, "data": data})
    error = bench.refused(APP, SENT)
    assert type(error) is CannotOpen
    assert (error.spent, error.step, dict(error.because)) == (Spent.YES, 5, {"keys_tried": 1})
    assert "13800138000" not in str(error) + repr(error) + error.diagnosis
    bench.refused(APP, SENT)
    assert bench.calls[PHONE] == 1


def test_a_client_cannot_bring_a_ciphertext() -> None:
    """What goes through the private key comes from Douyin alone: a `data` in the event is passed over."""
    bench = _bench(GONE)
    error = bench.refused(APP, {"code": "a-code", "data": block()})
    assert isinstance(error, CodeRejected)
    assert bench.refused(APP, {"data": block()}).code == "envelope.missing-field"


def test_a_dead_token_does_not_make_the_outcome_unknown() -> None:
    """A token that is dead was refused before the code was looked at: after it, a refusal is certain."""
    tokens = [{"data": {"access_token": f"clt.{each}", "error_code": 0, "expires_in": 7200}} for each in range(2)]
    bench = _bench(DEAD, GONE, **{STABLE: tokens})
    assert isinstance(bench.refused(APP, SENT), CodeRejected)
    assert bench.calls == {STABLE: 2, PHONE: 2}


@pytest.mark.parametrize("front", ["", "+", "00"])
def test_the_country_code_in_each_of_its_forms(front: str) -> None:
    """How a number abroad is written is not documented; every form in which the three fields agree is taken."""
    abroad = {"phoneNumber": f"{front}85251234567", "purePhoneNumber": "51234567", "countryCode": "852"}
    assert _bench(found(**abroad)).find(APP, SENT).e164 == "+85251234567"
    other = {**abroad, "phoneNumber": f"{front}85351234567"}
    assert isinstance(_bench(found(**other)).refused(APP, SENT), CannotOpen)
