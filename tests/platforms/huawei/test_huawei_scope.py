"""Huawei's flow by scope ``phone``: two calls, what they prove, and what becomes of a code when nobody knows."""

from __future__ import annotations

import random
from typing import Any
from urllib.parse import parse_qs

import pytest

from haoma.authorize import log_in
from haoma.errors import (
    AlreadyUsed,
    ButtonFailed,
    CodeRejected,
    ConnectFailed,
    ConnectionLost,
    HaomaError,
    Next,
    NonsenseReply,
    OutcomeUnknown,
    PermissionMissing,
    ReplyTooLarge,
    SessionUnknown,
    Spent,
    TimedOut,
    UnknownShape,
    UserDeclined,
)
from haoma.platforms.base.contract import App
from haoma.platforms.base.mirroring import Answer, Call
from haoma.platforms.base.refusal import refuses_a_code
from haoma.platforms.base.table import Table
from haoma.platforms.huawei import HUAWEI
from haoma.platforms.huawei.mirror import HuaweiMirror
from haoma.verified import ALL_CHECKS, Assurance
from support.wire import NOW, Bench, configured, repeated

TOKEN, USER = "/oauth2/v3/token", "/rest.php"
SECRET = "0123456789abcdef0123456789abcdef"
CODE = "DQB6e3x6zFqHIfkHR2ctp6/PQsrX7OEYh97gxfm+w=="
OF_USER = "DQEBAKn3+nT1u/8fkb0y0JmVQ8xw=="
SENT = {"code": CODE}
SETTINGS: dict[str, Any] = {"flow": "scope-phone", "client_id": "100000000000000001", "client_secret": SECRET}
APP = configured("huawei", **SETTINGS)
GIVEN = {
    "token_type": "Bearer", "access_token": OF_USER, "expires_in": 3600, "refresh_token": "another",
    "id_token": "a.b.c", "scope": "openid phone",
}  # fmt: skip
FOUND = {
    "openID": "o+1==",
    "unionID": "u-1",
    "displayName": "138******00",
    "displayNameFlag": 1,
    "mobileNumber": "13800138000",
}
WORDS = f"{CODE} {SECRET} {OF_USER} 13800138000"


def no_code(sub_error: object, status: int = 400) -> tuple[int, dict[str, object]]:
    return status, {"error": 1101, "sub_error": sub_error, "error_description": WORDS}


USED = no_code(20156)


class Headed:
    """Answers with given bodies, and the second call with a header as well."""

    def __init__(self, tokens: object, *users: tuple[object, object]) -> None:
        self.bench = Bench({TOKEN: tokens, USER: [body for _status, body in users]})
        self.statuses = [status for status, _body in users]
        self.given = self.bench.side
        self.bench.side = self

    def answer(self, call: Call, now: float) -> Answer | None:
        if call.path == USER:
            status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
            answer = self.given.answer(call, now)
            assert answer is not None
            return Answer(answer.status, {**answer.headers, "nsp_status": str(status)}, answer.body)
        return self.given.answer(call, now)


def _bench(tokens: object = GIVEN, users: object = FOUND) -> Bench:
    return Bench({TOKEN: tokens, USER: users})


def refused_with(status: object, body: object = None) -> HaomaError:
    """The error when the header NSP_STATUS of the second call has this value."""
    return Headed(GIVEN, (status, {"error": WORDS} if body is None else body)).bench.refused(APP, SENT)


# --- the result


def test_what_is_asked_and_what_is_proven() -> None:
    """Two forms, each with its own host; all five checks; the user is the one that Huawei names."""
    bench = _bench()
    phone = bench.find(APP, {"authorizationCode": CODE, "openID": "somebody-else", "unionID": "somebody-else"})
    assert phone.e164 == "+8613800138000"
    assert tuple(check.name for check in phone.checks) == ALL_CHECKS
    assert all(check.proven for check in phone.checks)
    assert phone.subject is not None
    assert (phone.subject.openid, phone.subject.unionid) == ("o+1==", "u-1")
    first, second = (send.request for send in bench.sends)
    assert (first.method, first.url, first.query) == ("POST", "https://oauth-login.cloud.huawei.com" + TOKEN, ())
    assert parse_qs(first.body.decode(), strict_parsing=True) == {
        "grant_type": ["authorization_code"], "client_id": [APP.app_id], "client_secret": [SECRET], "code": [CODE],
    }  # fmt: skip
    assert b"%2B" in first.body
    assert (second.method, second.url) == ("POST", "https://account.cloud.huawei.com" + USER)
    assert second.query == (("nsp_svc", "GOpen.User.getInfo"),)
    assert parse_qs(second.body.decode(), strict_parsing=True) == {"access_token": [OF_USER], "getNickName": ["0"]}
    for request in (first, second):
        assert dict(request.headers) == {"content-type": "application/x-www-form-urlencoded"}
    assert {send.upstreams for send in bench.sends} == {
        ("https://oauth-login.cloud.huawei.com", "https://account.cloud.huawei.com")
    }
    assert {send.app for send in bench.sends} == {APP.scope}


def test_the_number_is_verified_and_no_more() -> None:
    """Nothing says when the number last reached its user, whatever field comes with it; an app cannot demand it."""
    phone = _bench(users={**FOUND, "phoneNumberValid": 1}).find(APP, SENT)
    assert phone.assurance is Assurance.PLATFORM
    strict = configured("huawei", **SETTINGS, require=[check.value for check in ALL_CHECKS])
    assert _bench().find(strict, SENT).e164 == "+8613800138000"


@pytest.mark.parametrize("front", ["", "+86", "0086"])
def test_the_forms_of_a_number(front: str) -> None:
    """Eleven digits, with what can be nothing but the mainland's country code in front."""
    assert _bench(users={**FOUND, "mobileNumber": f"{front}13800138000"}).find(APP, SENT).e164 == "+8613800138000"


@pytest.mark.parametrize(
    "mobile",
    [
        "8613800138000", "86-13800138000", "+86 13800138000", "013800138000", "23800138000", "1380013800",
        "12025550123", "+8612025550123",  # of North America
        "138001380001", "0085251234567", "+85251234567", "85251234567", "51234567", "+16505551234", "138****8000",
        "13800138000\n", " 13800138000", "１３８００１３８０００", "+86+8613800138000", "008613800138000x", 13800138000,
        True, [], {}, ["13800138000"], {"13800138000": 1},
    ],
)  # fmt: skip
def test_any_other_form_is_refused_and_not_guessed(mobile: object) -> None:
    """No country code is made up, and nothing is cut off; the code is used up, and the same request asks nobody."""
    bench = _bench(users={**FOUND, "mobileNumber": mobile})
    error = bench.refused(APP, SENT)
    assert (error.code, error.step, error.place) == ("outside.nonsense-reply", 6, "number-form")
    assert (error.spent, error.retry, error.next_action) == (Spent.YES, False, Next.ASK_AGAIN)
    assert "13800138000" not in f"{error!r} {error} {error.facts()}"
    bench.refused(APP, SENT)
    assert bench.calls == {TOKEN: 1, USER: 1}


@pytest.mark.parametrize("mobile", [..., None, ""])
def test_no_number_is_a_missing_permission(mobile: object) -> None:
    """The scope was not consented to, or it is the code of has.login: that is said, and no retry is promised."""
    users = {name: value for name, value in {**FOUND, "mobileNumber": mobile}.items() if value is not ...}
    bench = _bench(users=users)
    error = bench.refused(APP, SENT)
    assert (error.code, error.platform_code, error.step) == ("platform.permission-missing", "mobile-missing", 5)
    assert (error.spent, error.retry) == (Spent.YES, False)
    for lang in ("zh", "en"):
        assert 'flow = "quick-login"' in error.explain(lang).remedy
        assert "has.login" in error.explain(lang).remedy
    bench.refused(APP, SENT)
    assert bench.calls == {TOKEN: 1, USER: 1}


@pytest.mark.parametrize("union", [{}, {"unionID": None}, {"unionID": ""}])
def test_a_user_without_union_id(union: dict[str, object]) -> None:
    """The number and its user are there; the second id of the user is not worth a code."""
    users = {name: value for name, value in FOUND.items() if name != "unionID"} | union
    subject = _bench(users=users).find(APP, SENT).subject
    assert subject is not None
    assert (subject.openid, subject.unionid) == ("o+1==", "")


def test_there_is_no_login_beside_the_code() -> None:
    """The code of has.login beside it, or a session, is refused before anything is sent; the code stays good."""
    bench = _bench()
    assert isinstance(bench.refused(APP, {"login_code": "abcdef", "authorization": SENT}), UnknownShape)
    assert isinstance(bench.refused(APP, {"session": "abcdef", "authorization": SENT}), SessionUnknown)
    with pytest.raises(UnknownShape):
        bench.run(log_in(APP, {"login_code": "abcdef"}, now=NOW))
    assert not bench.calls
    assert bench.find(APP, SENT).e164 == "+8613800138000"


# --- what Huawei refuses


@pytest.mark.parametrize("status", [200, 400, 500])
@pytest.mark.parametrize("sub_error", [20155, "20155"])
def test_sub_error_decides_and_the_status_does_not(sub_error: object, status: int) -> None:
    """A refusal of a code is one under any status, as a number or as text; no secret comes back in its words."""
    error = _bench(no_code(sub_error, status)).refused(APP, SENT)
    assert isinstance(error, CodeRejected)
    assert (error.platform_code, error.place, error.step, error.spent) == ("20155", "code", 3, Spent.YES)
    shown = error.platform_message + str(error) + repr(error)
    assert not any(secret in shown for secret in (CODE, SECRET, "13800138000"))


@pytest.mark.parametrize(
    ("native", "code", "spent", "following"),
    [
        (12304, "platform.credentials-rejected", Spent.NO, Next.STOP),
        (20002, "platform.credentials-rejected", Spent.NO, Next.STOP),
        (20085, "platform.credentials-rejected", Spent.NO, Next.STOP),
        (20152, "platform.code-rejected", Spent.YES, Next.ASK_AGAIN),
        (20154, "platform.app-mismatch", Spent.NO, Next.STOP),
        (20155, "platform.code-rejected", Spent.YES, Next.ASK_AGAIN),
        (20156, "platform.code-rejected", Spent.YES, Next.ASK_AGAIN),
        (20158, "platform.code-rejected", Spent.YES, Next.ASK_AGAIN),
        (20171, "platform.request-rejected", Spent.NO, Next.STOP),
        (29999, "platform.refused", Spent.UNKNOWN, Next.STOP),
    ],
)
def test_what_a_refused_code_means(native: int, code: str, spent: Spent, following: Next) -> None:
    """Each row of the table: the error, whether the code is used up, and what comes next. Nobody is asked for a user."""
    bench = _bench(no_code(native))
    error = bench.refused(APP, SENT)
    assert (error.code, error.spent, error.next_action) == (code, spent, following)
    assert bench.calls == {TOKEN: 1}


def test_error_alone_is_a_refusal_too() -> None:
    """Without a `sub_error`, the `error` is what is told; a token beside either is not believed."""
    assert _bench((400, {"error": 1101})).refused(APP, SENT).platform_code == "1101"
    for said in ({"sub_error": 20156}, {"error": 1101, "sub_error": 20156}, {"error": 1101}):
        bench = _bench({**GIVEN, **said})
        assert bench.refused(APP, SENT).code.startswith("platform.")
        assert bench.calls == {TOKEN: 1}


@pytest.mark.parametrize(
    ("status", "code", "spent", "retry"),
    [
        (1, "platform.busy", Spent.UNKNOWN, True),
        (6, "platform.token-rejected", Spent.YES, False),
        (102, "platform.token-rejected", Spent.YES, False),
        (105, "platform.request-rejected", Spent.YES, False),
        (403, "platform.permission-missing", Spent.YES, False),
        (500, "platform.busy", Spent.UNKNOWN, True),
        (501, "platform.request-rejected", Spent.YES, False),
        (503, "platform.rate-limited", Spent.UNKNOWN, True),
        (1302, "platform.rate-limited", Spent.UNKNOWN, True),
        (31204, "platform.user-not-authorized", Spent.YES, False),
        (70001201, "platform.request-rejected", Spent.YES, False),
        (70001401, "platform.busy", Spent.UNKNOWN, True),
        (70001402, "platform.busy", Spent.UNKNOWN, True),
        (70020002, "platform.busy", Spent.UNKNOWN, True),
        (77, "platform.refused", Spent.YES, False),
    ],
)
def test_the_header_refuses_with_http_status_200(status: int, code: str, spent: Spent, retry: bool) -> None:
    """Each NSP_STATUS: the error, and whether the same request may go on. A number in the body is not believed."""
    for body in ({"error": WORDS}, FOUND, b"<html>", b""):
        error = refused_with(status, body)
        assert (error.code, error.platform_code, error.place) == (code, str(status), "user")
        assert (error.step, error.spent, error.retry) == (5, spent, retry)
        shown = error.platform_message + str(error) + repr(error)
        assert not any(secret in shown for secret in (CODE, SECRET, OF_USER, "13800138000"))


@pytest.mark.parametrize("status", ["0", "00", " 0 ", ""])
def test_a_header_that_refuses_nothing(status: str) -> None:
    """Zero is a success; a header without a value says nothing that can be relied on."""
    found = Headed(GIVEN, (status, FOUND)).bench
    if status:
        assert found.find(APP, SENT).e164 == "+8613800138000"
    else:
        assert found.refused(APP, SENT).because["reason"] == "NSP_STATUS"


@pytest.mark.parametrize("status", ["x", "-1", "6 6", "1" * 13, "٦"])
def test_a_header_that_is_no_number(status: str) -> None:
    """It is not taken for a success."""
    error = refused_with(status, FOUND)
    assert (error.code, error.step, error.because["reason"]) == ("outside.nonsense-reply", 5, "NSP_STATUS")


def test_a_header_with_zeros_in_front_is_the_same_refusal() -> None:
    """006 is 6."""
    assert refused_with("006").platform_code == "6"


@pytest.mark.parametrize("status", [201, 302, 418, 505])
def test_a_success_has_status_200(status: int) -> None:
    """A token or a number under another status is not believed."""
    for step, bench in ((3, _bench((status, GIVEN))), (5, _bench(users=(status, FOUND)))):
        error = bench.refused(APP, SENT)
        assert (error.code, error.step, error.because["reason"]) == ("outside.nonsense-reply", step, "status")


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "platform.request-rejected"), (403, "platform.request-rejected"), (404, "platform.request-rejected"),
        (405, "platform.request-rejected"), (500, "platform.busy"), (502, "platform.busy"),
        (503, "platform.rate-limited"), (504, "platform.busy"), (590, "platform.busy"),
    ],
)  # fmt: skip
def test_a_status_that_the_table_lists(status: int, code: str) -> None:
    """With a page for people, or with an object that says nothing: on both calls."""
    for body in (b"<html>", {}, FOUND | GIVEN):
        first = _bench((status, body)).refused(APP, SENT)
        assert (first.code, first.platform_code, first.step) == (code, f"http-{status}", 3)
        second = _bench(users=(status, body)).refused(APP, SENT)
        assert (second.code, second.platform_code, second.step) == (code, f"http-{status}", 5)
        assert second.spent is (Spent.UNKNOWN if second.retry else Spent.YES)


def test_made_up_codes_count() -> None:
    """Every refusal of a code takes from the budget of whoever sends it; a refusal about something else does not."""
    for native, counts in ((20152, True), (20154, True), (20155, True), (29999, True), (12304, False), (20171, False)):
        assert refuses_a_code(_bench(no_code(native)).refused(APP, SENT)) is counts
    assert not refuses_a_code(refused_with(403))


# --- when nobody knows


@pytest.mark.parametrize(
    "failure",
    [
        TimedOut(), ConnectionLost(), ReplyTooLarge(), NonsenseReply(), b"<html>", (500, b""), (503, b""), (403, b""),
        {"access_token": ""}, no_code(29999),
    ],
)  # fmt: skip
def test_a_used_code_after_an_unknown_outcome_is_unknown(failure: object) -> None:
    """The first try may be what used it up; then the code is not sent again."""
    bench = _bench([failure, USED])
    assert bench.refused(APP, SENT).spent is Spent.UNKNOWN
    second = bench.refused(APP, SENT)
    assert isinstance(second, OutcomeUnknown)
    assert (second.platform_code, second.next_action, second.retry) == ("20156", Next.ASK_AGAIN, False)
    assert isinstance(bench.refused(APP, SENT), OutcomeUnknown)
    assert bench.calls == {TOKEN: 2}


@pytest.mark.parametrize("native", [20155, 20158, 20152])
def test_what_is_certain_stays_certain(native: int) -> None:
    """Expired, void or malformed: the user has to tap again, whatever was before."""
    bench = _bench([TimedOut(), no_code(native)])
    bench.refused(APP, SENT)
    assert isinstance(bench.refused(APP, SENT), CodeRejected)


def test_what_comes_between_does_not_make_the_outcome_known() -> None:
    """Timeout, no connection, wrong secret, used: the first try still may have been the one."""
    bench = _bench([TimedOut(), ConnectFailed(), no_code(12304), USED])
    for _ in range(3):
        assert bench.refused(APP, SENT).spent is Spent.UNKNOWN
    assert isinstance(bench.refused(APP, SENT), OutcomeUnknown)


@pytest.mark.parametrize("failure", [TimedOut(), ConnectionLost()])
def test_an_unknown_outcome_may_still_turn_out_well(failure: object) -> None:
    """The same request again gets the number; another caller may not finish it."""
    bench = _bench([failure, GIVEN])
    assert bench.refused(APP, SENT).retry
    assert isinstance(bench.refused(APP, SENT, caller="another"), AlreadyUsed)
    assert bench.find(APP, SENT).e164 == "+8613800138000"
    assert bench.calls == {TOKEN: 2, USER: 1}


def test_no_connection_spends_nothing() -> None:
    """When nothing was sent, the code is free again, for anybody."""
    bench = _bench([ConnectFailed(), GIVEN])
    assert bench.refused(APP, SENT).spent is Spent.NO
    assert bench.find(APP, SENT, caller="another").e164 == "+8613800138000"


def test_a_used_code_is_a_used_code() -> None:
    """Without an unknown try before it, it means what it says."""
    bench = _bench(USED)
    assert isinstance(bench.refused(APP, SENT), CodeRejected)
    bench.refused(APP, SENT)
    assert bench.calls == {TOKEN: 1}


@pytest.mark.parametrize(
    "failure", [TimedOut(), ConnectionLost(), ConnectFailed(), ReplyTooLarge(), b"<html>", (503, b""), {"error": "?"}]
)
def test_the_second_call_can_be_made_up_for(failure: object) -> None:
    """The code is used up, but the same request goes on from there with the token; nobody else can."""
    bench = _bench([GIVEN, USED], [failure, failure, FOUND])
    for _ in range(2):
        error = bench.refused(APP, SENT)
        if isinstance(failure, ReplyTooLarge):  # asking again would not make it smaller
            assert (error.spent, error.retry, error.step) == (Spent.YES, False, 4)
            return
        assert (error.spent, error.retry) == (Spent.UNKNOWN, True)
        assert error.step in (4, 5)
    assert isinstance(bench.refused(APP, SENT, caller="another"), AlreadyUsed)
    assert bench.find(APP, SENT).e164 == "+8613800138000"
    assert bench.calls == {TOKEN: 1, USER: 3}


def test_a_limit_of_the_second_call_can_be_made_up_for() -> None:
    """NSP_STATUS 503, and then the number, for one code."""
    headed = Headed([GIVEN, USED], (503, {"error": "flow"}), (0, FOUND))
    assert headed.bench.refused(APP, SENT).next_action is Next.RETRY_LATER
    assert headed.bench.find(APP, SENT).e164 == "+8613800138000"
    assert headed.bench.calls == {TOKEN: 1, USER: 2}


def test_a_rejected_token_is_not_tried_again() -> None:
    """A token that Huawei does not take is of no use to a retry; the code is spent."""
    headed = Headed(GIVEN, (102, {"error": "invalid session"}))
    assert headed.bench.refused(APP, SENT).next_action is Next.ASK_AGAIN
    headed.bench.refused(APP, SENT)
    assert headed.bench.calls == {TOKEN: 1, USER: 1}


def test_the_token_of_the_first_call_is_kept_for_half_as_long_as_its_code() -> None:
    """So long the same request goes on from there, and then it begins anew; nobody else ever goes on."""
    half = APP.policy.code_seconds / 2
    for later, asked in ((half - 1, 1), (half + 1, 2)):
        bench = _bench([GIVEN, USED], [TimedOut(), FOUND])
        bench.refused(APP, SENT)
        bench.now += later
        try:
            bench.find(APP, SENT)
        except HaomaError as error:
            assert isinstance(error, (CodeRejected, OutcomeUnknown))  # noqa: PT017 - the other half finds the number
        assert bench.calls[TOKEN] == asked
    bench = _bench([GIVEN, USED], [TimedOut(), FOUND])
    bench.refused(APP, SENT)
    bench.now += APP.policy.code_seconds + 1
    assert isinstance(bench.refused(APP, SENT, caller="another"), CodeRejected)


def test_a_token_goes_to_one_code_alone() -> None:
    """Two codes that broke off at the second call each go on with their own token."""
    other = {**GIVEN, "access_token": "another-token"}
    bench = _bench([GIVEN, other], [TimedOut(), TimedOut(), FOUND])
    for code in ("one", "two"):
        bench.refused(APP, {"code": code})
    bench.find(APP, {"code": "two"})
    bench.find(APP, {"code": "one"})
    last = [parse_qs(send.request.body.decode())["access_token"] for send in bench.sends[-2:]]
    assert last == [["another-token"], [OF_USER]]


def test_the_same_request_gets_the_same_answer() -> None:
    """A success is asked for once; another caller with the same code is refused."""
    bench = _bench()
    assert repeated(bench.find(APP, SENT)) == bench.find(APP, SENT)
    assert isinstance(bench.refused(APP, SENT, caller="another"), AlreadyUsed)
    assert bench.calls == {TOKEN: 1, USER: 1}


def test_both_flows_of_one_client_id_remember_one_code() -> None:
    """An app of each flow with the same Client ID: a code that was used under one is used under the other."""
    quick = configured("huawei", client_id=SETTINGS["client_id"], client_secret=SECRET)
    bench = _bench()
    bench.find(APP, SENT)
    assert isinstance(bench.refused(quick, SENT, caller="another"), AlreadyUsed)


def test_nothing_secret_is_shown() -> None:
    """Neither the app nor any step shows a secret, a code or a token."""
    bench = _bench()
    bench.find(APP, SENT)
    shown = repr(APP) + repr(bench.sends)
    assert not any(secret in shown for secret in (SECRET, CODE, OF_USER, "13800138000"))


_NO_CODES: tuple[object, ...] = ("x", "20155\n", "1" * 13, True, 1.0, [], {}, -1)
_NO_IDS: dict[str, tuple[object, ...]] = {
    "openID": ("", "a b", "a\n", 1, None, "x" * 257),
    "unionID": ("a b", 1, 0, False, [], ["x"]),
}


@pytest.mark.parametrize(
    ("tokens", "users", "code", "step", "says"),
    [
        (TimedOut(), FOUND, "outside.outcome-unknown", 2, {}),
        (b"<html>", FOUND, "outside.nonsense-reply", 3, {"reason": "not JSON"}),
        *(
            ({**GIVEN, "access_token": token}, FOUND, "outside.nonsense-reply", 3, {"reason": "access_token"})
            for token in ("", "a b", "a\n", 1, None, ["x"], "x" * 4097)
        ),
        *((no_code(native), FOUND, "outside.nonsense-reply", 3, {"reason": "sub_error"}) for native in _NO_CODES),
        (GIVEN, TimedOut(), "outside.timed-out", 4, {}),
        (GIVEN, b"<html>", "outside.nonsense-reply", 5, {"reason": "not JSON"}),
        (GIVEN, {"error": "session timeout"}, "outside.nonsense-reply", 5, {"reason": "error"}),
        (GIVEN, {**FOUND, "error": ""}, "outside.nonsense-reply", 5, {"reason": "error"}),
        *(
            (GIVEN, {**FOUND, name: value}, "outside.nonsense-reply", 5, {"field": name})
            for name, values in _NO_IDS.items()
            for value in values
        ),
    ],
)
def test_the_step_that_refuses(tokens: object, users: object, code: str, step: int, says: dict[str, object]) -> None:
    """Each refusal bears the number of its step, and names what it is about."""
    error = _bench(tokens, users).refused(APP, SENT)
    assert (error.code, error.step) == (code, step)
    assert error.because.items() >= says.items()


def test_the_longest_values() -> None:
    """A token of 4096 characters and an id of 256 are taken."""
    bench = _bench({**GIVEN, "access_token": "x" * 4096}, {**FOUND, "openID": "x" * 256})
    assert bench.find(APP, SENT).e164 == "+8613800138000"


@pytest.mark.parametrize(("words", "shown"), [("the words", "the words"), (1, ""), (None, ""), (["x"], "")])
def test_what_huawei_says_beside_a_code(words: object, shown: str) -> None:
    """Its words are for the operator; what are no words is nothing."""
    said = {"error": 1101, "sub_error": 12304, "error_description": words}
    assert _bench((400, said)).refused(APP, SENT).platform_message == shown
    assert refused_with(403, {"error": words}).platform_message == shown


# --- what the front end sends


QUICK = configured("huawei", client_id="100000000000000001", client_secret=SECRET)


def other_flow(error: HaomaError, flow: str, needed: str) -> bool:
    return isinstance(error, UnknownShape) and error.because == {"flow": flow, "needed": f'flow = "{needed}"'}


@pytest.mark.parametrize("words", ["getPhoneNumber:ok", "getPhoneNumber:fail", "GETPHONENUMBER:ok"])
def test_the_event_of_ascf_at_a_quick_login(words: str) -> None:
    """It is refused before its code is sent, and the setting to change is named in both languages."""
    bench = Bench({})
    for sent in (
        {"code": CODE, "errMsg": words},
        {"errMsg": words},
        {"detail": {"errMsg": words, "errno": 1001502012}},
    ):
        error = bench.refused(QUICK, sent)
        assert other_flow(error, "quick-login", "scope-phone")
        assert error.spent is Spent.NO
        assert all("`flow`" in error.explain(lang).cause for lang in ("zh", "en"))
    assert not bench.calls


@pytest.mark.parametrize(
    "sent",
    [
        {"quickLoginAnonymousPhone": "138******00"},
        {"code": CODE, "extraInfo": {"quickLoginAnonymousPhone": "138******00"}},
        {"authorizationCode": CODE, "quickLoginAnonymousPhone": ""},
    ],
)
def test_the_prefetch_of_a_quick_login_at_scope_phone(sent: dict[str, Any]) -> None:
    """The other way round; at an app of the quick login it is what it was."""
    bench = Bench({})
    assert other_flow(bench.refused(APP, sent), "scope-phone", "quick-login")
    assert not bench.calls
    if "authorizationCode" in sent or "code" in sent:
        assert (
            Bench({"/oauth2/v6/quickLogin/getPhoneNumber": ConnectFailed()})
            .refused(QUICK, sent)
            .code.startswith("outside.")
        )


@pytest.mark.parametrize("words", [None, 1, "ok", "x getPhoneNumber:ok", ["getPhoneNumber:ok"], ""])
def test_other_words_beside_a_code_say_nothing(words: object) -> None:
    """Only the words of ASCF's own button name the flow."""
    for app in (APP, QUICK):
        assert Bench(Unreachable()).refused(app, {"code": CODE, "errMsg": words}).code == "outside.connect-failed"


class Unreachable:
    """A platform that cannot be asked: that it was tried to is seen."""

    def answer(self, _call: Call, _now: float) -> Answer:
        raise ConnectFailed


@pytest.mark.parametrize(
    ("event", "kind", "said"),
    [
        ({"errMsg": "getPhoneNumber:fail", "errno": 1001502012}, UserDeclined, {}),
        ({"errMsg": "getPhoneNumber:fail", "errno": "1001502012"}, UserDeclined, {}),
        ({"errMsg": "getPhoneNumber:fail user cancel"}, UserDeclined, {}),
        ({"errMsg": "getPhoneNumber:fail auth DENY", "errno": 5}, UserDeclined, {}),
        ({"errMsg": "getPhoneNumber:fail", "errno": 1001502999}, ButtonFailed, {"code": "1001502999"}),
        ({"errMsg": "getPhoneNumber:fail", "errno": 7}, ButtonFailed, {"errno": "7"}),
        ({"errMsg": "getPhoneNumber:no", "errno": "7"}, ButtonFailed, {"errno": "7"}),
        ({"errMsg": "getPhoneNumber:fail", "errno": 10015020129999}, ButtonFailed, {}),
        ({"errMsg": "getPhoneNumber:fail", "errno": 1001502014}, PermissionMissing, {"unverified": True}),
        ({"code": 1001502014, "message": "x"}, PermissionMissing, {"unverified": True}),
        ({"errMsg": "getPhoneNumber:fail", "errno": True}, ButtonFailed, {}),
        ({"errMsg": "getPhoneNumber:fail", "errno": "x"}, ButtonFailed, {}),
        ({"errMsg": "getPhoneNumber:fail"}, ButtonFailed, {}),
        ({"code": "", "errMsg": "getPhoneNumber:fail"}, ButtonFailed, {}),
        ({"code": 1001502012}, UserDeclined, {}),
        ({"code": "1001502005"}, ButtonFailed, {"code": "1001502005"}),
    ],
)
def test_a_button_that_failed(event: dict[str, Any], kind: type[HaomaError], said: dict[str, object]) -> None:
    """ASCF's event and ArkTS's error: declined, or failed, with the number that it gives. Nobody is asked."""
    error = Bench({}).refused(APP, {"authorization": event})
    assert type(error) is kind
    assert error.because == said


@pytest.mark.parametrize("event", [{"errMsg": "getPhoneNumber:ok"}, {"errMsg": "x", "errno": 5}, {"errno": 1001502012}])
def test_an_event_without_a_code_that_does_not_say_why(event: dict[str, Any]) -> None:
    """What is missing is named."""
    assert Bench({}).refused(APP, {"authorization": event}).code == "envelope.missing-field"


@pytest.mark.parametrize("app", [APP, QUICK], ids=["scope-phone", "quick-login"])
def test_the_longest_code(app: App) -> None:
    """2048 characters are sent; one more is refused before anything is asked."""
    assert Bench(Unreachable()).refused(app, {"code": "x" * 2048}).code == "outside.connect-failed"
    assert Bench(Unreachable()).refused(app, {"code": "x" * 2049}).because["max"] == 2048


def test_a_code_counts_more_than_the_words_beside_it() -> None:
    """A code with `fail` beside it is sent: Huawei knows."""
    sent = {"code": CODE, "errMsg": "getPhoneNumber:fail user cancel", "errno": 1001502012}
    assert _bench().find(APP, sent).e164 == "+8613800138000"


# --- settings


@pytest.mark.parametrize(
    ("settings", "name", "said"),
    [
        ({"flow": "scope-phone", "api_base_url": "https://a.example"}, "api_base_url", ("scope-phone", "quick-login")),
        (
            {"flow": "quick-login", "oauth_base_url": "https://a.example"},
            "oauth_base_url",
            ("quick-login", "scope-phone"),
        ),
        ({"account_base_url": "https://a.example"}, "account_base_url", ("quick-login", "scope-phone")),
    ],
)
def test_an_address_of_the_other_flow(settings: dict[str, Any], name: str, said: tuple[str, str]) -> None:
    """The fault names the flow that is set, and the one that the address needs."""
    table = Table("shop", {"client_id": "1", "client_secret": "s", **settings}, now=NOW)
    assert HUAWEI.configure(table) is None
    [fault] = table.faults
    assert (fault.code, fault.where) == ("config.setting-without-effect", f"apps.shop.{name}")
    assert fault.because == {"flow": said[0], "needed": f'flow = "{said[1]}"'}


def test_the_flows_that_there_are() -> None:
    """Quick login without the setting; another word is a fault that says which there are."""
    assert configured("huawei", flow="quick-login", client_id=QUICK.app_id, client_secret=SECRET) == QUICK
    assert QUICK.upstreams == ("https://account-api.cloud.huawei.com",)
    table = Table("shop", {**SETTINGS, "flow": "scope"}, now=NOW)
    assert HUAWEI.configure(table) is None
    [fault] = table.faults
    assert (fault.code, fault.because["needed"]) == ("config.wrong-type", "quick-login | scope-phone")


def test_a_proxy_for_each_call() -> None:
    """The two addresses are set apart, and nothing is sent elsewhere."""
    app = configured(
        "huawei", **SETTINGS, oauth_base_url="https://one.example/a/", account_base_url="https://two.example/b"
    )
    assert app.upstreams == ("https://one.example", "https://two.example")
    bench = Bench({f"/a{TOKEN}": GIVEN, f"/b{USER}": FOUND})
    assert bench.find(app, SENT).e164 == "+8613800138000"


# --- the mirror


def test_a_reset_at_the_second_call_heals() -> None:
    """The same request once more gets the number, without a new code."""
    mirror = HuaweiMirror(random.Random(1).randbytes)
    app = configured(**mirror.settings("https://oauth-login.cloud.huawei.com")["huawei-scope"])
    bench = Bench(mirror)
    tap = mirror.tap("scope-reset-at-the-user", allow=True, now=NOW)
    assert isinstance(bench.refused(app, tap.body), ConnectionLost)
    assert bench.find(app, tap.body).country_code == "86"
    assert bench.calls == {TOKEN: 1, USER: 2}
    for scene in ("scope-slow", "scope-reset-after-consumed"):
        tap = mirror.tap(scene, allow=True, now=NOW)
        assert isinstance(bench.refused(app, tap.body), OutcomeUnknown)
        again = bench.refused(app, tap.body)
        assert isinstance(again, OutcomeUnknown)
        assert again.platform_code == "20156"


def test_it_takes_what_huawei_takes() -> None:
    """A form that is not encoded loses its `+`, another method is refused, a token lives an hour and is no code."""
    mirror = HuaweiMirror(random.Random(1).randbytes)
    table = mirror.settings("https://h.example")["huawei-scope"]
    tap = mirror.tap("scope-ok", allow=True, now=NOW)
    assert "+" in tap.event["code"]
    assert tap.event["code"].endswith("=")
    form = f"grant_type=authorization_code&client_id={table['client_id']}&client_secret={table['client_secret']}"
    raw = Call("POST", TOKEN, {}, {}, f"{form}&code={tap.event['code']}".encode())
    said = mirror.answer(raw, NOW)
    assert said is not None
    assert (said.status, b"20152" in said.body) == (400, True)
    assert mirror.answer(Call("GET", TOKEN, {}, {}, b""), NOW) == Answer(405)
    for query, body, status in (
        ({}, b"", "501"), ({"nsp_svc": "GOpen.User.getInfo"}, b"", "105"),
        ({"nsp_svc": "GOpen.User.getInfo"}, b"access_token=x", "102"),
    ):  # fmt: skip
        said = mirror.answer(Call("POST", USER, query, {}, body), NOW)
        assert said is not None
        assert (said.status, said.headers["nsp_status"]) == (200, status)
    bench = Bench(mirror)
    app = configured(**mirror.settings("https://h.example")["huawei-scope"])
    tap = mirror.tap("scope-reset-at-the-user", allow=True, now=NOW)
    bench.refused(app, tap.body)
    second = bench.sends[-1].request
    late = mirror.answer(Call("POST", USER, dict(second.query), {}, second.body), NOW + 3901)
    assert late is not None
    assert late.headers["nsp_status"] == "6"
