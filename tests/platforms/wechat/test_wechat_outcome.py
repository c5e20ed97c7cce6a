"""The code flow: what becomes of a code, above all when nobody knows."""

from __future__ import annotations

import json
from typing import Any

import pytest

from haoma.errors import (
    AlreadyUsed,
    CodeRejected,
    ConnectFailed,
    ConnectionLost,
    HaomaError,
    LoginCodeRejected,
    Next,
    NonsenseReply,
    NumberMismatch,
    OutcomeUnknown,
    RateLimited,
    Refused,
    ReplyTooLarge,
    Spent,
    TimedOut,
    WrongApp,
)
from haoma.verified import ALL_CHECKS, CheckName
from support.wechat import (
    APP_ID,
    BUSY,
    LOGIN,
    NOW,
    OK,
    OPENID,
    PHONE,
    PHONE_INFO,
    STABLE,
    TOKEN,
    USED,
    Bench,
    configured,
    refusal,
)
from support.wire import repeated

APP = configured()
SENT = {"code": "a-code"}
SESSION = {"openid": OPENID, "session_key": "AAECAwQFBgcICQoLDA0ODw==", "unionid": "u-nion"}


def _bench(*answers: object, **more: Any) -> Bench:
    return Bench({STABLE: TOKEN, PHONE: answers, **more})


def test_the_checks_of_a_code_without_a_login() -> None:
    """All five checks are listed; only the login is not proven, and WeChat is told of none."""
    bench = _bench(OK)
    phone = bench.find(APP, SENT)
    assert json.loads(bench.wire.requests[-1].body) == SENT
    assert tuple(check.name for check in phone.checks) == ALL_CHECKS
    unproven = [check for check in phone.checks if not check.proven]
    assert [(check.name, check.how) for check in unproven] == [(CheckName.LOGIN_BINDING, "no login was sent along")]
    assert phone.subject is None


def test_the_checks_of_a_code_with_a_login() -> None:
    """With a login everything is proven, because WeChat was told the openid."""
    bench = _bench(OK, **{LOGIN: SESSION})
    phone = bench.find(APP, {"login_code": "a-login-code", "authorization": SENT})
    assert all(check.proven for check in phone.checks)
    assert any("matched the code to it" in check.how for check in phone.checks)
    assert phone.subject is not None
    assert (phone.subject.openid, phone.subject.unionid) == (OPENID, "u-nion")
    sent = next(each for each in bench.wire.requests if each.url.endswith(PHONE))
    assert json.loads(sent.body) == {"code": "a-code", "openid": OPENID}
    login = next(each for each in bench.wire.requests if each.url.endswith(LOGIN))
    assert (login.method, dict(login.query)["js_code"]) == ("GET", "a-login-code")


def test_a_bad_login_leaves_the_code_alone() -> None:
    """A login that is refused comes first: the code is not sent, and works with a good login."""
    bench = _bench(OK, **{LOGIN: (refusal(40163), SESSION)})
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


def test_busy_is_tried_twice_more() -> None:
    """-1 is tried three times in all, with growing pauses, and ends as an unknown outcome."""
    bench = _bench(BUSY)
    error = bench.refused(APP, SENT)
    assert isinstance(error, OutcomeUnknown)
    assert (error.spent, error.platform_code) == (Spent.UNKNOWN, "-1")
    assert bench.pauses == [0.2, 0.4]
    assert bench.calls == {STABLE: 1, PHONE: 3}


@pytest.mark.parametrize("times", [1, 2])
def test_busy_that_passes(times: int) -> None:
    """A -1 that passes is not seen from outside."""
    bench = _bench(*[BUSY] * times, OK)
    assert bench.find(APP, SENT).e164 == "+8613580006666"
    assert bench.pauses == [0.2, 0.4][:times]


@pytest.mark.parametrize("errcode", [40029, 40163])
def test_a_used_code_after_busy_is_unknown(errcode: int) -> None:
    """Within one request: the try that got -1 may be the one that used the code up."""
    error = _bench(BUSY, refusal(errcode)).refused(APP, SENT)
    assert isinstance(error, OutcomeUnknown)
    assert error.platform_code == str(errcode)


@pytest.mark.parametrize("failure", [TimedOut(), ConnectionLost(), ReplyTooLarge(), NonsenseReply(), b"<html>", BUSY])
def test_a_used_code_after_an_unknown_outcome_is_unknown(failure: object) -> None:
    """Across requests: after an unknown outcome a 40029 accuses nobody, and then the code is not sent again."""
    bench = _bench(*[failure] * (3 if failure is BUSY else 1), USED)
    first = bench.refused(APP, SENT)
    assert first.spent is Spent.UNKNOWN
    second = bench.refused(APP, SENT)
    assert isinstance(second, OutcomeUnknown)
    assert (second.platform_code, second.request_id) == ("40029", "65f3e9f7-77cf1a1c-0dd74a0e")
    calls = bench.calls[PHONE]
    assert isinstance(bench.refused(APP, SENT), OutcomeUnknown)
    assert bench.calls[PHONE] == calls


@pytest.mark.parametrize("failure", [TimedOut(), ConnectionLost()])
def test_an_unknown_outcome_may_still_turn_out_well(failure: HaomaError) -> None:
    """The same request again, within the life of the code, gets the number."""
    bench = _bench(failure, OK)
    error = bench.refused(APP, SENT)
    assert isinstance(error, OutcomeUnknown)
    assert error.retry
    assert bench.find(APP, SENT).e164 == "+8613580006666"
    assert bench.calls[PHONE] == 2  # a failed connection is not tried again within the request


def test_another_caller_may_not_finish_an_unknown_outcome() -> None:
    """A code whose outcome is unknown stays with the caller who sent it."""
    bench = _bench(TimedOut(), OK)
    bench.refused(APP, SENT)
    assert isinstance(bench.refused(APP, SENT, caller="another"), AlreadyUsed)


def test_what_comes_between_does_not_make_the_outcome_known() -> None:
    """Timeout, rate limit, 40029: the first try still may have been the one."""
    bench = _bench(TimedOut(), refusal(45011), ConnectFailed(), USED)
    bench.refused(APP, SENT)
    limited = bench.refused(APP, SENT)
    assert isinstance(limited, RateLimited)
    assert limited.spent is Spent.UNKNOWN
    unconnected = bench.refused(APP, SENT)
    assert isinstance(unconnected, ConnectFailed)
    assert unconnected.spent is Spent.UNKNOWN
    assert isinstance(bench.refused(APP, SENT), OutcomeUnknown)


def test_no_connection_spends_nothing() -> None:
    """When nothing was sent, the code is free again, for anybody."""
    bench = _bench(ConnectFailed(), OK)
    error = bench.refused(APP, SENT)
    assert isinstance(error, ConnectFailed)
    assert error.spent is Spent.NO
    assert bench.find(APP, SENT, caller="another").e164 == "+8613580006666"


def test_a_bad_code_is_a_bad_code() -> None:
    """Without an unknown try before it, 40029 means what it says, and is asked once."""
    bench = _bench(USED)
    error = bench.refused(APP, SENT)
    assert isinstance(error, CodeRejected)
    assert (error.spent, error.request_id) == (Spent.YES, "65f3e9f7-77cf1a1c-0dd74a0e")
    assert isinstance(bench.refused(APP, SENT), CodeRejected)
    assert bench.calls[PHONE] == 1


@pytest.mark.parametrize(
    "change",
    [
        {"watermark": {"timestamp": 1, "appid": "wx0000000000000000"}},
        {"watermark": None},
        {"phoneNumber": "13900000000"},
        {"purePhoneNumber": None},
        {"countryCode": "999"},
    ],
)
def test_after_a_success_of_wechat_every_refusal_has_spent_the_code(change: dict[str, Any]) -> None:
    """WeChat has given the number away; asking again would be of no use."""
    bench = _bench({**OK, "phone_info": {**PHONE_INFO, **change}})
    error = bench.refused(APP, SENT)
    assert error.spent is Spent.YES
    bench.refused(APP, SENT)
    assert bench.calls[PHONE] == 1


def test_an_unlisted_code_passes_through() -> None:
    """WeChat's answer to a foreign openid is not documented; whatever it is, it is passed on and says so."""
    bench = _bench(
        {"errcode": 40099, "errmsg": "the openid a-code does not fit, 13800138000, rid: 6899a148-5929c88a"},
        **{LOGIN: SESSION},
    )
    error = bench.refused(APP, {"login_code": "a-login-code", "authorization": SENT})
    assert isinstance(error, Refused)
    assert (error.platform_code, error.request_id, error.spent) == ("40099", "6899a148-5929c88a", Spent.UNKNOWN)
    assert error.because["openid_sent"] is True
    assert "a-code" not in error.platform_message
    assert "13800138000" not in error.platform_message


def test_the_status_does_not_matter() -> None:
    """Only the body decides, whatever HTTP status and content type it comes with."""
    bench = _bench(OK)
    given = bench.wire.side

    class Unusual:
        def answer(self, call: Any, now: float) -> Any:
            answer = given.answer(call, now)
            return type(answer)(500, {"content-type": "text/html"}, answer.body)

    bench.wire.side = Unusual()
    assert bench.find(APP, SENT).e164 == "+8613580006666"


def test_the_same_request_gets_the_same_answer() -> None:
    """A success is asked for once; another caller with the same code is refused."""
    bench = _bench(OK)
    assert repeated(bench.find(APP, SENT)) == bench.find(APP, SENT)
    assert isinstance(bench.refused(APP, SENT, caller="another"), AlreadyUsed)
    assert bench.calls[PHONE] == 1


def test_a_watermark_of_yesterday_is_no_reason_in_the_code_flow() -> None:
    """The code is what is young; its watermark is not judged."""
    old = {**PHONE_INFO, "watermark": {"timestamp": int(NOW) - 86_400, "appid": APP_ID}}
    assert _bench({**OK, "phone_info": old}).find(APP, SENT).e164


@pytest.mark.parametrize(
    ("answer", "code", "step"),
    [
        (TimedOut(), "outside.outcome-unknown", 3),
        (BUSY, "outside.outcome-unknown", 4),
        (USED, "platform.code-rejected", 4),
        ({}, "outside.nonsense-reply", 4),
        ({**OK, "phone_info": {}}, "outside.nonsense-reply", 5),
        ({**OK, "phone_info": {**PHONE_INFO, "watermark": {"appid": "wx1", "timestamp": 1}}}, "trust.wrong-app", 6),
        ({**OK, "phone_info": {**PHONE_INFO, "phoneNumber": "13900000000"}}, "trust.number-mismatch", 7),
    ],
)
def test_the_step_that_refuses(answer: object, code: str, step: int) -> None:
    """An error carries the number that the step has in the list, and speaks of no openid where none was sent."""
    error = _bench(answer).refused(APP, SENT)
    assert (error.code, error.step) == (code, step)
    assert "openid_sent" not in error.because


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"watermark": None}, "watermark"),
        ({"watermark": {"timestamp": 1}}, "watermark"),
        *(({"countryCode": each}, "countryCode") for each in (None, "", 1.5, [86])),
        ({"countryCode": True}, "purePhoneNumber"),
        ({"purePhoneNumber": 13580006666}, "purePhoneNumber"),
        ({"purePhoneNumber": "1358000666x", "phoneNumber": "1358000666x"}, "purePhoneNumber"),
        ({"phoneNumber": None}, "phoneNumber"),
    ],
)
def test_the_field_that_makes_no_sense(change: dict[str, Any], field: str) -> None:
    """The operator reads which field of WeChat's reply was missing, or none of its kind."""
    error = _bench({**OK, "phone_info": {**PHONE_INFO, **change}}).refused(APP, SENT)
    assert (error.code, error.because) == ("outside.nonsense-reply", {"field": field})


def test_a_lost_question_for_the_token_says_nothing_of_the_code() -> None:
    """It was not sent, so that nothing about it is unknown."""
    error = Bench({STABLE: TimedOut()}).refused(APP, SENT)
    assert (type(error), error.spent) == (TimedOut, Spent.NO)


@pytest.mark.parametrize("errcode", [{}, {"errcode": ""}, {"errcode": "0"}])
def test_a_number_without_an_errcode(errcode: dict[str, str]) -> None:
    """Zero or none: both say yes."""
    assert _bench({**errcode, "phone_info": PHONE_INFO}).find(APP, SENT).e164 == "+8613580006666"


@pytest.mark.parametrize("body", [{}, {"errmsg": "ok"}, {"phone_info": None}])
def test_a_reply_that_says_neither_yes_nor_no(body: object) -> None:
    """Whether the code is used up is not known then; the request may be sent again."""
    error = _bench(body).refused(APP, SENT)
    assert isinstance(error, NonsenseReply)
    assert error.spent is Spent.UNKNOWN


@pytest.mark.parametrize("found", [None, {}, [], "", 0, {"phoneNumber": "13580006666"}])
def test_a_yes_without_a_number(found: object) -> None:
    """WeChat has said yes, so the code is used up, whatever is missing."""
    error = _bench({"errcode": 0, "phone_info": found}).refused(APP, SENT)
    assert isinstance(error, NonsenseReply)
    assert error.spent is Spent.YES


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ({**OK, "phone_info": {}}, NonsenseReply),
        ({**OK, "phone_info": {**PHONE_INFO, "watermark": {"timestamp": 1, "appid": "wx0000000000000009"}}}, WrongApp),
        ({**OK, "phone_info": {**PHONE_INFO, "purePhoneNumber": "13580006667"}}, NumberMismatch),
    ],
)
def test_what_helps_when_a_code_is_used_up_for_nothing(answer: object, kind: type[HaomaError]) -> None:
    """Where only the reply was bad another tap does; what must not be believed stays what it is."""
    error = Bench({STABLE: TOKEN, PHONE: answer}).refused(APP, {"code": "a-code"})
    assert (type(error), error.spent) == (kind, Spent.YES)
    asks_again = kind is NonsenseReply
    assert (error.next_action, error.retry) == (
        (Next.ASK_AGAIN, False) if asks_again else (kind.next_action, kind.retry)
    )
